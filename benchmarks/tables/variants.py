"""What is done to a table before it is split: nothing, cells blanked, a category, or outliers. Never to the target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.tables.sets import Columns, TableSet

__all__ = ["BLANKED", "FACTOR", "OUTLIERS", "VARIANTS", "vary"]

BLANKED = 0.05  # the share of all cells that is blanked
OUTLIERS = 0.01  # the share of the numbers that is multiplied ...
FACTOR = 10.0  # ... by this, as a decimal point that slipped


def vary(chosen: TableSet, variant: str, seed: int) -> dict[str, np.ndarray]:
    """The columns of a table in a variant; the seed says which cells are changed."""
    rng = np.random.default_rng([seed, list(VARIANTS).index(variant)])
    return VARIANTS[variant](chosen, chosen.load(), rng)


def _as_it_is(chosen: TableSet, columns: Columns, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return dict(columns)


def _blanked(chosen: TableSet, columns: Columns, rng: np.random.Generator) -> dict[str, np.ndarray]:
    names = chosen.features(columns)
    rows = len(columns[chosen.target])
    changed = {name: columns[name].copy() for name in names}
    for cell in rng.choice(rows * len(names), round(BLANKED * rows * len(names)), replace=False):
        column = changed[names[cell // rows]]
        column[cell % rows] = None if column.dtype == object else np.nan
    return {**columns, **changed}


def _with_category(chosen: TableSet, columns: Columns, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return chosen.category(columns)


def _with_outliers(chosen: TableSet, columns: Columns, rng: np.random.Generator) -> dict[str, np.ndarray]:
    names = [name for name in chosen.features(columns) if columns[name].dtype != object]
    numbers = np.stack([columns[name] for name in names])
    cells = np.flatnonzero(numbers)  # ten times nothing is nothing
    numbers.flat[rng.choice(cells, round(OUTLIERS * numbers.size), replace=False)] *= FACTOR
    return {**columns, **dict(zip(names, numbers, strict=True))}


Variant = Callable[[TableSet, Columns, np.random.Generator], dict[str, np.ndarray]]

VARIANTS: dict[str, Variant] = {
    "as-it-is": _as_it_is,
    "blanked": _blanked,
    "category": _with_category,
    "outliers": _with_outliers,
}
"""The variants by their names on the command line."""
