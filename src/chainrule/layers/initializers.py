"""Initialisers: how large the first weights are, so that signals and gradients keep their size from layer to layer.

For y = x W with independent entries, var(y) = fan_in var(W) var(x), and var(dL/dx) = fan_out var(W) var(dL/dy). So::

    LeCun    var(W) = 1 / fan_in                  keeps the signal
    Glorot   var(W) = 2 / (fan_in + fan_out)      between signal and gradient
    He       var(W) = 2 / fan_in                  keeps the signal through relu, which halves it

each from a normal distribution, or from a uniform one on [-sqrt(3 var), sqrt(3 var)].

An initialiser is called as ``initializer(key, shape, dtype)``; it is hashable and equal to one built alike. A shape is
(..., fan_in, fan_out): leading axes, of a convolution's kernel, multiply both.

Sources: LeCun et al., Efficient backprop, 1998; Glorot and Bengio, 2010; He et al., 2015; Saxe et al., 2013 (orthogonal).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

__all__ = [
    "Initializer",
    "Orthogonal",
    "VarianceScaling",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "zeros",
]

Initializer = Callable[[Array, tuple[int, ...], DTypeLike], Array]


def zeros(key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
    """Make zeros: right for biases; weights of zero would all learn the same."""
    return jnp.zeros(shape, dtype)


@dataclass(frozen=True)
class VarianceScaling:
    """Draw weights of mean 0 and variance ``scale / fan``."""

    scale: float
    fan: Literal["in", "average"]
    distribution: Literal["normal", "uniform"]

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
        """Draw an array of this shape (..., fan_in, fan_out) by key."""
        if len(shape) < 2:
            raise ValueError(f"an initialiser of weights needs a shape (..., fan_in, fan_out), got {shape}")
        receptive_field = math.prod(shape[:-2])
        fan_in, fan_out = receptive_field * shape[-2], receptive_field * shape[-1]
        fan = fan_in if self.fan == "in" else (fan_in + fan_out) / 2
        deviation = math.sqrt(self.scale / max(fan, 1))
        if self.distribution == "normal":
            return deviation * jax.random.normal(key, shape, dtype)
        limit = math.sqrt(3) * deviation  # a uniform variable on [-a, a] has variance a^2 / 3
        return jax.random.uniform(key, shape, dtype, -limit, limit)


@dataclass(frozen=True)
class Orthogonal:
    """Draw a matrix with orthonormal rows or columns (whichever are fewer), times ``scale``."""

    scale: float = 1.0

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
        """Draw an array of this shape (..., fan_in, fan_out), orthogonal as the matrix (product of ..., fan_out)."""
        if len(shape) < 2:
            raise ValueError(f"an initialiser of weights needs a shape (..., fan_in, fan_out), got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        # QR in at least float32: LAPACK knows no bfloat16.
        working = jnp.promote_types(dtype, jnp.float32)
        gaussian = jax.random.normal(key, (max(rows, columns), min(rows, columns)), working)
        q, r = jnp.linalg.qr(gaussian)
        # With the signs of r's diagonal the distribution is uniform over the orthogonal matrices (Haar's measure).
        q = q * jnp.where(jnp.diagonal(r) < 0, -1, 1).astype(working)
        return (self.scale * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)


lecun_normal = VarianceScaling(1.0, "in", "normal")
lecun_uniform = VarianceScaling(1.0, "in", "uniform")
glorot_normal = VarianceScaling(1.0, "average", "normal")
glorot_uniform = VarianceScaling(1.0, "average", "uniform")
he_normal = VarianceScaling(2.0, "in", "normal")
he_uniform = VarianceScaling(2.0, "in", "uniform")
orthogonal = Orthogonal()
