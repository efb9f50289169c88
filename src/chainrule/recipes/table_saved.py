"""A model of a table, read back from its folder: it predicts for other rows, and is scored on them."""

from __future__ import annotations

import functools
import os
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule.data.tables import Table
from chainrule.recipes.saved_run import SavedRun
from chainrule.recipes.table_columns import ColumnUse, feature_names, written_number
from chainrule.recipes.table_config import TableConfig
from chainrule.recipes.table_far import far_cells
from chainrule.recipes.table_models import outputs_of
from chainrule.recipes.table_preparation import Preparation
from chainrule.recipes.table_problem import as_table
from chainrule.recipes.table_scores import TableScores, classification_scores, regression_scores
from chainrule.recipes.table_target import TargetScale, probabilities_of

__all__ = ["Predictions", "Saved"]

Source = Table | str | os.PathLike[str]

_SHOWN = 5  # names in a message


class Predictions(NamedTuple):
    """What a model says of the rows of a table.

    Attributes:
        values: float64[n] in the unit of the target, or object[n], the names of the likeliest classes.
        probabilities: float64[n, classes]; None for a regression.
        classes: the names of the classes, in the order of the columns of ``probabilities``.
    """

    values: np.ndarray
    probabilities: np.ndarray | None
    classes: tuple[str, ...]


class Saved(SavedRun):
    """A model of a table, read back."""

    config: TableConfig

    @functools.cached_property
    def preparation(self) -> Preparation:
        """How rows become the inputs of the network.

        Raises:
            ValueError: when config.json does not hold it.
        """
        try:
            found = Preparation.from_record(self.record["data"]["preprocessing"])
            features = len(found.names())
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise ValueError(f"{self.path / 'config.json'}: not the preprocessing of a table: {error}") from error
        if (features,) != self.in_shape:
            raise ValueError(
                f"{self.path / 'config.json'}: the preprocessing gives {features} features, the model has {self.in_shape[0]}"
            )
        return found

    @functools.cached_property
    def uses(self) -> tuple[ColumnUse, ...]:
        """What was done with each column of the table that was learnt from."""
        return tuple(ColumnUse(**column) for column in self.record["data"]["columns"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; none for a regression."""
        return tuple(self.record["data"]["classes"])

    def read(
        self, source: Source, *, target: bool = False, delimiter: str | None = None, encoding: str | None = None
    ) -> Table:
        """Read a table, and require the columns that the model needs, in whatever order: these alone are returned.

        Words for missing cells, and which columns hold categories, are as when the model was trained; so are the
        delimiter and the encoding where they were given then. Columns that were not there then are not used, with a
        warning; whatever is in columns that are not used, nothing is wrong with it.

        Args:
            source: the table, or the path of its file.
            target: whether the column that is predicted must be there as well.
            delimiter: between the cells of the file; None: as then.
            encoding: of the file; None: as then.

        Raises:
            ValueError: for a file that is no table; for missing columns, all of which are named; for a column of
                another kind.
            OSError: for a file that cannot be read.
        """
        kinds = {use.name: use.kind for use in self.uses}
        needed = [*feature_names(self.uses), *([self.config.target] if target else [])]
        options: dict[str, Any] = {"missing": self.config.missing}
        if not isinstance(source, Table) and Path(source).suffix.lower() not in (".parquet", ".pq"):
            options |= {"delimiter": delimiter or self.config.delimiter, "encoding": encoding or self.config.encoding}
        wanted = {name: kinds[name] for name in needed}
        if isinstance(source, Table):
            source.require(*needed)
            table = as_table(source, kinds={name: kind for name, kind in wanted.items() if kind == "category"})
        else:  # what the model does not need is read as text, so that nothing can be wrong with it
            table = as_table(source, kinds=wanted, rest="category", **options)
        extra = [name for name in table.names if name not in kinds]
        if extra:
            shown = ", ".join(map(repr, extra[:_SHOWN])) + (
                f", ... ({len(extra)} in all)" if len(extra) > _SHOWN else ""
            )
            warnings.warn(f"{table.source}: not used, for the model was trained without: {shown}", stacklevel=2)
        return table.select(needed)

    def predict(self, source: Source, *, delimiter: str | None = None, encoding: str | None = None) -> Predictions:
        """Predict the target of every row of a table.

        Missing cells are filled in as those of the training rows were, with a warning where a column had none then. A
        category that they did not have counts as none, and a warning says how many there are. Another one says how many
        numbers are far outside those that were trained on, and so are clipped, or extrapolated from: see ``far_cells``.

        Args:
            source: the table, or the path of its file; the target need not be there.
            delimiter: between the cells of the file; None: as then.
            encoding: of the file; None: as then.

        Raises:
            ValueError: as ``read``; and where a prediction is not finite.
            OSError: for a file that cannot be read.
        """
        return self._predictions(self.read(source, delimiter=delimiter, encoding=encoding))

    def evaluate(self, source: Source, *, delimiter: str | None = None, encoding: str | None = None) -> TableScores:
        """Score the predictions for a table that holds the target: each score with its interval of 95 per cent.

        Rows whose target is missing are left out, with a warning.

        Args:
            source: the table, or the path of its file.
            delimiter: between the cells of the file; None: as then.
            encoding: of the file; None: as then.

        Returns:
            ``Estimate(value, low, high)`` by name: accuracy, balanced_accuracy, log_loss and roc_auc, or rmse, mae and
            r2; None for what the rows do not determine.

        Raises:
            ValueError: as ``predict``; for no row with a target, and for a class that the model does not know.
            OSError: for a file that cannot be read.
        """
        return self.evaluate_rows(self.read(source, target=True, delimiter=delimiter, encoding=encoding))[1]

    def evaluate_rows(self, table: Table) -> tuple[int, TableScores]:
        """As ``evaluate``, for what ``read`` returned with the target: the number of rows scored, and the scores."""
        target = self.config.target
        missing = table.missing(target)
        left_out = int(np.count_nonzero(missing))
        if left_out == len(table):
            raise ValueError(f"{table.source}: the target {target!r} is missing in all {left_out} rows")
        if left_out:
            words = ", ".join(map(repr, table.missing_words.get(target, ())))
            warnings.warn(
                f"{table.source}: {left_out} row{'s' if left_out > 1 else ''} without a target left out"
                + (f"; for a missing target stood {words}, or an empty cell" if words else ""),
                stacklevel=2,
            )
        name = self.config.model
        if self.config.task == "regression":
            truth = table[target][~missing]
            if not np.isfinite(truth).all():
                raise ValueError(f"{table.source}: the target {target!r} must be finite")
            said = self._predictions(table.rows(~missing)).values
            return len(truth), regression_scores({name: said}, truth)[name]
        labels = self._labels(table, ~missing)
        probabilities = self._predictions(table.rows(~missing)).probabilities
        return len(labels), classification_scores({name: np.asarray(probabilities)}, labels)[name]

    def _labels(self, table: Table, rows: np.ndarray) -> np.ndarray:
        column = table[self.config.target]
        distinct, places = np.unique(column[rows], return_inverse=True)
        names = [cell if isinstance(cell, str) else written_number(float(cell)) for cell in distinct.tolist()]
        known = {name: label for label, name in enumerate(self.classes)}
        for place, name in enumerate(names):
            if name not in known:
                row = int(np.flatnonzero(rows)[np.argmax(places == place)])
                shown = ", ".join(map(repr, self.classes[:10])) + (", ..." if len(known) > 10 else "")
                raise ValueError(
                    f"{table.source}: the target {self.config.target!r} must be one of the classes {shown}; "
                    f"row {row + 1} holds {name!r}"
                )
        return np.array([known[name] for name in names], dtype=np.int32)[places]

    def _inputs(self, table: Table) -> np.ndarray:
        """The rows as the network takes them; what is wrong with one is said with its row as people count, from 1."""
        try:
            return self.preparation.apply(table)
        except ValueError as error:
            said = str(error).removeprefix("ByColumn.apply: ")
            said = re.sub(r"in row (\d+), counted from 0", lambda row: f"in row {int(row[1]) + 1}", said)
            raise ValueError(said) from error

    def _is_whole(self, use: ColumnUse) -> bool:
        """Whether a column is a feature of which no cell was missing when the model was trained."""
        return use.role in ("number", "category") and not use.missing

    def _predictions(self, table: Table) -> Predictions:
        if not len(table):
            raise ValueError(f"{table.source}: there must be at least one row, got none")
        unseen = self.preparation.unseen(table)
        if unseen:
            names = list(unseen)[:_SHOWN]
            shown = ", ".join(f"{unseen[name]} in {name!r}" for name in names) + (
                ", ..." if len(unseen) > _SHOWN else ""
            )
            warnings.warn(
                f"{table.source}: cells with a category that the model has not seen, which counts as none: {shown}",
                stacklevel=3,
            )
        gaps = {use.name: int(table.missing(use.name).sum()) for use in self.uses if self._is_whole(use)}
        if any(gaps.values()):
            found = [f"{count} in {name!r}" for name, count in gaps.items() if count]
            shown = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
            warnings.warn(
                f"{table.source}: missing cells in columns that had none when the model was trained, filled in: {shown}",
                stacklevel=3,
            )
        inputs = self._inputs(table)  # refuses what cannot be an input, before it is warned of
        far = far_cells(self.preparation, self.uses, table)
        if far:
            shown = ", ".join(far[:_SHOWN]) + (", ..." if len(far) > _SHOWN else "")
            done = "clipped" if self.config.outliers == "clip" else "extrapolated from"
            warnings.warn(
                f"{table.source}: cells far outside those trained on are {done}: {shown}",
                stacklevel=3,
            )
        with np.errstate(over="ignore", invalid="ignore"):
            outputs = outputs_of(self, inputs)
        if not np.isfinite(outputs).all():
            row = int(np.argmin(np.isfinite(outputs).all(axis=1)))
            raise ValueError(
                f"{table.source}: row {row + 1} is too far from the training rows: the prediction is not finite"
            )
        if self.config.task == "regression":
            scale = TargetScale(**self.record["data"]["target_scale"])
            return Predictions(scale.restore(outputs), None, ())
        probabilities = probabilities_of(outputs)
        names_of = np.array(self.classes, dtype=object)
        return Predictions(names_of[probabilities.argmax(axis=1)], probabilities, self.classes)
