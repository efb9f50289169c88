"""A layer norm with a hand-written derivative that lacks a term: what the README shows the audit on."""

from __future__ import annotations

from typing import Any

import jax
from jax import Array

__all__ = ["layer_norm"]


@jax.custom_vjp
def layer_norm(x: Array, gain: Array, bias: Array) -> Array:
    """Normalise x over its last axis, then y = gain x_hat + bias."""
    return _normalised(x)[0] * gain + bias


def _normalised(x: Array) -> tuple[Array, Array]:
    scale = jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-5)
    return (x - x.mean(-1, keepdims=True)) * scale, scale


def _forward(x: Array, gain: Array, bias: Array) -> tuple[Array, Any]:
    x_hat, scale = _normalised(x)
    return x_hat * gain + bias, (x_hat, scale, gain)


def _backward(residuals: Any, d_y: Array) -> tuple[Array, Array, Array]:
    x_hat, scale, gain = residuals
    d_x_hat = d_y * gain
    # The mistake: the scale depends on x too, so x_hat mean(d_x_hat x_hat) must be subtracted as well.
    d_x = scale * (d_x_hat - d_x_hat.mean(-1, keepdims=True))
    return d_x, (d_y * x_hat).sum(0), d_y.sum(0)


layer_norm.defvjp(_forward, _backward)
