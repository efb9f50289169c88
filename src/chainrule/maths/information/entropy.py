"""Entropy and cross-entropy, of probabilities and of logits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from chainrule.maths.information.checks import in_base, require_base, require_distributions, require_logits
from chainrule.maths.information.logarithms import p_log_q

__all__ = ["cross_entropy", "cross_entropy_of_logits", "entropy", "entropy_of_logits"]


def entropy(p: Array, *, base: float | None = None) -> Array:
    """Compute the entropy of distributions: how uncertain an outcome is.

    ::

        H(p) = - sum_i p_i log p_i            0 log 0 = 0;    0 <= H <= log k, the last for the uniform distribution

    The derivative is -log p_i - 1 where p_i > 0, and is given as 0 at p_i = 0, where it is infinite: an outcome that
    cannot happen takes no part.

    Args:
        p: probabilities along the last axis, (..., k).
        base: of the logarithm: None for nats, 2 for bits.

    Returns:
        The entropy, (...). NaN for NaN; a negative number gives NaN where it cannot be looked at (under jit).

    Raises:
        ValueError: for an empty or scalar p, one that is not of floating-point numbers; where the numbers can be looked
            at, for negative ones and for a sum that is not 1 (under jit the sum is taken as it is); a base of 1 or less.

    Source: C. E. Shannon (1948), A mathematical theory of communication.
    """
    require_base("entropy", base)
    require_distributions("entropy", p=p)
    return in_base(-jnp.sum(p_log_q(p, p), axis=-1), base)


def entropy_of_logits(logits: Array, *, base: float | None = None) -> Array:
    """Compute the entropy of softmax(logits), finite for logits of any size.

    ::

        H = - sum_i p_i log p_i            p = softmax(z),    log p_i = z_i - logsumexp(z)

    Args:
        logits: z, along the last axis, (..., k); -inf is an outcome that cannot happen.
        base: of the logarithm: None for nats, 2 for bits.

    Returns:
        The entropy, (...). NaN for NaN, for a logit of inf, and where all are -inf.

    Raises:
        ValueError: for empty or scalar logits, others than of floating-point numbers, or a base of 1 or less.
    """
    require_base("entropy_of_logits", base)
    require_logits("entropy_of_logits", logits=logits)
    log_p = jax.nn.log_softmax(logits, axis=-1)
    possible = logits != -jnp.inf
    return in_base(-jnp.sum(jnp.exp(log_p) * jnp.where(possible, log_p, jnp.zeros_like(log_p)), axis=-1), base)


def cross_entropy(p: Array, q: Array, *, base: float | None = None) -> Array:
    """Compute the cross-entropy of q against p: the mean surprise of one who believes q where p is true.

    ::

        H(p, q) = - sum_i p_i log q_i  =  H(p) + KL(p || q)            0 log q = 0, and p log 0 = -inf for p > 0

    Derivatives: -log q_i by p_i (0 where both are 0), and -p_i / q_i by q_i (0 where p_i = 0).

    Args:
        p: the true probabilities along the last axis, (..., k).
        q: the believed ones, of the same shape and dtype.
        base: of the logarithm: None for nats, 2 for bits.

    Returns:
        The cross-entropy, (...); inf where q rules out what p does not. NaN for NaN.

    Raises:
        ValueError: as ``entropy``, and for different shapes or dtypes.
    """
    require_base("cross_entropy", base)
    require_distributions("cross_entropy", p=p, q=q)
    return in_base(-jnp.sum(p_log_q(p, q), axis=-1), base)


def cross_entropy_of_logits(p: Array, logits: Array, *, base: float | None = None) -> Array:
    """Compute the cross-entropy of softmax(logits) against p: the loss of a classifier, an example at a time.

    ::

        H(p, softmax(z)) = logsumexp(z) sum_i p_i - sum_i p_i z_i            dH/dz = softmax(z) sum_i p_i - p

    Args:
        p: the true probabilities along the last axis, (..., k).
        logits: z, of the same shape and dtype; -inf is an outcome that is ruled out.
        base: of the logarithm: None for nats, 2 for bits.

    Returns:
        The cross-entropy, (...): finite for finite logits, inf where one of -inf has p > 0. NaN for NaN.

    Raises:
        ValueError: as ``cross_entropy``.
    """
    where = "cross_entropy_of_logits"
    require_base(where, base)
    require_distributions(where, p=p)
    require_logits(where, p=p, logits=logits)
    log_q = jax.nn.log_softmax(logits, axis=-1)
    counts = (p != 0) | jnp.isnan(log_q)
    return in_base(-jnp.sum(p * jnp.where(counts | (log_q > -jnp.inf), log_q, 0), axis=-1), base)
