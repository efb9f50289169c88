"""What each column of a table is, and what is done with it: decided before anything is trained, and said."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule.data.tables import ColumnSummary, Table, summarise

__all__ = [
    "MOST_CATEGORIES",
    "ColumnUse",
    "as_categories",
    "days",
    "decide_uses",
    "feature_names",
    "written_number",
]

MOST_CATEGORIES = 100
_FLAGGED = {
    "telling": " (and a 0/1 column of where, if that tells of the target)",
    "always": " (and a 0/1 column of where)",
    "never": "",
}
_IDENTIFIER = 50  # distinct categories, above which a value of its own in most rows makes a column a name

Role = Literal["target", "time", "number", "category", "left out"]


@dataclass(frozen=True)
class ColumnUse:
    """A column, and what is done with it.

    Attributes:
        name: the column.
        kind: ``"number"``, ``"category"`` or ``"date"``.
        missing: how many of its cells are missing.
        distinct: how many distinct values it has.
        role: what it is to the model; dates that are features are numbers to it.
        use: the same in words.
        lowest: of a feature of numbers or dates (as days) the smallest one; None where that is not known.
        highest: the largest one likewise.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    role: Role
    use: str
    lowest: float | None = None
    highest: float | None = None

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dataclasses.asdict(self)


def decide_uses(
    table: Table,
    *,
    target: str,
    time: str | None = None,
    drop: Sequence[str] = (),
    impute: str = "median",
    indicators: str = "telling",
) -> tuple[ColumnUse, ...]:
    """Decide what is done with every column of a table.

    Numbers are scaled, dates become days since 1970, and are scaled; categories are one-hot. Left out are columns in
    which all cells are missing, or all are the same, and categories of which more than half of the rows have one of
    their own (if there are more than 50): names and identifiers, of which nothing can be learnt for a new row.

    Args:
        table: the rows that have a target.
        target: the column that is predicted.
        time: the column by which the table is split; no feature.
        drop: columns to leave out.
        impute: how missing numbers are filled in, for the words.
        indicators: when a column of 0 and 1 says where a number was missing, for the words.

    Raises:
        ValueError: when no feature is left.
    """
    rows = len(table)
    uses = []
    for column in summarise(table):
        role, use = _role_and_use(
            column, rows, target=target, time=time, drop=drop, impute=impute, indicators=indicators
        )
        kind = "not looked at" if column.name in drop else column.kind
        words = table.missing_words.get(column.name)
        if column.name == target and words:
            use += f", missing where {', '.join(map(repr, words))}"
        if column.note and column.name not in drop:
            use += f" ({column.note})"
        extremes = _extremes(table[column.name]) if role == "number" else (None, None)
        uses.append(ColumnUse(column.name, kind, int(column.missing), int(column.distinct), role, use, *extremes))
    if not feature_names(uses):
        said = "; ".join(f"{use.name!r} is {use.use}" for use in uses if use.role != "target")
        raise ValueError(
            f"{table.source}: no column is left to predict {target!r} from" + (f": {said}" if said else "")
        )
    return tuple(uses)


def _extremes(column: np.ndarray) -> tuple[float | None, float | None]:
    """The smallest and the largest number of a column, dates as days."""
    numbers = days(column) if column.dtype.kind == "M" else column
    known = numbers[np.isfinite(numbers)]
    return (float(known.min()), float(known.max())) if known.size else (None, None)


def _role_and_use(
    column: ColumnSummary,
    rows: int,
    *,
    target: str,
    time: str | None,
    drop: Sequence[str],
    impute: str,
    indicators: str,
) -> tuple[Role, str]:
    """The role of a column, and the same in words."""
    if column.name == target:
        return "target", "target"
    if column.name == time:
        return "time", "time: splits the rows, no feature"
    why = "as asked" if column.name in drop else _nothing_to_learn(column, rows)
    if why:
        return "left out", f"left out: {why}"
    if column.kind == "category":
        few = column.distinct <= MOST_CATEGORIES
        most = f"the {MOST_CATEGORIES} most frequent, the rest in one"
        return "category", f"one-hot of {column.distinct if few else most}"
    filled = f", {impute} where missing{_FLAGGED[indicators]}" if column.missing else ""
    return "number", f"{'days since 1970' if column.kind == 'date' else 'number'}{filled}, scaled"


def _nothing_to_learn(column: ColumnSummary, rows: int) -> str:
    """Why nothing can be learnt from a column, or nothing."""
    if column.missing == rows:
        return "all missing"
    if column.distinct <= 1 and not column.missing:
        return "constant"
    if column.kind == "category" and column.distinct > max(_IDENTIFIER, rows / 2):
        return "one value a row"
    return ""


def feature_names(uses: Sequence[ColumnUse]) -> tuple[str, ...]:
    """The names of the columns that are features."""
    return tuple(use.name for use in uses if use.role in ("number", "category"))


def days(dates: np.ndarray) -> np.ndarray:
    """Days since the first of January 1970, with their fractions; NaN where a date is missing. float64[n]."""
    seconds = dates.astype("datetime64[s]").astype(np.int64).astype(np.float64)
    return np.where(np.isnat(dates), np.nan, seconds / 86_400)


def as_categories(column: np.ndarray) -> np.ndarray:
    """Write a column of numbers or dates as one of categories: object[n] of str, None where a cell is missing."""
    if column.dtype.kind == "f":
        cells = [None if math.isnan(value) else written_number(value) for value in column.tolist()]
    elif column.dtype.kind == "M":
        cells = [None if np.isnat(value) else str(value) for value in column]
    else:
        return column
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found


def written_number(value: float) -> str:
    """Write a number as the name of a class or a category: 3, not 3.0."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
