"""A table: named columns of equal length, each of numbers, of categories or of dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from chainrule.checks import describe

__all__ = ["Kind", "Table", "kind_of"]

Kind = Literal["number", "category", "date"]
"""What a column holds: float64 with NaN where a cell is missing; str with None; or datetime64[s] with NaT."""


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of equal length, on the host.

    A column of numbers is float64[n], NaN where a cell is missing; one of categories is object[n] of str, None where
    a cell is missing; one of dates is datetime64[s][n], NaT where a cell is missing.

    Attributes:
        columns: the columns by their names, in order.
        source: where the table came from, for messages: the name of a file.
        notes: what its reader did with a column that is not to be overlooked, such as "decimal comma", by the
            column's name.
        missing_words: the words that its reader took for missing cells of a column, by the column's name; columns
            whose missing cells were all empty are not there.

    Raises:
        ValueError: for no columns, columns of different lengths, or an array of another kind.
    """

    columns: Mapping[str, np.ndarray]
    source: str = "table"
    notes: Mapping[str, str] = field(default_factory=dict)
    missing_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError(f"{self.source}: columns must hold at least one column, got none")
        first = len(next(iter(self.columns.values())))
        for name, column in self.columns.items():
            kind_of(column, f"{self.source}: column {name!r}")
            if len(column) != first:
                raise ValueError(f"{self.source}: columns must be of equal length, got {first} and {len(column)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.columns)

    @property
    def kinds(self) -> dict[str, Kind]:
        """What each column holds."""
        return {name: kind_of(column) for name, column in self.columns.items()}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> np.ndarray:
        """A column by its name.

        Raises:
            ValueError: when there is none of this name; the names are listed.
        """
        self.require(name)
        return self.columns[name]

    def select(self, names: Sequence[str]) -> Table:
        """The same table with these columns alone, in this order.

        Raises:
            ValueError: for a name that it does not have.
        """
        self.require(*names)
        return self._with({name: self.columns[name] for name in names})

    def without(self, *names: str) -> Table:
        """The same table without these columns.

        Raises:
            ValueError: for a name that it does not have.
        """
        self.require(*names)
        return self._with({name: column for name, column in self.columns.items() if name not in names})

    def rows(self, indices: np.ndarray | slice) -> Table:
        """The rows of these indices, or where a mask is True."""
        return self._with({name: column[indices] for name, column in self.columns.items()})

    def require(self, *names: str) -> None:
        """Refuse names that the table does not have, and list those that it has.

        Raises:
            ValueError: naming what is missing and what is there.
        """
        missing = [name for name in names if name not in self.columns]
        if missing:
            have = ", ".join(map(repr, self.columns))
            raise ValueError(f"{self.source}: no column {', '.join(map(repr, missing))}; it has {have}")

    def missing(self, name: str) -> np.ndarray:
        """Where the cells of a column are missing, bool[n]."""
        column = self[name]
        if column.dtype.kind == "f":
            return np.isnan(column)
        if column.dtype.kind == "M":
            return np.isnat(column)
        return np.fromiter((cell is None for cell in column), bool, len(column))

    def _with(self, columns: Mapping[str, np.ndarray]) -> Table:
        """A table of these columns that comes from the same place."""
        notes = {name: note for name, note in self.notes.items() if name in columns}
        words = {name: those for name, those in self.missing_words.items() if name in columns}
        return Table(columns, self.source, notes, words)

    def __repr__(self) -> str:
        columns = ", ".join(f"{name!r}: {kind}" for name, kind in self.kinds.items())
        return f"Table({self.source}: {len(self)} rows, {columns})"


def kind_of(column: np.ndarray, where: str = "column") -> Kind:
    """Say what a column holds, from its dtype.

    Raises:
        ValueError: for what is no column: another dtype, or not one axis.
    """
    dtype = getattr(column, "dtype", None)
    if dtype is not None and column.ndim == 1:
        if dtype == np.float64:
            return "number"
        if dtype.kind == "O":
            return "category"
        if dtype == np.dtype("datetime64[s]"):
            return "date"
    raise ValueError(
        f"{where}: must be float64[n] of numbers, object[n] of categories (str or None) or datetime64[s][n], "
        f"got {describe(column)}"
    )
