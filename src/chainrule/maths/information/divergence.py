"""Divergences: how far one distribution is from another."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

from chainrule.maths.information.checks import in_base, require_base, require_distributions, require_logits
from chainrule.maths.information.logarithms import p_log_ratio

__all__ = ["jensen_shannon", "kl_divergence", "kl_divergence_of_logits"]


def kl_divergence(p: Array, q: Array, *, base: float | None = None) -> Array:
    """Compute the Kullback-Leibler divergence of q from p: the surprise that believing q costs where p is true.

    ::

        KL(p || q) = sum_i p_i log(p_i / q_i)  =  H(p, q) - H(p)            >= 0, and 0 only for q = p

    Not symmetric. Where p_i and q_i are close the logarithm is log1p((p_i - q_i) / q_i), so that the small divergence
    of near distributions is not lost in the difference of two entropies.

    Derivatives: log(p_i / q_i) + 1 by p_i and -p_i / q_i by q_i; both 0 where p_i = 0 (by p_i it is infinite there).

    Args:
        p: the true probabilities along the last axis, (..., k).
        q: the believed ones, of the same shape and dtype.
        base: of the logarithm: None for nats, 2 for bits.

    Returns:
        The divergence, (...); inf where q rules out what p does not. NaN for NaN.

    Raises:
        ValueError: as ``cross_entropy``.

    Source: S. Kullback and R. Leibler (1951), On information and sufficiency.
    """
    require_base("kl_divergence", base)
    require_distributions("kl_divergence", p=p, q=q)
    return in_base(jnp.sum(p_log_ratio(p, q), axis=-1), base)


def kl_divergence_of_logits(p_logits: Array, q_logits: Array, *, base: float | None = None) -> Array:
    """Compute KL(softmax(p_logits) || softmax(q_logits)), finite for finite logits of any size.

    ::

        KL = sum_i p_i (log p_i - log q_i)            log p = log_softmax(p_logits), log q = log_softmax(q_logits)

    Args:
        p_logits: of the true distribution, along the last axis, (..., k); -inf is an outcome that cannot happen.
        q_logits: of the believed one, of the same shape and dtype.
        base: of the logarithm: None for nats, 2 for bits.

    Returns:
        The divergence, (...); inf where an outcome that p allows has a q_logit of -inf. NaN for NaN.

    Raises:
        ValueError: for empty or scalar logits, different shapes or dtypes, others than of floating-point numbers, or a
            base of 1 or less.
    """
    where = "kl_divergence_of_logits"
    require_base(where, base)
    require_logits(where, p_logits=p_logits, q_logits=q_logits)
    log_p, log_q = jax.nn.log_softmax(p_logits, axis=-1), jax.nn.log_softmax(q_logits, axis=-1)
    possible = p_logits != -jnp.inf
    # The first where keeps -inf - (-inf) out of the difference, and out of its derivative.
    difference = jnp.where(possible, log_p, 0) - jnp.where(possible, log_q, 0)
    return in_base(jnp.sum(jnp.exp(log_p) * difference, axis=-1), base)


def jensen_shannon(p: Array, q: Array, *, base: float | None = None) -> Array:
    """Compute the Jensen-Shannon divergence: symmetric, and finite whatever the two rule out.

    ::

        JS(p, q) = KL(p || m)/2 + KL(q || m)/2,    m = (p + q)/2            0 <= JS <= log 2; its root is a metric

    The derivative by p_i is log(p_i / m_i)/2, and likewise by q_i; it is given as 0 at p_i = 0, where it is infinite.

    Args:
        p: probabilities along the last axis, (..., k).
        q: others, of the same shape and dtype.
        base: of the logarithm: None for nats, 2 for bits.

    Returns:
        The divergence, (...), not its root. NaN for NaN.

    Raises:
        ValueError: as ``cross_entropy``.

    Source: J. Lin (1991), Divergence measures based on the Shannon entropy.
    """
    require_base("jensen_shannon", base)
    require_distributions("jensen_shannon", p=p, q=q)
    return in_base(jnp.sum(_jensen_shannon_term(p, q), axis=-1), base)


def _halves(p: Array, q: Array) -> tuple[Array, Array]:
    """log(p / m) / 2 and log(q / m) / 2 with m = (p + q) / 2, by log1p; 0 where p, or q, is 0."""
    sum_ = p + q
    tilt = (p - q) / jnp.where(sum_ == 0, jnp.ones_like(sum_), sum_)
    zero = jnp.zeros_like(tilt)
    return (
        jnp.where(p == 0, zero, jnp.log1p(jnp.where(p == 0, zero, tilt)) / 2),
        jnp.where(q == 0, zero, jnp.log1p(jnp.where(q == 0, zero, -tilt)) / 2),
    )


@jax.custom_jvp
def _jensen_shannon_term(p: Array, q: Array) -> Array:
    by_p, by_q = _halves(p, q)
    return p * by_p + q * by_q


def _jensen_shannon_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    value, total = _jensen_shannon_term(*primals), jnp.zeros_like(primals[0])
    for slope, tangent in zip(_halves(*primals), tangents, strict=True):
        if not isinstance(tangent, SymbolicZero):
            total = total + slope * tangent
    return value, total


_jensen_shannon_term.defjvp(_jensen_shannon_jvp, symbolic_zeros=True)
