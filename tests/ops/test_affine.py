"""The affine map and flatten: properties over shapes, and shapes that do not fit."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import ops

pytestmark = pytest.mark.usefixtures("quick_compilation")

few = settings(max_examples=12, deadline=None, derandomize=True, database=None)
shapes = st.sampled_from([((5, 3), 2), ((3,), 2), ((2, 4, 3), 5), ((1, 1), 1), ((0, 3), 2)])


@functools.partial(jax.jit, static_argnums=4)
def pulled(x, weight, bias, g, with_bias):
    y, pullback = ops.affine.vjp(x, weight, bias) if with_bias else ops.affine.vjp(x, weight)
    return y, pullback(g)


@few
@given(shapes, st.integers(0, 2**32 - 1), st.booleans())
def test_affine_is_linear_in_each_argument_and_its_pullback_the_transpose(shape_and_width, seed, with_bias):
    (shape, width), rng = shape_and_width, np.random.default_rng(seed)
    with jax.enable_x64(True):
        x, dx = rng.normal(size=(2, *shape))
        w, dw = rng.normal(size=(2, shape[-1], width))
        b, db = rng.normal(size=(2, width)) if with_bias else np.zeros((2, width))
        g = rng.normal(size=(*shape[:-1], width))
        y, cotangents = pulled(x, w, b, g, with_bias)
        assert len(cotangents) == (3 if with_bias else 2)
        np.testing.assert_allclose(y, x @ w + b, rtol=1e-12, atol=1e-12)
        # y is linear in x, in w and in b: <g, dy> = <pulled-back g, d argument>, exactly.
        changes = ((x + dx) @ w - x @ w, x @ (w + dw) - x @ w, np.broadcast_to(db, g.shape))
        for change, cotangent, direction in zip(changes, cotangents, (dx, dw, db), strict=False):
            assert cotangent.shape == direction.shape
            np.testing.assert_allclose(np.sum(g * change), np.sum(cotangent * direction), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("x", "weight"),
    [((4, 3), (4, 3)), ((4, 3), (2, 5)), ((4, 3), (3,)), ((), (1, 1)), ((4, 3), (1, 3, 2))],
)
def test_shapes_that_do_not_fit_are_refused(x, weight):
    with pytest.raises(ValueError, match=r"affine: x must be \(\.\.\., in_features\) and weight \(in_features, out"):
        ops.affine(jnp.ones(x), jnp.ones(weight))


@pytest.mark.parametrize("bias", [(3,), (1,), (), (1, 2), (4, 2)])
def test_a_bias_of_another_shape_is_refused_and_not_broadcast(bias):
    with pytest.raises(ValueError, match=r"affine: bias must be \(2,\), got float32"):
        ops.affine(jnp.ones((4, 3)), jnp.ones((3, 2)), jnp.ones(bias))


def test_mixed_dtypes_and_integers_are_refused():
    x, weight = jnp.ones((4, 3)), jnp.ones((3, 2))
    with pytest.raises(ValueError, match="affine: dtypes must be equal, got x bfloat16, weight float32"):
        ops.affine(x.astype(jnp.bfloat16), weight)
    with pytest.raises(ValueError, match="affine: dtypes must be equal, got x float32, weight float32, bias bfloat16"):
        ops.affine(x, weight, jnp.ones(2, jnp.bfloat16))
    with pytest.raises(ValueError, match=r"affine: x must be of floating-point numbers, got int32\[4, 3\]"):
        ops.affine(x.astype(jnp.int32), weight)
    with pytest.raises(ValueError, match="affine: weight must be of floating-point"):
        ops.affine(x, weight.astype(jnp.int32))
    with pytest.raises(ValueError, match="affine: x must be an array of floating-point numbers, got list"):
        ops.affine([[1.0]], weight)


def test_affine_saves_no_bias():
    _, pullback = ops.affine.vjp(jnp.ones((4, 3)), jnp.ones((3, 2)), jnp.ones(2))
    assert [leaf.shape for leaf in jax.tree.leaves(pullback)] == [(4, 3), (3, 2)]


def test_flatten_lays_out_each_example_and_back():
    x = jnp.arange(24.0).reshape(2, 3, 4)
    y, pullback = ops.flatten.vjp(x)
    np.testing.assert_array_equal(y, np.arange(24.0).reshape(2, 12))
    np.testing.assert_array_equal(pullback(y)[0], x)
    assert jax.tree.leaves(pullback) == []
    with pytest.raises(ValueError, match="flatten: x must have a batch axis, got a scalar"):
        ops.flatten(jnp.ones(()))
