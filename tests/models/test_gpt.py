"""The GPT: PyTorch's logits, gradients and ten steps; and decoding, which must say what the whole model says."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers, losses, models, ops, optim
from chainrule.train.step import loss_and_gradients
from tests.helpers import assert_trees_close
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")

VOCABULARY, LENGTH = 7, 6
FORMS = {
    "learned": {},
    "rotary, shared keys": {"positions": "rotary", "key_value_heads": 1, "tied": False, "depth": 1},
    "one compiled block": {"compile_once": True, "block": 4},
}


def build(form="learned", **more):
    sizes = {"features": 8, "depth": 2, "heads": 2, "hidden": 12}
    return models.gpt(VOCABULARY, LENGTH, **{**sizes, **FORMS[form], **more})


def shapes(model):
    """Params and state as shapes: nothing is compiled."""
    return jax.eval_shape(lambda: model.init(jax.random.key(0), (LENGTH,), jnp.float32))


def drawn(model, dtype=np.float64):
    """Params large enough that logits differ from token to token."""
    rng = np.random.default_rng(3)
    return jax.tree.map(lambda leaf: rng.normal(0.2, 0.5, leaf.shape).astype(dtype), shapes(model)[0])


def as_tuples(tree):
    """The stored lists as the tuples that they were."""
    if isinstance(tree, list):
        return tuple(as_tuples(item) for item in tree)
    return {key: as_tuples(item) for key, item in tree.items()} if isinstance(tree, dict) else tree


@pytest.mark.usefixtures("x64")
def test_logits_gradients_and_ten_steps_are_pytorchs():
    case = store.load("attention")["gpt"]
    model, optimizer = build(), optim.adam(1e-2)
    params = as_tuples(case["params"])
    empty = shapes(model)[1]  # a tree without leaves

    @jax.jit
    def step(params, state):
        (value, logits, _), grads = loss_and_gradients(
            model, losses.cross_entropy, params, empty, case["tokens"], case["targets"]
        )
        updates, state = optimizer.update(grads, state, params)
        return optim.apply_updates(params, updates), state, value, logits, grads

    state = optimizer.init(params)
    for number, expected in enumerate(case["losses"]):
        params, state, value, logits, grads = step(params, state)
        np.testing.assert_allclose(value, expected, rtol=1e-10)
        if number == 0:
            np.testing.assert_allclose(logits, case["logits"], rtol=0, atol=1e-10)
            assert_trees_close(grads, as_tuples(case["d_params"]), rtol=0, atol=1e-10)
    assert_trees_close(params, as_tuples(case["final"]), rtol=0, atol=1e-8)


@functools.partial(jax.jit, static_argnums=0)
def everything(model, params, tokens):
    """Logits of the whole model, and of one decoding step after the other, with a cache of nothing to begin with."""
    cache = jax.eval_shape(lambda: models.prefill(model, params, tokens))[1]
    cache = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), cache)

    def step(cache, at):
        logits, cache = models.decode_step(model, params, at[0], cache, at[1])
        return cache, logits

    _, stepwise = jax.lax.scan(step, cache, (tokens.T, jnp.arange(tokens.shape[1])))
    return model(params, tokens), jnp.swapaxes(stepwise, 0, 1)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    "form", [form if form == "learned" else pytest.param(form, marks=pytest.mark.slow) for form in FORMS]
)
def test_decoding_says_at_every_position_what_the_whole_model_says(form, rng):
    model = build(form)
    tokens = jnp.asarray(rng.integers(0, VOCABULARY, (3, LENGTH)))
    whole, stepwise = everything(model, drawn(model), tokens)
    assert np.std(whole) > 0.1
    np.testing.assert_allclose(stepwise, whole, rtol=0, atol=1e-10)


def test_greedy_tokens_are_the_likeliest_within_the_window_and_beyond():
    model = build(depth=1)
    params = drawn(model, np.float32)
    prompt = np.array([[1, 5, 2, 0], [3, 3, 6, 1]])
    found = models.generate(model, params, prompt, 7, temperature=0)
    assert found.shape == (2, 11)
    assert found.dtype == jnp.int32

    @jax.jit
    def likeliest(tokens, count):
        logits = model(params, tokens)
        return jnp.argmax(jax.lax.dynamic_index_in_dim(logits, count - 1, 1, keepdims=False), -1)

    window, expected = prompt, prompt
    for _ in range(7):
        padded = np.pad(window, ((0, 0), (0, LENGTH - window.shape[1])))
        chosen = np.asarray(likeliest(padded, window.shape[1]))[:, None]
        expected = np.concatenate([expected, chosen], 1)
        if window.shape[1] == LENGTH:
            window = window[:, -(LENGTH // 2) :]
        window = np.concatenate([window, chosen], 1)
    np.testing.assert_array_equal(found, expected)
    # The end of a prompt that is longer than the window is what counts.
    full = expected[:, :LENGTH]
    longer = models.generate(model, params, np.concatenate([0 * full, full], 1), 7, temperature=0)
    np.testing.assert_array_equal(
        longer[:, 2 * LENGTH :], models.generate(model, params, full, 7, temperature=0)[:, LENGTH:]
    )


def test_drawn_tokens_follow_the_logits_and_the_key():
    # A model of one step: the logits after token 0 are the rows of the table.
    model = chain(layers.Embedding(2, 3), layers.Dense(4, bias=False))
    p = np.array([0.5, 0.3, 0.15, 0.05])
    params = ({"table": jnp.ones((2, 3))}, {"weight": jnp.asarray(np.tile(np.log(p) / 3, (3, 1)), jnp.float32)})
    prompt = jnp.zeros((4000, 1), jnp.int32)

    def shares(**how):
        drawn = models.generate(model, params, prompt, 1, **how)[:, 1]
        return np.bincount(drawn, minlength=4) / 4000

    key = jax.random.key(0)
    np.testing.assert_allclose(shares(key=key), p, atol=0.03)
    np.testing.assert_array_equal(shares(key=key), shares(key=key))
    assert np.any(shares(key=key) != shares(key=jax.random.key(1)))
    colder = p**2 / np.sum(p**2)
    np.testing.assert_allclose(shares(key=key, temperature=0.5), colder, atol=0.03)
    np.testing.assert_allclose(shares(key=key, top_k=2), [0.625, 0.375, 0, 0], atol=0.03)
    np.testing.assert_array_equal(shares(temperature=0), [1, 0, 0, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": np.zeros((2, 0), int)}, "prompt must hold tokens .* at least one for each"),
        ({"prompt": np.zeros(3, int)}, "prompt must hold tokens"),
        ({"prompt": np.ones((2, 3))}, "prompt must hold tokens"),
        ({"prompt": np.array([[7]])}, r"tokens must be from 0 to 6, .* got 7 at index \[0, 0\]"),
        ({"steps": 0}, "steps must be a positive integer, got 0"),
        ({"top_k": 0}, "top_k must be a positive integer, got 0"),
        ({"length": 7}, "length must be at most 6, the positions of the model, got 7"),
        ({"temperature": -1.0}, "temperature must not be negative, got -1.0"),
        ({"key": None}, "drawing tokens needs a random key"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message):
    model = build()
    given = {"prompt": np.zeros((1, 2), int), "steps": 2, "key": jax.random.key(0), **arguments}
    with pytest.raises(ValueError, match=message):
        models.generate(model, None, given.pop("prompt"), given.pop("steps"), **given)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.MultiHeadAttention(2), r"MultiHeadAttention\(2\) is not causal"),
        (layers.MaxPool(1), "does not treat every step of a sequence alike"),
        (chain(ops.flatten), "flatten does not treat every step of a sequence alike"),
    ],
)
def test_models_that_cannot_be_run_step_by_step_are_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        models.prefill(layer, ((),), jnp.ones((2, 3, 4)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"features": 6, "heads": 4}, "features must be a multiple of heads, got 6 and 4"),
        ({"depth": 0}, "depth must be a positive integer, got 0"),
        ({"heads": 0}, "heads must be a positive integer, got 0"),
        ({"positions": "none"}, "positions must be 'learned' or 'rotary', got 'none'"),
    ],
)
def test_a_gpt_that_cannot_be_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        models.gpt(5, 4, **given)


def test_longer_sequences_and_missing_keys_are_refused():
    model = models.gpt(VOCABULARY, LENGTH, features=4, depth=1, heads=1, dropout=0.5)
    params, state = shapes(model)
    with pytest.raises(ValueError, match="x is 7 steps long, but there are positions for 6"):
        jax.eval_shape(model, params, jax.ShapeDtypeStruct((1, 7), jnp.int32))
    with pytest.raises(ValueError, match="needs a random key"):
        jax.eval_shape(lambda params, x: model(params, x, state, train=True), params, jax.ShapeDtypeStruct((1, 3), int))


def test_the_number_of_parameters_is_the_formulas():
    f, h, v, t = 8, 12, VOCABULARY, LENGTH
    block = 4 * f + (f * 3 * f + 3 * f) + (f * f + f) + (f * h + h) + (h * f + f)
    assert build().parameter_count((LENGTH,)) == v * f + t * f + 2 * block + 2 * f
    assert build("one compiled block").parameter_count((LENGTH,)) == v * f + t * f + 2 * block + 2 * f
    shared = 2 * (f * f // 2 + f // 2)  # a key and a value head less, each of half the features
    assert build("rotary, shared keys").parameter_count((LENGTH,)) == 2 * v * f + block + 2 * f - shared
