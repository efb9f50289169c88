"""The autoencoder: encoder and decoder, together and alone; and unflatten."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import layers, models, ops
from chainrule.layer import as_layer

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)


def test_the_decoder_has_the_widths_of_the_encoder_in_reverse():
    model = models.autoencoder((4, 3, 2), hidden=(7, 5), latent=2)
    params, state = jax.eval_shape(lambda: model.init(KEY, (4, 3, 2)))
    down, up = ([entry["weight"].shape for entry in part if entry] for part in params)
    assert down == [(24, 7), (7, 5), (5, 2)]
    assert up == [(2, 5), (5, 7), (7, 24)]
    assert model.out_shape(params, state, (4, 3, 2), jnp.float32) == (4, 3, 2)
    assert jax.tree.leaves(state) == []


def test_encoder_and_decoder_serve_alone():
    model = models.autoencoder((2, 3, 1), hidden=(4,), latent=2)
    params, _ = model.init(KEY, (2, 3, 1))
    encoder, decoder = model.layers
    x, points = np.random.default_rng(0).uniform(size=(5, 2, 3, 1)).astype(np.float32), np.float32([[0, 0], [3, -3]])

    @jax.jit
    def serve(params, x, points):
        z = encoder(params[0], x)
        return z, decoder(params[1], z), model(params, x), decoder(params[1], points)

    z, decoded, y, drawn = serve(params, x, points)
    assert z.shape == (5, 2)
    np.testing.assert_allclose(decoded, y, rtol=1e-6)
    assert drawn.shape == (2, 2, 3, 1)
    assert np.all((drawn > 0) & (drawn < 1))


def test_layers_are_those_asked_for():
    with_sigmoid, with_logits = models.autoencoder((6,), hidden=()), models.autoencoder((6,), hidden=(), output=None)
    assert with_sigmoid.layers[1].layers == (*with_logits.layers[1].layers, as_layer(ops.sigmoid))
    assert with_logits.layers[0].layers == (as_layer(ops.flatten), layers.Dense(2))
    tanh = models.autoencoder((6,), hidden=(3,), activation=ops.tanh)
    assert [part.layers.count(as_layer(ops.tanh)) for part in tanh.layers] == [1, 1]


def test_models_built_alike_are_equal():
    assert models.autoencoder([4, 4, 1], hidden=[3]) == models.autoencoder((4, 4, 1), hidden=(3,))
    assert models.autoencoder((4, 4, 1), latent=3) != models.autoencoder((4, 4, 1))


def test_bad_sizes_are_refused():
    for shape in ((), (4, 0), (4.0, 4)):
        with pytest.raises(ValueError, match="image_shape must hold positive integers"):
            models.autoencoder(shape)
    with pytest.raises(ValueError, match="out_features must be a positive integer"):
        models.autoencoder((4, 4), latent=0)


def test_unflatten_lays_out_each_example_and_back():
    x = jnp.arange(24.0).reshape(2, 12)
    y, pullback = ops.unflatten.vjp(x, shape=(3, 4))
    np.testing.assert_array_equal(y, np.arange(24.0).reshape(2, 3, 4))
    np.testing.assert_array_equal(pullback(y)[0], x)
    assert jax.tree.leaves(pullback) == []
    for wrong in ((2, 11), (12,), (2, 3, 4)):
        with pytest.raises(
            ValueError, match=r"unflatten: x must be \(batch, 12\) to become \(batch, 3, 4\), got float32"
        ):
            ops.unflatten(jnp.ones(wrong), shape=(3, 4))
