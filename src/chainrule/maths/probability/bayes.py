"""Bayes' theorem, and the updates that it makes of conjugate priors."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import logsumexp
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete, require_floating, require_same_dtype
from chainrule.maths.probability.beta import Beta
from chainrule.maths.probability.distribution import POSITIVE, parameters
from chainrule.maths.probability.normal import Normal

__all__ = ["Posterior", "bayes", "beta_bernoulli", "normal_normal"]


class Posterior(NamedTuple):
    """What Bayes' theorem gives.

    Attributes:
        log_posterior: log P(h | x), shape (..., H).
        log_evidence: log P(x), shape (...).
    """

    log_posterior: Array
    log_evidence: Array


def bayes(log_prior: Array, log_likelihood: Array) -> Posterior:
    """Bayes' theorem for finitely many hypotheses, in logarithms, so that a product of a thousand factors is no 0.

    ::

        P(h | x) = P(x | h) P(h) / P(x)        P(x) = sum_h P(x | h) P(h)

    Args:
        log_prior: log P(h), shape (..., H), in nats; -inf for what is impossible.
        log_likelihood: log P(x | h), shape (..., H), the log mass or log density of the data under each hypothesis.
            Those of independent data are added.

    Returns:
        The posterior. Where the evidence has probability zero (every hypothesis rules it out), the log evidence is -inf
        and the log posterior NaN: what is impossible and was seen leaves nothing to believe. NaN makes all NaN.

    Raises:
        ValueError: when the shapes do not fit, the dtypes differ, or the prior, where its value can be looked at, does
            not sum to 1 (to 1e-5, and in float64 1e-10). A traced prior is taken as it is.

    Source: D. MacKay (2003), Information Theory, Inference, and Learning Algorithms, 2.
    """
    require_floating("bayes", log_prior=log_prior, log_likelihood=log_likelihood)
    log_prior, log_likelihood = jnp.asarray(log_prior), jnp.asarray(log_likelihood)
    require_same_dtype("bayes", log_prior=log_prior, log_likelihood=log_likelihood)
    if log_prior.ndim < 1 or log_likelihood.ndim < 1 or not log_prior.shape[-1] == log_likelihood.shape[-1] > 0:
        raise ValueError(
            "bayes: log_prior and log_likelihood must have shapes (..., H), with one H >= 1, "
            f"got {describe(log_prior)} and {describe(log_likelihood)}"
        )
    if is_concrete(log_prior):
        total = np.sum(np.exp(np.asarray(log_prior, np.float64)), -1)
        if not np.all(np.abs(total - 1) <= (1e-10 if log_prior.dtype == np.float64 else 1e-5)):
            raise ValueError(f"bayes: log_prior must be of probabilities that sum to 1, got sum {np.max(total):.6g}")
    joint = log_prior + log_likelihood
    log_evidence = logsumexp(joint, -1)
    return Posterior(joint - log_evidence[..., None], log_evidence)


def beta_bernoulli(prior: Beta, x: Array) -> Beta:
    """Update belief in a probability by successes and failures: Beta(a, b) becomes Beta(a + sum x, b + sum (1 - x)).

    Batch and one by one are the same, since only the counts matter; no data leave the prior.

    Args:
        prior: what was believed before; a = b = 1 is all alike.
        x: 0s and 1s, shape (n, ...), integers or booleans or floating-point numbers; n is the axis that is summed.

    Raises:
        ValueError: when x has no axis, or holds something else than 0 and 1 where its value can be looked at. Where it
            is traced, that makes the result NaN.

    Source: C. M. Bishop (2006), Pattern Recognition and Machine Learning, 2.1.1.
    """
    a, b = parameters("beta_bernoulli", a=(prior.a, POSITIVE), b=(prior.b, POSITIVE))
    x = jnp.asarray(x)
    _require_examples("beta_bernoulli", x)
    if is_concrete(x) and not np.all((np.asarray(x) == 0) | (np.asarray(x) == 1)):
        raise ValueError(f"beta_bernoulli: x must be of 0s and 1s, got others in {describe(x)}")
    values = jnp.where((x == 0) | (x == 1), x.astype(a.dtype), jnp.nan)
    return Beta(a + jnp.sum(values, 0), b + jnp.sum(1 - values, 0))


def normal_normal(prior: Normal, x: Array, *, scale: ArrayLike) -> Normal:
    """Update belief in the mean of normal data whose standard deviation is known.

    ::

        1/s_n^2 = 1/s_0^2 + n/s^2        m_n = m_0 + w (mean of x - m_0)        w = n / (n + (s/s_0)^2)

    Precisions add, and the mean moves from the prior's to that of the data, by the share w of the data in the precision.
    Batch and one by one are the same; no data leave the prior.

    Args:
        prior: what was believed of the mean before, m_0 and s_0.
        x: data, shape (n, ...), of the prior's dtype; n is the axis that is averaged.
        scale: s > 0, the standard deviation of each datum about the mean, in the unit of x.

    Raises:
        ValueError: when x has no axis or another dtype, or the scale is not positive.

    Source: C. M. Bishop (2006), Pattern Recognition and Machine Learning, 2.3.6.
    """
    require_floating("normal_normal", x=x)
    mean, prior_scale = Normal(prior.mean, prior.scale)._parameters()
    (noise,) = parameters("normal_normal", scale=(scale, POSITIVE))
    x = jnp.asarray(x)
    _require_examples("normal_normal", x)
    require_same_dtype("normal_normal", prior=mean, x=x)
    noise = noise.astype(x.dtype) if not hasattr(scale, "dtype") else noise
    require_same_dtype("normal_normal", scale=noise, x=x)
    count = x.shape[0]
    if count == 0:
        return Normal(mean + jnp.zeros(x.shape[1:], x.dtype), prior_scale + jnp.zeros(x.shape[1:], x.dtype))
    ratio = noise / prior_scale
    weight = count / (count + ratio * ratio)
    data_scale = noise / count**0.5
    return Normal(
        mean + weight * jnp.mean(x - mean, 0),
        prior_scale / jnp.hypot(jnp.ones_like(ratio), prior_scale / data_scale) + jnp.zeros(x.shape[1:], x.dtype),
    )


def _require_examples(where: str, x: Array) -> None:
    if x.ndim < 1:
        raise ValueError(f"{where}: x must have shape (n, ...), got {describe(x)}")
