"""Wrong derivatives of batch, layer and RMS normalisation: terms of the statistics dropped, gains and epsilons forgotten."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import CONSTANT, FACTOR, FLOAT32, ZERO
from chainrule.audit.mutants import statistics
from chainrule.audit.mutants.mutant import Mutant, plant
from chainrule.layer import Layer

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "normalization")

_EPSILON = 1e-2  # large, so that a backward pass which forgets it is wrong by more than rounding


def _batch_norm(x: Array, gain: Array, offset: Array) -> Any:
    centred = x - x.mean(0)
    variance = jnp.mean(centred**2, 0)
    return gain * centred / jnp.sqrt(variance + _EPSILON) + offset, (centred, variance, gain)


def _batch_norm_backward(
    mean_term: float = 1.0,
    variance_term: float = 1.0,
    correction: int = 0,
    epsilon: float = _EPSILON,
) -> Any:
    """The backward function: dx = (d_hat - mean d_hat - x_hat mean(d_hat x_hat)) / sigma, with d_hat = gain dy."""

    def backward(residuals: Any, d: Array) -> Any:
        centred, variance, gain = residuals
        sigma = jnp.sqrt(variance + epsilon)
        x_hat, d_hat = centred / sigma, gain * d
        count = len(d) - correction
        d_x = d_hat - mean_term * d_hat.sum(0) / count - variance_term * x_hat * (d_hat * x_hat).sum(0) / count
        return d_x / sigma, jnp.sum(d * centred / jnp.sqrt(variance + _EPSILON), 0), d.sum(0)

    return backward


def _ungained(residuals: Any, d: Array) -> Any:
    centred, variance, gain = residuals
    d_x, _, d_offset = _batch_norm_backward()((centred, variance, jnp.ones_like(gain)), d)
    return d_x, jnp.sum(d * centred / jnp.sqrt(variance + _EPSILON), 0), d_offset


def _centred_gain(residuals: Any, d: Array) -> Any:
    d_x, _, d_offset = _batch_norm_backward()(residuals, d)
    return d_x, jnp.sum(d * residuals[0], 0), d_offset


def _layer_norm(x: Array, gain: Array, offset: Array) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    sigma = jnp.sqrt(jnp.mean(centred**2, -1, keepdims=True) + _EPSILON)
    return gain * centred / sigma + offset, (centred / sigma, sigma, gain)


def _project(x_hat: Array, d_hat: Array) -> Array:
    """d_hat without its mean and without its component along x_hat: the Jacobian of a normalisation, times sigma."""
    return d_hat - d_hat.mean(-1, keepdims=True) - x_hat * jnp.mean(d_hat * x_hat, -1, keepdims=True)


def _layer_norm_right(residuals: Any, d: Array) -> Any:
    x_hat, sigma, gain = residuals
    return _project(x_hat, gain * d) / sigma, jnp.sum(d * x_hat, 0), d.sum(0)


def _standardize(x: Array) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-5), x


def _standardize_right(x: Array, d: Array) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    sigma = jnp.sqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-5)
    variance_term = centred * jnp.mean(d * centred, -1, keepdims=True) / sigma**2
    return ((d - d.mean(-1, keepdims=True) - variance_term) / sigma,)


def _standardize_cancelling(x: Array, d: Array) -> Any:
    mean = x.mean(-1, keepdims=True)
    sigma = jnp.sqrt(jnp.mean(x * x, -1, keepdims=True) - mean**2 + 1e-5)  # E[x^2] - E[x]^2
    variance_term = (x - mean) * jnp.mean(d * (x - mean), -1, keepdims=True) / sigma**2
    return ((d - d.mean(-1, keepdims=True) - variance_term) / sigma,)


def _rms_norm(x: Array, gain: Array) -> Any:
    inverse = lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + _EPSILON)
    return gain * x * inverse, (x, inverse, gain)


def _rms_norm_right(residuals: Any, d: Array) -> Any:
    x, inverse, gain = residuals
    x_hat, d_hat = x * inverse, gain * d
    return inverse * (d_hat - x_hat * jnp.mean(d_hat * x_hat, -1, keepdims=True)), jnp.sum(d * x_hat, 0)


def _rms_norm_centred(residuals: Any, d: Array) -> Any:
    x, inverse, gain = residuals
    return inverse * _project(x * inverse, gain * d), jnp.sum(d * x * inverse, 0)


def _rms_norm_no_epsilon(residuals: Any, d: Array) -> Any:
    x, inverse, gain = residuals
    bare = lax.rsqrt(jnp.mean(x * x, -1, keepdims=True))
    return _rms_norm_right((x, bare, gain), d)[0], jnp.sum(d * x * inverse, 0)


@dataclass(frozen=True)
class _RunningCentre(Layer):
    """y = x - m and m' = 0.9 m + 0.1 mean(x), over a running mean m: gradients flow through the state as well."""

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        return (x - state, 0.9 * state + 0.1 * x.mean(0)), None

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        d_y, d_state = d_output
        return (), d_y + 0.1 * d_state / len(d_y), 0.9 * d_state - d_y.sum(0), None


class _StateIgnored(_RunningCentre):
    """The cotangent of the new state does not reach x."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        d_params, _, d_state, d_key = super().backward(residuals, d_output, train=train)
        return d_params, d_output[0], d_state, d_key


class _StateDetached(_RunningCentre):
    """The old state gets zeros."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        d_params, d_x, d_state, d_key = super().backward(residuals, d_output, train=train)
        return d_params, d_x, jnp.zeros_like(d_state), d_key


def _state_mutant(name: str, layer: Layer, argument: int, pattern: str = "") -> Mutant:
    right = _RunningCentre().backward

    def make(rng: Any) -> tuple[Any, ...]:
        return (), rng.normal(size=(4, 3)), rng.normal(size=3)

    return Mutant(f"running mean: {name}", layer, make, "normalization", argument, pattern, right=right)


def _batch_mutant(name: str, backward: Any, **fields: Any) -> Mutant:
    make = together(normal(6, 3), normal(3), normal(3))
    return _plant(f"batch norm: {name}", _batch_norm, backward, _batch_norm_backward(), make, **fields)


def _layer_mutant(name: str, backward: Any, make: Any = None, **fields: Any) -> Mutant:
    make = make or together(normal(4, 6), normal(6), normal(6))
    return _plant(f"layer norm: {name}", _layer_norm, backward, _layer_norm_right, make, **fields)


def _rms_mutant(name: str, backward: Any, **fields: Any) -> Mutant:
    return _plant(
        f"RMS norm: {name}", _rms_norm, backward, _rms_norm_right, together(normal(4, 6), normal(6)), **fields
    )


MUTANTS: tuple[Mutant, ...] = (
    _batch_mutant("the term of the mean is dropped", _batch_norm_backward(mean_term=0.0)),
    _batch_mutant("the term of the variance is dropped", _batch_norm_backward(variance_term=0.0), pattern=CONSTANT),
    _batch_mutant("the statistics are taken for constants", _batch_norm_backward(mean_term=0.0, variance_term=0.0)),
    _batch_mutant("unbiased in the backward pass alone", _batch_norm_backward(correction=1)),
    _batch_mutant("epsilon is missing in the backward pass", _batch_norm_backward(epsilon=0.0)),
    _batch_mutant("the gain is forgotten", _ungained),
    _batch_mutant("the gain's cotangent of the centred input", _centred_gain, argument=1),
    _layer_mutant(
        "the gain after the projection, not before it",
        lambda r, d: (r[2] * _project(r[0], d) / r[1], jnp.sum(d * r[0], 0), d.sum(0)),
    ),
    _layer_mutant(
        "the term of the variance is dropped",
        lambda r, d: (
            (r[2] * d - jnp.mean(r[2] * d, -1, keepdims=True)) / r[1],
            jnp.sum(d * r[0], 0),
            d.sum(0),
        ),
    ),
    _layer_mutant(
        "the gain is summed over the features",
        lambda r, d: (_project(r[0], r[2] * d) / r[1], jnp.sum(d * r[0], 1), d.sum(0)),
        together(normal(4, 4), normal(4), normal(4)),
        argument=1,
    ),
    _plant(
        "standardize: the variance as E[x^2] - E[x]^2 cancels in float32",
        _standardize,
        _standardize_cancelling,
        _standardize_right,
        together(lambda rng: 800 + rng.normal(size=(4, 6))),
        pattern=FLOAT32,
    ),
    _rms_mutant(
        "the gain is forgotten",
        lambda r, d: (_rms_norm_right((r[0], r[1], jnp.ones_like(r[2])), d)[0], jnp.sum(d * r[0] * r[1], 0)),
    ),
    _rms_mutant(
        "the root mean square is taken for a constant",
        lambda r, d: (r[1] * r[2] * d, jnp.sum(d * r[0] * r[1], 0)),
    ),
    _rms_mutant("the mean is removed as in layer norm", _rms_norm_centred),
    _rms_mutant("epsilon is missing in the backward pass", _rms_norm_no_epsilon),
    _rms_mutant(
        "the mean over the batch for the gain",
        lambda r, d: (_rms_norm_right(r, d)[0], jnp.mean(d * r[0] * r[1], 0)),
        argument=1,
        pattern=FACTOR,
    ),
    _state_mutant("the new state's cotangent does not reach x", _StateIgnored(), 1),
    _state_mutant("the old state gets nothing", _StateDetached(), 2, ZERO),
    *statistics.MUTANTS,
)
