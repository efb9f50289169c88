"""Positions: the table of waves, and the rotation that makes products depend on distances alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_sinusoidal_positions_are_the_papers():
    table = ops.sinusoidal_positions(50, 6)
    assert table.shape == (50, 6)
    assert table.dtype == jnp.float32
    for t, i in ((0, 0), (7, 2), (49, 4)):
        angle = t / 10000 ** (i / 6)
        np.testing.assert_allclose(table[t, i : i + 2], [np.sin(angle), np.cos(angle)], rtol=1e-6, atol=1e-7)
    assert ops.sinusoidal_positions(2, 4, jnp.bfloat16).dtype == jnp.bfloat16


@pytest.mark.parametrize(("length", "features"), [(0, 4), (3, 0), (3, 5)])
def test_a_table_that_cannot_be_is_refused(length, features):
    with pytest.raises(ValueError, match=r"sinusoidal_positions: (length|features) must be a positive"):
        ops.sinusoidal_positions(length, features)


@pytest.mark.usefixtures("x64")
def test_rotated_products_depend_on_the_distance_alone(rng):
    q, k = jnp.asarray(rng.normal(size=(2, 1, 1, 1, 6)))

    @jax.jit
    def product(t, s):
        return jnp.sum(ops.rotary(q, t[None]) * ops.rotary(k, s[None]))

    here = product(jnp.int32(3), jnp.int32(1))
    np.testing.assert_allclose(product(jnp.int32(13), jnp.int32(11)), here, rtol=1e-12)
    assert abs(product(jnp.int32(4), jnp.int32(1)) - here) > 1e-3


@pytest.mark.usefixtures("x64")
def test_positions_that_count_are_those_not_given(rng):
    x = jnp.asarray(rng.normal(size=(2, 5, 3, 4)))
    expected = ops.rotary(x)
    np.testing.assert_allclose(ops.rotary(x, jnp.arange(5)), expected, rtol=1e-14)
    np.testing.assert_allclose(ops.rotary(x, jnp.tile(jnp.arange(5), (2, 1))), expected, rtol=1e-14)
    y, pullback = ops.rotary.vjp(x)
    np.testing.assert_allclose(pullback(y)[0], x, rtol=1e-12, atol=1e-14)  # the transpose is the inverse
    assert jax.tree.leaves(pullback) == []


def test_what_cannot_be_rotated_is_refused():
    with pytest.raises(ValueError, match=r"rotary: x must be .* an even head_dim, got float32\[2, 3, 5\]"):
        ops.rotary(jnp.ones((2, 3, 5)))
    with pytest.raises(ValueError, match=r"rotary: x must be \(\.\.\., time, heads, head_dim\)"):
        ops.rotary(jnp.ones((3, 4)))
    with pytest.raises(ValueError, match=r"rotary: positions must be an array of integers, got float32\[2\]"):
        ops.rotary(jnp.ones((2, 3, 4)), jnp.ones(2))
    with pytest.raises(ValueError, match=r"rotary: positions must be \(2,\) or \(5, 2\), .* got int32\[5\]"):
        ops.rotary(jnp.ones((5, 2, 3, 4)), jnp.arange(5))
