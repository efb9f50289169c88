"""A large table: whether ``chainrule fit`` stays within its memory, and how quickly it trains beside scikit-learn."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.machine import ForeignLoad
from benchmarks.tables.large_table import TARGET, write_table
from benchmarks.tables.process import Ended, run

__all__ = ["LIMIT", "measure", "summarise"]

LIMIT = 4 * 2**30  # bytes
HELD = 50_000  # rows, at most, on which both are judged

Tick = Callable[[int, int], None]


def measure(rows: int, columns: int, *, epochs: int | None, tick: Tick) -> dict[str, Any]:
    """Make the table, fit both to it, one process after the other, and return times, memory, rates and ratios.

    Args:
        rows: of the file to fit to.
        columns: of it, the target among them.
        epochs: the most that chainrule may take, or None for its default; scikit-learn takes as many as chainrule did.
        tick: is told how many of the five parts are done.

    Raises:
        RuntimeError: when a process fails.
        ValueError: for a table that is too small.
    """
    worker = [sys.executable, "-m", "benchmarks.tables.large_worker"]
    meter, own = ForeignLoad(), time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tick(0, 5)
        train = write_table(folder / "train.csv", rows, columns, seed=0)
        held = write_table(folder / "held.csv", min(rows, HELD), columns, seed=1)
        size = train.stat().st_size
        tick(1, 5)
        reading = run([*worker, "reading", str(train)])
        tick(2, 5)
        command = [
            sys.executable,
            "-m",
            "chainrule",
            "fit",
            str(train),
            "--target",
            TARGET,
            "--out",
            str(folder / "run"),
        ]
        fitting = run([*command, *([] if epochs is None else ["--epochs", str(epochs)])])
        ours = _of_run(folder / "run")
        tick(3, 5)
        judging = run([sys.executable, "-m", "chainrule", "eval", str(folder / "run"), str(held), "--json"])
        tick(4, 5)
        settings = {name: ours[name] for name in ("rows", "hidden", "batch_size", "learning_rate", "epochs")}
        settings |= {"train": str(train), "held": str(held), "target": TARGET, "seed": 0}
        peer = run([*worker, "scikit-learn", json.dumps(settings)])
        tick(5, 5)
    processes = {"reading": reading, "fitting": fitting, "judging": judging, "scikit-learn": peer}
    ours |= {"accuracy": _accuracy(judging.output), "reading_seconds": json.loads(reading.output)["seconds"]}
    summary = summarise(ours, json.loads(peer.output), processes)
    return {
        "versions": {name: version(name) for name in ("scikit-learn", "pandas", "jax")},
        "table": {"rows": rows, "columns": columns, "bytes": size},
        "foreign_load": meter.read(
            sum(process.cpu_seconds for process in processes.values()) + time.process_time() - own
        ),
        **summary,
    }


def summarise(ours: dict[str, Any], theirs: dict[str, Any], processes: dict[str, Ended]) -> dict[str, Any]:
    """From what the processes left to rates, ratios and the verdict on memory.

    A rate is the number of examples that the optimiser went through in a second of training, compilation apart; chainrule
    trains twice, and its rate is that of both.
    """
    rates = {
        name: found["examples"] / found["training_seconds"]
        for name, found in (("chainrule", ours), ("scikit-learn", theirs))
    }
    peak = processes["fitting"].peak_bytes
    return {
        "chainrule": ours
        | {
            "examples_per_second": rates["chainrule"],
            "whole_seconds": processes["fitting"].seconds,
            "rest_seconds": _rest(ours, processes["fitting"]),
            "peak_bytes": peak,
            "reading_peak_bytes": processes["reading"].peak_bytes,
        },
        "scikit-learn": theirs
        | {
            "examples_per_second": rates["scikit-learn"],
            "whole_seconds": processes["scikit-learn"].seconds,
            "rest_seconds": _rest(theirs, processes["scikit-learn"]),
            "peak_bytes": processes["scikit-learn"].peak_bytes,
        },
        "ratio_of_rates": rates["chainrule"] / rates["scikit-learn"],
        "ratio_of_whole_times": processes["fitting"].seconds / processes["scikit-learn"].seconds,
        "limit_bytes": LIMIT,
        "verdict": "ok" if peak <= LIMIT else "over",
    }


def _rest(found: dict[str, Any], process: Ended) -> float:
    """What is left of the time of a process when the parts that are known are taken away."""
    parts = ("reading_seconds", "preparing_seconds", "compile_seconds", "training_seconds")
    return process.seconds - sum(found.get(name, 0.0) for name in parts)


def _of_run(folder: Path) -> dict[str, Any]:
    """What the folder of a run says of its training, and of the training again on all rows."""
    record = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config, results, rows = record["config"], record["results"], record["data"]["rows"]
    epochs = len((folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    every = rows["train"] + rows["validation"] + rows["test"]
    again = results["best_epoch"] if config["refit"] else 0
    return {
        "rows": rows["train"],
        "epochs": epochs,
        "rows_again": every,
        "epochs_again": again,
        "examples": rows["train"] * epochs + every * again,
        "hidden": config["hidden"],
        "batch_size": config["batch_size"],
        "learning_rate": config["learning_rate"],
        "training_seconds": results["training_seconds"],
        "compile_seconds": results["compile_seconds"],
    }


def _accuracy(output: str) -> float:
    """The accuracy that ``chainrule eval --json`` printed."""
    return float(json.loads(output)["scores"]["accuracy"]["value"])
