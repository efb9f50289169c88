"""Sums of many numbers, naive and with the round-off carried along.

The bound on the error of a sum of n numbers, with u half a unit in the last place of 1:

    one after another    (n - 1) u sum |x|
    pairwise             log2(n) u sum |x|
    compensated          2u |sum| + O(n u^2) sum |x|: to the last bits, however long

``jax.numpy.sum`` is none of these: its order is the compiler's, and differs from machine to machine.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.checks import describe, require_floating, require_same_dtype

__all__ = ["kahan_sum", "neumaier_sum", "pairwise_sum", "sequential_sum", "two_sum"]


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Compute a + b as the rounded sum and what rounding lost: s + e = a + b exactly.

    ::

        s = fl(a + b)        b' = s - a        e = (a - (s - b')) + (b - b')            six operations, no branch

    Nothing here may be rearranged as if numbers were real: then e would be 0. XLA keeps the order, but for dtypes below
    float32 it may keep more digits between operations than the dtype has; each result is rounded explicitly there.

    Args:
        a: any shape, floating.
        b: of a shape that broadcasts with it and of the same dtype.

    Returns:
        ``(s, e)``. Where s overflows, or is not finite for another reason, e is NaN.

    Raises:
        ValueError: for others than floating-point numbers, or different dtypes.

    Source: D. E. Knuth, The Art of Computer Programming, volume 2, 4.2.2, theorem B.
    """
    require_floating("two_sum", a=a, b=b)
    a, b = jnp.asarray(a), jnp.asarray(b)
    require_same_dtype("two_sum", a=a, b=b)
    s = _rounded(a + b)
    part = _rounded(s - a)
    return s, _rounded(_rounded(a - _rounded(s - part)) + _rounded(b - part))


def sequential_sum(x: Array) -> Array:
    """Compute the sum along the first axis, one number after another: s <- s + x_i.

    Shapes: x (n, ...), the sum (...); 0 for n = 0. The error grows as n; a number below half a unit in the last place of
    the running sum is lost altogether: in float32 the sum of 2^25 ones is 2^24.

    Raises:
        ValueError: for a scalar, or others than floating-point numbers.
    """
    x = _require(x, "sequential_sum")
    return jax.lax.scan(lambda s, number: (_rounded(s + number), None), jnp.zeros_like(x, shape=x.shape[1:]), x)[0]


def kahan_sum(x: Array) -> Array:
    """Compute the sum along the first axis with Kahan's compensation.

    ::

        y = x_i - c            what is to be added, with what was lost last time
        t = s + y
        c = (t - s) - y        what this addition lost: the digits of y that did not fit
        s = t

    It fails where a number is larger than the sum so far: of (1, 1e100, 1, -1e100) it makes 0, Neumaier's makes 2.

    Shapes: x (n, ...), the sum (...); 0 for n = 0. Infinity and NaN come through as in a plain sum. The derivative by
    every number is 1: that of the compensation is 0.

    Raises:
        ValueError: for a scalar, or others than floating-point numbers.

    Source: W. Kahan (1965), Further remarks on reducing truncation errors, Communications of the ACM 8.
    """

    def add(carry: tuple[Array, Array], number: Array) -> tuple[tuple[Array, Array], None]:
        s, c = carry
        y = _rounded(number - c)
        t = _rounded(s + y)
        c = _rounded(_rounded(t - s) - y)
        return (t, jnp.where(jnp.isfinite(t), c, jnp.zeros_like(c))), None

    x = _require(x, "kahan_sum")
    zero = jnp.zeros_like(x, shape=x.shape[1:])
    return jax.lax.scan(add, (zero, zero), x)[0][0]


def neumaier_sum(x: Array) -> Array:
    """Compute the sum along the first axis with Neumaier's compensation: what is lost is added up apart.

    ::

        s, e = two_sum(s, x_i)            c <- c + e            and at the end s + c

    Right also where a number is larger than the sum so far. Shapes, infinities and derivatives as for ``kahan_sum``.

    Raises:
        ValueError: for a scalar, or others than floating-point numbers.

    Source: A. Neumaier (1974), Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54.
    """

    def add(carry: tuple[Array, Array], number: Array) -> tuple[tuple[Array, Array], None]:
        s, c = carry
        s, lost = two_sum(s, number)
        return (s, _rounded(c + jnp.where(jnp.isfinite(s), lost, jnp.zeros_like(lost)))), None

    x = _require(x, "neumaier_sum")
    zero = jnp.zeros_like(x, shape=x.shape[1:])
    s, c = jax.lax.scan(add, (zero, zero), x)[0]
    return s + c


def pairwise_sum(x: Array) -> Array:
    """Compute the sum along the first axis by adding neighbours, then neighbours of these sums, and so on.

    No more operations than one after another, and each number goes through log2(n) roundings instead of n. NumPy sums so
    (from blocks of 128 on).

    Shapes: x (n, ...), the sum (...); 0 for n = 0.

    Raises:
        ValueError: for a scalar, or others than floating-point numbers.

    Source: N. J. Higham (1993), The accuracy of floating point summation, SIAM Journal on Scientific Computing 14.
    """
    x = _require(x, "pairwise_sum")
    if x.shape[0] == 0:
        return jnp.zeros_like(x, shape=x.shape[1:])
    while x.shape[0] > 1:
        even = x.shape[0] // 2 * 2
        x = jnp.concatenate([_rounded(x[0:even:2] + x[1:even:2]), x[even:]])
    return x[0]


def _require(x: Any, where: str) -> Array:
    require_floating(where, x=x)
    if np.ndim(x) < 1:
        raise ValueError(f"{where}: x must have numbers along its first axis, (n, ...), got {describe(x)}")
    return jnp.asarray(x)


def _rounded(x: Array) -> Array:
    """Round to the dtype now, where the compiler might hold more digits until later."""
    information = jnp.finfo(x.dtype)
    if information.bits >= 32:
        return x
    return jax.lax.reduce_precision(x, int(information.nexp), int(information.nmant))
