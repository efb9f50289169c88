"""Wrong derivatives of softmax and its logarithms: sums that are dropped, axes that are mistaken, exponentials unshifted."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import CONSTANT, FACTOR, FLOAT32
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "softmax")

_MATRIX = together(normal(4, 3))
_LARGE = together(lambda rng: 95 + rng.normal(size=(4, 3)))  # e^95 is beyond float32


def _probabilities(x: Array) -> Array:
    e = jnp.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _total(x: Array) -> Array:
    return x.sum(-1, keepdims=True)


def _softmax(x: Array) -> Any:
    y = _probabilities(x)
    return y, y


def _softmax_right(y: Array, d: Array) -> Any:
    return (y * (d - _total(d * y)),)


def _softmax_of_logits(x: Array) -> Any:
    return _probabilities(x), x


def _naive(x: Array, d: Array) -> Any:
    e = jnp.exp(x)
    return _softmax_right(e / _total(e), d)


def _tempered(x: Array, *, temperature: float = 2.0) -> Any:
    y = _probabilities(x / temperature)
    return y, y


def _tempered_right(y: Array, d: Array, *, temperature: float) -> Any:
    return (_softmax_right(y, d)[0] / temperature,)


def _tempered_wrong(y: Array, d: Array, *, temperature: float) -> Any:
    return _softmax_right(y, d)


def _log_softmax(x: Array) -> Any:
    shifted = x - x.max(-1, keepdims=True)
    y = shifted - jnp.log(_total(jnp.exp(shifted)))
    return y, y


def _logsumexp(x: Array) -> Any:
    largest = x.max(-1, keepdims=True)
    return (largest + jnp.log(_total(jnp.exp(x - largest))))[..., 0], x


def _logsumexp_right(x: Array, d: Array) -> Any:
    return (d[..., None] * _probabilities(x),)


MUTANTS: tuple[Mutant, ...] = (
    _plant("softmax: the diagonal only", _softmax, lambda y, d: (d * y * (1 - y),), _softmax_right, _MATRIX),
    _plant(
        "softmax: right for a cotangent of ones",
        _softmax,
        lambda y, d: (y * (d - d.mean(-1, keepdims=True)),),
        _softmax_right,
        _MATRIX,
        pattern=CONSTANT,
    ),
    _plant(
        "softmax: the sum over the wrong axis",
        _softmax,
        lambda y, d: (y * (d - (d * y).sum(0, keepdims=True)),),
        _softmax_right,
        _MATRIX,
    ),
    _plant(
        "softmax: the temperature is forgotten",
        _tempered,
        _tempered_wrong,
        _tempered_right,
        _MATRIX,
        pattern=FACTOR,
    ),
    _plant(
        "softmax: exponentials unshifted in the backward pass",
        _softmax_of_logits,
        _naive,
        lambda x, d: _softmax_right(_probabilities(x), d),
        _LARGE,
        pattern=FLOAT32,
    ),
    _plant(
        "log_softmax: the sum is dropped",
        _log_softmax,
        lambda y, d: (d - jnp.exp(y) * d,),
        lambda y, d: (d - jnp.exp(y) * _total(d),),
        _MATRIX,
    ),
    _plant(
        "logsumexp: exponentials unshifted in the backward pass",
        _logsumexp,
        lambda x, d: (d[..., None] * jnp.exp(x) / _total(jnp.exp(x)),),
        _logsumexp_right,
        _LARGE,
        pattern=FLOAT32,
    ),
    _plant(
        "logsumexp: all to the largest",
        _logsumexp,
        lambda x, d: (jnp.where(x == x.max(-1, keepdims=True), d[..., None], 0),),
        _logsumexp_right,
        _MATRIX,
    ),
)
