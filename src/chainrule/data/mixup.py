"""Mixup: training examples made of two, and labels to match."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.checks import describe, is_concrete, require_floating

__all__ = ["mixup"]


def mixup(key: Array, x: Array, y: Array, *, alpha: float = 0.2, classes: int | None = None) -> tuple[Array, Array]:
    """Mix each example of a batch with another of it, and their labels in the same proportion.

    ::

        t ~ Beta(alpha, alpha)      x'_i = t x_i + (1 - t) x_p(i)      q'_i = t q_i + (1 - t) q_p(i)

    with one t and one random permutation p for the batch. The labels become probabilities, which
    ``losses.cross_entropy`` takes. A small alpha leaves most batches almost as they are, and 1 draws t evenly. It is a pure
    function of the key: call it where a training step draws its batch, within ``jax.jit`` or outside.

    Shapes: x (batch, ...) floating point; y (batch, classes) probabilities, or (batch,) integer labels together with
    ``classes``; returns (x', q') of the shapes of x and (batch, classes), both of x's dtype.

    Raises:
        ValueError: for x and y of different lengths, an alpha that is not positive, a key that is no single key, integer
            labels without ``classes``, or labels out of range where their values can be seen (within a compiled program such
            a label counts for no class: its row of q is zeros).

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, mixup: beyond empirical risk minimization, 2018.
    """
    require_floating("mixup: training data", x=x)
    if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()):
        raise ValueError(f"mixup: key must be a single random key, as jax.random.key(0) makes one, got {describe(key)}")
    if not isinstance(alpha, (int, float)) or not 0 < alpha < math.inf:
        raise ValueError(f"mixup: alpha must be positive, got {alpha!r}")
    if np.ndim(x) < 1 or np.shape(x)[:1] != np.shape(y)[:1]:
        raise ValueError(f"mixup: x and y must have as many examples, got {describe(x)} and {describe(y)}")
    if jnp.issubdtype(y.dtype, jnp.integer):
        q = jax.nn.one_hot(y, _require_labels(y, classes), dtype=x.dtype)
    elif y.ndim != 2 or not jnp.issubdtype(y.dtype, jnp.floating):
        raise ValueError(f"mixup: y must be (batch, classes) probabilities or (batch,) integers, got {describe(y)}")
    elif classes not in (None, y.shape[1]):
        raise ValueError(f"mixup: classes is {classes}, but y has {y.shape[1]} of them: {describe(y)}")
    else:
        q = jnp.asarray(y, x.dtype)
    return _mixed(key, jnp.asarray(x), q, jnp.asarray(alpha, jnp.float32))


@jax.jit
def _mixed(key: Array, x: Array, q: Array, alpha: Array) -> tuple[Array, Array]:
    share_key, order_key = jax.random.split(key)
    share = jax.random.beta(share_key, alpha, alpha, dtype=jnp.float32).astype(x.dtype)
    order = jax.random.permutation(order_key, x.shape[0])
    return share * x + (1 - share) * x[order], share * q + (1 - share) * q[order]


def _require_labels(y: Any, classes: int | None) -> int:
    if not isinstance(classes, int) or classes < 1:
        raise ValueError(f"mixup: integer labels need the number of classes, classes=10, got {classes!r}")
    if y.ndim != 1:
        raise ValueError(f"mixup: integer labels must be (batch,), got {describe(y)}")
    if is_concrete(y) and y.size:
        low, high = np.asarray(y).min(), np.asarray(y).max()
        if low < 0 or high >= classes:
            raise ValueError(f"mixup: labels must be in [0, {classes}), got {low if low < 0 else high}")
    return classes
