"""Wrong derivatives of losses: means for sums, labels, margins and weights that the backward pass forgets."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR, REGION, SIGN
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "losses")


def _integers(low: int, high: int, *shape: int) -> Any:
    return lambda rng: rng.integers(low, high, size=shape).astype(np.int32)


_LABELLED = together(normal(4, 3), _integers(0, 3, 4))
_PAIR = together(normal(4, 3), normal(4, 3))


def _cross_entropy(logits: Array, labels: Array, *, smoothing: float = 0.0) -> Any:
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - jnp.log(jnp.exp(shifted).sum(-1, keepdims=True))
    hot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    q = (1 - smoothing) * hot + smoothing / logits.shape[-1]
    return -jnp.mean(jnp.sum(q * log_p, -1)), (jnp.exp(log_p), q)


def _cross_entropy_right(residuals: Any, d: Array, *, smoothing: float) -> Any:
    p, q = residuals
    return (p - q) * (d / len(p)), None


def _unsmoothed(residuals: Any, d: Array, *, smoothing: float) -> Any:
    p, q = residuals
    hot = jnp.where(q == q.max(-1, keepdims=True), jnp.ones_like(q), 0)
    return (p - hot) * (d / len(p)), None


def _squared_error(predictions: Array, targets: Array) -> Any:
    error = predictions - targets
    return jnp.mean(error**2), error


def _squared_error_right(error: Array, d: Array) -> Any:
    return 2 * error * d / error.size, -2 * error * d / error.size


def _huber(predictions: Array, targets: Array) -> Any:
    error = predictions - targets
    size = jnp.abs(error)
    return jnp.mean(jnp.where(size <= 1, 0.5 * error**2, size - 0.5)), error


def _huber_right(error: Array, d: Array) -> Any:
    d_error = jnp.clip(error, -1, 1) * d / error.size
    return d_error, -d_error


def _hinge(scores: Array, signs: Array) -> Any:
    margins = scores * signs
    return jnp.mean(jnp.maximum(1 - margins, 0)), (margins, signs)


def _hinge_backward(margin: float) -> Any:
    def backward(residuals: Any, d: Array) -> Any:
        margins, signs = residuals
        return jnp.where(margins < margin, -signs * d / margins.size, 0), None

    return backward


def _divergence(p: Array, q: Array) -> Any:
    return jnp.sum(p * jnp.log(p / q)), (p, q)


def _weighted(losses: Array, weights: Array) -> Any:
    return jnp.sum(weights * losses) / jnp.sum(weights), (losses, weights)


def _weighted_right(residuals: Any, d: Array) -> Any:
    losses, weights = residuals
    mean = jnp.sum(weights * losses) / jnp.sum(weights)
    return d * weights / jnp.sum(weights), d * (losses - mean) / jnp.sum(weights)


def _masked(losses: Array, kept: Array) -> Any:
    mask = (kept > 0).astype(losses.dtype)
    return jnp.sum(mask * losses) / jnp.sum(mask), mask


MUTANTS: tuple[Mutant, ...] = (
    _plant(
        "cross_entropy: the sum for the mean",
        _cross_entropy,
        lambda r, d, *, smoothing: ((r[0] - r[1]) * d, None),
        _cross_entropy_right,
        _LABELLED,
        pattern=FACTOR,
    ),
    _plant(
        "cross_entropy: zeros of integers for float0",
        _cross_entropy,
        lambda r, d, *, smoothing: ((r[0] - r[1]) * (d / len(r[0])), jnp.zeros(len(r[0]), jnp.int32)),
        _cross_entropy_right,
        _LABELLED,
        argument=1,
        caught_by="tree, shape, dtype",
    ),
    _plant(
        "cross_entropy: the smoothing of the labels is forgotten",
        _cross_entropy,
        _unsmoothed,
        _cross_entropy_right,
        _LABELLED,
        static={"smoothing": 0.1},
    ),
    _plant(
        "mean squared error: the factor of 2 is dropped",
        _squared_error,
        lambda e, d: (e * d / e.size, -e * d / e.size),
        _squared_error_right,
        _PAIR,
        pattern=FACTOR,
    ),
    _plant(
        "mean squared error: the sign for the targets",
        _squared_error,
        lambda e, d: (2 * e * d / e.size, 2 * e * d / e.size),
        _squared_error_right,
        _PAIR,
        argument=1,
        pattern=SIGN,
    ),
    _plant(
        "mean squared error: the mean over the rows alone",
        _squared_error,
        lambda e, d: (2 * e * d / len(e), -2 * e * d / len(e)),
        _squared_error_right,
        _PAIR,
        pattern=FACTOR,
    ),
    _plant(
        "huber: large errors are not clipped",
        _huber,
        lambda e, d: (e * d / e.size, -e * d / e.size),
        _huber_right,
        _PAIR,
        pattern=REGION,
    ),
    _plant(
        "hinge: the margin is forgotten",
        _hinge,
        _hinge_backward(0.0),
        _hinge_backward(1.0),
        together(normal(7), lambda rng: np.where(rng.random(7) < 0.5, -1, 1).astype(np.int32)),
        pattern=REGION,
    ),
    _plant(
        "Kullback-Leibler: the 1 of the product rule is dropped",
        _divergence,
        lambda r, d: (d * jnp.log(r[0] / r[1]), -d * r[0] / r[1]),
        lambda r, d: (d * (jnp.log(r[0] / r[1]) + 1), -d * r[0] / r[1]),
        together(lambda rng: rng.dirichlet(np.ones(3), 4), lambda rng: rng.dirichlet(np.ones(3), 4)),
    ),
    _plant(
        "weighted mean: the weights' share of the normalisation is dropped",
        _weighted,
        lambda r, d: (d * r[1] / jnp.sum(r[1]), d * r[0] / jnp.sum(r[1])),
        _weighted_right,
        together(normal(5), lambda rng: rng.uniform(0.5, 2.0, size=5)),
        argument=1,
    ),
    _plant(
        "masked mean: divided by all, not by those that count",
        _masked,
        lambda mask, d: (d * mask / mask.size, None),
        lambda mask, d: (d * mask / jnp.sum(mask), None),
        together(normal(6), lambda rng: rng.permutation(np.array([1, 1, 1, 1, 0, 0], np.int32))),
        pattern=FACTOR,
    ),
)
