"""What a model of a table has been found to be worth: its scores, pictures, and what config.json says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import plot
from chainrule.recipes.result import Draw, Result
from chainrule.recipes.table_columns import ColumnUse
from chainrule.recipes.table_config import TableConfig
from chainrule.recipes.table_importance import Importance
from chainrule.recipes.table_models import Fitted
from chainrule.recipes.table_pictures import draw_table_residuals
from chainrule.recipes.table_preparation import Preparation
from chainrule.recipes.table_scores import CLASSIFICATION, REGRESSION, TableScores, written
from chainrule.recipes.table_target import TargetScale

__all__ = ["TableResult", "score_table"]

_MOST_DRAWN = 40  # classes of a confusion matrix that can be read


@dataclass(frozen=True, eq=False, kw_only=True)
class TableResult(Result):
    """What a model of a table has been found to be.

    Attributes:
        config: the settings that it ran with.
        run: the model that is kept, and the history of the training that had validation rows.
        source: the name of the file.
        uses: what was done with each column.
        classes: the names of the classes; none for a regression.
        rows: how many rows were there: ``"train"``, ``"validation"``, ``"test"``, and ``"without target"``.
        preparation: how rows become the inputs of the model that is kept.
        scale: by what its target is standardised; None for classes.
        fitted: the model that was scored.
        truth: float64[n] or int32[n] labels of the test rows.
        predictions: of the scored model for the test rows: float64[n] in the unit of the target, or probabilities
            float64[n, classes].
        scores: by predictor, the model first: the linear model, and what knows the mean or the frequencies alone.
        importance: how much worse the scored model gets when a column is shuffled.
    """

    config: TableConfig
    source: str
    uses: tuple[ColumnUse, ...]
    classes: tuple[str, ...]
    rows: dict[str, int]
    preparation: Preparation
    scale: TargetScale | None
    fitted: Fitted
    truth: np.ndarray
    predictions: np.ndarray
    scores: dict[str, TableScores]
    importance: Importance

    def data_record(self) -> dict[str, Any]:
        """The columns and what was done with them: all that it takes to prepare other rows in the same way."""
        features = self.preparation.names()
        return {
            "name": Path(self.source).name,
            "source": self.source,
            "in_shape": [len(features)],
            "target": self.config.target,
            "task": self.config.task,
            "classes": list(self.classes),
            "time": self.config.time,
            "rows": self.rows,
            "columns": [use.record() for use in self.uses],
            "features": features,
            "target_scale": None
            if self.scale is None
            else {"mean": self.scale.mean, "deviation": self.scale.deviation},
            "preprocessing": self.preparation.record(),
        }

    def results_record(self) -> dict[str, Any]:
        """The scores on the test rows with their intervals, the importance of the columns, and what was chosen."""
        means, deviations = self.importance.means.tolist(), self.importance.deviations.tolist()
        found: dict[str, Any] = {
            "scored_on": self.rows["test"],
            "scores": {
                name: {score: None if each is None else each._asdict() for score, each in found.items()}
                for name, found in self.scores.items()
            },
            "importance": {
                name: {"mean": mean, "deviation": deviation}
                for name, mean, deviation in zip(self.importance.names, means, deviations, strict=True)
            },
            "best_epoch": self.fitted.run.best_epoch,
            "kept": self.kept(),
        }
        if self.fitted.strength is not None:
            found["ridge"] = {
                "strength": self.fitted.strength,
                **({"note": self.fitted.remark} if self.fitted.remark else {}),
                "validation_loss": {f"{strength:g}": loss for strength, loss in self.fitted.tried.items()},
            }
        return found

    def strength(self) -> str:
        """Say how strong the ridge is, and whether that is at the edge of what was tried; "" for another model."""
        if self.fitted.strength is None:
            return ""
        edge = self.fitted.remark
        return f"{self.fitted.strength:.3g}" + (f" ({edge})" if edge else "")

    def kept(self) -> str:
        """Say which model is kept, and which one the scores are those of."""
        scored = f"the scores are those of the model of {self.rows['train']:,} rows"
        if not self.config.refit:
            return f"the model of {self.rows['train']:,} rows, which was scored"
        total = sum(self.rows[part] for part in ("train", "validation", "test"))
        how = ""
        if not self.config.is_solved:
            how = f" for {self.fitted.run.best_epoch} epoch{'s' if self.fitted.run.best_epoch != 1 else ''}"
        if self.config.members > 1:
            how += ", each network"
        if self.fitted.strength is not None:
            how += f" with the strength {self.fitted.strength:.3g}"
        return f"fitted again to all {total:,} rows{how}; {scored}"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The scores of the model, and of those that it is compared with, in rows."""
        return score_table(self.scores, f"{self.rows['test']:,} test rows [95 %]", self.config.task)

    def pictures(self) -> dict[str, Draw]:
        """The curves of what was trained, where the predictions are wrong, and what the columns are worth."""
        pictures: dict[str, Draw] = {}
        if not self.config.is_solved:
            pictures["curves.png"] = self._draw_curves
        if self.config.task == "regression":
            pictures["predicted.png"] = self._draw_predicted
            pictures["residuals.png"] = self._draw_residuals
        elif len(self.classes) <= _MOST_DRAWN:
            pictures["confusion.png"] = self._draw_confusion
            if len(np.unique(self.truth)) > 1:
                pictures["roc.png"] = self._draw_roc
        pictures["importance.png"] = self._draw_importance
        return pictures

    def _draw_curves(self, path: Path) -> None:
        figure = plot.curves(self.run.history)
        if self.config.task == "regression":
            figure.axes[0].set_ylabel("squared error (standardised)")
        plot.save(figure, path)

    def _draw_predicted(self, path: Path) -> None:
        plot.save(plot.predicted_against_true(self.truth, self.predictions, name=self.config.target), path)

    def _draw_residuals(self, path: Path) -> None:
        plot.save(draw_table_residuals(self.truth, self.predictions, name=self.config.target), path)

    def _draw_confusion(self, path: Path) -> None:
        plot.save(plot.confusion(self.truth, self.predictions.argmax(axis=1), self.classes), path)

    def _draw_roc(self, path: Path) -> None:
        plot.save(plot.roc(self.truth, self.predictions, self.classes), path)

    def _draw_importance(self, path: Path) -> None:
        score = "log loss" if self.config.task == "classification" else f"RMSE of {self.config.target}"
        plot.save(plot.importance(*self.importance, score=score), path)


def score_table(scores: dict[str, TableScores], head: str, task: str) -> tuple[list[str], list[list[str]]]:
    """The scores as a table: a row for each, a column for each predictor."""
    titles = CLASSIFICATION if task == "classification" else REGRESSION
    rows = [[title, *(written(found[score]) for found in scores.values())] for score, title in titles.items()]
    return [head, *scores], rows
