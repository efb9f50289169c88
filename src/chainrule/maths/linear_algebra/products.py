"""Matrix products to all the digits of their dtype."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

__all__ = ["product"]


def product(a: Array, b: Array) -> Array:
    """Multiply matrices or vectors, c_ij = sum_k a_ik b_kj, with every digit that float32 has.

    Some devices multiply float32 with 10 bits of fraction unless told otherwise, which a network bears, and an
    orthogonal basis or a normal equation does not.
    """
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)
