"""What is learnt of some rows of a table beside the model: how they are prepared, and the scale of their target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.data.tables import Table
from chainrule.recipes.table_config import TableConfig
from chainrule.recipes.table_importance import MOST_ROWS, Importance, permutation_importance
from chainrule.recipes.table_models import Fitted, outputs_of
from chainrule.recipes.table_preparation import Preparation, prepare
from chainrule.recipes.table_problem import Problem
from chainrule.recipes.table_scores import log_loss
from chainrule.recipes.table_target import TargetScale, probabilities_of

__all__ = ["Learnt"]


class Learnt:
    """What was learnt of some rows beside the model: their preparation, and the scale of their target."""

    def __init__(self, preparation: Preparation, scale: TargetScale | None, classes: int) -> None:
        self.preparation = preparation
        self.scale = scale
        self.classes = classes
        self.outputs = classes or 1

    @classmethod
    def of(cls, config: TableConfig, problem: Problem, rows: np.ndarray) -> Learnt:
        """Learn from these rows of a problem, and from no other."""
        scale = TargetScale.of(problem.y[rows]) if problem.task == "regression" else None
        return cls(prepare(config, _of_rows(problem, rows), problem.y[rows]), scale, len(problem.classes))

    def data(self, problem: Problem, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets as the network takes them."""
        y = problem.y[rows]
        return self.preparation.apply(_of_rows(problem, rows)), y if self.scale is None else self.scale.standardise(y)

    def predict(self, fitted: Fitted, x: np.ndarray) -> np.ndarray:
        """Numbers in the unit of the target, float64[n], or probabilities, float64[n, classes]."""
        outputs = outputs_of(fitted.run, x)
        return probabilities_of(outputs) if self.scale is None else self.scale.restore(outputs)

    def without_features(self, y: np.ndarray, rows: int) -> dict[str, np.ndarray]:
        """What is predicted by the target's mean in the training rows, or the frequencies of the classes there."""
        if self.scale is not None:
            return {"mean": np.full(rows, self.scale.mean)}
        return {"majority class": np.tile(np.bincount(y, minlength=self.classes) / len(y), (rows, 1))}

    def importance(
        self, fitted: Fitted, x: np.ndarray, truth: np.ndarray, names: Sequence[str], seed: int
    ) -> Importance:
        """By how much the log loss or the RMSE rises when a column is shuffled, on some thousands of the rows."""
        x, truth = x[:MOST_ROWS], truth[:MOST_ROWS]

        def error(changed: np.ndarray) -> float:
            said = self.predict(fitted, changed)
            if self.scale is None:
                return log_loss(said, truth)
            return float(np.sqrt(np.mean((said - truth) ** 2)))

        return permutation_importance(names, self.preparation.owners(), x, error, seed=seed)


def _of_rows(problem: Problem, rows: np.ndarray) -> Table:
    """Some rows of the features; all of them are not copied."""
    return problem.features if len(rows) == len(problem) else problem.features.rows(rows)
