"""The upper tail of Student's t and its inverse, differentiable in t and in the degrees of freedom."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import digamma

from chainrule.maths.probability import StudentT

__all__ = ["student_quantile", "student_tail"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_FARTHEST = 80.0  # asinh of the largest quantile that is looked for, 2.8e34, and a number of every dtype but float16


@jax.custom_jvp
def student_tail(t: Array, degrees: Array) -> Array:
    """Compute P(T > t) for Student's t: the cdf at -t, which is right in relative terms however far out.

    ::

        dP/dt = -f(t)            dP/dv = - integral from 0 to t of f(s) d(log f)/dv ds

    f is the density and v the degrees of freedom: Welch's depend on the data, so the derivative by v is needed. The
    integral is taken by 64 Gauss-Legendre points in asinh(s), over which the heaviest tail is smooth.

    Args:
        t: any shape, floating.
        degrees: v > 0, of a shape that broadcasts with it and of the same dtype.

    Returns:
        The tail, of the common shape: 0 for inf, 1 for -inf, NaN for NaN.
    """
    return StudentT(degrees).cdf(-t)


@student_tail.defjvp
def _student_tail_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (t, degrees), (d_t, d_degrees) = primals, tangents
    by_degrees = -jnp.sign(t) * _centre_by_degrees(jnp.abs(t), degrees)
    return student_tail(t, degrees), by_degrees * d_degrees - _density(t, degrees) * d_t


def student_quantile(tail: float, degrees: Array) -> Array:
    """Compute the t beyond which a given part of Student's distribution lies: P(T > t) = tail.

    By bisection in asinh(t), which halves the bracket until it is as narrow as the dtype can tell, and one step of
    Newton, through which the derivative by the degrees of freedom flows.

    Args:
        tail: a number between 0 and 1.
        degrees: v >= 1, a scalar.
    """
    if tail > 0.5:
        return -student_quantile(1 - tail, degrees)
    if tail == 0.5:
        return jnp.zeros_like(degrees)
    fixed = jax.lax.stop_gradient(degrees)

    def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = (low + high) / 2
        beyond = student_tail(jnp.sinh(middle), fixed) > tail
        return jnp.where(beyond, middle, low), jnp.where(beyond, high, middle)

    steps = int(np.log2(_FARTHEST)) + 2 + int(jnp.finfo(degrees.dtype).nmant)
    bracket = (jnp.zeros_like(fixed), jnp.full_like(fixed, _FARTHEST))
    t = jax.lax.stop_gradient(jnp.sinh(jax.lax.fori_loop(0, steps, halve, bracket)[0]))
    return t + (student_tail(t, degrees) - tail) / _density(t, degrees)


def _density(t: Array, degrees: Array) -> Array:
    return jnp.exp(StudentT(degrees).log_density(t))


def _centre_by_degrees(t: Array, degrees: Array) -> Array:
    """The derivative by v of P(0 < T < t), t >= 0, with s = sinh(u)."""
    t, degrees = jnp.broadcast_arrays(t, degrees)
    end = jnp.minimum(jnp.arcsinh(t), jnp.asarray(_FARTHEST / 2, t.dtype))[..., None]
    nodes, weights = (jnp.asarray(numbers, t.dtype) for numbers in ((_NODES + 1) / 2, _WEIGHTS / 2))
    s, v = jnp.sinh(end * nodes), degrees[..., None]
    square = jnp.square(s / jnp.sqrt(v))
    slope = digamma((v + 1) / 2) - digamma(v / 2) - 1 / v - jnp.log1p(square) + (v + 1) / v * square / (1 + square)
    return jnp.sum(weights * end * jnp.cosh(end * nodes) * _density(s, v) * slope / 2, axis=-1)
