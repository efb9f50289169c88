"""The Gaussian error linear unit, exact and by tanh: x times the probability that a standard normal lies below x."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import require_floating
from chainrule.rule import rule

__all__ = ["gelu", "gelu_tanh"]

_SQRT_HALF = math.sqrt(0.5)
_NORMAL_DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)
_TANH_SCALE = math.sqrt(2 / math.pi)
_TANH_CUBIC = 0.044715


@rule
def gelu(x: Array) -> tuple[Array, Array]:
    """Gaussian error linear unit: y = x P(x), with P the cumulative distribution of the standard normal.

    P(x) = erfc(-x / sqrt 2) / 2. (The usual (1 + erf(x / sqrt 2)) / 2 cancels to nothing for x below -5.)

    Shapes: x any, y the same.

    Derivation: dP/dx = p(x) = exp(-x^2 / 2) / sqrt(2 pi), so by the product rule dy/dx = P(x) + x p(x).

    Residuals: x.

    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016.
    """
    require_floating("gelu", x=x)
    return x * (0.5 * lax.erfc(-x * _SQRT_HALF)), x


@gelu.defbackward
def gelu_backward(x: Array, d_output: Array) -> tuple[Array]:
    """Compute dL/dx = (P(x) + x p(x)) dL/dy."""
    u = -x * _SQRT_HALF
    cumulative = 0.5 * lax.erfc(u)
    density = _NORMAL_DENSITY_AT_0 * jnp.exp(-(u * u))  # by u, for this is the exponential that erfc computes already
    return (d_output * (cumulative + x * density),)


@rule
def gelu_tanh(x: Array) -> tuple[Array, Array]:
    """GELU by tanh: y = x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3).

    Shapes: x any, y the same; at most 0.0005 from ``gelu``.

    Derivation: with t = tanh u, dt/dx = (1 - t^2) du/dx and du/dx = sqrt(2 / pi) (1 + 3 * 0.044715 x^2), so
    dy/dx = (1 + t) / 2 + x (1 - t^2) du/dx / 2.

    Residuals: x.

    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016, section 2.
    """
    require_floating("gelu_tanh", x=x)
    t = jnp.tanh(_TANH_SCALE * (x + _TANH_CUBIC * (x * x * x)))
    return x * (0.5 * (1 + t)), x


@gelu_tanh.defbackward
def gelu_tanh_backward(x: Array, d_output: Array) -> tuple[Array]:
    """Compute dL/dx = ((1 + t) + x (1 - t^2) du/dx) / 2 dL/dy."""
    t = jnp.tanh(_TANH_SCALE * (x + _TANH_CUBIC * (x * x * x)))
    d_u = _TANH_SCALE * (1 + 3 * _TANH_CUBIC * (x * x))
    return (d_output * (0.5 * ((1 + t) + x * (1 - t * t) * d_u)),)
