"""Wrong derivatives of random layers, each a function of a seed: masks drawn again, scales forgotten, keys used twice."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "randomness")


def _seed(rng: np.random.Generator) -> np.ndarray:
    return np.array(rng.integers(0, 1000), np.int32)


_INPUT = together(normal(8, 5), _seed)


def _mask(key: Array, rate: float, shape: tuple[int, ...]) -> Array:
    # Drawn in float32 whatever the dtype of x, so that the same numbers are dropped in every dtype.
    return jax.random.uniform(key, shape, jnp.float32) >= rate


def _noise(key: Array, shape: tuple[int, ...]) -> Array:
    return jax.random.normal(key, shape, jnp.float32)


def _dropout(x: Array, seed: Array, *, rate: float = 0.25) -> Any:
    kept = _mask(jax.random.key(seed), rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0), kept


def _dropout_right(kept: Array, d: Array, *, rate: float) -> Any:
    return jnp.where(kept, d / (1 - rate), 0), None


def _dropout_by_seed(x: Array, seed: Array, *, rate: float = 0.25) -> Any:
    return _dropout(x, seed, rate=rate)[0], seed


def _redrawn(seed: Array, d: Array, *, rate: float) -> Any:
    return _dropout_right(_mask(jax.random.key(seed + 1), rate, d.shape), d, rate=rate)


def _drawn_alike(seed: Array, d: Array, *, rate: float) -> Any:
    return _dropout_right(_mask(jax.random.key(seed), rate, d.shape), d, rate=rate)


def _drawn_by_numpy(seed: Array, d: Array, *, rate: float) -> Any:
    return _dropout_right(jnp.asarray(np.random.default_rng().random(d.shape) >= rate), d, rate=rate)


def _noisy_dropout(split: bool) -> Any:
    """Noise added, then dropout: two keys, or one for both."""

    def forward(x: Array, seed: Array) -> Any:
        key = jax.random.key(seed)
        for_noise, for_mask = jax.random.split(key) if split else (key, key)
        kept = _mask(for_mask, 0.5, x.shape)
        return jnp.where(kept, 2 * (x + _noise(for_noise, x.shape).astype(x.dtype)), 0), kept

    return forward


def _reference(x: np.ndarray, seed: np.ndarray) -> np.ndarray:
    for_noise, for_mask = jax.random.split(jax.random.key(np.int32(seed)))
    noise, kept = np.asarray(_noise(for_noise, x.shape), np.float64), np.asarray(_mask(for_mask, 0.5, x.shape))
    return np.where(kept, 2 * (x + noise), 0)


def _sample(mean: Array, log_sigma: Array, seed: Array) -> Any:
    noise = _noise(jax.random.key(seed), mean.shape).astype(mean.dtype)
    return mean + jnp.exp(log_sigma) * noise, (log_sigma, noise)


MUTANTS: tuple[Mutant, ...] = (
    _plant(
        "dropout: the scale is forgotten",
        _dropout,
        lambda kept, d, *, rate: (jnp.where(kept, d, 0), None),
        _dropout_right,
        _INPUT,
        pattern=FACTOR,
    ),
    _plant(
        "dropout: the drop rate for the keep rate",
        _dropout,
        lambda kept, d, *, rate: (jnp.where(kept, d / rate, 0), None),
        _dropout_right,
        _INPUT,
        pattern=FACTOR,
    ),
    _plant("dropout: another mask in the backward pass", _dropout_by_seed, _redrawn, _drawn_alike, _INPUT),
    _plant(
        "dropout: the mask is forgotten",
        _dropout_by_seed,
        lambda seed, d, *, rate: (d / (1 - rate), None),
        _drawn_alike,
        _INPUT,
    ),
    _plant("dropout: a mask by NumPy, another at each trace", _dropout_by_seed, _drawn_by_numpy, _drawn_alike, _INPUT),
    _plant(
        "noise and dropout: one key for both",
        _noisy_dropout(split=False),
        lambda kept, d: (jnp.where(kept, 2 * d, 0), None),
        None,
        _INPUT,
        argument=None,
        caught_by="primal",
        reference=_reference,
    ),
    _plant(
        "Gaussian sample: the deviation is forgotten",
        _sample,
        lambda r, d: (d, d * r[1], None),
        lambda r, d: (d, d * jnp.exp(r[0]) * r[1], None),
        together(normal(4, 3), normal(4, 3), _seed),
        argument=1,
    ),
)
