"""Outliers by z-score and by interquartile range: masks of them, rows without them, and columns clipped to bounds.

::

    z-score     x < mean - t deviation          or    x > mean + t deviation
    IQR         x < Q1 - f (Q3 - Q1)            or    x > Q3 + f (Q3 - Q1)

with deviation^2 = sum (x - mean)^2 / n over the n numbers of a column, and quartiles Q1 and Q3 interpolated linearly
between the sorted ones. A missing number, NaN, counts for nothing, and is never an outlier.

::

    mask = iqr_outliers(x)
    mask.sum(axis=0)            # how many in each column
    drop_outliers(x, mask)      # the rows that have none; drop_outliers(y, mask) for their targets

**Masking.** Outliers widen the deviation by which the z-score measures them. Of n numbers none is farther from their
mean than sqrt(n - 1) deviations (Samuelson's inequality), so that with the threshold 3 nine rows have no outlier,
whatever stands in them; and of two outliers alike in n rows neither is beyond sqrt(n / 2 - 1). Quartiles do not move
until a quarter of the rows are outliers.

Sources: Samuelson, How deviant can you be?, 1968; Tukey, Exploratory Data Analysis, 1977 (fences of 1.5
interquartile ranges).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np

from chainrule.checks import describe
from chainrule.data.preprocessing.scaling import is_number, learn_by_column, mean_and_deviation
from chainrule.data.preprocessing.transform import Transform, as_numbers, namespace

__all__ = ["Bounds", "OutlierClipper", "drop_outliers", "iqr_outliers", "z_score_outliers"]

_THRESHOLDS = {"iqr": 1.5, "z_score": 3.0}


def z_score_outliers(x: Any, threshold: float = 3.0) -> np.ndarray:
    """Find the numbers more than ``threshold`` deviations from the mean of their column.

    ::

        |x - mean| > threshold deviation

    See the module on masking: in fewer than threshold^2 + 1 rows there is no such number.

    Args:
        x: rows, (n, columns), NaN where a number is missing.
        threshold: how many deviations are usual; positive.

    Returns:
        bool[n, columns], on the host. All False for a constant column, for one without a single number, and without
        rows.

    Raises:
        ValueError: for what is no matrix of floating-point numbers, infinity, or a threshold that is not positive.
    """
    _require_threshold("z_score_outliers", "threshold", threshold)
    return _outliers("z_score_outliers", x, "z_score", threshold)


def iqr_outliers(x: Any, factor: float = 1.5) -> np.ndarray:
    """Find the numbers more than ``factor`` interquartile ranges outside the quartiles of their column.

    ::

        x < Q1 - factor (Q3 - Q1)      or      x > Q3 + factor (Q3 - Q1)

    Where the middle half of the sorted numbers of a column are equal, Q1 = Q3, every other number is an outlier.

    Args:
        x: rows, (n, columns), NaN where a number is missing.
        factor: how many interquartile ranges are usual; positive.

    Returns:
        bool[n, columns], on the host. All False for a constant column, for one without a single number, and without
        rows.

    Raises:
        ValueError: for what is no matrix of floating-point numbers, infinity, or a factor that is not positive.
    """
    _require_threshold("iqr_outliers", "factor", factor)
    return _outliers("iqr_outliers", x, "iqr", factor)


def drop_outliers(x: Any, mask: Any) -> Any:
    """Keep the rows in which nothing is marked: x[i] with no mask[i, j].

    Args:
        x: an array of n rows, (n, ...): the features, or the targets that belong to them.
        mask: where the outliers are, bool[n, columns], or bool[n] of rows; it may come from other columns than those
            of x.

    Returns:
        The rows that are left, in their order; none where each has an outlier. Not in a compiled program, where shapes
        are fixed.

    Raises:
        ValueError: for a mask that is not of truth values, or not of n rows.
    """
    if not hasattr(mask, "dtype") or mask.dtype != np.bool_ or mask.ndim not in (1, 2):
        raise ValueError(f"drop_outliers: mask must be bool[n, columns] or bool[n], got {describe(mask)}")
    if np.shape(x)[:1] != np.shape(mask)[:1]:
        raise ValueError(f"drop_outliers: x and mask must have as many rows, got {describe(x)} and {describe(mask)}")
    return x[~(mask if mask.ndim == 1 else mask.any(axis=1))]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Bounds:
    """Where the outliers of each column begin, a pytree.

    Attributes:
        low: numbers below are outliers, float64[columns], in the unit of the column.
        high: numbers above are outliers, float64[columns].
    """

    low: Any
    high: Any


@dataclass(frozen=True)
class OutlierClipper(Transform):
    """Clip each column to the bounds beyond which the training rows have their outliers.

    ::

        y = min(max(x, low), high)

    Held-out rows are clipped to the bounds of the training rows, and have no part in them. Where the middle half of
    the sorted numbers are equal, Q1 = Q3, the method "iqr" makes all of the column that number: "z_score" suits a
    column that is mostly zeros.

    Attributes:
        method: "iqr" or "z_score".
        threshold: how many interquartile ranges or deviations are usual; None for 1.5 or 3.

    Raises:
        ValueError: for another method, or a threshold that is not positive.
    """

    method: Literal["iqr", "z_score"] = "iqr"
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.method not in _THRESHOLDS:
            raise ValueError(f"OutlierClipper: method must be 'iqr' or 'z_score', got {self.method!r}")
        if self.threshold is not None:
            _require_threshold("OutlierClipper", "threshold", self.threshold)

    def fit(self, x: Any) -> Bounds:
        """Learn where the outliers of each column begin.

        Args:
            x: training rows, (n, columns), NaN where a number is missing.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, no rows, infinity, a column, named by its
                index, without a single number, or bounds that overflow.
        """
        threshold = _THRESHOLDS[self.method] if self.threshold is None else self.threshold
        return Bounds(
            *learn_by_column("OutlierClipper.fit", x, lambda numbers: _bounds(numbers, self.method, threshold))
        )

    def apply(self, params: Bounds, x: Any) -> Any:
        """Clip rows, (n, columns), to the learnt bounds, in the dtype of x; NaN stays NaN.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, other columns than were fitted, or infinity.
        """
        low, high = _cast("OutlierClipper.apply", params, x)
        return namespace(x).clip(x, low, high)

    def inverse(self, params: Bounds, x: Any) -> Any:
        """Return clipped rows, (n, columns), as they are: what was within the bounds is unchanged, and the rest stays.

        How far beyond it was is not kept. So apply(inverse(y)) = y for clipped rows, and inverse(apply(x)) = x within
        the bounds.

        Raises:
            ValueError: as ``apply`` does.
        """
        _cast("OutlierClipper.inverse", params, x)
        return x

    def mask(self, params: Bounds, x: Any) -> Any:
        """Say where rows, (n, columns), are beyond the learnt bounds: bool[n, columns], of NumPy or of JAX as x is.

        Raises:
            ValueError: as ``apply`` does.
        """
        low, high = _cast("OutlierClipper.mask", params, x)
        return (x < low) | (x > high)


def _outliers(where: str, x: Any, method: str, threshold: float) -> np.ndarray:
    """Mark what is beyond the bounds of its own column."""
    host = as_numbers(where, np.asarray(x) if isinstance(x, jax.Array) else x)
    mask = np.zeros(host.shape, np.bool_)
    for column in range(host.shape[1]):
        if not np.isnan(host[:, column]).all():
            numbers = host[:, column].astype(np.float64)
            low, high = _bounds(numbers[~np.isnan(numbers)], method, threshold)
            mask[:, column] = (numbers < low) | (numbers > high)
    return mask


def _bounds(numbers: np.ndarray, method: str, threshold: float) -> tuple[float, float]:
    """Where the outliers among numbers begin, float64[at least 1] and none of them missing."""
    if method == "z_score":
        mean, deviation = mean_and_deviation(numbers)
        return mean - threshold * deviation, mean + threshold * deviation
    first, third = (float(each) for each in np.percentile(numbers, [25.0, 75.0]))
    return first - threshold * (third - first), third + threshold * (third - first)


def _cast(where: str, params: Bounds, x: Any) -> tuple[Any, Any]:
    """The bounds in the dtype of x, which must have their columns."""
    as_numbers(where, x, np.shape(params.low)[0])
    xp = namespace(x)
    return xp.asarray(params.low, x.dtype), xp.asarray(params.high, x.dtype)


def _require_threshold(where: str, name: str, value: Any) -> None:
    """Refuse what is no positive number."""
    if not is_number(value) or value <= 0:
        raise ValueError(f"{where}: {name} must be a positive number, got {value!r}")
