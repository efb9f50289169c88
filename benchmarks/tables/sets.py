"""Six real tables, each with what makes one of its columns a category."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

__all__ = ["SETS", "Columns", "TableSet", "quartiles_as_words", "write_csv"]

Columns = Mapping[str, np.ndarray]
"""Columns by their names: float64, NaN where a cell is missing, or object of str, None where one is missing."""

Task = Literal["classification", "regression"]
WORDS = ("lowest", "low", "high", "highest")
ORIGINS = {1.0: "USA", 2.0: "Europe", 3.0: "Japan"}
CARS = ("cylinders", "displacement", "horsepower", "weight", "acceleration", "model year", "origin", "mpg")


@dataclass(frozen=True)
class TableSet:
    """A table to learn from.

    Attributes:
        title: what it is called in the report.
        target: the column that is predicted.
        task: classification or regression.
        load: gives its columns, with only numbers in those that are predicted from.
        category: gives its columns with one more category among them, or one instead of a number.
        time: the column of dates by which it is split, or None.
    """

    title: str
    target: str
    task: Task
    load: Callable[[], dict[str, np.ndarray]]
    category: Callable[[Columns], dict[str, np.ndarray]]
    time: str | None = None

    def features(self, columns: Columns) -> list[str]:
        """The names of the columns that are predicted from."""
        return [name for name in columns if name not in (self.target, self.time)]


def quartiles_as_words(column: np.ndarray) -> np.ndarray:
    """Replace each number by the quarter of the column that it lies in: lowest, low, high or highest."""
    quarter = np.searchsorted(np.quantile(column, (0.25, 0.5, 0.75)), column)
    return np.array(WORDS, object)[quarter]


def write_csv(path: Path, columns: Columns) -> Path:
    """Write columns with a header; a missing cell is empty, and a number has all its digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*([_cell(value) for value in column] for column in columns.values()), strict=True))
    return path


def _cell(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124  NaN alone differs from itself
        return ""
    if isinstance(value, float):  # NumPy's float64 is one
        return str(int(value)) if value.is_integer() else repr(float(value))
    return str(value)


def _in_quarters(name: str) -> Callable[[Columns], dict[str, np.ndarray]]:
    return lambda columns: {**columns, name: quartiles_as_words(columns[name])}


def _of_scikit_learn(loader: str, target: str, words: bool, **options: object) -> Callable[[], dict[str, np.ndarray]]:
    """Columns of one of scikit-learn's tables; the target in words where it has names."""

    def load() -> dict[str, np.ndarray]:
        from sklearn import datasets

        found = getattr(datasets, loader)(**options)
        y = np.array(found.target_names, object)[found.target] if words else found.target.astype(np.float64)
        columns = {str(name): found.data[:, index] for index, name in enumerate(found.feature_names)}
        return {**columns, target: y}

    return load


def _cars() -> dict[str, np.ndarray]:
    from mlxtend.data import autompg_data

    x, y = autompg_data()
    return dict(zip(CARS, [*np.asarray(x[:, :7], np.float64).T, np.asarray(y, np.float64)], strict=True))


def _cars_with_words(columns: Columns) -> dict[str, np.ndarray]:
    return {**columns, "origin": np.array([ORIGINS[value] for value in columns["origin"]], object)}


def _days() -> dict[str, np.ndarray]:
    from chainrule.data import weather

    days = weather()
    measured = {name: getattr(days, name)[:-1] for name in ("precipitation", "temp_max", "temp_min", "wind")}
    return {"date": days.dates[:-1].astype(str).astype(object), **measured, "tomorrow": days.temp_max[1:]}


def _days_with_kinds(columns: Columns) -> dict[str, np.ndarray]:
    from chainrule.data import weather

    days = weather()
    return {**columns, "weather": np.array(days.kinds, object)[days.kind[:-1]]}


SETS: dict[str, TableSet] = {
    "wine": TableSet(
        "wine", "class", "classification", _of_scikit_learn("load_wine", "class", words=False), _in_quarters("proline")
    ),
    "breast_cancer": TableSet(
        "breast cancer",
        "diagnosis",
        "classification",
        _of_scikit_learn("load_breast_cancer", "diagnosis", words=True),
        _in_quarters("worst radius"),
    ),
    "iris": TableSet(
        "iris",
        "species",
        "classification",
        _of_scikit_learn("load_iris", "species", words=True),
        _in_quarters("petal length (cm)"),
    ),
    "diabetes": TableSet(
        "diabetes",
        "progression",
        "regression",
        _of_scikit_learn("load_diabetes", "progression", words=False, scaled=False),
        _in_quarters("bmi"),
    ),
    "auto_mpg": TableSet("Auto-MPG", "mpg", "regression", _cars, _cars_with_words),
    "weather": TableSet("Seattle weather", "tomorrow", "regression", _days, _days_with_kinds, time="date"),
}
"""The tables by their names on the command line."""
