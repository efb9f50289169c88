"""The five lines that a user of chainrule writes: fit to a file, write the run, read it back, predict and evaluate."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from benchmarks.tables.sets import TableSet

__all__ = ["MODELS", "fit_and_predict"]

MODELS = ("mlp", "ridge")


def fit_and_predict(
    chosen: TableSet, model: str, train: Path, held: Path, seed: int, folder: Path
) -> tuple[np.ndarray, float]:
    """Fit to one file with the recipe's defaults; its predictions of the other's rows, and the score that it gives itself.

    The run goes through its folder, ``folder``, which must not exist yet.
    """
    from chainrule import recipes

    result = recipes.fit_table(train, target=chosen.target, model=model, time=chosen.time, seed=seed)
    run = recipes.read_run(recipes.write_run(result, folder))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*a category that the model has not seen")
        warnings.filterwarnings("ignore", message=".*cells far outside those trained on")
        values, scores = run.predict(held).values, run.evaluate(held)
    return np.asarray(values), scores["accuracy" if chosen.task == "classification" else "rmse"].value
