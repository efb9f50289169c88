"""Sums over rows and over columns of matrices, as products with ones: what every normalisation is made of.

XLA on a CPU fuses a sum with what computes its terms and with what reads the result. In a forward and backward pass,
where six sums over the same numbers meet, it then stores x_hat and its kin several times over: in a layer norm of 8192 rows
of 512 features, 48 MB of temporaries against 0.2 MB, and 1.4 times the processor time. A product is a kernel by itself, and
nothing is fused across it. At the highest precision, for it stands for a sum, which no device rounds to fewer digits.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

__all__ = ["over_features", "over_rows", "over_rows_in_blocks", "working"]

_FEWEST_ROWS, _MOST_ROWS = 16, 128  # of a block


def over_features(x: Array, weight: Array | None = None) -> Array:
    """Sum along the last axis, each feature times its weight: (..., rows, features) to (..., rows, 1)."""
    weight = jnp.ones(x.shape[-1], x.dtype) if weight is None else weight
    return jnp.matmul(x, weight, precision=lax.Precision.HIGHEST)[..., None]


def over_rows(x: Array) -> Array:
    """Sum along the last axis but one: (..., rows, features) to (..., features)."""
    # Ones for each matrix: with one vector for all of them, the product would first transpose x.
    ones = jnp.ones((*x.shape[:-2], 1, x.shape[-2]), x.dtype)
    return jnp.matmul(ones, x, precision=lax.Precision.HIGHEST)[..., 0, :]


def over_rows_in_blocks(x: Array) -> Array:
    """The same, where digits count as in a mean that is subtracted: many rows are added in blocks, and then the blocks.

    One running sum over n rows rounds n times, at its own size: over 8192 rows it loses a digit more.
    """
    *leading, rows, features = x.shape
    blocks = _blocks(rows)
    if blocks == 1:
        return over_rows(x)
    return jnp.sum(over_rows(x.reshape(*leading, blocks, rows // blocks, features)), -2)


def _blocks(rows: int) -> int:
    """Into how many equal blocks of at most 128 rows to divide; 1 where there are few rows, or no such divisor."""
    if rows <= 2 * _MOST_ROWS:
        return 1
    largest = max(size for size in range(1, _MOST_ROWS + 1) if rows % size == 0)
    return rows // largest if largest >= _FEWEST_ROWS else 1


def working(x: Any) -> Any:
    """The array in the dtype that statistics are computed in: its own, and float32 at the least; None stays None."""
    return None if x is None else x.astype(jnp.promote_types(x.dtype, jnp.float32))
