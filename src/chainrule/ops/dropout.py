"""Dropout: random numbers of an array set to zero, and the others made larger by as much."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from chainrule.checks import describe, require_floating
from chainrule.rule import rule

__all__ = ["dropout", "require_rate"]


@rule
def dropout(x: Array, key: Array, *, rate: float, shared_axes: tuple[int, ...] = ()) -> tuple[Array, Array | None]:
    """Drop each number with probability ``rate`` and scale the rest (inverted dropout): y = m x / (1 - rate).

    m is 1 with probability 1 - rate and 0 otherwise, drawn by key, so the mean of y is x and nothing has to be scaled
    when the model is evaluated. The same key draws the same m, in every floating-point dtype.

    Shapes: x any, key a single random key; y that of x. Along ``shared_axes`` all numbers have one m: ``(1, 2)`` drops whole
    channels of images (batch, height, width, channels).

    Derivation: y is linear in x, so dL/dx = m g / (1 - rate) with g = dL/dy and the very m of the forward pass. Nothing
    flows to the key.

    Residuals: the mask m, a byte each (none for a rate of 0). The key alone would do, but drawing m again takes longer than
    all else.

    Raises:
        ValueError: for a rate outside [0, 1), a key that is no single random key, an integer x, or axes that x has not.

    Source: Srivastava et al., Dropout, 2014; per channel: Tompson et al., Efficient object localization, 2015.
    """
    require_floating("dropout", x=x)
    require_rate(rate)
    if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()):
        raise ValueError(
            f"dropout: key must be a single random key, as jax.random.key(0) makes one, got {describe(key)}"
        )
    if any(not -x.ndim <= axis < x.ndim for axis in shared_axes):
        raise ValueError(f"dropout: shared_axes must be axes of x, {describe(x)}, got {shared_axes}")
    if rate == 0:
        return x, None
    shared = {axis % x.ndim for axis in shared_axes}
    shape = tuple(1 if axis in shared else size for axis, size in enumerate(x.shape))
    # Integers below a threshold rather than uniform numbers: their bits are the same for every dtype of x.
    threshold = min(round((1 - rate) * 2**32), 2**32 - 1)
    kept = jax.random.bits(key, shape, jnp.uint32) < jnp.uint32(threshold)
    return _masked(kept, x, rate), kept


@dropout.defbackward
def dropout_backward(
    kept: Array | None, d_output: Array, *, rate: float, shared_axes: tuple[int, ...]
) -> tuple[Array, None]:
    """Compute dL/dx = m g / (1 - rate), and nothing for the key."""
    return (d_output if kept is None else _masked(kept, d_output, rate)), None


def require_rate(rate: Any) -> None:
    """Refuse a drop rate outside [0, 1)."""
    if not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        raise ValueError(f"dropout: rate must be in [0, 1), the share that is dropped, got {rate!r}")


def _masked(kept: Array, x: Array, rate: float) -> Array:
    """Scale x to x / (1 - rate) where it is kept, 0 elsewhere; chosen, not multiplied, for infinity times 0 is no number."""
    return jnp.where(kept, x / (1 - rate), 0)
