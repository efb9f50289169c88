"""Wrong derivatives of normalisations: the statistics of groups, running variances, and those of evaluation."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "normalization")

_EPSILON = 1e-2
_GROUPS = 2
_KEPT = 0.9  # of a running statistic


def _grouped(x: Array) -> Array:
    """(batch, positions, channels) as (batch, positions, groups, channels of a group)."""
    return x.reshape(*x.shape[:2], _GROUPS, -1)


def _group_norm(x: Array) -> Any:
    rows = _grouped(x)
    centred = rows - rows.mean((1, 3), keepdims=True)
    sigma = jnp.sqrt(jnp.mean(centred**2, (1, 3), keepdims=True) + _EPSILON)
    return (centred / sigma).reshape(x.shape), (centred / sigma, sigma)


def _group_norm_backward(mean: Any) -> Any:
    """The backward function, with a mean over the group."""

    def backward(residuals: Any, d: Array) -> Any:
        x_hat, sigma = residuals
        d_hat = _grouped(d)
        return (((d_hat - mean(d_hat) - x_hat * mean(d_hat * x_hat)) / sigma).reshape(d.shape),)

    return backward


def _group_mutant(name: str, mean: Any) -> Mutant:
    right = _group_norm_backward(lambda value: value.mean((1, 3), keepdims=True))
    return _plant(f"group norm: {name}", _group_norm, _group_norm_backward(mean), right, together(normal(3, 5, 6)))


def _normalized(x: Array) -> Any:
    """Normalise a batch; return the share of its unbiased variance in the running one as well."""
    centred = x - x.mean(0)
    sigma = jnp.sqrt(jnp.mean(centred**2, 0) + _EPSILON)
    running = (1 - _KEPT) * jnp.sum(centred**2, 0) / (len(x) - 1)
    return (centred / sigma, running), (centred, sigma)


def _projected(x_hat: Array, sigma: Array, d: Array) -> Array:
    return (d - d.mean(0) - x_hat * jnp.mean(d * x_hat, 0)) / sigma


def _normalized_backward(correction: int = 1, used: float = 1.0) -> Any:
    """The backward function; ``used`` times the running variance's cotangent counts."""

    def backward(residuals: Any, d_output: Any) -> Any:
        (centred, sigma), (d, d_running) = residuals, d_output
        d_variance = used * 2 * (1 - _KEPT) * d_running / (len(d) - correction)
        return (_projected(centred / sigma, sigma, d) + d_variance * centred,)

    return backward


def _running_mutant(name: str, backward: Any) -> Mutant:
    make = together(normal(4, 3))
    return _plant(f"running variance: {name}", _normalized, backward, _normalized_backward(), make)


def _biased(x: Array, running: Array) -> Any:
    """The running variance, of the biased one."""
    centred = x - x.mean(0)
    return _KEPT * running + (1 - _KEPT) * jnp.mean(centred**2, 0), centred


def _evaluated(x: Array, mean: Array, variance: Array) -> Any:
    """Normalise by given statistics."""
    sigma = jnp.sqrt(variance + _EPSILON)
    return (x - mean) / sigma, ((x - mean) / sigma, sigma)


def _evaluated_right(residuals: Any, d: Array) -> Any:
    x_hat, sigma = residuals
    return d / sigma, -jnp.sum(d, 0) / sigma, -jnp.sum(d * x_hat, 0) / (2 * sigma**2)


def _as_in_training(residuals: Any, d: Array) -> Any:
    x_hat, sigma = residuals
    _, d_mean, d_variance = _evaluated_right(residuals, d)
    return _projected(x_hat, sigma, d), d_mean, d_variance


def _not_halved(residuals: Any, d: Array) -> Any:
    d_x, d_mean, d_variance = _evaluated_right(residuals, d)
    return d_x, d_mean, 2 * d_variance


def _evaluated_mutant(name: str, backward: Any, argument: int = 0, pattern: str = "") -> Mutant:
    return _plant(
        f"batch norm in evaluation: {name}",
        _evaluated,
        backward,
        _evaluated_right,
        together(normal(4, 3), normal(3), lambda rng: rng.uniform(0.5, 2, size=3)),
        argument=argument,
        pattern=pattern,
    )


MUTANTS: tuple[Mutant, ...] = (
    _group_mutant(
        "divided by the channels of a group, without the positions",
        lambda value: value.sum((1, 3), keepdims=True) / value.shape[3],
    ),
    _group_mutant("the means over the positions alone", lambda value: value.mean(1, keepdims=True)),
    _running_mutant("its cotangent is dropped", _normalized_backward(used=0.0)),
    _running_mutant("biased in the backward pass alone", _normalized_backward(correction=0)),
    _plant(
        "running variance: biased",
        _biased,
        lambda centred, d: (2 * (1 - _KEPT) * d * centred / len(centred), _KEPT * d),
        None,
        together(normal(4, 3), lambda rng: rng.uniform(0.5, 2, size=3)),
        argument=None,
        caught_by="primal",
        reference=lambda x, running: _KEPT * running + (1 - _KEPT) * np.var(x, 0, ddof=1),
    ),
    _evaluated_mutant("the gradient of training", _as_in_training),
    _evaluated_mutant("the root's factor 1/2 is forgotten", _not_halved, 2, FACTOR),
)
