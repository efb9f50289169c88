"""scikit-learn's pipelines, as a user writes them: impute, scale, encode; then an MLP, or the linear model of the task."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tables.sets import TableSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PEERS", "fit_and_predict", "pipeline"]

PEERS = ("mlp", "ridge")
ITERATIONS = 1000


def fit_and_predict(chosen: TableSet, model: str, train: Path, held: Path, seed: int) -> tuple[np.ndarray, bool]:
    """Fit to one file and predict the rows of the other; also whether the training converged."""
    from sklearn.exceptions import ConvergenceWarning

    x, y = _read(chosen, train)
    x_held, _ = _read(chosen, held)
    made = pipeline(x, chosen.task, model, seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made.fit(x, y)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return np.asarray(made.predict(x_held)), converged


def pipeline(x: pd.DataFrame, task: str, model: str, seed: int) -> Any:
    """The pipeline for these columns, with each estimator's defaults but the number of iterations and the seed."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = list(x.select_dtypes("number").columns)
    categories = [name for name in x.columns if name not in numbers]
    prepared = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (
                "categories",
                make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
                categories,
            ),
        ]
    )
    estimators = {
        ("classification", "mlp"): MLPClassifier(max_iter=ITERATIONS, random_state=seed),
        ("classification", "ridge"): LogisticRegression(max_iter=ITERATIONS, random_state=seed),
        ("regression", "mlp"): MLPRegressor(max_iter=ITERATIONS, random_state=seed),
        ("regression", "ridge"): Ridge(),
    }
    return make_pipeline(prepared, estimators[task, model])


def _read(chosen: TableSet, path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The columns to predict from, without the time, and the target."""
    import pandas as pd

    frame = pd.read_csv(path)
    x = frame.drop(columns=[name for name in (chosen.target, chosen.time) if name is not None])
    words = [name for name in x.columns if not pd.api.types.is_numeric_dtype(x[name])]
    return x.astype(dict.fromkeys(words, object)), frame[chosen.target].to_numpy()
