"""Cancellation: formulas that subtract what is nearly equal, and the ones that do not.

A subtraction is exact when its terms are close; what it brings to light is the error that they had before.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.checks import describe, require_floating, require_same_dtype

__all__ = ["Roots", "quadratic_roots", "textbook_quadratic_roots", "textbook_variance", "welford_variance"]


class Roots(NamedTuple):
    """The real roots of a quadratic equation, in order.

    Attributes:
        low: the smaller one.
        high: the larger one.
    """

    low: Array
    high: Array


def textbook_quadratic_roots(a: Array, b: Array, c: Array) -> Roots:
    """Compute the roots of a x^2 + b x + c = 0 by the formula of the textbooks.

    ::

        x = (-b ± sqrt(b^2 - 4 a c)) / (2 a)

    Where b^2 is much larger than 4ac, one of the two subtracts nearly equal numbers and loses its digits, all of them in
    the end; and b^2 overflows long before the roots do. See ``quadratic_roots`` for arguments and for what holds.
    """
    a, b, c = _coefficients("textbook_quadratic_roots", a, b, c)
    root = jnp.sqrt(b * b - 4 * a * c)
    first, second = (-b - root) / (2 * a), (-b + root) / (2 * a)
    return Roots(jnp.minimum(first, second), jnp.maximum(first, second))


def quadratic_roots(a: Array, b: Array, c: Array) -> Roots:
    """Compute the real roots of a x^2 + b x + c = 0 without cancellation between b and the root.

    ::

        q = -(b + sign(b) sqrt(b^2 - 4 a c)) / 2            two numbers of one sign are added
        x_1 = q / a            x_2 = c / q                  because x_1 x_2 = c / a

    The coefficients are divided by the largest of them first, so that no square overflows. What is left is the
    cancellation within b^2 - 4 a c, where the two roots are close: there the problem itself is ill-conditioned.

    Args:
        a: any shape, floating, not 0; where it is, the one root is -c/b and the other infinite (-c/b comes in order).
        b: of a shape that broadcasts with it and of the same dtype.
        c: likewise.

    Returns:
        ``Roots(low, high)``: NaN where there are no real roots, and for NaN. (0, 0) for b = c = 0.

    Raises:
        ValueError: for others than floating-point numbers, or different dtypes.

    Source: N. J. Higham (2002), Accuracy and Stability of Numerical Algorithms, 1.8.
    """
    a, b, c = _coefficients("quadratic_roots", a, b, c)
    largest = jnp.maximum(jnp.maximum(jnp.abs(a), jnp.abs(b)), jnp.abs(c))
    scale = jax.lax.stop_gradient(jnp.where(largest == 0, jnp.ones_like(largest), largest))
    a, b, c = a / scale, b / scale, c / scale
    one = jnp.ones_like(b)
    q = -(b + jnp.where(b < 0, -one, one) * jnp.sqrt(b * b - 4 * a * c)) / 2
    none = q == 0
    first = q / a
    second = jnp.where(none, jnp.zeros_like(q), c / jnp.where(none, one, q))
    return Roots(jnp.minimum(first, second), jnp.maximum(first, second))


def textbook_variance(x: Array, *, ddof: int = 0) -> Array:
    """Compute the variance along the first axis in one pass, as the mean of the squares less the square of the mean.

    ::

        (sum x^2 - (sum x)^2 / n) / (n - ddof)

    Where the mean is large beside the spread, two large and nearly equal numbers are subtracted: of (10000, 10001, 10002)
    float32 makes 0 or worse, and a result can be negative. ``jax.numpy.var`` takes two passes, and ``welford_variance`` one.

    Args:
        x: the numbers, (n, ...), n > ddof.
        ddof: 0 for the variance of these numbers, 1 for an estimate of that of the population they come from.

    Returns:
        The variance, (...). NaN for NaN.

    Raises:
        ValueError: for a scalar, others than floating-point numbers, a negative ddof, or n <= ddof.
    """
    x = _sample("textbook_variance", x, ddof)
    n = x.shape[0]
    return (jnp.sum(x * x, axis=0) - jnp.sum(x, axis=0) ** 2 / n) / (n - ddof)


def welford_variance(x: Array, *, ddof: int = 0) -> Array:
    """Compute the variance along the first axis in one pass, number by number, by Welford's recurrence.

    ::

        d = x_i - m        m <- m + d / i        S <- S + d (x_i - m)            variance = S / (n - ddof)

    Only deviations are squared, and every term of S is positive: nothing cancels. Needs no second look at the data, so
    it serves for a stream.

    Args:
        x: the numbers, (n, ...), n > ddof.
        ddof: 0 for the variance of these numbers, 1 for an estimate of that of the population they come from.

    Returns:
        The variance, (...). NaN for NaN.

    Raises:
        ValueError: for a scalar, others than floating-point numbers, a negative ddof, or n <= ddof.

    Source: B. P. Welford (1962), Note on a method for calculating corrected sums of squares and products.
    """
    x = _sample("welford_variance", x, ddof)

    def add(carry: tuple[Array, Array], new: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        (mean, squares), (number, count) = carry, new
        deviation = number - mean
        mean = mean + deviation / count
        return (mean, squares + deviation * (number - mean)), None

    zero = jnp.zeros_like(x, shape=x.shape[1:])
    counts = jnp.arange(1, x.shape[0] + 1, dtype=x.dtype)
    return jax.lax.scan(add, (zero, zero), (x, counts))[0][1] / (x.shape[0] - ddof)


def _coefficients(where: str, a: Array, b: Array, c: Array) -> tuple[Array, Array, Array]:
    require_floating(where, a=a, b=b, c=c)
    a, b, c = jnp.asarray(a), jnp.asarray(b), jnp.asarray(c)
    require_same_dtype(where, a=a, b=b, c=c)
    return a, b, c


def _sample(where: str, x: Array, ddof: int) -> Array:
    require_floating(where, x=x)
    if ddof < 0:
        raise ValueError(f"{where}: ddof must not be negative, got {ddof}")
    if np.ndim(x) < 1 or np.shape(x)[0] <= ddof:
        raise ValueError(f"{where}: x must have more than {ddof} numbers along its first axis, got {describe(x)}")
    return jnp.asarray(x)
