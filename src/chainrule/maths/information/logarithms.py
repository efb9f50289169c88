"""p log q and p log(p / q) with 0 log 0 = 0, and derivatives that are never NaN.

Where p = 0 the derivative of p log p is infinite. It is given as 0, and so is everything else that is infinite at p = 0:
an outcome that cannot happen takes no part. That is the limit wherever p comes out of a softmax, whose own derivative
goes to 0 faster, and no 0 times infinity arises when p has underflowed. What is finite at p = 0 is given as it is.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

__all__ = ["log_ratio", "p_log_q", "p_log_ratio"]


def log_ratio(p: Array, q: Array) -> Array:
    """Compute log(p / q), by log1p((p - q) / q) where p and q are within a factor of 2: p - q is exact there."""
    near = (p > q / 2) & (p < 2 * q)
    one = jnp.ones_like(q)
    return jnp.where(near, jnp.log1p(jnp.where(near, (p - q) / jnp.where(near, q, one), 0)), jnp.log(p) - jnp.log(q))


@jax.custom_jvp
def p_log_q(p: Array, q: Array) -> Array:
    """Compute p log q: 0 where p = 0 <= q, -inf where p > 0 = q, NaN where one is negative.

    Derivatives: log q by p, and p / q by q; where p = 0, log q (0 for q = 0) and 0.
    """
    nothing = (p == 0) & (q >= 0)
    return jnp.where(nothing, jnp.zeros_like(p), p * jnp.log(jnp.where(p < 0, jnp.nan, q)))


def _p_log_q_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    p, q = primals
    both = (p == 0) & (q == 0)
    by_p = jnp.where(both, jnp.zeros_like(p), jnp.log(jnp.where(both, jnp.ones_like(q), q)))
    by_q = jnp.where(p == 0, jnp.zeros_like(p), p / jnp.where(p == 0, jnp.ones_like(q), q))
    return p_log_q(p, q), _total(p, (by_p, by_q), tangents)


p_log_q.defjvp(_p_log_q_jvp, symbolic_zeros=True)


@jax.custom_jvp
def p_log_ratio(p: Array, q: Array) -> Array:
    """Compute p log(p / q): 0 where p = 0 <= q, inf where p > 0 = q, NaN where one is negative.

    Derivatives: log(p / q) + 1 by p, and -p / q by q; both 0 where p = 0.
    """
    nothing = (p == 0) & (q >= 0)
    return jnp.where(nothing, jnp.zeros_like(p), p * log_ratio(p, q))


def _p_log_ratio_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    p, q = primals
    nothing, one = p == 0, jnp.ones_like(p)
    by_p = jnp.where(nothing, 0 * one, log_ratio(jnp.where(nothing, one, p), jnp.where(nothing, one, q)) + 1)
    by_q = jnp.where(nothing, 0 * one, -p / jnp.where(nothing, one, q))
    return p_log_ratio(p, q), _total(p, (by_p, by_q), tangents)


p_log_ratio.defjvp(_p_log_ratio_jvp, symbolic_zeros=True)


def _total(p: Array, slopes: tuple[Array, Array], tangents: tuple[Array, Array]) -> Array:
    """Slopes times tangents; an argument that does not move adds nothing, even where its slope is infinite."""
    moved = [slope * d for slope, d in zip(slopes, tangents, strict=True) if not isinstance(d, SymbolicZero)]
    return sum(moved[1:], moved[0]) if moved else jnp.zeros_like(p)
