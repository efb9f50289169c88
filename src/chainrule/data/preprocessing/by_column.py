"""Transforms of the columns of a table, side by side: from a table to the one matrix of features that a model takes.

::

    prepare = ByColumn((
        Part(("age", "income"), Pipeline((MedianImputer(), StandardScaler()))),
        Part(("age", "income"), MissingIndicator()),
        Part(("town",), OneHotEncoder(most=100)),
    ))
    params = prepare.fit(train)
    x = prepare.apply(params, train)          # float32[n, features]

A part takes columns by their names: in whatever order the table has them, and whatever else it has. What a part learns,
it learns from the table that ``fit`` is given; ``apply`` looks at one row at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from chainrule.checks import describe
from chainrule.data.preprocessing.transform import Transform, as_numbers
from chainrule.data.tables.table import Kind, Table, kind_of

__all__ = ["ByColumn", "FittedPart", "Part"]

_ROWS = 16_384  # how many rows are transformed at once
_EPOCH, _DAY = np.datetime64(0, "s"), np.timedelta64(1, "D")


@dataclass(frozen=True)
class Part:
    """Some columns of a table, and what transforms them.

    The columns of a part make one matrix: of floating-point numbers, float64[n, columns], where they are numbers and
    dates, or of categories, object[n, columns]. A date counts as the days since 1970-01-01, 00:00, with their
    fractions; one that is missing is NaN.

    Attributes:
        columns: the names of the columns, in the order in which the transform has them.
        transform: the transform; it works on each row by itself.

    Raises:
        ValueError: for columns that are no tuple of names, none, or one twice; for what is no transform.
    """

    columns: tuple[str, ...]
    transform: Transform

    def __post_init__(self) -> None:
        if not isinstance(self.columns, tuple) or not all(isinstance(name, str) for name in self.columns):
            raise ValueError(f"Part: columns must be a tuple of names, got {self.columns!r}")
        if not self.columns or len(set(self.columns)) < len(self.columns):
            raise ValueError(f"Part: columns must be names, at least one and each once, got {self.columns!r}")
        if not isinstance(self.transform, Transform):
            is_class = isinstance(self.transform, type)
            got = f"the class {self.transform.__name__}; make one" if is_class else type(self.transform).__name__
            raise ValueError(f"Part: transform must be a transform, such as StandardScaler(), got {got}")


@partial(jax.tree_util.register_dataclass, data_fields=["params"], meta_fields=["kinds"])
@dataclass(frozen=True, eq=False)
class FittedPart:
    """What a part has learnt, a pytree.

    Attributes:
        kinds: what each of its columns held when it was fitted: "number", "category" or "date".
        params: what its transform has learnt.
    """

    kinds: tuple[Kind, ...]
    params: Any


@dataclass(frozen=True)
class ByColumn:
    """Transform the columns of a table part by part, and lay the results side by side.

    ::

        y = [apply_1(x_1), ..., apply_k(x_k)]            x_i the columns of part i

    Parts may share columns. Columns that no part names are left out. Each number is computed in float64, and then
    rounded to float32.

    Attributes:
        parts: the parts, in the order of their features.

    Raises:
        ValueError: for parts that are no tuple of ``Part``, or none.
    """

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.parts, tuple) or not all(isinstance(part, Part) for part in self.parts):
            raise ValueError(f"ByColumn: parts must be a tuple of Part, got {self.parts!r}")
        if not self.parts:
            raise ValueError("ByColumn: parts must be at least one, got none")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns that the parts take, each once, in the order of their first mention."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.columns))

    def fit(self, table: Table) -> tuple[FittedPart, ...]:
        """Learn each part from the rows of a table, those of training.

        Args:
            table: the training rows.

        Returns:
            What each part has learnt, a pytree.

        Raises:
            ValueError: for columns that the table does not have, naming all of them; no rows; infinity; a part of
                categories beside numbers or dates; and as the transforms do, naming the columns of the part.
        """
        where = "ByColumn.fit"
        self._require(where, table)
        if not len(table):
            raise ValueError(f"{where}: the table must have at least one row, got none")
        fitted = []
        for part in self.parts:
            kinds = tuple(kind_of(table[name]) for name in part.columns)
            if "category" in kinds and set(kinds) != {"category"}:
                found = ", ".join(f"{name!r} of kind {kind}" for name, kind in zip(part.columns, kinds, strict=True))
                raise ValueError(f"{where}: a part must be of categories, or of numbers and dates, got {found}")
            block = _block(_columns(where, table, part, kinds), slice(None))
            fitted.append(FittedPart(kinds, _call(where, part, part.transform.fit, block)))
        return tuple(fitted)

    def apply(self, params: Sequence[FittedPart], table: Table) -> np.ndarray:
        """Transform the rows of a table by what was learnt.

        The rows are taken 16,384 at a time and written into one array, so that beside the table and the result little
        memory is needed.

        Args:
            params: what was learnt.
            table: any rows; its columns may stand in another order, and there may be more of them.

        Returns:
            float32[n, features], the features as ``feature_names`` says; NaN where a transform leaves a number missing.
            No rows give no rows.

        Raises:
            ValueError: for columns that the table does not have, naming all of them; a column of another kind than was
                fitted (unless all of its cells are missing); infinity; a result that float32 cannot hold; and as the
                transforms do, naming the columns of the part.
        """
        where = "ByColumn.apply"
        self._require(where, table)
        pairs = self._pairs(where, params)
        columns = [_columns(where, table, part, fitted.kinds) for part, fitted in pairs]
        x = np.empty((len(table), len(self.feature_names(params))), np.float32)
        begin = 0
        for (part, fitted), taken in zip(pairs, columns, strict=True):
            width = _width(part, fitted)
            for start in range(0, len(table), _ROWS):
                rows = slice(start, start + _ROWS)
                target = x[rows, begin : begin + width]
                try:  # the block has no name here, so that it is gone before the next one is made
                    _write(
                        where,
                        part,
                        _call(where, part, part.transform.apply, fitted.params, _block(taken, rows)),
                        target,
                    )
                except _TooLargeError as error:
                    raise _too_large(where, table, part, fitted, error, start) from None
            begin += width
        return x

    def feature_names(self, params: Sequence[FittedPart]) -> list[str]:
        """Name the features, the columns of what ``apply`` returns."""
        pairs = self._pairs("ByColumn.feature_names", params)
        return [name for part, fitted in pairs for name in part.transform.feature_names(fitted.params, part.columns)]

    def inverse(self, params: Sequence[FittedPart], x: Any) -> Table:
        """Return the columns of which features were made.

        A column that several parts share is taken from the first of them that can be undone. Numbers come back to the
        precision of the features, some 1e-7 of their range in float32, and dates likewise: to a second or so over
        weeks. A missing cell that an imputer has filled stays filled.

        Args:
            params: what was learnt.
            x: features, floating-point (n, features), of NumPy or JAX.

        Returns:
            A table of all columns that the parts take, in the order of their first mention, each of the kind that was
            fitted.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, other features than were fitted, infinity, or a
                column that no part gives back, naming it and saying why.
        """
        where = "ByColumn.inverse"
        pairs = self._pairs(where, params)
        x = as_numbers(where, np.asarray(x) if isinstance(x, jax.Array) else x, len(self.feature_names(params)))
        found: dict[str, np.ndarray] = {}
        reasons = []
        begin = 0
        for part, fitted in pairs:
            end = begin + _width(part, fitted)
            if not set(part.columns) <= set(found):
                try:
                    block = part.transform.inverse(fitted.params, x[:, begin:end].astype(np.float64))
                except ValueError as error:
                    reasons.append(str(error))
                else:
                    for column, (name, kind) in enumerate(zip(part.columns, fitted.kinds, strict=True)):
                        found.setdefault(name, _of_kind(block[:, column], kind))
            begin = end
        lost = [name for name in self.columns if name not in found]
        if lost:
            raise ValueError(f"{where}: column {', '.join(map(repr, lost))} cannot be undone: {'; '.join(reasons)}")
        return Table({name: found[name] for name in self.columns}, "features")

    def _require(self, where: str, table: Table) -> None:
        """Refuse what is no table, or lacks columns: all that are missing are named."""
        if not isinstance(table, Table):
            raise ValueError(f"{where}: table must be a Table, got {describe(table)}")
        table.require(*self.columns)

    def _pairs(self, where: str, params: Sequence[FittedPart]) -> list[tuple[Part, FittedPart]]:
        """Each part beside what it has learnt."""
        fitted = list(params) if isinstance(params, (tuple, list)) else None
        if fitted is None or not all(isinstance(each, FittedPart) for each in fitted):
            raise ValueError(f"{where}: params must be what fit returns, a tuple of FittedPart, got {describe(params)}")
        if [len(each.kinds) for each in fitted] != [len(part.columns) for part in self.parts]:
            raise ValueError(f"{where}: params must be those of these parts, got what other parts have learnt")
        return list(zip(self.parts, fitted, strict=True))


def _columns(where: str, table: Table, part: Part, kinds: Sequence[Kind]) -> list[np.ndarray]:
    """The columns of a part, each of the kind that was fitted; nothing is copied, but for a column that is all missing."""
    columns = []
    for name, kind in zip(part.columns, kinds, strict=True):
        column = table[name]
        if kind_of(column) != kind:
            if not table.missing(name).all():
                raise ValueError(
                    f"{where}: {table.source}: column {name!r} must be of kind {kind}, as it was fitted, "
                    f"got kind {kind_of(column)}"
                )
            column = np.full(len(column), None, object) if kind == "category" else np.full(len(column), np.nan)
        if column.dtype.kind == "f" and np.isinf(column).any():
            row = int(np.argmax(np.isinf(column)))
            raise ValueError(
                f"{where}: {table.source}: column {name!r} must be finite, or NaN where missing, "
                f"got {column[row]} in row {row}, counted from 0"
            )
        columns.append(column)
    return columns


def _block(columns: Sequence[np.ndarray], rows: slice) -> np.ndarray:
    """Some rows of columns as one matrix, object or float64; dates as days."""
    taken = [column[rows] for column in columns]
    block = np.empty((len(taken[0]), len(taken)), object if taken[0].dtype.kind == "O" else np.float64)
    for index, column in enumerate(taken):
        block[:, index] = (column - _EPOCH) / _DAY if column.dtype.kind == "M" else column
    return block


def _of_kind(values: np.ndarray, kind: Kind) -> np.ndarray:
    """A column of a table from one of a matrix."""
    if kind == "category":
        return np.array(values, object)
    if kind == "number":
        return np.array(values, np.float64)
    dates = np.full(len(values), "NaT", "datetime64[s]")
    there = ~np.isnan(values)
    dates[there] = _EPOCH + np.rint(values[there] * 86_400).astype("timedelta64[s]")
    return dates


def _width(part: Part, fitted: FittedPart) -> int:
    """How many features a part puts out."""
    return len(part.transform.feature_names(fitted.params, part.columns))


def _write(where: str, part: Part, block: Any, x: np.ndarray) -> None:
    """Write what a transform puts out, rounded to float32.

    Raises:
        ValueError: for another shape than its names have.
        _TooLargeError: for a number that float32 cannot hold.
    """
    block = np.asarray(block)
    if block.shape != x.shape:
        raise ValueError(
            f"{_told(where, part)}: {x.shape[1]} features must be put out, as named, got {describe(block)}"
        )
    with np.errstate(over="ignore"):
        x[...] = block
    if np.isinf(x).any():
        row, feature = np.argwhere(np.isinf(x))[0]
        raise _TooLargeError(row, feature, block[row, feature])


class _TooLargeError(Exception):
    """The row in a block, the feature, and the number that float32 cannot hold."""


def _too_large(
    where: str, table: Table, part: Part, fitted: FittedPart, error: _TooLargeError, start: int
) -> ValueError:
    """Say which number float32 cannot hold: of which file, column and row, and of which cell it was made."""
    row, feature, got = error.args
    name = part.transform.feature_names(fitted.params, part.columns)[feature]
    cell = f", made of {table[name][start + row]}," if name in part.columns else ""
    return ValueError(
        f"{where}: {table.source}: column {name!r}: features must be numbers that float32 can hold, "
        f"got {got}{cell} in row {start + row}, counted from 0"
    )


def _call(where: str, part: Part, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of a part's transform; its errors, which know columns by number, are told with the names."""
    try:
        return function(*arguments)
    except ValueError as error:
        raise ValueError(f"{_told(where, part)}: {error}") from error


def _told(where: str, part: Part) -> str:
    """Where it happened: ``ByColumn.fit, columns 0 'age', 1 'income'``."""
    if len(part.columns) == 1:
        return f"{where}, column {part.columns[0]!r}"
    return f"{where}, columns {', '.join(f'{index} {name!r}' for index, name in enumerate(part.columns))}"
