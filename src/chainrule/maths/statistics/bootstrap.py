"""The bootstrap: how far a statistic would move on another sample, by drawing samples from the sample."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.checks import describe
from chainrule.maths.statistics.checks import require_fraction, require_key

__all__ = ["BootstrapInterval", "bootstrap_interval"]

_ELEMENTS = 2**18  # of the samples drawn at one time: a chunk of resamples stays within a few megabytes


class BootstrapInterval(NamedTuple):
    """What a bootstrap says of a statistic; each field has the shape and the dtype of the statistic.

    Attributes:
        estimate: the statistic of the samples themselves.
        low: the lower end of the interval.
        high: the upper end.
        standard_error: the standard deviation of the statistic over the resamples (divided by resamples - 1).
    """

    estimate: Array
    low: Array
    high: Array
    standard_error: Array


def bootstrap_interval(
    statistic: Callable[..., Array],
    *samples: Array,
    key: Array,
    resamples: int = 2000,
    level: float = 0.95,
) -> BootstrapInterval:
    """Compute a percentile interval of any statistic by resampling rows with replacement.

    ::

        i_1, ..., i_n          drawn from 1..n with replacement, anew for each resample r
        T_r = T(x[i], y[i], ...)             the same rows of every sample: what belongs together stays together
        low, high = the (1 - level)/2 and (1 + level)/2 quantiles of T_1, ..., T_R

    For two samples that are not paired, resample each on its own: this function is for rows that belong together, such
    as the predictions of two models and the truth. It works in chunks, so that no more than about 2^18 drawn elements
    (a megabyte of float32) stand in memory at once however many the resamples; the chunks do not change the answer,
    because each resample has a key of its own. Compiled once for a statistic and shapes: give a named function, for a
    lambda written anew at each call is compiled anew.

    Args:
        statistic: a pure function of as many arrays as there are samples, which returns an array of floating-point
            numbers of any shape; traced by jit and vmap.
        *samples: one array or more, (n, ...), with the same n >= 1.
        key: the randomness.
        resamples: R, how many samples are drawn, at least 2.
        level: the coverage that is aimed at, between 0 and 1.

    Returns:
        ``BootstrapInterval(estimate, low, high, standard_error)``. A single row, or a constant sample, gives an
        interval of no width: the bootstrap knows nothing but the sample. Where any resample gives NaN, so do the ends
        and the standard error.

    Raises:
        ValueError: for no sample, a scalar or an empty one, samples of unequal lengths, fewer than 2 resamples, a level
            that is not between 0 and 1, no single key, or a statistic that returns no array of floating-point numbers.

    Source: B. Efron and R. Tibshirani (1993), An Introduction to the Bootstrap, section 13.3.
    """
    where = "bootstrap_interval"
    if not samples:
        raise ValueError(f"{where}: samples must be one array or more, got none")
    for place, sample in enumerate(samples):
        if np.ndim(sample) < 1 or np.shape(sample)[0] < 1:
            raise ValueError(f"{where}: samples[{place}] must have rows, (n, ...) with n >= 1, got {describe(sample)}")
    lengths = [np.shape(sample)[0] for sample in samples]
    if len(set(lengths)) > 1:
        raise ValueError(f"{where}: samples must have equally many rows, got {lengths}")
    if resamples < 2:
        raise ValueError(f"{where}: resamples must be at least 2, got {resamples}")
    require_fraction(where, level=level)
    require_key(where, key)
    elements = lengths[0] + sum(int(np.prod(np.shape(sample))) for sample in samples)
    chunk = min(int(resamples), max(1, _ELEMENTS // elements))
    return _interval(statistic, samples, key, resamples=int(resamples), level=float(level), chunk=chunk)


@partial(jax.jit, static_argnums=0, static_argnames=("resamples", "level", "chunk"))
def _interval(
    statistic: Callable[..., Array], samples: tuple[Array, ...], key: Array, *, resamples: int, level: float, chunk: int
) -> BootstrapInterval:
    rows = jnp.shape(samples[0])[0]
    estimate = statistic(*samples)
    if not hasattr(estimate, "dtype") or not jnp.issubdtype(estimate.dtype, jnp.floating):
        raise ValueError(
            f"bootstrap_interval: statistic must return floating-point numbers, it returns {describe(estimate)}"
        )

    def replicate(key: Array) -> Array:
        drawn = jax.random.randint(key, (rows,), 0, rows)
        return statistic(*(jnp.take(sample, drawn, axis=0, mode="clip") for sample in samples))

    replicates = jax.lax.map(replicate, jax.random.split(key, resamples), batch_size=chunk)
    ends = jnp.asarray([(1 - level) / 2, (1 + level) / 2], estimate.dtype)
    low, high = jnp.quantile(replicates, ends, axis=0)
    # From the first replicate on, so that replicates that are all alike have a deviation of exactly 0.
    return BootstrapInterval(estimate, low, high, jnp.std(replicates - replicates[0], axis=0, ddof=1))
