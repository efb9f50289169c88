"""Which cells of new rows are far outside the numbers that a model of a table was trained on.

Such a cell may be of another unit, a slip, or of another world: the prediction is as for the bound that it is clipped
to, or goes on along a line that nothing was learnt of. A cell is far outside when it is beyond the smallest or the
largest number of the table that was learnt from by more than a tenth of their distance, and also

- where outliers are clipped, to low ... high: below low - (high - low), or above high + (high - low), which is 13
  interquartile ranges from the quartiles (of a column whose middle half is one number, 12 deviations from the mean);
- where they are kept: more than 10 deviations from the mean, or 10 interquartile ranges from the median, or one range
  beyond the smallest or the largest number, as the column is scaled.

So the outliers that the table had itself, and those that are like them, are none; nor are those just beyond a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.data.preprocessing import MinMaxScaler, OutlierClipper, Pipeline, RobustScaler, StandardScaler
from chainrule.data.tables import Table
from chainrule.recipes.table_columns import ColumnUse, days, written_number
from chainrule.recipes.table_preparation import Preparation

__all__ = ["far_cells"]

_FACTORS = 10.0
_MARGIN = 0.1
_DIGITS = 6


class _Limits(NamedTuple):
    """Beyond what the cells of each column are far outside, and to what they are clipped, if they are; float64[columns]."""

    low: np.ndarray
    high: np.ndarray
    clipped: tuple[np.ndarray, np.ndarray] | None


def far_cells(preparation: Preparation, uses: Sequence[ColumnUse], table: Table) -> list[str]:
    """Say of each column with cells that are far outside those trained on how many there are, and which is the farthest.

    Args:
        preparation: what was learnt of the columns.
        uses: the columns of the table that was learnt from; where they do not tell its smallest and largest numbers, the
            bounds alone decide.
        table: the rows to predict.

    Returns:
        Such as ``"3 in 'age' (largest 900, clipped to 112.5)"``, or without the bound where nothing is clipped, in the
        order of the columns; a missing cell is never far.
    """
    known = {use.name: use for use in uses}
    said = []
    for part, fitted in zip(preparation.transform.parts, preparation.params, strict=True):
        limits = _limits(part.transform, fitted.params)
        if limits is None:
            continue
        for place, name in enumerate(part.columns):
            column = table[name]
            if column.dtype == object:  # all of it is missing
                continue
            numbers = days(column) if column.dtype.kind == "M" else column
            low, high = limits.low[place], limits.high[place]
            use = known.get(name)
            if use is not None and use.lowest is not None and use.highest is not None:
                margin = _MARGIN * (use.highest - use.lowest)
                low, high = min(low, use.lowest - margin), max(high, use.highest + margin)
            below, above = numbers < low, numbers > high  # False where a number is missing
            count = int(np.count_nonzero(below | above))
            if not count:
                continue
            excess = np.where(above, numbers - high, np.where(below, low - numbers, -1.0))
            row = int(np.argmax(excess))
            is_date = column.dtype.kind == "M"
            words = ("latest", "earliest") if is_date else ("largest", "smallest")
            text = f"{count:,} in {name!r} ({words[0] if above[row] else words[1]} {_written(numbers[row], is_date)}"
            if limits.clipped is not None:
                text += f", clipped to {_written(limits.clipped[int(above[row])][place], is_date)}"
            said.append(text + ")")
    return said


def _limits(transform: object, params: object) -> _Limits | None:
    """The limits of the numbers that a pipeline takes; None for what is no pipeline of numbers."""
    if not isinstance(transform, Pipeline) or not isinstance(params, (tuple, list)):
        return None
    for step, learnt in zip(transform.steps, params, strict=True):
        if isinstance(step, OutlierClipper):
            low, high = np.asarray(learnt.low), np.asarray(learnt.high)
            return _Limits(low - (high - low), high + (high - low), (low, high))
    for step, learnt in zip(transform.steps, params, strict=True):
        if isinstance(step, MinMaxScaler):
            shift, factor = np.asarray(learnt.shift), np.asarray(learnt.factor)
            return _Limits(shift - factor, shift + 2 * factor, None)
        if isinstance(step, (StandardScaler, RobustScaler)):
            shift, factor = np.asarray(learnt.shift), np.asarray(learnt.factor)
            return _Limits(shift - _FACTORS * factor, shift + _FACTORS * factor, None)
    return None


def _written(value: float, is_date: bool) -> str:
    """A number with a few digits, or days as a date."""
    if is_date:
        return str(np.datetime64(0, "s") + np.timedelta64(round(float(value) * 86_400), "s")).removesuffix("T00:00:00")
    value = float(value)
    return written_number(value) if value == int(value) else f"{value:.{_DIGITS}g}"
