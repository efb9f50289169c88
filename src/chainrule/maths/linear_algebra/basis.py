"""Change of basis: the same vector by other coordinates."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype, require_same_shape
from chainrule.maths.linear_algebra.checks import require_decomposable, require_square
from chainrule.maths.linear_algebra.products import product

__all__ = ["change_of_basis"]


def change_of_basis(coordinates: Array, old: Array, new: Array) -> Array:
    """Turn the coordinates of vectors in an old basis into those in a new one.

    The columns of a basis are its vectors. The vector itself is old c = new d, so that

        d = new^-1 old c

    solved by elimination. ``change_of_basis(d, new, old)`` leads back. The standard basis is ``jnp.eye(n)``.

    Args:
        coordinates: c, [n], or [..., n] for many vectors.
        old: the basis of c, [n, n], a vector a column.
        new: the basis of d, [n, n], a vector a column.

    Returns:
        d, of the shape of c; NaN where the columns of ``new`` are no basis: linearly dependent as far as the dtype
        can tell (brought to length 1, a condition number over 1 / (n eps)). NaN in an argument gives NaN.

    Raises:
        ValueError: for bases that are not square and of one shape, coordinates of another length, or unequal dtypes.
    """
    require_floating("change_of_basis", coordinates=coordinates)
    require_square("change_of_basis", old=old, new=new)
    require_same_shape("change_of_basis", old=old, new=new)
    n = len(new)
    if jnp.ndim(coordinates) == 0 or coordinates.shape[-1] != n:
        raise ValueError(f"change_of_basis: coordinates must be [..., {n}], got {describe(coordinates)}")
    require_same_dtype("change_of_basis", coordinates=coordinates, old=old, new=new)
    require_decomposable("change_of_basis", new=new)
    lengths = lax.stop_gradient(jnp.max(jnp.abs(new), axis=0))
    unit = new / jnp.where(lengths == 0, jnp.ones_like(lengths), lengths)
    sizes = jnp.linalg.svd(lax.stop_gradient(unit), compute_uv=False)
    is_basis = sizes[-1] > n * float(jnp.finfo(new.dtype).eps) * sizes[0]
    safe = jnp.where(is_basis, unit, jnp.eye(n, dtype=new.dtype))
    vectors = product(coordinates.reshape(-1, n), old.T)
    found = jnp.linalg.solve(safe, vectors.T).T / jnp.where(lengths == 0, jnp.ones_like(lengths), lengths)
    return jnp.where(is_basis, found, jnp.full_like(found, jnp.nan)).reshape(coordinates.shape)
