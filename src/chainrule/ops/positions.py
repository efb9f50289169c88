"""Positions in a sequence: a table of waves that is added, and a rotation that makes products depend on distances."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from chainrule.checks import describe, require_floating
from chainrule.rule import Static, rule

__all__ = ["rotary", "sinusoidal_positions"]


def sinusoidal_positions(length: int, features: int, dtype: DTypeLike = jnp.float32, *, base: float = 10000.0) -> Array:
    """Make the table of sines and cosines, one row a position: waves from the shortest to the longest.

    ::

        P[t, 2 i]     = sin(t / base^(2 i / features))
        P[t, 2 i + 1] = cos(t / base^(2 i / features))

    Shapes: (length, features).

    Raises:
        ValueError: for a length or features below 1, or an odd number of features.

    Source: Vaswani et al., Attention is all you need, 2017, section 3.5.
    """
    if length < 1:
        raise ValueError(f"sinusoidal_positions: length must be a positive integer, got {length}")
    if features < 1 or features % 2:
        raise ValueError(f"sinusoidal_positions: features must be a positive even number, got {features}")
    angles = np.arange(length)[:, None] / base ** (np.arange(0, features, 2) / features)
    return jnp.asarray(np.stack([np.sin(angles), np.cos(angles)], -1).reshape(length, features), dtype)


@rule
def rotary(x: Array, positions: Array | None = None, *, base: float = 10000.0) -> tuple[Array, Array | Static]:
    """Rotate pairs of features by an angle that grows with the position: y_t = R(t) x_t, head by head.

    The features are paired by halves: number i of the first half with number i of the second (not neighbour with neighbour,
    as in the paper; a fixed permutation of the features lies between the two). With w_i = base^(-2 i / head_dim)::

        y_i          = x_i cos(t w_i) - x_{i + h} sin(t w_i)        h = head_dim / 2
        y_{i + h}    = x_i sin(t w_i) + x_{i + h} cos(t w_i)

    R(s)^T R(t) = R(t - s), so the product of a query at t with a key at s depends on their contents and on t - s alone.

    Shapes: x (..., time, heads, head_dim) with an even head_dim, y the same; positions t (time,) or (..., time) of integers,
    0, 1, 2, ... where not given.

    Derivation: a rotation is orthogonal, so its transpose is its inverse, the rotation by the negative angle::

        dL/dx_t = R(t)^T dL/dy_t = R(-t) dL/dy_t

    Positions are integers: no derivative.

    Residuals: the positions, if given; nothing of x, for the map is linear.

    Raises:
        ValueError: for an odd head_dim, fewer than 3 axes, or positions of another shape or dtype.

    Source: Su et al., RoFormer: enhanced transformer with rotary position embedding, 2021; in halves as GPT-NeoX and Llama.
    """
    require_floating("rotary", x=x)
    if x.ndim < 3 or x.shape[-1] % 2:
        raise ValueError(f"rotary: x must be (..., time, heads, head_dim) with an even head_dim, got {describe(x)}")
    if positions is None:
        return _rotated(x, None, base, 1), Static(None)
    if not hasattr(positions, "dtype") or not jnp.issubdtype(positions.dtype, jnp.integer):
        raise ValueError(f"rotary: positions must be an array of integers, got {describe(positions)}")
    if positions.shape not in (x.shape[-3:-2], x.shape[:-2]):
        raise ValueError(
            f"rotary: positions must be ({x.shape[-3]},) or {x.shape[:-2]}, the time of x, got {describe(positions)}"
        )
    return _rotated(x, positions, base, 1), positions


@rotary.defbackward
def rotary_backward(residuals: Array | Static, d_output: Array, *, base: float) -> tuple[Array, None]:
    """Compute dL/dx = R(-t) dL/dy."""
    positions = None if isinstance(residuals, Static) else residuals
    return _rotated(d_output, positions, base, -1), None


def _rotated(x: Array, positions: Array | None, base: float, sign: int) -> Array:
    """Rotate x by its positions, or back by them where ``sign`` is -1."""
    half = x.shape[-1] // 2
    frequencies = base ** (-np.arange(half) / max(half, 1))
    # Angles grow with the position, so they are never of less than 32 bits; known positions have theirs in 64.
    working = jnp.promote_types(x.dtype, jnp.float32)
    cos: Array | np.ndarray
    sin: Array | np.ndarray
    if positions is None:
        angles = np.arange(x.shape[-3])[:, None, None] * frequencies
        cos, sin = np.cos(angles), np.sin(angles)
    else:
        traced = positions[..., None, None].astype(working) * frequencies.astype(working)
        cos, sin = jnp.cos(traced), jnp.sin(traced)
    cos, sin = jnp.asarray(cos, x.dtype), jnp.asarray(sign * sin, x.dtype)
    first, second = x[..., :half], x[..., half:]
    return jnp.concatenate([first * cos - second * sin, first * sin + second * cos], -1)
