"""The recurrent language model: ten steps of PyTorch's training, and reading token by token."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import losses, models, optim, train
from tests.helpers import random_like
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_ten_steps_on_consecutive_windows_are_pytorchs(x64):
    case = store.load("recurrence")["trajectory"]
    text, window = case["text"], case["window"]
    model = models.char_rnn(6, 4, 2, depth=2, carry_batch=len(text))
    params = jax.tree.map(jnp.asarray, tuple(case["first"]))
    _, state = jax.eval_shape(lambda: model.init(jax.random.key(0), (window,), jnp.float64))
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)
    optimizer = optim.momentum(0.5, 0.9)
    now = train.TrainState(params, state, optimizer.init(params), jnp.int32(0))
    step = jax.jit(functools.partial(train.step, model, losses.cross_entropy, optimizer))
    found = []
    for start in range(0, text.shape[1] - window, window):
        tokens = jnp.asarray(text[:, start : start + window + 1])
        now, loss, _ = step(now, tokens[:, :-1], tokens[:, 1:])
        found.append(float(loss))
    assert len(found) == 10
    np.testing.assert_allclose(found, case["losses"], atol=1e-8)
    for ours, theirs in zip(jax.tree.leaves(now.params), jax.tree.leaves(tuple(case["last"])), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-8)


def test_token_by_token_it_says_what_it_says_of_the_whole_text(rng):
    whole, reader = models.char_rnn(5, 4, 3, depth=2), models.char_rnn(5, 4, 3, depth=2, carry_batch=1)
    params, _ = jax.eval_shape(lambda: whole.init(jax.random.key(0), (6,)))
    params = random_like(params)
    _, state = jax.eval_shape(lambda: reader.init(jax.random.key(0), (1,)))
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)
    tokens = jnp.asarray(rng.integers(5, size=(1, 6)))
    expected = whole(params, tokens)
    assert expected.shape == (1, 6, 5)
    read = jax.jit(reader)
    for t in range(6):
        logits, state = read(params, tokens[:, t : t + 1], state)
        np.testing.assert_allclose(logits[:, 0], expected[:, t], rtol=1e-4, atol=1e-5)


def test_what_makes_no_model_is_refused():
    for wrong in (0, True, 1.5):
        with pytest.raises(ValueError, match="depth must be a positive integer"):
            models.char_rnn(5, depth=wrong)
    with pytest.raises(ValueError, match="vocabulary must be a positive integer"):
        models.char_rnn(0)
    with pytest.raises(ValueError, match="hidden_features must be a positive integer"):
        models.char_rnn(5, 4, 0)
