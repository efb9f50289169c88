"""What the columns of a table are: one line for each, to be read before anything is trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule.data.tables.table import Kind, Table, kind_of

__all__ = ["ColumnSummary", "summarise"]


@dataclass(frozen=True)
class ColumnSummary:
    """What one column holds.

    Attributes:
        name: its name.
        kind: "number", "category" or "date".
        missing: how many cells are missing.
        distinct: how many different values the others have.
        example: the first value that is not missing, as text; "" where all are missing.
        note: what the reader did with it that is not to be overlooked, such as "decimal comma".
    """

    name: str
    kind: Kind
    missing: int
    distinct: int
    example: str
    note: str = ""


def summarise(table: Table) -> list[ColumnSummary]:
    """Say of each column what it holds, how much is missing, and how many different values there are.

    Returns:
        One summary a column, in order. A column of which all cells are missing has 0 distinct values and no example.

    Raises:
        ValueError: for what is no table.
    """
    if not isinstance(table, Table):
        raise ValueError(f"summarise: table must be a Table, got {type(table).__name__}")
    return [_summary(table, name) for name in table.names]


def _summary(table: Table, name: str) -> ColumnSummary:
    column, missing = table[name], table.missing(name)
    kind = kind_of(column)
    absent = int(np.count_nonzero(missing))
    if absent == len(column):
        return ColumnSummary(name, kind, absent, 0, "", table.notes.get(name, ""))
    # A set of categories needs no order, which strings are slow to be put in.
    distinct = len(set(column.tolist()) - {None}) if kind == "category" else len(np.unique(column[~missing]))
    example = column[int(np.argmin(missing))]
    return ColumnSummary(name, kind, absent, distinct, _text(example, kind), table.notes.get(name, ""))


def _text(value: np.generic | str, kind: Kind) -> str:
    if kind == "number":
        return repr(float(value)).removesuffix(".0")
    return str(value).removesuffix("T00:00:00") if kind == "date" else str(value)
