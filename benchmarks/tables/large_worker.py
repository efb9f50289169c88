"""Processes of their own: reading a table as chainrule does, and scikit-learn's whole job on it.

Run as ``python -m benchmarks.tables.large_worker reading FILE`` or ``... scikit-learn JSON``; the answer is a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any

__all__ = ["read", "train_scikit_learn"]


def read(path: str) -> dict[str, Any]:
    """Read a table, and say how long that took, without the import."""
    from chainrule.data.tables import read_table

    start = time.perf_counter()
    table = read_table(path)
    return {"seconds": time.perf_counter() - start, "rows": len(table), "columns": len(table.names)}


def train_scikit_learn(settings: dict[str, Any]) -> dict[str, Any]:
    """Read, prepare to float32, train an ``MLPClassifier`` that never stops early, and judge it on another file.

    Args:
        settings: ``train`` and ``held``, files; ``target``; ``rows``, how many of the first to train on; ``hidden``,
            ``batch_size``, ``learning_rate``, ``epochs``, ``seed``.
    """
    import numpy as np
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    clock = time.perf_counter()
    frame = pd.read_csv(settings["train"])
    reading = time.perf_counter() - clock

    clock = time.perf_counter()
    y = frame.pop(settings["target"]).to_numpy()
    numbers = list(frame.select_dtypes("number").columns)
    words = [name for name in frame.columns if name not in numbers]
    prepared = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32), words),
        ]
    )
    frame = frame.astype(dict.fromkeys(words, object))
    x = np.ascontiguousarray(prepared.fit_transform(frame)[: settings["rows"]], np.float32)
    y = y[: settings["rows"]]
    del frame
    preparing = time.perf_counter() - clock

    epochs = settings["epochs"]
    network = MLPClassifier(
        tuple(settings["hidden"]),
        solver="adam",
        batch_size=settings["batch_size"],
        learning_rate_init=settings["learning_rate"],
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        tol=0.0,
        random_state=settings["seed"],
    )
    clock = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it would rather have more epochs
        network.fit(x, y)
    training = time.perf_counter() - clock

    held = pd.read_csv(settings["held"])
    truth = held.pop(settings["target"]).to_numpy()
    found = network.predict(prepared.transform(held.astype(dict.fromkeys(words, object))).astype(np.float32))
    return {
        "reading_seconds": reading,
        "preparing_seconds": preparing,
        "training_seconds": training,
        "epochs": int(network.n_iter_),
        "rows": len(x),
        "examples": len(x) * int(network.n_iter_),
        "features": x.shape[1],
        "accuracy": float(np.mean(found == truth)),
    }


def main() -> None:
    job, argument = sys.argv[1:]
    answer = read(argument) if job == "reading" else train_scikit_learn(json.loads(argument))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
