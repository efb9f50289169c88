"""Softmax and its logarithm along one axis, stable for any finite input."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import require_floating
from chainrule.rule import rule

__all__ = ["log_softmax", "softmax"]


@rule
def softmax(x: Array, *, axis: int = -1) -> tuple[Array, Array]:
    """Softmax: y_i = exp(x_i) / sum_j exp(x_j), along ``axis``.

    A constant added to every x_i cancels, so the largest is subtracted first and no exponential overflows.

    Shapes: x any, y the same; y sums to 1 along ``axis``.

    Derivation: dy_i/dx_j = y_i (d_ij - y_j), so dL/dx_j = y_j (g_j - sum_i g_i y_i) with g = dL/dy.

    Residuals: y.
    """
    require_floating("softmax", x=x)
    exponentials = jnp.exp(x - lax.stop_gradient(jnp.max(x, axis, keepdims=True)))
    y = exponentials / jnp.sum(exponentials, axis, keepdims=True)
    return y, y


@softmax.defbackward
def softmax_backward(y: Array, d_output: Array, *, axis: int) -> tuple[Array]:
    """Compute dL/dx = y (g - sum(g y))."""
    return (y * (d_output - jnp.sum(d_output * y, axis, keepdims=True)),)


@rule
def log_softmax(x: Array, *, axis: int = -1) -> tuple[Array, tuple[Array, Array]]:
    """Logarithm of the softmax: y_i = x_i - log sum_j exp(x_j), along ``axis``.

    Shapes: x any, y the same, at most 0.

    Derivation: dy_i/dx_j = d_ij - p_j with p = softmax(x) = e / s, where e_j = exp(x_j - max x) and s = sum_j e_j, so
    dL/dx_j = g_j - e_j (sum_i g_i) / s.

    Residuals: e and s. (y would do, as p = exp(y), but costs the exponentials once more.)
    """
    require_floating("log_softmax", x=x)
    shifted = x - lax.stop_gradient(jnp.max(x, axis, keepdims=True))
    e = jnp.exp(shifted)
    s = jnp.sum(e, axis, keepdims=True)
    return shifted - jnp.log(s), (e, s)


@log_softmax.defbackward
def log_softmax_backward(residuals: tuple[Array, Array], d_output: Array, *, axis: int) -> tuple[Array]:
    """Compute dL/dx = g - softmax(x) sum(g)."""
    e, s = residuals
    return (d_output + e * (-jnp.sum(d_output, axis, keepdims=True) / s),)
