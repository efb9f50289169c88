"""Errors at the door of linear algebra: vectors that are vectors, matrices that are matrices."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from chainrule.checks import describe, require_floating

__all__ = ["require_decomposable", "require_matrix", "require_square", "require_vector"]


def require_vector(where: str, **arguments: Array) -> None:
    """Refuse what is not an array [n] of floating-point numbers with n >= 1."""
    require_floating(where, **arguments)
    for name, value in arguments.items():
        if not hasattr(value, "shape") or len(value.shape) != 1 or value.shape[0] == 0:
            raise ValueError(f"{where}: {name} must be a vector [n] with n >= 1, got {describe(value)}")


def require_matrix(where: str, **arguments: Array) -> None:
    """Refuse what is not an array [n, k] of floating-point numbers with n, k >= 1."""
    require_floating(where, **arguments)
    for name, value in arguments.items():
        if not hasattr(value, "shape") or len(value.shape) != 2 or 0 in value.shape:
            raise ValueError(f"{where}: {name} must be a matrix [n, k] with n, k >= 1, got {describe(value)}")


def require_square(where: str, **arguments: Array) -> None:
    """Refuse what is not an array [n, n] of floating-point numbers with n >= 1."""
    require_matrix(where, **arguments)
    for name, value in arguments.items():
        if value.shape[0] != value.shape[1]:
            raise ValueError(f"{where}: {name} must be square, [n, n], got {describe(value)}")


def require_decomposable(where: str, **arguments: Array) -> None:
    """Refuse float16 and bfloat16, for which there are no decompositions (QR, SVD, Cholesky, LU)."""
    for name, value in arguments.items():
        if jnp.finfo(value.dtype).bits < 32:
            raise ValueError(
                f"{where}: {name} must be of float32 or float64, got {describe(value)}; cast it with astype"
            )
