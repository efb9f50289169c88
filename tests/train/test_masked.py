"""The masked mean of a loss is the mean of the batch without what fills it up: value and gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import losses
from chainrule.rule import rule
from chainrule.train.masked import MaskedMean, can_be_masked

pytestmark = pytest.mark.usefixtures("quick_compilation")

CASES = {
    "smoothed labels of time steps": (
        losses.cross_entropy.bind(label_smoothing=0.1),
        (3, 4),
        lambda rng, shape: rng.integers(0, 4, shape[:-1]).astype(np.int32),
    ),
    "several targets": (
        losses.mean_squared_error,
        (2,),
        lambda rng, shape: rng.normal(size=shape).astype(np.float32),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_loss_of_the_batch_that_is_not_filled_up(name, rng):
    loss, shape, draw = CASES[name]
    predictions = rng.normal(size=(7, *shape)).astype(np.float32)
    targets = draw(rng, predictions.shape)
    mask = np.array([True, True, False, True, True, False, True])
    g = jnp.float32(1.7)

    @jax.jit
    def value_and_gradient(predictions, targets, mask, kept, kept_targets):
        value, pullback = MaskedMean(loss).vjp(predictions, (targets, mask))
        expected, expected_pullback = loss.vjp(kept, kept_targets)
        return value, pullback(g)[0], expected, expected_pullback(g)[0]

    kept = predictions[mask], targets[mask]
    value, gradient, expected, expected_gradient = value_and_gradient(predictions, targets, mask, *kept)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(gradient)[mask], expected_gradient, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(np.asarray(gradient)[~mask], 0)


def test_equal_losses_make_equal_ones():
    assert MaskedMean(losses.huber.bind(delta=2.0)) == MaskedMean(losses.huber.bind(delta=2.0))
    assert MaskedMean(losses.huber) != MaskedMean(losses.mean_squared_error)


def test_says_what_can_be_masked():
    @rule
    def no_weights(predictions, targets):
        return jnp.mean(predictions - targets), ()

    assert can_be_masked(losses.cross_entropy)
    assert can_be_masked(losses.huber.bind(delta=0.5))
    assert not can_be_masked(losses.cross_entropy.bind(reduction="sum"))
    assert not can_be_masked(no_weights)
