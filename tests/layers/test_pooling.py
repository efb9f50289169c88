"""Pooling layers: what the rules compute, without params, and windows refused at the door."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers, ops

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("layer", "rule"),
    [
        (layers.MaxPool(2), ops.max_pool.bind(window=2)),
        (layers.MaxPool(3, stride=2, padding="SAME"), ops.max_pool.bind(window=3, stride=2, padding="SAME")),
        (
            layers.AveragePool((2, 3), padding=1, count_include_padding=True),
            ops.average_pool.bind(window=(2, 3), padding=1, count_include_padding=True),
        ),
    ],
)
def test_a_layer_computes_what_its_rule_does(layer, rule):
    x = jax.random.normal(KEY, (2, 6, 5, 3))
    assert layer.init(KEY, (6, 5, 3)) == ((), ())

    @jax.jit
    def both(x):
        (y, pullback), (expected, referee) = layer.vjp((), x), rule.vjp(x)
        return (y, pullback(y)[1]), (expected, referee(expected)[0])

    (y, d_x), (expected, expected_d_x) = both(x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(d_x, expected_d_x)
    assert layer.out_shape((), (), (6, 5, 3), jnp.float32) == y.shape[1:]


def test_pooling_stands_in_a_chain_beside_global_pooling():
    model = chain(layers.MaxPool(2), layers.AveragePool(2), ops.global_average_pool, layers.Dense(4))
    params, state = model.init(KEY, (8, 8, 3))
    assert model.out_shape(params, state, (8, 8, 3), jnp.float32) == (4,)


def test_layers_built_alike_are_equal():
    assert layers.MaxPool(2) == layers.MaxPool(2) != layers.MaxPool(3)
    assert layers.MaxPool(2) != layers.AveragePool(2)
    assert layers.MaxPool((2, 3)).name == "MaxPool((2, 3))"


def test_windows_that_cannot_be_are_refused():
    for layer in (layers.MaxPool, layers.AveragePool):
        with pytest.raises(ValueError, match=f"{layer.__name__}: window must be a positive integer"):
            layer(0)
        with pytest.raises(ValueError, match=f"{layer.__name__}: window must be a positive integer"):
            layer((2, 1.5))
        with pytest.raises(ValueError, match=f"{layer.__name__}: stride must be a positive integer"):
            layer(2, stride=-1)
        with pytest.raises(
            ValueError, match="the window must fit into the padded image, got a window that spans 5 x 5"
        ):
            layer(5).init(KEY, (4, 6, 1))
        with pytest.raises(
            ValueError, match=r"examples must be \(length, channels\) or \(height, width, channels\), got"
        ):
            layer(2).init(KEY, (8,))
