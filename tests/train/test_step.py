"""One step: hand against autodiff, and what a step refuses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import losses, models, ops, optim, train
from chainrule.train.epochs import start

pytestmark = pytest.mark.usefixtures("quick_compilation")

MODEL = models.mlp((5, 3), activation=ops.tanh)


def batch(seed=0, count=7):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.normal(size=(count, 2, 2, 1))), jnp.asarray(rng.integers(0, 3, size=count))


def test_hand_gradients_equal_autodiff_in_float64():
    with jax.enable_x64(True):
        x, y = batch()
        params, state = MODEL.init(jax.random.key(0), (2, 2, 1), jnp.float64)
        found = {
            gradients: train.loss_and_gradients(MODEL, losses.cross_entropy, params, state, x, y, gradients=gradients)
            for gradients in ("hand", "autodiff")
        }
    (hand_loss, hand_outputs, hand_state), hand = found["hand"]
    (loss, outputs, state), autodiff = found["autodiff"]
    assert hand_loss == loss
    assert hand_state == state
    np.testing.assert_array_equal(hand_outputs, outputs)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-16), hand, autodiff)


def test_a_step_goes_down_the_gradient():
    with jax.enable_x64(True):
        x, y = batch()
        optimizer = optim.sgd(0.1)
        begin = start(MODEL, optimizer, (2, 2, 1), jnp.dtype("float64"), jax.random.key(0))
        (loss, _, _), grads = train.loss_and_gradients(MODEL, losses.cross_entropy, begin.params, begin.state, x, y)
        after, reported, outputs = train.step(MODEL, losses.cross_entropy, optimizer, begin, x, y)
        assert reported == loss
        assert outputs.shape == (7, 3)
        expected = jax.tree.map(lambda w, g: w - 0.1 * g, begin.params, grads)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), after.params, expected)
        assert losses.cross_entropy(MODEL(after.params, x), y) < loss


def test_a_compiled_step_does_not_retrace_for_a_model_built_again():
    traces = []

    @functools.partial(jax.jit, static_argnums=(0, 1))
    def compiled(model, loss, *arguments):
        traces.append(model)
        return train.step(model, loss, *arguments)

    x, y = batch()
    for width in (5, 5):
        model, optimizer = models.mlp((width, 3), activation=ops.tanh), optim.adam(1e-3)
        state = start(model, optimizer, (2, 2, 1), jnp.dtype("float32"), jax.random.key(0))
        state, _, _ = compiled(model, losses.cross_entropy, optimizer, state, x, y)
        compiled(model, losses.cross_entropy, optim.adam(1e-2), state, x, y)
    assert len(traces) == 1
    compiled(
        models.mlp((6, 3)),
        losses.cross_entropy,
        optimizer,
        start(models.mlp((6, 3)), optimizer, (2, 2, 1), jnp.dtype("float32"), jax.random.key(0)),
        x,
        y,
    )
    assert len(traces) == 2  # the counter counts


def test_unknown_gradients_are_refused():
    x, y = batch()
    params, state = MODEL.init(jax.random.key(0), (2, 2, 1))
    with pytest.raises(ValueError, match="gradients must be 'hand' or 'autodiff', got 'both'"):
        train.loss_and_gradients(MODEL, losses.cross_entropy, params, state, x, y, gradients="both")
