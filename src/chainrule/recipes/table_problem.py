"""A table as a problem to learn: its target as numbers or labels, the task, and what is done with every column."""

from __future__ import annotations

import ast
import os
import re
import shlex
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.tables import Kind, Table, read_table
from chainrule.recipes.config import require_choice
from chainrule.recipes.table_columns import ColumnUse, as_categories, decide_uses, feature_names, written_number
from chainrule.recipes.table_config import TASKS

__all__ = ["Problem", "as_table", "read_problem"]

_FEWEST_ROWS = 10
_FEWEST_OF_A_CLASS = 3  # one each to train on, to validate and to test
_COLUMN = re.compile(r"""column ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*") (?:must be|has|holds) """)
_MOST_REMARKS = 5
_MOST_LABELS = 20  # distinct whole numbers that are taken for labels


@dataclass(frozen=True, eq=False)
class Problem:
    """What there is to learn.

    Attributes:
        features: the columns that are features.
        uses: what is done with each column of the file.
        target: the column that is predicted.
        task: ``"regression"`` or ``"classification"``.
        task_why: how the task was found out.
        y: float64[n], or int32[n] labels.
        classes: the names of the classes, in the order of the labels; none for a regression.
        time: float64[n] or datetime64[s][n], by which the rows are split, or None.
        without_target: how many rows were left out, their target being missing.
        words_without_target: the words that stood there, of the cells that were not empty.
        source: the name of the file.
    """

    features: Table
    uses: tuple[ColumnUse, ...]
    target: str
    task: str
    task_why: str
    y: np.ndarray
    classes: tuple[str, ...]
    time: np.ndarray | None
    without_target: int
    words_without_target: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.y)


def as_table(
    source: Table | str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    missing: Sequence[str] | None = None,
    kinds: dict[str, Any] | None = None,
    rest: Kind | None = None,
) -> Table:
    """Read a file of a table; a table is returned as it is, but for the columns that are to be categories.

    ``rest`` is what the columns of a file are read as that ``kinds`` does not name; None: what they are found to be.

    Raises:
        ValueError: for a file that is no table, and an argument that is neither.
        OSError: for a file that cannot be read.
    """
    if isinstance(source, Table):
        wanted = [name for name, kind in (kinds or {}).items() if kind == "category"]
        source.require(*wanted)
        columns = {name: as_categories(c) if name in wanted else c for name, c in source.columns.items()}
        return Table(columns, source.source, source.notes, source.missing_words)
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(f"table must be a Table or the path of a file, got {type(source).__name__}")
    options: dict[str, Any] = {"delimiter": delimiter, "encoding": encoding, "missing": missing}
    options |= {"kinds": kinds or None, "rest": rest}
    try:
        return read_table(Path(source), **{name: value for name, value in options.items() if value is not None})
    except ValueError as error:
        raise ValueError(str(error).replace(", which kinds names", "")) from error


def read_problem(
    source: Table | str | os.PathLike[str],
    *,
    target: str,
    task: str | None = None,
    time: str | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    delimiter: str | None = None,
    encoding: str | None = None,
    missing: Sequence[str] | None = None,
    impute: str = "median",
    indicators: str = "telling",
) -> Problem:
    """Read a table, and find out what there is to learn.

    Rows whose target is missing are left out, and counted. A target of categories, or of whole numbers of at most 20
    distinct values in at least ten times as many rows, makes a classification, any other numbers a regression.

    Args:
        source: the table, or the path of its file.
        target: the column to predict.
        task: ``"regression"`` or ``"classification"``; None: found out.
        time: the column by which to split, of numbers or dates; None: at random.
        drop: columns to leave out.
        categorical: columns of categories that look like numbers.
        delimiter: between the cells of the file; None: found out.
        encoding: of the file; None: UTF-8.
        missing: words that stand for a missing cell; None: the usual ones.
        impute: how missing numbers are filled in, for the words.
        indicators: when a column of 0 and 1 says where a number was missing, for the words.

    Raises:
        ValueError: naming what is wrong: a file that is no table, a column that is not there, a target or a time that
            cannot be one, too few rows, one class alone, or no feature.
        OSError: for a file that cannot be read.
    """
    if task is not None:
        require_choice("task", task, TASKS)
    # A column that is not looked at is read as text: whatever is in it, nothing is wrong with it.
    kinds = dict.fromkeys([*drop, *categorical], "category")
    try:
        table = as_table(source, delimiter=delimiter, encoding=encoding, missing=missing, kinds=kinds)
    except ValueError as error:
        raise ValueError(_with_the_ways_out(str(error), (target, time))) from error
    table.require(target, *([] if time is None else [time]), *drop, *categorical)
    _require_distinct_roles(target, time, drop)
    has_target = ~table.missing(target)
    left_out = int(np.count_nonzero(~has_target))
    if left_out == len(table) and left_out:
        raise ValueError(f"{table.source}: the target {target!r} is missing in all {left_out} rows")
    if left_out:
        table = table.rows(has_target)
    if len(table) < _FEWEST_ROWS:
        has = f"{len(table)} row{'s' if len(table) != 1 else ''}"
        raise ValueError(f"{table.source}: at least {_FEWEST_ROWS} rows with a target are needed, got {has}")
    task, why = _task(table, target, task)
    y, classes = _labels(table, target) if task == "classification" else (_numbers(table, target), ())
    words = table.missing_words.get(target, ()) if left_out else ()
    times = None if time is None else _times(table, time)
    uses = decide_uses(table, target=target, time=time, drop=drop, impute=impute, indicators=indicators)
    _warn_of_words(table, (*drop, *categorical))
    return Problem(
        features=table.select(feature_names(uses)),
        uses=uses,
        target=target,
        task=task,
        task_why=why,
        y=y,
        classes=classes,
        time=times,
        without_target=left_out,
        words_without_target=words,
        source=table.source,
    )


def _with_the_ways_out(message: str, needed: Sequence[str | None]) -> str:
    """Say what is wrong with a column in the arguments that there are here: categorical, not kinds; and drop."""
    message = re.sub(r"\(in Python kinds=\{(.+): 'category'\}\)", r"(in Python categorical=[\1])", message)
    found = _COLUMN.search(message)
    name = ast.literal_eval(found[1]) if found else None
    if name is None or name in needed:
        return message
    return f"{message}; if it is not needed, --drop {shlex.quote(name)} (in Python drop=[{name!r}])"


def _require_distinct_roles(target: str, time: str | None, drop: Sequence[str]) -> None:
    if time == target:
        raise ValueError(f"time must be another column than the target, got {time!r} for both")
    for what, name in (("target", target), ("time", time)):
        if name in drop:
            raise ValueError(f"drop must not hold the {what}, {name!r}")


def _task(table: Table, target: str, task: str | None) -> tuple[str, str]:
    """The task, and how it was found out."""
    column, kind = table.columns[target], table.kinds[target]
    if kind == "date":
        raise ValueError(f"{table.source}: the target must be of numbers or categories, {target!r} holds dates")
    if kind == "category":
        if task == "regression":
            raise ValueError(
                f"{table.source}: a regression needs a target of numbers, {target!r} holds words such as {column[0]!r}"
                + _noted(table, target)
            )
        return "classification", "as asked" if task else "the target holds categories"
    if task is not None:
        return task, "as asked"
    distinct = np.unique(column)
    whole = bool(np.all(column == np.round(column)))
    if whole and len(distinct) <= _MOST_LABELS and 10 * len(distinct) <= len(column):
        return "classification", f"the target holds {len(distinct)} distinct whole numbers; --task regression otherwise"
    return "regression", "the target holds numbers"


def _warn_of_words(table: Table, settled: Sequence[str]) -> None:
    """Warn of columns that were read as words though numbers, dates or fewer words may be meant; not of settled ones."""
    odd = [
        f"{name!r}: {note}"
        for name, note in table.notes.items()
        if table.kinds[name] == "category" and name not in settled and not note.startswith("codes")
    ]
    if odd:
        shown = "; ".join(odd[:_MOST_REMARKS]) + ("; ..." if len(odd) > _MOST_REMARKS else "")
        warnings.warn(f"{table.source}: {shown}", stacklevel=4)


def _noted(table: Table, name: str) -> str:
    """What was remarked on a column while it was read."""
    note = table.notes.get(name)
    return f" ({note})" if note else ""


def _numbers(table: Table, target: str) -> np.ndarray:
    y = table.columns[target]
    if not np.isfinite(y).all():
        raise ValueError(f"{table.source}: the target {target!r} must be finite, got {y[~np.isfinite(y)][0]}")
    if y.min() == y.max():
        raise ValueError(f"{table.source}: the target {target!r} is {y[0]:g} in all rows: there is nothing to predict")
    return np.asarray(y, dtype=np.float64)


def _labels(table: Table, target: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels in the order of the classes' names, or values where they are numbers; and the names."""
    distinct, labels = np.unique(table.columns[target], return_inverse=True)
    names = tuple(name if isinstance(name, str) else written_number(float(name)) for name in distinct.tolist())
    if len(names) < 2:
        raise ValueError(
            f"{table.source}: the target {target!r} has one class alone, {names[0]!r}: nothing to tell apart"
        )
    counts = np.bincount(labels, minlength=len(names))
    few = np.flatnonzero(counts < _FEWEST_OF_A_CLASS)
    if few.size:
        shown = ", ".join(f"{names[k]!r} ({counts[k]})" for k in few[:5]) + (", ..." if few.size > 5 else "")
        raise ValueError(
            f"{table.source}: every class of {target!r} needs at least {_FEWEST_OF_A_CLASS} rows, "
            f"{few.size} of {len(names)} have fewer: {shown}{_noted(table, target)}"
        )
    return labels.astype(np.int32), names


def _times(table: Table, time: str) -> np.ndarray:
    column = table.columns[time]
    if table.kinds[time] == "category":
        word = next((cell for cell in column if cell is not None), None)
        raise ValueError(
            f"{table.source}: time must be a column of dates or numbers, {time!r} holds {word!r}{_noted(table, time)}"
        )
    missing = table.missing(time)
    if missing.any():
        raise ValueError(
            f"{table.source}: the time {time!r} is missing in {np.count_nonzero(missing)} rows, "
            f"the first of them row {int(np.argmax(missing)) + 1}"
        )
    return column
