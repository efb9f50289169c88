"""Losses, against SciPy and sums written out over the examples, in every reduction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from chainrule import losses, models
from chainrule.audit.cases.draw import extreme, normal, together
from chainrule.audit.registry import Case, register
from chainrule.losses.reduction import Loss


def _reduced(pointwise: Callable[..., np.ndarray]) -> Callable[..., Any]:
    def reference(predictions: Any, targets: Any, weights: Any = None, reduction: str = "mean", **static: Any) -> Any:
        each = pointwise(predictions, targets, **static)
        weights = np.ones_like(each) if weights is None else weights
        if reduction == "none":
            return weights * each
        total = sum((w * loss for w, loss in zip(weights.ravel(), each.ravel(), strict=True)), 0.0)
        return total if reduction == "sum" else total / weights.sum()

    return reference


def _uniform(*shape: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.uniform(0.1, 1.0, size=shape)


def _register(
    loss: Loss,
    pointwise: Callable[..., np.ndarray],
    targets: Callable[..., Any],
    kinks: tuple[Case, ...] = (),
    **static: Any,
) -> None:
    cases = [
        Case("typical", together(normal(5, 3), targets(5, 3))),
        Case("more", together(normal(5, 3), targets(5, 3), _uniform(5, 3)), {"reduction": "sum"}, "weighted sum"),
        Case("more", together(normal(5, 3), targets(5, 3), _uniform(5, 3)), title="weighted mean"),
        Case("more", together(normal(5), targets(5)), {"reduction": "none"}, "none"),
        Case("degenerate", together(normal(1), targets(1)), title="one number"),
        Case("extreme", together(extreme(5, 3), targets(5, 3)), title="up to 10,000"),
    ]
    if static:
        cases.append(Case("more", together(normal(5, 3, scale=2), targets(5, 3)), static, str(static)))
    register(loss.name, "losses", loss, _reduced(pointwise), *cases, *kinks)


def _huber(predictions: np.ndarray, targets: np.ndarray, delta: float = 1.0) -> np.ndarray:
    return np.asarray(special.huber(delta, predictions - targets))


def _binary(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    return -t * special.log_expit(z) - (1 - t) * special.log_expit(-z)


def _equal_at_some(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return np.array([1.0, -2.0, 0.5]), np.array([1.0, 3.0, 0.5])


def _around_the_bends(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    bends = np.array([1.0, 1.0004, 0.9996])
    return np.concatenate([bends, -bends]), np.zeros(6)


_register(losses.mean_squared_error, lambda p, t: (p - t) ** 2, normal)
_register(
    losses.mean_absolute_error,
    lambda p, t: np.abs(p - t),
    normal,
    (Case("kink", _equal_at_some, title="predictions equal to targets"),),
)
_register(
    losses.huber,
    _huber,
    normal,
    (Case("kink", _around_the_bends, title="errors at the bends, and within a thousandth of them"),),
    delta=0.3,
)
_register(losses.binary_cross_entropy, _binary, _uniform)


def _logits_of_zero(*weights: float) -> Callable[[np.random.Generator], tuple[np.ndarray, ...]]:
    given = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    return lambda rng: (*given, np.array(weights)) if weights else given


_register(
    models.perceptron_loss,
    lambda z, t: np.where(z > 0, 1 - t, -t) * z,
    lambda *shape: lambda rng: rng.integers(0, 2, size=shape).astype(np.float64),
    (
        Case("kink", _logits_of_zero(), title="logits of zero"),
        Case("kink", _logits_of_zero(), {"reduction": "none"}, "logits of zero, none"),
        Case("kink", _logits_of_zero(0.5, 0.9, 0.2), {"reduction": "sum"}, "logits of zero, weighted sum"),
        Case("kink", _logits_of_zero(0.5, 0.9, 0.2), title="logits of zero, weighted mean"),
    ),
)


def _cross_entropy(logits: np.ndarray, labels: np.ndarray, label_smoothing: float = 0.0) -> np.ndarray:
    q, classes, refused = labels, logits.shape[-1], np.zeros(logits.shape[:-1], bool)
    if np.issubdtype(labels.dtype, np.integer):
        refused = (labels < 0) | (labels >= classes)
        q = np.eye(classes)[np.where(refused, 0, labels)]
    q = (1 - label_smoothing) * q + label_smoothing * q.sum(-1, keepdims=True) / classes
    return np.where(refused, np.nan, -(q * special.log_softmax(logits, axis=-1)).sum(-1))


def _labels(classes: int, *shape: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.integers(0, classes, size=shape).astype(np.int32)


# Of 3 classes, two labels are none. A compiled program cannot refuse them: the loss is NaN, and the pullback lets 0 through.
def _labels_out_of_range(rng: np.random.Generator) -> np.ndarray:
    return np.array([0, 3, -1, 2, 1], np.int32)


register(
    "cross_entropy",
    "losses",
    losses.cross_entropy,
    _reduced(_cross_entropy),
    Case("typical", together(normal(5, 3), _labels(3, 5)), title="integer labels"),
    Case("typical", together(normal(5, 3), _uniform(5, 3)), title="soft labels"),
    Case("more", together(normal(5, 3), _labels(3, 5)), {"label_smoothing": 0.1}, "integer labels, smoothed"),
    Case("more", together(normal(5, 3), _uniform(5, 3)), {"label_smoothing": 0.1}, "soft labels, smoothed"),
    Case("more", together(normal(5, 3), _labels(3, 5), _uniform(5)), title="weighted mean"),
    Case("more", together(normal(2, 4, 3), _labels(3, 2, 4)), {"reduction": "sum"}, "over time, sum"),
    Case("more", together(normal(5, 3), _labels(3, 5), _uniform(5)), {"reduction": "none"}, "none"),
    Case("degenerate", together(normal(4, 1), _labels(1, 4)), title="one class"),
    Case("degenerate", together(normal(5, 3), _labels_out_of_range), title="labels out of range"),
    Case(
        "degenerate",
        together(normal(5, 3), _labels_out_of_range, _uniform(5)),
        title="labels out of range, weighted mean",
    ),
    Case(
        "degenerate",
        together(normal(5, 3), _labels_out_of_range, _uniform(5)),
        {"reduction": "none"},
        "labels out of range, none",
    ),
    Case("extreme", together(extreme(5, 3), _labels(3, 5)), title="integer labels, up to 10,000"),
    Case("extreme", together(extreme(5, 3), _uniform(5, 3)), {"label_smoothing": 0.1}, "soft labels, up to 10,000"),
)


register(
    "reduce",
    "losses",
    losses.reduce,
    lambda each, weights=None, reduction="mean": _reduced(lambda each, _: each)(each, None, weights, reduction),
    Case("typical", together(normal(5, 3))),
    Case("more", together(normal(5, 3), _uniform(5, 3)), title="weighted mean"),
    Case("more", together(normal(5, 3), _uniform(5, 3)), {"reduction": "sum"}, "weighted sum"),
    Case("degenerate", together(normal(1)), title="one number"),
    Case("extreme", lambda rng: (extreme(5, 3)(rng), np.ones((5, 3))), title="up to 10,000"),
)
