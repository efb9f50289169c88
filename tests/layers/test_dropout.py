"""The dropout layer: random in training, the identity in evaluation, and a key of its own in a chain."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_evaluation_hands_x_through_with_a_key_or_without():
    layer = layers.Dropout(0.5)
    assert layer.init(jax.random.key(0), 3) == ((), ())
    x = jnp.ones((4, 3))
    for key in (None, jax.random.key(0)):
        y, pullback = layer.vjp((), x, (), key)
        np.testing.assert_array_equal(y[0], x)
        np.testing.assert_array_equal(pullback((x, ()))[1], x)


def test_training_draws_by_key_and_pulls_back_by_the_same_mask():
    layer, x = layers.Dropout(0.5), jnp.ones((20, 30))
    (y, _), pullback = layer.vjp((), x, (), jax.random.key(0), train=True)
    again, _ = layer((), x, (), jax.random.key(0), train=True)
    np.testing.assert_array_equal(y, again)
    assert set(np.unique(y)) == {0.0, 2.0}
    np.testing.assert_array_equal(pullback((x, ()))[1], y)


def test_channelwise_drops_channels_of_images_series_and_rows():
    layer = layers.Dropout(0.5, channelwise=True)
    key = jax.random.key(1)
    for shape in ((40, 3, 2, 5), (40, 3, 5), (40, 5)):
        y = jax.jit(lambda x: layer((), x, key=key, train=True))(np.ones(shape, np.float32))
        flat = np.asarray(y).reshape(40, -1, 5)
        np.testing.assert_array_equal(flat, np.broadcast_to(flat[:, :1], flat.shape))
        assert 0.3 < np.mean(flat == 0) < 0.7


def test_two_layers_of_a_chain_draw_different_masks():
    model = chain(layers.Dropout(0.5), layers.Dropout(0.5))
    assert model.uses_key
    x = jnp.ones((50, 40))
    y, _ = model(((), ()), x, ((), ()), jax.random.key(0), train=True)
    # Of equal masks 1/2 of the numbers would be left, of independent ones 1/4.
    assert abs(np.mean(np.asarray(y) != 0) - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 2000)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\), the share that is dropped, got 1"):
        layers.Dropout(1)
    with pytest.raises(ValueError, match="channelwise must be True or False, got 2"):
        layers.Dropout(0.5, channelwise=2)
    with pytest.raises(ValueError, match="Dropout: training needs a random key"):
        layers.Dropout(0.5)((), jnp.ones((4, 3)), train=True)
