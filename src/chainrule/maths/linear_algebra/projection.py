"""Projection: the point of a line, or of the span of some columns, that is nearest to a vector."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from chainrule.checks import describe, require_same_dtype, require_same_shape
from chainrule.maths.linear_algebra.checks import require_matrix, require_vector
from chainrule.maths.linear_algebra.gram_schmidt import gram_schmidt
from chainrule.maths.linear_algebra.products import product

__all__ = ["project", "project_onto_columns"]


def project(vector: Array, onto: Array) -> Array:
    """Project a vector onto the line through another: p = u (u . v) / (u . u).

    p is the multiple t u nearest to v: d/dt |v - t u|^2 = 0 gives t = u . v / u . u, and v - p is orthogonal to u.

    Args:
        vector: v, [n].
        onto: u, [n].

    Returns:
        p, [n]. The line through a zero vector is the origin, so p is zero there. NaN and infinities in u, and NaN in
        v, give NaN.

    Raises:
        ValueError: for what is not two vectors of one shape and dtype.
    """
    require_vector("project", vector=vector, onto=onto)
    require_same_shape("project", vector=vector, onto=onto)
    require_same_dtype("project", vector=vector, onto=onto)
    largest = jnp.max(jnp.abs(onto))
    u = onto / jnp.where(largest == 0, jnp.ones_like(largest), largest)  # so that u . u neither overflows nor vanishes
    square = product(u, u)
    return u * (product(u, vector) / jnp.where(square == 0, jnp.ones_like(square), square))


def project_onto_columns(vector: Array, columns: Array, *, tolerance: float | None = None) -> Array:
    """Project a vector onto the span of the columns of a matrix: p = Q Q^T v, with Q an orthonormal basis of it.

    For independent columns this is A (A^T A)^-1 A^T v, the prediction of the least-squares fit of v by A. The basis
    comes from ``gram_schmidt``, so that dependent columns do no harm.

    Args:
        vector: v, [n].
        columns: A, [n, k], any k >= 1.
        tolerance: as in ``gram_schmidt``.

    Returns:
        p, [n]; v itself where the columns span everything. A NaN in either argument gives NaN.

    Raises:
        ValueError: for a vector or a matrix of another shape, or unequal dtypes.
    """
    require_vector("project_onto_columns", vector=vector)
    require_matrix("project_onto_columns", columns=columns)
    require_same_dtype("project_onto_columns", vector=vector, columns=columns)
    if len(vector) != len(columns):
        raise ValueError(
            f"project_onto_columns: columns must have the {len(vector)} rows of vector, got {describe(columns)}"
        )
    q = gram_schmidt(columns, tolerance=tolerance).q
    return product(q, product(q.T, vector))
