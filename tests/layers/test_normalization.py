"""The layers of normalisation: params and state, running statistics as PyTorch's, and modes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers

from ..helpers import assert_hand_is_autodiff, assert_trees_close
from ..reference.store import load

pytestmark = pytest.mark.usefixtures("quick_compilation")

BATCH_NORM = load("normalization")["batch_norm"]


@pytest.mark.parametrize("case", BATCH_NORM, ids=["images", "rows, not affine"])
def test_three_batches_of_training_and_one_of_evaluation_are_those_of_torch(case, x64):
    affine = bool(case["params"])
    layer = layers.BatchNorm(case["momentum"], case["epsilon"], scale=affine, bias=affine)
    params, state = layer.init(jax.random.key(0), case["steps"][0]["x"].shape[1:], jnp.float64)
    assert jax.tree.structure(params) == jax.tree.structure(case["params"])

    def pulled(x, state, g, train):
        (y, new_state), pullback = layer.vjp(case["params"], x, state, train=train)
        return y, new_state, pullback((g, jax.tree.map(jnp.zeros_like, new_state)))

    pulled = jax.jit(pulled, static_argnums=3)
    for step in case["steps"]:
        y, state, (d_params, d_x, _) = pulled(step["x"], state, step["g"], step["train"])
        expected = [step[name] for name in ("y", "d_x", "d_params", "mean", "variance")]
        found = [y, d_x, d_params, state["mean"], state["variance"]]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10), found, expected)


@pytest.mark.parametrize("train", [True, False])
def test_gradients_flow_through_the_running_statistics(train, x64, rng):
    layer = layers.BatchNorm(momentum=0.7)
    params = {"scale": rng.normal(size=3), "bias": rng.normal(size=3)}
    state = {"mean": rng.normal(size=3), "variance": rng.uniform(0.5, 2, size=3)}
    _, cotangents = assert_hand_is_autodiff(layer.bind(train=train), params, rng.normal(size=(4, 2, 3)), state)
    assert all(np.abs(leaf).max() > 0.01 for leaf in jax.tree.leaves(cotangents))


def test_evaluation_leaves_the_state_and_training_without_one_gives_y_alone(rng):
    x = jnp.asarray(rng.normal(size=(5, 3)), jnp.float32)
    layer = layers.BatchNorm()
    params, state = layer.init(jax.random.key(0), 3)
    y, after = layer(params, x, state)
    assert_trees_close(after, state)
    np.testing.assert_allclose(y, x / np.sqrt(1 + 1e-5), rtol=1e-6)
    alone, pullback = layer.vjp(params, x, train=True)
    both, _ = layer(params, x, state, train=True)
    np.testing.assert_array_equal(alone, both)
    d_params, d_x = pullback(jnp.ones_like(alone))
    np.testing.assert_allclose(d_params["bias"], 5, rtol=1e-6)
    np.testing.assert_allclose(d_x, 0, atol=1e-6)


def test_running_statistics_of_bfloat16_params_are_float32():
    params, state = layers.BatchNorm().init(jax.random.key(0), (4, 3), jnp.bfloat16)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.bfloat16)}
    assert {leaf.dtype for leaf in jax.tree.leaves(state)} == {jnp.dtype(jnp.float32)}
    (y, new_state), _ = layers.BatchNorm().vjp(params, jnp.ones((2, 4, 3), jnp.bfloat16), state, train=True)
    assert y.dtype == jnp.bfloat16
    assert_trees_close(new_state, {"mean": jnp.full(3, 0.1), "variance": jnp.full(3, 0.9)}, 1e-6)


def test_batch_norm_stands_in_a_chain_and_its_state_follows(rng):
    model = chain(layers.Dense(4), layers.BatchNorm(), layers.LayerNorm(), layers.GroupNorm(2), layers.RMSNorm())
    params, state = model.init(jax.random.key(0), 3)
    assert model.out_shape(params, state, (3,), jnp.float32) == (4,)
    x = jnp.asarray(rng.normal(size=(5, 3)), jnp.float32)
    _, new_state = jax.jit(lambda x: model(params, x, state, train=True))(x)
    assert not np.array_equal(new_state[1]["mean"], state[1]["mean"])


def test_params_are_ones_and_zeros_and_only_those_asked_for():
    def names(layer):
        params, state = layer.build(jax.random.key(0), (2, 6), jnp.float32)
        assert state == () or list(state) == ["mean", "variance"]
        assert all(np.array_equal(params[n], np.full(6, n == "scale")) for n in params)
        return list(params)

    assert names(layers.LayerNorm()) == names(layers.GroupNorm(3)) == names(layers.BatchNorm()) == ["scale", "bias"]
    assert names(layers.LayerNorm(scale=False)) == names(layers.BatchNorm(scale=False)) == ["bias"]
    assert names(layers.RMSNorm()) == names(layers.GroupNorm(3, bias=False)) == ["scale"]
    assert names(layers.RMSNorm(scale=False)) == names(layers.LayerNorm(scale=False, bias=False)) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.BatchNorm(momentum=1.1), r"momentum must be in \[0, 1\], the share of the old that is kept"),
        (lambda: layers.BatchNorm(epsilon=0), "BatchNorm: epsilon must be positive, got 0"),
        (lambda: layers.BatchNorm(scale=3), "scale must be True or False, got 3"),
        (lambda: layers.LayerNorm(epsilon=-1.0), "LayerNorm: epsilon must be positive"),
        (lambda: layers.LayerNorm(bias=None), "bias must be True or False, got None"),
        (lambda: layers.RMSNorm(epsilon=float("inf")), "RMSNorm: epsilon must be positive, got inf"),
        (lambda: layers.GroupNorm(0), "groups must be a positive integer, got 0"),
        (lambda: layers.GroupNorm(2, epsilon=0.0), "GroupNorm: epsilon must be positive"),
        (lambda: layers.GroupNorm(4).init(jax.random.key(0), 6), "GroupNorm: groups must divide the 6 channels, got 4"),
        (lambda: layers.LayerNorm().init(jax.random.key(0), ()), "LayerNorm needs examples of shape"),
        (lambda: layers.BatchNorm().init(jax.random.key(0), ()), "BatchNorm needs examples of shape"),
        (lambda: layers.BatchNorm()({}, jnp.ones((2, 3))), "BatchNorm: evaluation needs the state"),
        (lambda: layers.BatchNorm()({}, jnp.ones((1, 3)), train=True), "more than one value per channel"),
        (
            lambda: layers.BatchNorm()(
                {}, jnp.ones((2, 3)), dict.fromkeys(("mean", "variance"), jnp.ones(())), train=True
            ),
            r"BatchNorm: the state's mean must be \(3,\), got float32\[\]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
