"""Integrals of a function by weighted sums of its values: Simpson, Gauss and Legendre.

The trapezoidal rule over samples is ``jnp.trapezoid``. With n points its error falls as n^-2, Simpson's as n^-4; Gauss and
Legendre's n points are exact for every polynomial of degree 2n - 1.

Every rule here is a sum w_i f(x_i), with x_i and w_i linear in the bounds: derivatives with respect to the bounds
(f(high) and -f(low), to the accuracy of the rule) and to whatever f closes over come by ``jax.grad``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete, require_same_dtype
from chainrule.maths.calculus.arguments import as_floating

__all__ = ["gauss_legendre", "legendre_nodes", "require_bounds", "simpson"]


def simpson(f: Callable[[Array], Array], low: ArrayLike, high: ArrayLike, *, intervals: int = 100) -> Array:
    """Integrate f from low to high by parabolas through each three neighbouring points (Simpson).

    integral = h / 3 (f_0 + 4 f_1 + 2 f_2 + 4 f_3 + ... + 4 f_(n-1) + f_n), h = (high - low) / n. The error is
    -(high - low) h^4 f''''(c) / 180: none for cubics.

    Args:
        f: a function of one number; its result may have any shape.
        low: the lower bound, a number.
        high: the upper bound, a number of the same dtype; below ``low`` it changes the sign.
        intervals: n, even.

    Returns:
        The integral, of the shape of f(x). A bound that is not finite gives NaN under jit.

    Raises:
        ValueError: for bounds that are not floating-point numbers of one dtype, or not finite (where their values are
            known); intervals that are odd or below 2.
    """
    low, high = require_bounds("simpson", low, high)
    if intervals < 2 or intervals % 2:
        raise ValueError(f"simpson: intervals must be even and at least 2, got {intervals}")
    weights = np.ones(intervals + 1)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return _weighted_sum(f, low, high, np.linspace(-1, 1, intervals + 1), weights * 2 / (3 * intervals))


def gauss_legendre(f: Callable[[Array], Array], low: ArrayLike, high: ArrayLike, *, points: int = 16) -> Array:
    """Integrate f from low to high by the n points that are exact for polynomials of degree 2n - 1 (Gauss, Legendre).

    integral = (high - low) / 2 sum_i w_i f(x_i), with x_i the zeros of the Legendre polynomial P_n carried from [-1, 1] to
    [low, high]. The bounds themselves are never evaluated, so that an integrable singularity there gives no infinity.
    For a function that is analytic around the interval the error falls by a constant factor with each point.

    Args:
        f: a function of one number; its result may have any shape.
        low: the lower bound, a number.
        high: the upper bound, a number of the same dtype; below ``low`` it changes the sign.
        points: n, 1 to 1000.

    Returns:
        The integral, of the shape of f(x). A bound that is not finite gives NaN under jit.

    Raises:
        ValueError: for bounds that are not floating-point numbers of one dtype, or not finite (where their values are
            known); points out of range.
    """
    low, high = require_bounds("gauss_legendre", low, high)
    return _weighted_sum(f, low, high, *legendre_nodes(points))


@lru_cache(maxsize=64)
def legendre_nodes(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute the nodes and weights of Gauss-Legendre quadrature on [-1, 1].

    The nodes are the zeros of P_n; Newton's method finds all at once from cos(pi (i - 1/4) / (n + 1/2)), with P_n by its
    recurrence k P_k = (2k - 1) x P_(k-1) - (k - 1) P_(k-2) and P_n' = n (x P_n - P_(n-1)) / (x^2 - 1). The weights are
    2 / ((1 - x^2) P_n'(x)^2).

    Args:
        points: n, 1 to 1000.

    Returns:
        Two float64 NumPy arrays [n], the nodes ascending: constants of a program, made while it is traced.

    Raises:
        ValueError: for points out of range.

    Source: Press et al., Numerical Recipes (2007), 4.6.
    """
    if not 1 <= points <= 1000:
        raise ValueError(f"legendre_nodes: points must be 1 to 1000, got {points}")
    x = np.cos(np.pi * (np.arange(points, 0, -1) - 0.25) / (points + 0.5))
    for _ in range(8):  # quadratic from a start that is good to 1e-3: four are enough
        value, slope = _legendre(points, x)
        x = x - value / slope
    x = (x - x[::-1]) / 2  # symmetric to the last bit
    _, slope = _legendre(points, x)
    weights = 2 / ((1 - x) * (1 + x) * slope**2)
    x.setflags(write=False)
    weights.setflags(write=False)
    return x, weights


def require_bounds(where: str, low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
    """Refuse bounds that are not two finite floating-point numbers of one dtype."""
    low, high = as_floating(where, "low", low), as_floating(where, "high", high)
    for name, bound in (("low", low), ("high", high)):
        if bound.ndim:
            raise ValueError(f"{where}: {name} must be one number, got {describe(bound)}")
        if is_concrete(bound) and not np.isfinite(np.asarray(bound, dtype=np.float64)):
            raise ValueError(f"{where}: {name} must be finite, got {bound}; substitute, for example x = t / (1 - t^2)")
    require_same_dtype(where, low=low, high=high)
    return low, high


def _weighted_sum(
    f: Callable[[Array], Array], low: Array, high: Array, nodes: np.ndarray, weights: np.ndarray
) -> Array:
    """Carry a rule from [-1, 1] to [low, high], and sum."""
    half, middle = high / 2 - low / 2, high / 2 + low / 2
    values = jax.vmap(f)(middle + half * jnp.asarray(nodes, dtype=low.dtype))
    finite = jnp.isfinite(half) & jnp.isfinite(middle)
    return jnp.where(finite, half * jnp.tensordot(jnp.asarray(weights, dtype=low.dtype), values, axes=1), jnp.nan)


def _legendre(n: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P_n(x) and its derivative."""
    before, value = np.ones_like(x), x
    for k in range(2, n + 1):
        before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
    return value, n * (x * value - before) / ((x - 1) * (x + 1))
