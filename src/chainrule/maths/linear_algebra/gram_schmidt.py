"""The Gram-Schmidt process: an orthonormal basis, column by column."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from chainrule.maths.linear_algebra.checks import require_matrix
from chainrule.maths.linear_algebra.products import product

__all__ = ["GramSchmidt", "gram_schmidt"]


class GramSchmidt(NamedTuple):
    """What the Gram-Schmidt process gives: A = Q R; a pytree.

    Attributes:
        q: orthonormal columns, [n, k]; a zero column for each column of A that depends on those before it.
        r: upper triangular, [k, k]: column j of A is sum_i r_ij q_i; r_jj >= 0, and 0 for a dependent column.
        rank: how many columns are independent, int32[].
    """

    q: Array
    r: Array
    rank: Array


def gram_schmidt(columns: Array, *, passes: int = 2, tolerance: float | None = None) -> GramSchmidt:
    """Orthonormalise columns by the modified Gram-Schmidt process.

    For j = 1, 2, ...: q_j = a_j / |a_j|, and then from every later column its part along q_j is taken out,
    a_i <- a_i - q_j (q_j . a_i). The classical process computes all the parts from the original columns, and loses
    orthogonality with the square of the condition number; this one loses it with the condition number itself. The
    second pass takes out of a_j, before it is normalised, what rounding left along q_1 ... q_j-1: then Q is
    orthonormal to rounding.

    Args:
        columns: A, [n, k]; k may exceed n.
        passes: 1 for the plain process, 2 for the one with a second pass (static).
        tolerance: a column of which no more than this fraction of its length is left counts as dependent.
            None means 10 max(n, k) eps.

    Returns:
        q, r and rank, with A = Q R up to the tolerance. A column that depends on those before it, a zero column
        among them, has q_j = 0 and r_jj = 0. A NaN spoils its own column of q and those after it, and is not
        counted in the rank. Differentiable, and constant zero in what is dependent.

    Raises:
        ValueError: for what is not a matrix, or passes other than 1 and 2.

    Source: Å. Björck (1994), Numerics of Gram-Schmidt orthogonalization, Linear Algebra and its Applications 197.
    """
    require_matrix("gram_schmidt", columns=columns)
    if passes not in (1, 2):
        raise ValueError(f"gram_schmidt: passes must be 1 or 2, got {passes!r}")
    n, k = columns.shape
    least = 10 * max(n, k) * float(jnp.finfo(columns.dtype).eps) if tolerance is None else tolerance
    scale = jnp.max(jnp.abs(columns), axis=0)
    scale = lax.stop_gradient(jnp.where(scale == 0, jnp.ones_like(scale), scale))  # against overflow of squares
    scaled = columns / scale
    sizes = jnp.sqrt(jnp.sum(lax.stop_gradient(scaled) ** 2, axis=0))

    def step(carry: tuple[Array, Array], j: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        remaining, q = carry
        column = remaining[:, j]
        again = jnp.zeros_like(sizes)
        if passes == 2:
            again = product(q.T, column)  # q holds only the columns before j
            column = column - product(q, again)
        square = product(column, column)
        dependent = square <= (least * sizes[j]) ** 2
        length = jnp.sqrt(jnp.where(dependent, jnp.ones_like(square), square))
        unit = jnp.where(dependent, jnp.zeros_like(column), column / length)
        along = jnp.where(jnp.arange(k) > j, product(unit, remaining), jnp.zeros_like(sizes))
        along = along.at[j].set(jnp.where(dependent, jnp.zeros_like(length), length))
        later = jnp.where(jnp.arange(k) > j, along, jnp.zeros_like(along))
        return (remaining - jnp.outer(unit, later), q.at[:, j].set(unit)), (along, again)

    start = (scaled, jnp.zeros_like(scaled))
    (_, q), (rows, corrections) = lax.scan(step, start, jnp.arange(k))
    rank = jnp.sum(jnp.diagonal(rows) > 0, dtype=jnp.int32)
    return GramSchmidt(q, (rows + corrections.T) * scale, rank)
