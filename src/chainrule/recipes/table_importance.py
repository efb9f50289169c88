"""Permutation importance: how much worse a model gets when a column of the table is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Importance", "permutation_importance"]

_SHUFFLES, _FEWEST_SHUFFLES = 10, 3
_MOST_PASSES = 2000  # forward passes over the rows
MOST_ROWS = 10_000


class Importance(NamedTuple):
    """How much the error rises when a column is shuffled.

    Attributes:
        names: the columns.
        means: the mean rise over the shuffles, float64[columns].
        deviations: its standard deviation over them, float64[columns].
    """

    names: tuple[str, ...]
    means: np.ndarray
    deviations: np.ndarray


def permutation_importance(
    names: Sequence[str],
    owners: Mapping[str, Sequence[int]],
    x: np.ndarray,
    error: Callable[[np.ndarray], float],
    *,
    seed: int = 0,
) -> Importance:
    """Shuffle each column in turn among the rows, all features that it became together, and see how the error rises.

    ::

        importance_c = error(x with column c shuffled) - error(x)

    Columns that tell the same stand in for each other: each of them may then look as if it were not needed. Ten
    shuffles; of tables with more than 200 columns fewer, but three at least.

    Args:
        names: the columns.
        owners: the features that each column became, by their indices; a column without features has importance 0.
        x: float32[n, features].
        error: of the predictions for such rows, smaller being better.
        seed: of the shuffles.

    Source: L. Breiman (2001), Random forests, Machine Learning 45, section 10.
    """
    random = np.random.default_rng(seed)
    shuffles = min(max(_MOST_PASSES // max(len(names), 1), _FEWEST_SHUFFLES), _SHUFFLES)
    orders = [random.permutation(len(x)) for _ in range(shuffles)]
    least = error(x)
    rises = np.zeros((len(names), shuffles))
    changed = x.copy()
    for place, name in enumerate(names):
        features = list(owners.get(name, ()))
        if not features:
            continue
        for turn, order in enumerate(orders):
            changed[:, features] = x[order[:, None], features]
            rises[place, turn] = error(changed) - least
        changed[:, features] = x[:, features]
    return Importance(tuple(names), rises.mean(axis=1), rises.std(axis=1, ddof=1))
