"""Three quarters of the rows to fit, one to judge: at random, in proportion to the classes, or by time."""

from __future__ import annotations

import numpy as np

from benchmarks.tables.sets import Columns, TableSet

__all__ = ["split"]

HELD = 0.25
STEP, ORIGINS = 0.05, 5  # by time: each seed ends so much earlier, and after so many it begins anew


def split(chosen: TableSet, columns: Columns, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Split the rows in two: ``(to fit, to judge)``.

    Of classes each keeps its share. A table with a time is split by it: the first three quarters against the last. There the
    seed says where the table ends, 5 % of the rows earlier for each, so that five seeds judge by five stretches of time.
    """
    train, held = _indices(chosen, columns, seed)
    return {name: column[train] for name, column in columns.items()}, {
        name: column[held] for name, column in columns.items()
    }


def _indices(chosen: TableSet, columns: Columns, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(columns[chosen.target]))
    if chosen.time is not None:
        end = len(rows) - round(STEP * len(rows)) * (seed % ORIGINS)
        first_held = end - round(HELD * end)
        return rows[:first_held], rows[first_held:end]
    classes = columns[chosen.target] if chosen.task == "classification" else None
    train, held = train_test_split(rows, test_size=HELD, random_state=seed, stratify=classes)
    return train, held
