"""LeNet: what it is made of, and what it refuses."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers, losses, models, ops
from tests.helpers import assert_trees_close

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)


def shapes_of(model, in_shape):
    params, state = jax.eval_shape(lambda: model.init(KEY, in_shape))
    return params, state, model.out_shape(params, state, in_shape, jnp.float32)


def test_stages_halve_the_image_and_dense_layers_follow():
    params, _, out_shape = shapes_of(models.lenet(), (28, 28, 1))
    weights = [entry["weight"].shape for entry in params if entry]
    assert weights == [(3, 3, 1, 32), (3, 3, 32, 64), (7 * 7 * 64, 128), (128, 10)]
    assert out_shape == (10,)


def test_layers_are_those_asked_for():
    model = models.lenet(3, channels=(4,), hidden=5, kernel=5, dropout=0.25, activation=ops.gelu)
    assert model == chain(
        *(layers.Conv(4, 5), layers.MaxPool(2), ops.gelu),
        *(ops.flatten, layers.Dense(5, weight_init=layers.he_normal), ops.gelu),
        *(layers.Dropout(0.25), layers.Dense(3)),
    )
    assert model.uses_key
    assert not models.lenet().uses_key


def test_models_built_alike_are_equal():
    assert models.lenet(channels=(4, 5)) == models.lenet(channels=[4, 5]) != models.lenet(channels=(5, 4))
    assert hash(models.lenet(channels=(4, 5))) == hash(models.lenet(channels=[4, 5]))


def test_activation_and_maximum_commute():
    # The activation follows the pooling, on a quarter of the numbers: the same function, and the same gradients.
    usual = chain(*(layers.Conv(3, 3), ops.relu, layers.MaxPool(2)))
    ours = chain(*models.lenet(channels=(3,)).layers[:3])
    params = ({"weight": jax.random.normal(KEY, (3, 3, 2, 3)), "bias": jnp.array([0.5, 0.0, -0.5])}, (), ())
    x, d_y = (jax.random.normal(jax.random.key(seed), shape) for seed, shape in ((1, (2, 4, 6, 2)), (2, (2, 2, 3, 3))))

    @jax.jit
    def both(x, d_y):
        (y, pullback), (expected, referee) = ours.vjp(params, x), usual.vjp(params, x)
        return (y, pullback(d_y)), (expected, referee(d_y))

    found, right = both(x, d_y)
    assert_trees_close(found, right, rtol=1e-5, atol=1e-6)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="channels must hold at least the channels of one stage, got none"):
        models.lenet(channels=())
    with pytest.raises(ValueError, match="out_channels must be a positive integer"):
        models.lenet(channels=(4, 0))
    with pytest.raises(ValueError, match="rate"):
        models.lenet(dropout=1.0)
    with pytest.raises(ValueError, match="the window must fit into the padded image"):
        models.lenet(channels=(2, 2)).init(KEY, (3, 3, 1))


@pytest.mark.slow
def test_it_learns_to_tell_bars_apart_by_hand_gradients():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, size=64)
    x = rng.normal(size=(64, 8, 8, 1), scale=0.3).astype(np.float32)
    for image, label, at in zip(x, labels, rng.integers(0, 8, size=64), strict=True):
        image[(at, slice(None)) if label else (slice(None), at)] += 1.0
    model = models.lenet(2, channels=(4, 8), hidden=16)
    params, _ = model.init(KEY, (8, 8, 1))

    @jax.jit
    def step(params):
        logits, pullback = model.vjp(params, x)
        loss, loss_pullback = losses.cross_entropy.vjp(logits, labels)
        grads, _ = pullback(loss_pullback(jnp.ones_like(loss))[0])
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads), logits

    for _ in range(150):
        params, logits = step(params)
    assert np.mean(np.argmax(logits, -1) == labels) > 0.95
