"""How good predictions of a table's target are, with intervals, for numbers and for classes.

::

    RMSE = sqrt(mean((f - y)^2))     MAE = mean(|f - y|)     R^2 = 1 - sum((f - y)^2) / sum((y - mean(y))^2)

    accuracy = mean(f = y)           balanced accuracy = mean over the classes of the accuracy on their rows
    log loss = -mean(log p_y)        ROC AUC = P(a row of the class scores above one of the others), ties one half

The area under the ROC curve is that of each class against the rest, and its mean over the classes; of two classes both
are the same. Intervals are of 95 per cent, by the bootstrap over rows: the percentiles of what the scores are when the
rows are drawn with replacement. A draw is a whole-number weight for each row, so that one sort of the scores serves
all draws. Predictors that are compared are scored on the same draws.

A score that the rows do not determine (R^2 of a truth that is constant, an AUC of one class) is None. A draw without a
row of a class that is there has no mean over the classes, nor has one of equal numbers an R^2: such draws are left out.
There is no interval, low and high are None, where that is more than a fifth of them, and for fewer than ten rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

__all__ = [
    "CLASSIFICATION",
    "REGRESSION",
    "Estimate",
    "TableScores",
    "classification_scores",
    "log_loss",
    "regression_scores",
    "written",
]


class Estimate(NamedTuple):
    """A score and the ends of its interval, of 95 per cent; both are None where the rows are too few for one."""

    value: float
    low: float | None
    high: float | None


TableScores = dict[str, Estimate | None]

REGRESSION = {"rmse": "RMSE", "mae": "MAE", "r2": "R²"}
CLASSIFICATION = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss",
    "roc_auc": "ROC AUC",
}
"""The scores of a task, by the names of their keys, and how they are called."""

_DRAWS, _FEWEST_DRAWS = 2000, 200
_WORK = 20_000_000  # rows drawn in all, about, times the classes
_AT_ONCE = 1_000_000  # weights in memory
_FEWEST_ROWS, _MOST_UNDEFINED = 10, 0.2  # of an interval: the rows, and the share of draws that have no score
_FEWEST_DIGITS, _MOST_DIGITS = 3, 4
_SMALL, _LARGE = 1e-3, 1e6  # outside of these a score is written with a power of ten
_SMALLEST = float(np.finfo(np.float64).eps)  # a probability: its logarithm stays finite

Statistics = Callable[[np.ndarray], list[np.ndarray]]  # weights [draws, n] to a score each, [draws]


def regression_scores(
    predictions: Mapping[str, np.ndarray], truth: np.ndarray, *, seed: int = 0
) -> dict[str, TableScores]:
    """Score predictions of numbers, by the names of the predictors.

    Args:
        predictions: float64[n] each, in the unit of the truth.
        truth: float64[n], n >= 1.
        seed: of the rows drawn.
    """
    truth = np.asarray(truth, np.float64)
    statistics = {name: _of_numbers(np.asarray(said, np.float64), truth) for name, said in predictions.items()}
    return _scored(statistics, tuple(REGRESSION), len(truth), 1, seed)


def classification_scores(
    probabilities: Mapping[str, np.ndarray], labels: np.ndarray, *, seed: int = 0
) -> dict[str, TableScores]:
    """Score probabilities of classes, by the names of the predictors.

    Args:
        probabilities: float64[n, classes] each; the class that is predicted is the likeliest one.
        labels: int[n], n >= 1.
        seed: of the rows drawn.
    """
    statistics = {name: _of_classes(np.asarray(said, np.float64), labels) for name, said in probabilities.items()}
    classes = max(said.shape[1] for said in probabilities.values())
    return _scored(statistics, tuple(CLASSIFICATION), len(labels), classes, seed)


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean of -log p of the class that it was, in nats."""
    return float(_surprise(probabilities, labels).mean())


def written(estimate: Estimate | None) -> str:
    """Write a score and its interval; a dash where there is none.

    Three significant digits, or four where the interval is so narrow that it takes them to tell its ends apart; with a
    power of ten below 0.001 and from a million on.
    """
    if estimate is None:
        return "–"
    value, low, high = estimate
    if low is None or high is None:
        return f"{_form(value, abs(value))(value)} [too few rows]"
    form = _form(value, high - low)
    return f"{form(value)} [{form(low)}, {form(high)}]"


def _form(value: float, width: float) -> Callable[[float], str]:
    """How numbers are written that are about as large as a value, or as the width of its interval."""
    size = max(abs(value), width)
    if not math.isfinite(size):
        return "{:.4g}".format
    place = math.floor(math.log10(size)) if size else 0
    wanted = place - math.floor(math.log10(width)) + 2 if width > 0 else _MOST_DIGITS  # two digits of the width
    digits = min(max(wanted, _FEWEST_DIGITS), _MOST_DIGITS)
    if size and not _SMALL <= size < _LARGE:
        return f"{{:z.{digits - 1}e}}".format
    return f"{{:z.{max(digits - 1 - place, 0)}f}}".format  # z: no zero has a sign


def _scored(
    statistics: Mapping[str, Statistics], names: tuple[str, ...], rows: int, classes: int, seed: int
) -> dict[str, TableScores]:
    """The scores of all predictors, and their intervals over the same draws of the rows."""
    draws = min(max(_WORK // (rows * classes), _FEWEST_DRAWS), _DRAWS) if rows >= _FEWEST_ROWS else 0
    random = np.random.default_rng(seed)
    whole = np.ones((1, rows))
    found = {name: [np.stack(each(whole))] for name, each in statistics.items()}
    chunk = max(_AT_ONCE // rows, 1)
    for first in range(0, draws, chunk):
        weights = _draw(random, min(chunk, draws - first), rows)
        for name, each in statistics.items():
            found[name].append(np.stack(each(weights)))
    result = {}
    for name, parts in found.items():
        values = np.concatenate(parts, axis=1)  # [scores, 1 + draws]
        result[name] = {score: _estimate(row) for score, row in zip(names, values, strict=True)}
    return result


def _draw(random: np.random.Generator, draws: int, rows: int) -> np.ndarray:
    """How often each row is drawn, of as many draws with replacement as there are rows: float64[draws, rows]."""
    drawn = random.integers(0, rows, (draws, rows)) + rows * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * rows).reshape(draws, rows).astype(np.float64)


def _estimate(values: np.ndarray) -> Estimate | None:
    """The first value is the score, the others are those of the draws; NaN where a draw does not determine it."""
    if np.isnan(values[0]):
        return None
    undefined = np.isnan(values[1:])
    if not undefined.size or undefined.mean() > _MOST_UNDEFINED:
        return Estimate(float(values[0]), None, None)
    low, high = np.quantile(values[1:][~undefined], [0.025, 0.975])
    return Estimate(float(values[0]), float(low), float(high))


def _of_numbers(said: np.ndarray, truth: np.ndarray) -> Statistics:
    error = said - truth
    squared, absolute, centred = error**2, np.abs(error), truth - truth.mean()

    def statistics(weights: np.ndarray) -> list[np.ndarray]:
        total = weights.sum(axis=1)
        mean_square = weights @ squared / total
        variance = weights @ centred**2 / total - (weights @ centred / total) ** 2
        floor = 1e-24 * float(np.max(np.abs(truth))) ** 2  # below this it is rounding
        with np.errstate(divide="ignore", invalid="ignore"):
            determined = np.where(variance > floor, 1 - mean_square / variance, np.nan)
        return [np.sqrt(mean_square), weights @ absolute / total, determined]

    return statistics


def _surprise(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    found: np.ndarray = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], _SMALLEST))
    return found


def _of_classes(said: np.ndarray, labels: np.ndarray) -> Statistics:
    right = (said.argmax(axis=1) == labels).astype(np.float64)
    surprise = _surprise(said, labels)
    classes = said.shape[1]
    members = (labels[:, None] == np.arange(classes)).astype(np.float64)  # [n, classes]
    members = members[:, members.any(axis=0)]  # a class that is absent counts for nothing
    # Of two classes one curve is the mirror image of the other.
    found = [labels == k for k in range(classes)]
    curves = [k for k in ([1] if classes == 2 else range(classes)) if found[k].any() and not found[k].all()]
    areas = [_area(said[:, k], found[k]) for k in curves]

    def statistics(weights: np.ndarray) -> list[np.ndarray]:
        total = weights.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            recalls = (weights @ (members * right[:, None])) / (weights @ members)  # NaN for a class without a row
        area = np.mean([area(weights) for area in areas], axis=0) if areas else np.full(len(weights), np.nan)
        return [weights @ right / total, recalls.mean(axis=1), weights @ surprise / total, area]

    return statistics


def _area(scores: np.ndarray, positive: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The area under the ROC curve as a function of the rows' weights.

    ::

        AUC = sum over distinct scores s of P_s (N_<s + N_s / 2) / (P N)        P, N the weights of both kinds of rows
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(scores[order]) > 0))
    is_positive = positive[order].astype(np.float64)

    def area(weights: np.ndarray) -> np.ndarray:
        ordered = weights[:, order]
        ups = np.add.reduceat(ordered * is_positive, starts, axis=1)
        downs = np.add.reduceat(ordered * (1 - is_positive), starts, axis=1)
        below = np.cumsum(downs, axis=1) - downs / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            found: np.ndarray = (ups * below).sum(axis=1) / (ups.sum(axis=1) * downs.sum(axis=1))
        return found

    return area
