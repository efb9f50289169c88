"""Multi-head attention, embedding and positions as layers: PyTorch's values, forms that agree, and what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers
from tests.helpers import assert_trees_close
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("block", [None, 2])
def test_multi_head_attention_with_padding_is_pytorchs(block):
    case = store.load("attention")["multi_head"]

    @jax.jit
    def pulled(params, x, padding, g):
        y, pullback = layers.MultiHeadAttention(2, block=block).vjp(params, (x, padding))
        return y, *pullback(g)[:1], pullback(g)[1][0]

    found = pulled(case["params"], case["x"], case["padding"], case["g"])
    assert_trees_close(found, (case["y"], case["d_params"], case["d_x"]), rtol=0, atol=1e-10)


@pytest.mark.usefixtures("x64")
def test_padding_has_no_derivative():
    layer = layers.MultiHeadAttention(1)
    params, _ = jax.eval_shape(lambda: layer.init(jax.random.key(0), (3, 2), jnp.float64))

    def pulled(params, x):
        y, pullback = layer.vjp(params, x)
        return pullback(y)

    x = jax.ShapeDtypeStruct((1, 3, 2), jnp.float64), jax.ShapeDtypeStruct((1, 3), bool)
    _, (_, d_padding) = jax.eval_shape(pulled, params, x)
    assert d_padding.dtype == jax.dtypes.float0
    assert d_padding.shape == (1, 3)


def test_params_of_heads_that_share_keys():
    layer = layers.MultiHeadAttention(4, 2, bias=False)
    shapes = jax.tree.map(jnp.shape, jax.eval_shape(lambda: layer.init(jax.random.key(0), (5, 8)))[0])
    assert shapes == {"qkv": {"weight": (8, 16)}, "output": {"weight": (8, 8)}}
    assert layer.name == "MultiHeadAttention(4, 2)"
    assert layers.MultiHeadAttention(4).name == "MultiHeadAttention(4)"
    q, k, v = jax.eval_shape(layer.split, jax.ShapeDtypeStruct((3, 5, 16), jnp.float32))
    assert (q.shape, k.shape, v.shape) == ((3, 5, 4, 2), (3, 5, 2, 2), (3, 5, 2, 2))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"heads": 0}, "heads must be a positive integer, got 0"),
        ({"heads": True}, "heads must be a positive integer, got True"),
        ({"heads": 4, "key_value_heads": 3}, "heads must be a multiple of key_value_heads, got 4 and 3"),
        ({"heads": 4, "block": 0}, "block must be a positive integer, got 0"),
    ],
)
def test_heads_and_blocks_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        layers.MultiHeadAttention(**fields)


def test_an_x_that_does_not_fit_is_refused():
    layer = layers.MultiHeadAttention(4)
    with pytest.raises(ValueError, match=r"needs examples of shape \(time, features\), .* multiple of 4, got \(5, 6\)"):
        layer.init(jax.random.key(0), (5, 6))
    params = jax.eval_shape(lambda: layer.init(jax.random.key(0), (5, 8)))[0]
    x = jnp.ones((2, 5, 8))
    with pytest.raises(ValueError, match=r"x must be \(batch, time, features\), .* got float32\[5, 8\]"):
        layer(params, x[0])
    for padding, found in ((jnp.ones((2, 4), bool), r"bool\[2, 4\]"), (jnp.ones((2, 5)), r"float32\[2, 5\]")):
        with pytest.raises(ValueError, match=r"padding must be bool\[2, 5\], .* got " + found):
            layer(params, (x, padding))


def test_an_embedding_takes_integers_in_a_chain_and_adds_positions():
    model = chain(layers.Embedding(7, 4), layers.LearnedPositions(5), layers.SinusoidalPositions(5))
    assert model.takes_integers
    assert not layers.LearnedPositions(5).takes_integers
    params, state = model.init(jax.random.key(0), (3,))
    tokens = jnp.array([[6, 0, 6]])
    y, _ = jax.jit(model.vjp)(params, tokens)
    waves = np.array([[0, 1, 0, 1], [np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)]])
    expected = params[0]["table"][tokens[0, :2]] + params[1]["table"][:2] + waves
    np.testing.assert_allclose(y[0, :2], expected, rtol=1e-5, atol=1e-6)
    assert model.out_shape(params, state, (3,), jnp.float32) == (3, 4)
    assert 0.01 < np.std(params[0]["table"]) < 0.04


@pytest.mark.parametrize("layer", [layers.LearnedPositions(4), layers.SinusoidalPositions(4)])
def test_sequences_longer_than_the_positions_are_refused(layer):
    params = {"table": jnp.zeros((4, 6))}
    with pytest.raises(ValueError, match=r"Positions\(4\): x is 5 steps long, but there are positions for 4"):
        layer(params, jnp.ones((2, 5, 6)))
    with pytest.raises(ValueError, match=r"x must be \(batch, time, features\), got float32\[5, 6\]"):
        layer(params, jnp.ones((5, 6)))
    with pytest.raises(ValueError, match="length must be a positive integer, got 0"):
        type(layer)(0)


def test_learned_positions_of_another_width_are_refused():
    layer = layers.LearnedPositions(4)
    with pytest.raises(ValueError, match=r"x must be \(batch, time, 6\), got float32\[2, 3, 1\]"):
        layer({"table": jnp.zeros((4, 6))}, jnp.ones((2, 3, 1)))
    with pytest.raises(ValueError, match=r"needs examples of shape \(time, features\), got \(3,\)"):
        layer.init(jax.random.key(0), 3)


@pytest.mark.parametrize("fields", [(0, 3), (3, -1), (2.0, 3), (True, 3)])
def test_an_embedding_that_cannot_be_is_refused(fields):
    with pytest.raises(ValueError, match=r"(vocabulary|features) must be a positive integer"):
        layers.Embedding(*fields)
