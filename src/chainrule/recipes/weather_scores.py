"""How good forecasts are, and whether the days are enough to tell one from another.

::

    RMSE = sqrt(mean((f - y)^2))        MAE = mean(|f - y|)        R^2 = 1 - sum((f - y)^2) / sum((y - mean(y))^2)

R^2 compares with a forecast that knows the mean of the days that it is judged on, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.maths.statistics import bootstrap_interval

__all__ = ["Estimate", "Scores", "advantage", "compared", "mae", "rmse", "scores"]

_RESAMPLES = 2000


class Estimate(NamedTuple):
    """A number and the ends of its interval, of 95 per cent."""

    value: float
    low: float
    high: float


class Scores(NamedTuple):
    """How good a forecast is.

    Attributes:
        rmse: the root mean square error, in the unit of the truth.
        mae: the mean absolute error, in the same.
        r2: the coefficient of determination, at most 1.
        gain: by how much the root mean square error is below that of the first forecast, on the same days.
    """

    rmse: Estimate
    mae: Estimate
    r2: Estimate
    gain: Estimate


def rmse(forecast: np.ndarray, truth: np.ndarray) -> float:
    """The root mean square error."""
    return math.sqrt(np.mean((forecast - truth) ** 2))


def mae(forecast: np.ndarray, truth: np.ndarray) -> float:
    """The mean absolute error."""
    return float(np.mean(np.abs(forecast - truth)))


def advantage(forecast: np.ndarray, other: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """How much smaller the squared error of a forecast is than that of another: mean and standard error, over the days.

    The errors of both on one day are made by the same weather: they are compared day by day.

    Source: Diebold and Mariano, Comparing predictive accuracy, 1995, for forecasts one step ahead.
    """
    gained = (other - truth) ** 2 - (forecast - truth) ** 2
    return float(gained.mean()), float(gained.std(ddof=1) / math.sqrt(len(gained)))


def compared(forecast: np.ndarray, other: np.ndarray, truth: np.ndarray, *, name: str) -> str:
    """Say how much a forecast gains on another, of that name, and whether the days are enough to tell."""
    gain = rmse(other, truth) - rmse(forecast, truth)
    mean, error = advantage(forecast, other, truth)
    return (
        f"Against {name} ({rmse(other, truth):.2f} degC) it is {abs(gain):.2f} degC {'better' if gain > 0 else 'worse'}. "
        f"Day by day its squared error is {abs(mean):.2f} {'less' if mean > 0 else 'more'}, with a standard error of "
        f"{error:.2f}: "
        + ("more than chance would do." if abs(mean) > 2 * error else "these days cannot tell the two apart.")
    )


def scores(forecasts: Mapping[str, np.ndarray], truth: np.ndarray, *, seed: int = 0) -> dict[str, Scores]:
    """Score forecasts of the same days, with intervals by the bootstrap over days (2,000 resamples, percentiles).

    Each resample draws days, and all forecasts are scored on the same ones: the weather of those days is common to them,
    and goes out of the gain. The days are drawn one by one, as if they were independent; what the errors of neighbouring
    days have in common makes the true intervals a little wider.

    Args:
        forecasts: float64[n] each, by name; the first is the one on which the others gain.
        truth: float64[n].
        seed: of the days drawn.
    """
    with jax.enable_x64(True):
        columns = jnp.asarray(np.stack(list(forecasts.values()), axis=1), jnp.float64)
        key = jax.random.key(seed)
        found = bootstrap_interval(
            _all_scores, columns, jnp.asarray(truth, jnp.float64), key=key, resamples=_RESAMPLES, level=0.95
        )
        estimates, low, high = (np.asarray(part) for part in (found.estimate, found.low, found.high))
    return {
        name: Scores(*(Estimate(*map(float, ends)) for ends in zip(estimates[i], low[i], high[i], strict=True)))
        for i, name in enumerate(forecasts)
    }


def _all_scores(forecasts: Array, truth: Array) -> Array:
    """The four scores of each forecast, [n, m] and [n] to [m, 4]."""
    errors = forecasts - truth[:, None]
    squared = jnp.mean(errors**2, axis=0)
    root = jnp.sqrt(squared)
    determined = 1 - squared / jnp.var(truth)
    return jnp.stack([root, jnp.mean(jnp.abs(errors), axis=0), determined, root[0] - root], axis=1)
