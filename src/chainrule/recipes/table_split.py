"""The rows of a table, cut in three: to train on, to validate by, to test on."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.data.split import chronological_split, random_split, stratified_split
from chainrule.recipes.table_problem import Problem

__all__ = ["Rows", "split_rows", "unseen_classes"]

_TEST, _VALIDATION, _PARTS = 1, 2, 3  # what a draw is for; training draws from the key of the seed itself


class Rows(NamedTuple):
    """Indices of rows, int64 each; together every row once."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_rows(problem: Problem, test_share: float, *, seed: int) -> Rows:
    """Hold out a share of the rows for the test, and the same share of the others for validation.

    By time, where the problem has one: the latest rows are for the test, those before them for validation, and rows of
    one time are never torn apart. Else at random by the seed, for classes so that each keeps its share; a class too
    small for that gives one row.

    Raises:
        ValueError: when a part would be empty: times that are all alike.
    """
    rest, test = _hold_out(problem, np.arange(len(problem)), test_share, (seed, _TEST), left=2)
    train, validation = _hold_out(problem, rest, test_share, (seed, _VALIDATION), left=1)
    return Rows(train, validation, test)


def unseen_classes(problem: Problem, rows: Rows) -> list[str]:
    """The names of the classes that are held out, and that no row to train on has: a split by time can do that."""
    if problem.task != "classification":
        return []
    held_out = problem.y[np.concatenate([rows.validation, rows.test])]
    return [problem.classes[label] for label in np.setdiff1d(held_out, problem.y[rows.train]).tolist()]


def _hold_out(
    problem: Problem, rows: np.ndarray, share: float, draw: tuple[int, int], *, left: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a share of some rows; of a class at least ``left`` rows are not held out, and one is."""
    size = min(max(round(share * len(rows)), 1), len(rows) - 1)
    if problem.time is not None:
        times = problem.time[rows]
        if times.min() == times.max():
            raise ValueError(f"{problem.source}: the time has too few distinct values to split the rows by it")
        kept, held_out = chronological_split(times, size)
    elif problem.task == "classification":
        kept, held_out = _stratified(problem.y[rows], size, draw, left=left)
    else:
        kept, held_out = random_split(len(rows), size, key=_key(*draw))
    return rows[kept], rows[held_out]


def _stratified(labels: np.ndarray, size: int, draw: tuple[int, int], *, left: int) -> tuple[np.ndarray, np.ndarray]:
    """A stratified split; where a class is too small for its share, each class by itself, as near to it as can be."""
    _, label_of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    whole = counts * size // len(labels)
    if np.all(whole >= 1) and np.all(counts - whole - 1 >= left):
        return stratified_split(labels, size, key=_key(*draw))
    kept, held_out = [], []
    wanted = np.clip(np.round(counts * size / len(labels)).astype(int), 1, counts - left)
    for place, count in enumerate(wanted):
        members = np.flatnonzero(label_of == place)
        rest, taken = random_split(len(members), int(count), key=_key(draw[0], draw[1] + _PARTS * (1 + place)))
        kept.append(members[rest])
        held_out.append(members[taken])
    return np.concatenate(kept), np.concatenate(held_out)


def _key(seed: int, draw: int) -> jax.Array:
    """A key for a draw, of the two words as they are: nothing is compiled."""
    return jax.random.wrap_key_data(jnp.asarray(np.array([seed, draw], np.uint32)), impl="threefry2x32")
