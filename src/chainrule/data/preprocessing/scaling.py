"""Scaling of columns: to mean 0 and deviation 1, to a range, or by median and quartiles; each can be undone.

::

    y = (x - shift) / factor            x = y factor + shift

with a shift and a factor a column, learnt from training rows. A missing number, NaN, counts for nothing when they are
learnt, and stays NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from chainrule.checks import describe
from chainrule.data.preprocessing.transform import Transform, as_numbers, namespace

__all__ = [
    "MinMaxScaler",
    "RobustScaler",
    "Scale",
    "StandardScaler",
    "is_number",
    "learn_by_column",
    "mean_and_deviation",
]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Scale:
    """What a scaler has learnt, a pytree.

    Attributes:
        shift: what is taken off each column, float64[columns], in the unit of the column.
        factor: what each column is then divided by, float64[columns], in the unit of the column; 1 where it is
            constant.
    """

    shift: Any
    factor: Any


class _Scaler(Transform):
    """A shift and a factor a column."""

    def apply(self, params: Scale, x: Any) -> Any:
        """Compute (x - shift) / factor.

        Args:
            params: what was learnt, ``Scale``.
            x: rows, (n, columns), NaN where a number is missing; of NumPy, or of JAX (in a compiled program too).

        Returns:
            (n, columns), in the dtype of x; NaN stays NaN, and no rows give no rows.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, other columns than were fitted, or infinity.
        """
        shift, factor = _cast(f"{type(self).__name__}.apply", params, x)
        return (x - shift) / factor

    def inverse(self, params: Scale, x: Any) -> Any:
        """Compute x factor + shift: scaled rows, (n, columns), in the units that they had.

        Raises:
            ValueError: as ``apply`` does.
        """
        shift, factor = _cast(f"{type(self).__name__}.inverse", params, x)
        return x * factor + shift


@dataclass(frozen=True)
class StandardScaler(_Scaler):
    """Scale each column to mean 0 and deviation 1.

    ::

        y = (x - mean) / deviation            deviation^2 = sum (x - mean)^2 / n

    over the n numbers of the column that are there.

    A constant column, one that varies by no more than the rounding of its numbers (10 eps times the largest of them),
    gets the factor 1, and becomes zeros. scikit-learn's class of this name does the same, but for a column that is all
    but constant, where its limit grows with the number of rows.

    Source: scikit-learn's preprocessing.StandardScaler.
    """

    def fit(self, x: Any) -> Scale:
        """Learn mean and deviation of each column.

        Args:
            x: training rows, (n, columns), NaN where a number is missing.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, no rows, infinity, or a column, named by its
                index, without a single number (of which scikit-learn makes NaN, silently).
        """

        def statistic(numbers: np.ndarray) -> tuple[float, float]:
            mean, deviation = mean_and_deviation(numbers)
            return mean, _divisor(deviation, numbers)

        return Scale(*learn_by_column("StandardScaler.fit", x, statistic))


@dataclass(frozen=True)
class MinMaxScaler(_Scaler):
    """Scale each column to a range.

    ::

        y = low + (high - low) (x - min) / (max - min)

    Rows that were not fitted may go beyond the range: they are scaled as the others are, not clipped. A constant
    column gets the factor 1 in the place of max - min, and becomes ``low``. What counts as constant is said in
    ``StandardScaler``; scikit-learn measures max - min by an absolute limit, 2.2e-15, and so leaves a column alone
    whose unit is very large.

    Attributes:
        low: what the smallest number of each column becomes.
        high: what the largest becomes.

    Raises:
        ValueError: unless low < high, both finite.

    Source: scikit-learn's preprocessing.MinMaxScaler.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not (is_number(self.low) and is_number(self.high) and 0 < self.high - self.low < math.inf):
            raise ValueError(
                f"MinMaxScaler: low and high must be finite, low below high, got {self.low!r} and {self.high!r}"
            )

    def fit(self, x: Any) -> Scale:
        """Learn min (the shift) and max - min (the factor) of each column.

        Args:
            x: training rows, (n, columns), NaN where a number is missing.

        Raises:
            ValueError: as ``StandardScaler.fit`` does, and where max - min overflows.
        """

        def statistic(numbers: np.ndarray) -> tuple[float, float]:
            smallest = numbers.min()
            return smallest, _divisor(numbers.max() - smallest, numbers)

        return Scale(*learn_by_column("MinMaxScaler.fit", x, statistic))

    def apply(self, params: Scale, x: Any) -> Any:
        """Compute low + (high - low) (x - min) / (max - min); rows and errors are as for the other scalers."""
        return super().apply(params, x) * (self.high - self.low) + self.low

    def inverse(self, params: Scale, x: Any) -> Any:
        """Compute min + (max - min) (x - low) / (high - low): the rows in the units that they had."""
        as_numbers("MinMaxScaler.inverse", x)
        return super().inverse(params, (x - self.low) / (self.high - self.low))


@dataclass(frozen=True)
class RobustScaler(_Scaler):
    """Scale each column by its median and the distance of two quantiles, which a few outliers do not move.

    ::

        y = (x - median) / (upper quantile - lower quantile)

    Quantiles are interpolated linearly between the sorted numbers. A column whose two quantiles are equal (as where
    most of its numbers are zeros) gets the factor 1; what counts as equal is said in ``StandardScaler``.

    Attributes:
        quantiles: the lower and the upper quantile in percent; the quartiles, if nothing is said.

    Raises:
        ValueError: unless 0 <= lower < upper <= 100.

    Source: scikit-learn's preprocessing.RobustScaler.
    """

    quantiles: tuple[float, float] = (25.0, 75.0)

    def __post_init__(self) -> None:
        given = self.quantiles
        if not (
            isinstance(given, tuple)
            and len(given) == 2
            and all(is_number(each) for each in given)
            and 0 <= given[0] < given[1] <= 100
        ):
            raise ValueError(
                f"RobustScaler: quantiles must be two percentages, 0 <= lower < upper <= 100, got {given!r}"
            )

    def fit(self, x: Any) -> Scale:
        """Learn the median (the shift) and the distance of the quantiles (the factor) of each column.

        Args:
            x: training rows, (n, columns), NaN where a number is missing.

        Raises:
            ValueError: as ``StandardScaler.fit`` does, and where the distance overflows.
        """

        def statistic(numbers: np.ndarray) -> tuple[float, float]:
            lower, median, upper = np.percentile(numbers, [self.quantiles[0], 50.0, self.quantiles[1]])
            return median, _divisor(upper - lower, numbers)

        return Scale(*learn_by_column("RobustScaler.fit", x, statistic))


def learn_by_column(where: str, x: Any, statistic: Callable[[np.ndarray], tuple[float, ...]]) -> np.ndarray:
    """Compute numbers from each column of training rows, on the host and in float64.

    Args:
        where: who asks, for messages.
        x: training rows, (n, columns), NaN where a number is missing.
        statistic: takes the numbers of a column that are there, float64[at least 1], and returns as many numbers for
            each column.

    Returns:
        float64[numbers, columns], read-only.

    Raises:
        ValueError: for what is no matrix of floating-point numbers, no rows or columns, infinity, a column without a
            single number, or numbers of which the statistic overflows.
    """
    host = as_numbers(where, np.asarray(x) if isinstance(x, jax.Array) else x)
    if not host.size:
        raise ValueError(f"{where}: x must have at least one row and one column, got {describe(x)}")
    learnt = []
    for column in range(host.shape[1]):
        numbers = host[:, column].astype(np.float64)
        numbers = numbers[~np.isnan(numbers)]
        if not numbers.size:
            raise ValueError(f"{where}: column {column} must have a number, got {len(host)} missing ones; leave it out")
        with np.errstate(over="ignore", invalid="ignore"):
            found = statistic(numbers)
        if not np.isfinite(found).all():
            raise ValueError(
                f"{where}: column {column} must be of numbers whose differences and sums float64 can hold, "
                f"got {numbers.min()} to {numbers.max()}"
            )
        learnt.append(found)
    columns = np.array(learnt, np.float64).T
    columns.flags.writeable = False  # nobody writes into what was learnt
    return columns


def mean_and_deviation(numbers: np.ndarray) -> tuple[float, float]:
    """Compute the mean of numbers, and their deviation sqrt(sum (x - mean)^2 / n).

    Exact for equal numbers: their mean is the number, and their deviation 0. Nothing overflows or underflows on the
    way, for the numbers are first divided by a power of two.

    Args:
        numbers: float64[at least 1], finite.

    Source: Chan, Golub and LeVeque, Algorithms for computing the sample variance: analysis and recommendations, 1983.
    """
    _, exponent = np.frexp(np.abs(numbers).max())
    scaled = np.ldexp(numbers, -exponent)
    mean = scaled.mean()
    mean += (scaled - mean).mean()  # takes off the rounding of the first sum
    mean = np.clip(mean, scaled.min(), scaled.max())
    deviation = np.sqrt(np.mean((scaled - mean) ** 2))
    return float(np.ldexp(mean, exponent)), float(np.ldexp(deviation, exponent))


def is_number(value: Any) -> bool:
    """Whether a setting is a finite number, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _divisor(spread: float, numbers: np.ndarray) -> float:
    """The spread of a column; 1 where it is no more than the rounding of its numbers."""
    limits = np.finfo(np.float64)
    rounding = max(10 * limits.eps * np.abs(numbers).max(), limits.tiny)
    return spread if spread > rounding else 1.0


def _cast(where: str, params: Scale, x: Any) -> tuple[Any, Any]:
    """Shift and factor in the dtype of x, which must have their columns."""
    as_numbers(where, x, np.shape(params.shift)[0])
    xp = namespace(x)
    return xp.asarray(params.shift, x.dtype), xp.asarray(params.factor, x.dtype)
