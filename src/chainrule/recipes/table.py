"""Learn to predict a column of a user's own table from the others: the job behind ``chainrule fit``.

::

    result = recipes.fit_table("wine.csv", target="class")
    recipes.write_run(result, "runs/wine")
    run = recipes.read_run("runs/wine")
    run.predict("new.csv")
    run.evaluate("held.csv")

The table is split in three; the columns' preparation and the model are fitted to the training rows, training stops by
the validation rows, and the scores are those on the test rows, beside a linear model and what knows nothing but the
target's mean or its classes' frequencies. Then, unless it is asked not to, the model is fitted again to all rows, and
that one is kept.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.data.tables import Table
from chainrule.layer import Layer
from chainrule.recipes import training
from chainrule.recipes.table_columns import ColumnUse, feature_names
from chainrule.recipes.table_config import TableConfig, require_test_share, settled
from chainrule.recipes.table_learnt import Learnt
from chainrule.recipes.table_models import build_model, fit_model, linear_settings, refit_model
from chainrule.recipes.table_problem import Problem, read_problem
from chainrule.recipes.table_result import TableResult
from chainrule.recipes.table_saved import Predictions, Saved
from chainrule.recipes.table_scores import TableScores, classification_scores, regression_scores
from chainrule.recipes.table_split import split_rows, unseen_classes

__all__ = [
    "Predictions",
    "Saved",
    "TableResult",
    "facts",
    "fit_table",
    "load_data",
    "plan_table",
    "rebuild",
    "run",
]

Settings = TableConfig
"""The settings of this kind of recipe."""

_NAMES_SHOWN = 8
_MOST_PARAMETERS = 2**31
_OPTIONS = {field.name for field in dataclasses.fields(TableConfig)} - {"data"}
_OUTLIERS = {
    "keep": "",
    "clip": "; numbers more than 4 interquartile ranges beyond the quartiles are clipped to there (4 deviations from the "
    "mean, where the quartiles are equal)",
}


def fit_table(
    table: Table | str | os.PathLike[str],
    *,
    target: str,
    task: str | None = None,
    model: str = "mlp",
    time: str | None = None,
    progress: bool | None = None,
    **choices: Any,
) -> TableResult:
    """Fit a model that predicts a column of a table from the others, and score it on rows that it has not seen.

    Args:
        table: the table, or the path of its file.
        target: the column to predict.
        task: ``"regression"`` or ``"classification"``; None: found out from the target.
        model: ``"mlp"``, ``"ridge"`` or ``"linear"``.
        time: a column of dates or numbers: the latest rows are for the test; None: the split is at random.
        progress: whether to show a progress bar; None: if the standard error is a terminal.
        **choices: as ``plan_table`` has them: hidden, members, epochs, batch_size, learning_rate, patience, scaling,
            impute, indicators, outliers, drop, categorical, delimiter, encoding, missing, test_share, refit, seed,
            gradients.

    Raises:
        ValueError: for a file that is no table, a target that cannot be learnt, and settings that no training could
            take.
        OSError: for a file that cannot be read.
    """
    config, problem = plan_table(table, target=target, task=task, model=model, time=time, **choices)
    return run(config, problem, progress=progress)


def plan_table(
    table: Table | str | os.PathLike[str],
    *,
    target: str,
    task: str | None = None,
    model: str = "mlp",
    time: str | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    delimiter: str | None = None,
    encoding: str | None = None,
    missing: Sequence[str] | None = None,
    impute: str = "median",
    indicators: str = "telling",
    test_share: float = 0.2,
    **choices: Any,
) -> tuple[TableConfig, Problem]:
    """Read a table, and settle how it is learnt from; nothing is trained.

    Args:
        table: the table, or the path of its file.
        target: the column to predict.
        task: ``"regression"`` or ``"classification"``; None: found out from the target.
        model: ``"mlp"``, ``"ridge"`` or ``"linear"``.
        time: a column of dates or numbers by which to split, or None.
        drop: columns that are not looked at.
        categorical: columns of categories that look like numbers.
        delimiter: between the cells of the file; None: found out.
        encoding: of the file; None: UTF-8.
        missing: words that stand for a missing cell; None: the usual ones.
        impute: ``"median"``, ``"mean"`` or ``"knn"``.
        indicators: ``"telling"``, ``"always"`` or ``"never"``: when a column of 0 and 1 says where a number was missing.
        test_share: the share of the rows to test on, and of the rest to validate by.
        **choices: further settings, as ``TableConfig`` has them; those that are None are settled by the number of rows.

    Raises:
        ValueError: for a file that is no table, a target that cannot be learnt, and settings that no training could
            take.
        OSError: for a file that cannot be read.
    """
    if not isinstance(table, (Table, str, os.PathLike)):
        raise ValueError(f"table must be a Table or the path of a file, got {type(table).__name__}")
    if unknown := sorted(set(choices) - _OPTIONS):
        raise ValueError(f"there is no option {unknown[0]!r}; there are {', '.join(sorted(_OPTIONS))}")
    for what, name in (("target", target), *((("time", time),) if time is not None else ())):
        if not isinstance(name, str):
            raise ValueError(f"{what} must be the name of a column, got {name!r}")
    for what, names in (("drop", drop), ("categorical", categorical), ("missing", () if missing is None else missing)):
        if isinstance(names, str):
            raise ValueError(f"{what} must be a list of words, got the word {names!r}: write [{names!r}]")
        if not isinstance(names, (list, tuple)) or not all(isinstance(each, str) for each in names):
            raise ValueError(f"{what} must be a list of words, got {names!r}")
    hidden = choices.get("hidden")
    if hidden is not None and not isinstance(hidden, (list, tuple)):
        raise ValueError(f"hidden must be a list of widths such as (64, 32), got {hidden!r}")
    require_test_share(test_share)
    settings: dict[str, Any] = {
        "target": target,
        "time": time,
        "drop": tuple(drop),
        "categorical": tuple(categorical),
        "delimiter": delimiter,
        "encoding": encoding,
        "missing": None if missing is None else tuple(missing),
        "impute": impute,
        "indicators": indicators,
    }
    chosen = {name: value for name, value in choices.items() if value is not None}
    name = table.source if isinstance(table, Table) else os.fspath(table)
    common = {"data": str(name), "model": model, "test_share": test_share, **settings, **chosen}
    # What is wrong with them is said before the table is read. Of classes a linear model is trained, of numbers it is not.
    settled(rows=1000, task=task or ("classification" if model == "linear" else "regression"), **common)
    problem = read_problem(table, task=task, **settings)
    rows = max(round(len(problem) * (1 - test_share) ** 2), 1)
    return settled(rows=rows, task=problem.task, **common), problem


def load_data(config: TableConfig) -> Problem:
    """Read the table that the settings name."""
    return read_problem(
        config.data,
        target=config.target,
        task=config.task,
        time=config.time,
        drop=config.drop,
        categorical=config.categorical,
        delimiter=config.delimiter,
        encoding=config.encoding,
        missing=config.missing,
        impute=config.impute,
        indicators=config.indicators,
    )


def facts(config: TableConfig, problem: Problem) -> list[tuple[str, str]]:
    """Say what will be learnt from what, line by line."""
    rows = split_rows(problem, config.test_share, seed=config.seed)
    left_out = f", {problem.without_target:,} more without a target are left out" if problem.without_target else ""
    if problem.words_without_target:
        left_out += f" (there stood {', '.join(map(repr, problem.words_without_target))}, or nothing)"
    by = "at random" if problem.task == "regression" else "at random, each class in proportion"
    if config.time is not None:
        by = f"by {config.time!r}, the latest last"
    target = f"{problem.target!r}"
    if problem.classes:
        shown = ", ".join(problem.classes[:_NAMES_SHOWN]) + (", ..." if len(problem.classes) > _NAMES_SHOWN else "")
        target += f", {len(problem.classes)} classes: {shown}"
    if config.is_solved:
        how = "in closed form" if config.task == "regression" else "softmax regression, to its minimum by L-BFGS"
        how_fitted = [("fitting", f"{how}, float64" + (", strength by validation" * (config.model == "ridge")))]
    else:
        how_fitted = training.facts_of_training(config, f"stopped after {config.patience} without a gain in validation")
    return [
        ("data", f"{problem.source}: {len(problem):,} rows of {_counted(len(problem.uses), 'column')}{left_out}"),
        ("target", target),
        ("task", f"{problem.task} ({problem.task_why})"),
        ("features", _counted(len(feature_names(problem.uses)), "column") + _OUTLIERS[config.outliers]),
        (
            "rows",
            f"{len(rows.train):,} to train on, {len(rows.validation):,} to validate by, {len(rows.test):,} to test on; "
            f"{by}",
        ),
        ("model", f"{config.model}: {_described(config, len(problem.classes) or 1)}"),
        *how_fitted,
    ]


def run(config: TableConfig, problem: Problem, *, progress: bool | None = None) -> TableResult:
    """Fit, score and fit again, by settings that are settled.

    Raises:
        ValueError: when a part of the split cannot be learnt from, and when the loss does not stay finite.
    """
    rows = split_rows(problem, config.test_share, seed=config.seed)
    if unseen := unseen_classes(problem, rows):
        shown = ", ".join(map(repr, unseen[:_NAMES_SHOWN])) + (", ..." if len(unseen) > _NAMES_SHOWN else "")
        warnings.warn(
            f"{problem.source}: no row to train on is of {_counted(len(unseen), 'class')} that later rows hold: {shown}; "
            "the model that is scored cannot know it",
            stacklevel=2,
        )
    first = Learnt.of(config, problem, rows.train)
    _require_size(config, len(first.preparation.names()), first.outputs)
    data = first.data(problem, rows.train)
    validation = first.data(problem, rows.validation)
    fitted = fit_model(config, first.outputs, data, validation, progress=progress)
    linear = fitted
    if config.model != "linear":
        linear = fit_model(linear_settings(config, len(rows.train)), first.outputs, data, validation, progress=False)
    del data, validation

    x, truth = first.preparation.apply(problem.features.rows(rows.test)), problem.y[rows.test]
    predictions = {config.model: first.predict(fitted, x)}
    if linear is not fitted:
        predictions["linear"] = first.predict(linear, x)
    predictions |= first.without_features(problem.y[rows.train], len(truth))
    scores = _scores(problem.task, predictions, truth, config.seed)
    importance = first.importance(fitted, x, truth, feature_names(problem.uses), config.seed)
    del x

    last, kept = first, fitted
    if config.refit:
        every = np.arange(len(problem))
        last = Learnt.of(config, problem, every)
        kept = refit_model(config, last.outputs, last.data(problem, every), fitted, progress=progress)
    return TableResult(
        config=config.changed(epochs=len(fitted.run.history["loss"])),
        run=kept.run,
        source=problem.source,
        uses=problem.uses,
        classes=problem.classes,
        rows={
            "train": len(rows.train),
            "validation": len(rows.validation),
            "test": len(rows.test),
            "without target": problem.without_target,
        },
        preparation=last.preparation,
        scale=last.scale,
        fitted=fitted,
        truth=truth,
        predictions=predictions[config.model],
        scores=scores,
        importance=importance,
    )


def rebuild(config: TableConfig, record: dict[str, Any]) -> Layer:
    """Build the network of a run from its settings and what was recorded of its table.

    Raises:
        KeyError, TypeError, ValueError: for a record that is not that of a table: by these ``read_run`` names its file.
    """
    columns, classes, scale = record["columns"], record["classes"], record["target_scale"]
    uses = [ColumnUse(**column) for column in columns]
    targets = [use.name for use in uses if use.role == "target"]
    if not isinstance(config.target, str) or targets != [config.target]:
        raise ValueError(f"the target is {config.target!r}, and the columns that are one are {targets}")
    if not all(isinstance(use.name, str) for use in uses) or len({use.name for use in uses}) != len(uses):
        raise ValueError("the names of the columns must be words, each of them once")
    if config.task == "classification":
        if not isinstance(classes, list) or len(classes) < 2 or not all(isinstance(name, str) for name in classes):
            raise ValueError(f"classes must be two words or more, got {classes!r}")
    elif classes or not all(math.isfinite(scale[name]) for name in ("mean", "deviation")):
        raise ValueError(f"a regression has no classes, and a scale of finite numbers, got {classes!r} and {scale!r}")
    return build_model(config, len(record["classes"]) or 1)


def _described(config: TableConfig, outputs: int) -> str:
    """The network in words; of several alike, one."""
    one = repr(build_model(config.changed(members=1), outputs))
    return one if config.members == 1 else f"the mean of {config.members} of {one}"


def _require_size(config: TableConfig, features: int, outputs: int) -> None:
    """Refuse a network that no memory holds, before a part of it is made."""
    widths = (features, *config.hidden, outputs)
    size = config.members * sum((before + 1) * after for before, after in itertools.pairwise(widths))
    if size > _MOST_PARAMETERS:
        raise ValueError(
            f"hidden must leave at most {_MOST_PARAMETERS:,} parameters, {config.hidden} has {size:,}"
            + (f" in {config.members} networks" if config.members > 1 else "")
        )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 'es' if what.endswith('s') else 's'}"


def _scores(task: str, predictions: dict[str, np.ndarray], truth: np.ndarray, seed: int) -> dict[str, TableScores]:
    score = classification_scores if task == "classification" else regression_scores
    return score(predictions, truth, seed=seed)
