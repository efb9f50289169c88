"""Which does better on rows that it has not seen: ``chainrule fit`` or scikit-learn, on the same files."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from benchmarks.tables import ours, peers
from benchmarks.tables.sets import SETS, write_csv
from benchmarks.tables.splits import split
from benchmarks.tables.variants import vary

__all__ = ["COMPARISONS", "CONTENDERS", "compare", "measure", "score", "summarise"]

CONTENDERS = tuple(f"{library} {model}" for model in ours.MODELS for library in ("chainrule", "scikit-learn"))
COMPARISONS = ("mlp", "ridge", "best")
"""Like with like, and chainrule's default, the mlp, against whichever of scikit-learn's two has the better mean."""

AGREE = 1e-4  # a relative difference between the score that a run gives itself and the one that is computed here

Tick = Callable[[int, int], None]
Fit = Callable[[str, str, str, Path, int], tuple[np.ndarray, dict[str, Any]]]


def measure(names: Sequence[str], variants: Sequence[str], seeds: Sequence[int], *, tick: Tick) -> dict[str, Any]:
    """Fit all contenders to each table, variant and seed; return every score, the means and the verdicts.

    A table that a contender fails on is reported as such, and the others are measured all the same.

    Raises:
        ValueError: for no tables or variants, or fewer than two seeds: one difference has no standard error.
    """
    if not names or not variants or len(seeds) < 2:
        raise ValueError(
            f"nothing to compare: {len(names)} tables, {len(variants)} variants, {len(seeds)} seeds (2 at least)"
        )
    results: dict[str, Any] = {
        "versions": {name: version(name) for name in ("scikit-learn", "pandas", "jax")},
        "settings": {"seeds": list(seeds)},
        "sets": {},
    }
    done, total = 0, len(names) * len(variants) * len(seeds)
    for name in names:
        chosen = SETS[name]
        columns = chosen.load()
        found: dict[str, Any] = {
            "title": chosen.title,
            "task": chosen.task,
            "target": chosen.target,
            "rows": len(columns[chosen.target]),
            "columns": len(chosen.features(columns)),
            "variants": {},
        }
        for variant in variants:
            runs = []
            for seed in seeds:
                tick(done, total)
                runs.append(_measure_once(name, variant, seed))
                done += 1
            found["variants"][variant] = summarise(chosen.task, runs)
        results["sets"][name] = found
    tick(done, total)
    return results


def summarise(task: str, runs: Sequence[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """From the runs of a variant, one a seed, to means, differences and verdicts.

    Args:
        task: classification, whose accuracy is to be high, or regression, whose RMSE is to be low.
        runs: for each seed and contender its score, seconds, and an error if there was one.
    """
    errors = [
        f"{contender}: {run[contender]['error']}" for run in runs for contender in run if "error" in run[contender]
    ]
    if errors:
        return {"runs": list(runs), "error": errors[0], "verdict": "failed"}
    scores = {contender: [run[contender]["score"] for run in runs] for contender in CONTENDERS}
    means = {contender: mean(values) for contender, values in scores.items()}
    sign = 1 if task == "classification" else -1
    best = max(peers.PEERS, key=lambda model: sign * means[f"scikit-learn {model}"])
    pairs = {"mlp": ("mlp", "mlp"), "ridge": ("ridge", "ridge"), "best": ("mlp", best)}
    comparisons = {
        name: compare(
            [sign * s for s in scores[f"chainrule {mine}"]], [sign * s for s in scores[f"scikit-learn {theirs}"]]
        )
        for name, (mine, theirs) in pairs.items()
    }
    return {
        "runs": list(runs),
        "means": means,
        "best_peer": best,
        "comparisons": comparisons,
        "verdict": comparisons["best"]["verdict"],
    }


def compare(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    """The mean of the differences first - second within each seed, their standard error, and the verdict.

    "ok" when the mean of ``first`` is at least that of ``second`` minus one standard error of the difference. Two that are
    equally good miss that by chance now and then: of five seeds, about one time in five. ``within_peer_error`` says the same
    of the standard error of ``second`` itself, which other splits of the same table would move as well, and is the wider one
    as a rule; ``better`` and ``worse`` count the seeds.
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    gain, error, peer_error = mean(differences), _standard_error(differences), _standard_error(second)
    return {
        "gain": gain,
        "standard_error": error,
        "verdict": "ok" if gain >= -error else "short",
        "peer_standard_error": peer_error,
        "within_peer_error": gain >= -peer_error,
        "better": sum(each > 0 for each in differences),
        "worse": sum(each < 0 for each in differences),
    }


def _standard_error(values: Sequence[float]) -> float:
    return stdev(values) / math.sqrt(len(values))


def score(task: str, truth: np.ndarray, predicted: np.ndarray) -> float:
    """Accuracy of classes, or the root mean square error of numbers, in the target's unit.

    Raises:
        ValueError: for another number of predictions, or numbers that are not finite.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"expected {truth.shape} predictions, got {predicted.shape}")
    if task == "classification":
        return float(np.mean([_name(a) == _name(b) for a, b in zip(truth, predicted, strict=True)]))
    errors = predicted.astype(np.float64) - truth
    if not np.isfinite(errors).all():
        raise ValueError("expected finite predictions, got NaN or infinity")
    return float(np.sqrt(np.mean(errors**2)))


def _measure_once(name: str, variant: str, seed: int) -> dict[str, dict[str, Any]]:
    """All contenders on the same two files."""
    chosen = SETS[name]
    fitted, judged = split(chosen, vary(chosen, variant, seed), seed)
    outcomes: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        train, held = (
            write_csv(Path(folder) / file, part) for file, part in (("train.csv", fitted), ("held.csv", judged))
        )
        for contender in CONTENDERS:
            library, model = contender.split(" ")
            start = time.perf_counter()
            try:
                if library == "chainrule":
                    found, own = ours.fit_and_predict(chosen, model, train, held, seed, Path(folder) / model)
                    value = score(chosen.task, judged[chosen.target], found)
                    if not math.isclose(value, own, rel_tol=AGREE):
                        raise ValueError(f"it says that it scores {own}, and its predictions score {value}")
                    outcome: dict[str, Any] = {"score": value}
                else:
                    found, converged = peers.fit_and_predict(chosen, model, train, held, seed)
                    outcome = {"score": score(chosen.task, judged[chosen.target], found), "converged": converged}
            except ValueError as error:
                outcome = {"error": str(error)}
            outcomes[contender] = outcome | {"seconds": time.perf_counter() - start}
    return outcomes


def _name(value: object) -> str:
    """A class by its name: 1, 1.0 and "1" are one."""
    return str(int(value)) if isinstance(value, (float, np.floating)) and float(value).is_integer() else str(value)
