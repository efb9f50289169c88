"""Parts of log densities that stay accurate where sums of logarithms of gamma functions cancel.

``log Gamma(1e5)`` is about 1e6, and the log mass of a Poisson variable is a difference of such numbers that is about 6:
in float32 nothing of it would be left. C. Loader writes it as a sum of small terms instead: what Stirling's formula
misses, and the deviance of the point from the mean.

Source: C. Loader (2000), Fast and accurate computation of binomial probabilities.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import gammaln

__all__ = ["binomial_kernel", "deviance", "excess", "poisson_kernel", "standardised", "stirling_error"]

LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))
# B_2k / (2k (2k - 1)), B the Bernoulli numbers; at x >= 10 the first term left out is below 1e-17
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
_FROM = 10.0


def stirling_error(x: Array) -> Array:
    """What Stirling's formula misses: d(x) = log Gamma(x + 1) - (x + 1/2) log x + x - log(2 pi)/2, for x > 0.

    From x = 10 on by its asymptotic series in 1/x, below by the definition, where nothing large cancels.
    """
    large = jnp.where(x >= _FROM, x, _FROM)
    small = jnp.where(x >= _FROM, 1.0, x)
    inverse = 1 / large
    square = inverse * inverse
    series = jnp.zeros_like(large)
    for coefficient in reversed(_STIRLING):
        series = series * square + coefficient
    direct = gammaln(small + 1) - (small + 0.5) * jnp.log(small) + small - LOG_ROOT_2PI
    return jnp.where(x >= _FROM, series * inverse, direct)


@jax.custom_jvp
def standardised(x: Array, centre: Array, scale: Array) -> Array:
    """Distance from the centre in scales, z = (x - c)/s.

    Derivatives by formula, dz = (dx - dc - z ds)/s: never s^2, which underflows at s = 1e-30.
    """
    return (x - centre) / scale


@standardised.defjvp
def _standardised_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    z = standardised(*primals)
    d_x, d_centre, d_scale = tangents
    return z, (d_x - d_centre - z * d_scale) / primals[2]


@jax.custom_jvp
def deviance(x: Array, mean: Array) -> Array:
    """D(x, m) = x log(x / m) + m - x, for x > 0 and m >= 0: non-negative, and 0 where x = m; infinite at m = 0.

    Where x and m are near, the series of the logarithm in v = (x - m)/(x + m), D = (x - m) v + 2 x v (v^2/3 + ...).
    Derivatives by formula: dD/dx = log(x / m), dD/dm = 1 - x / m.
    """
    total = x + mean
    v = (x - mean) / jnp.where(total > 0, total, 1)
    near = jnp.abs(v) < 0.1
    v = jnp.where(near, v, 0)
    far = x * (jnp.log(x) - jnp.log(mean)) + (mean - x)
    return jnp.where(near, (x - mean) * v + 2 * x * v * _series(v * v), far)


@deviance.defjvp
def _deviance_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    x, mean = primals
    d_x, d_mean = tangents
    slope = jnp.where(jnp.abs(x - mean) < 0.1 * x, jnp.log1p((x - mean) / mean), jnp.log(x) - jnp.log(mean))
    return deviance(x, mean), slope * d_x + (mean - x) / mean * d_mean


def _series(square: Array) -> Array:
    """v^2/3 + v^4/5 + ...: what artanh(v)/v is more than 1, for |v| < 0.1."""
    series = jnp.zeros_like(square)
    for odd in range(19, 1, -2):
        series = (series + 1 / odd) * square
    return series


@jax.custom_jvp
def excess(u: Array) -> Array:
    """g(u) = u - log(1 + u) >= 0, for u > -1, without cancellation about 0. Derivative u / (1 + u)."""
    v = u / (2 + u)
    near = jnp.abs(v) < 0.1
    v = jnp.where(near, v, 0)
    return jnp.where(near, u * v - 2 * v * _series(v * v), u - jnp.log1p(jnp.where(near, 0, u)))


@excess.defjvp
def _excess_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (u,), (d_u,) = primals, tangents
    return excess(u), u / (1 + u) * d_u


def poisson_kernel(x: Array, mean: Array) -> Array:
    """Log of m^x e^-m / Gamma(x + 1), for real x > 0 and m >= 0: -d(x) - D(x, m) - log(2 pi x)/2."""
    return -stirling_error(x) - deviance(x, mean) - 0.5 * jnp.log(x) - LOG_ROOT_2PI


def binomial_kernel(x: Array, y: Array, p: Array, q: Array) -> Array:
    """Log of Gamma(n + 1) / (Gamma(x + 1) Gamma(y + 1)) p^x q^y with n = x + y, for real x, y > 0 and q = 1 - p."""
    n = x + y
    errors = stirling_error(n) - stirling_error(x) - stirling_error(y)
    spread = 0.5 * (jnp.log(n) - jnp.log(x) - jnp.log(y)) - LOG_ROOT_2PI
    return errors - deviance(x, n * p) - deviance(y, n * q) + spread
