"""The angle between two vectors, and whether it is a right one."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from chainrule.checks import require_same_dtype, require_same_shape
from chainrule.maths.linear_algebra.checks import require_vector
from chainrule.maths.linear_algebra.products import product

__all__ = ["angle", "are_orthogonal"]


def angle(x: Array, y: Array) -> Array:
    """Angle between two vectors, in radians, from 0 to pi.

    cos(theta) = x . y / (|x| |y|) defines it. The arc cosine loses half of the digits near 0 and pi, so with the
    unit vectors u = x / |x| and v = y / |y|, two sides of a rhombus whose diagonals are u - v and u + v,

        theta = 2 atan2(|u - v|, |u + v|)

    Args:
        x: [n].
        y: [n].

    Returns:
        theta, []; NaN where either vector is zero or holds a NaN or an infinity. Its derivative does not exist at 0
        and pi, and is NaN there.

    Raises:
        ValueError: for what is not two vectors of one shape and dtype.

    Source: W. Kahan (2006), How futile are mindless assessments of roundoff in floating-point computation?, section 12.
    """
    _require_pair("angle", x, y)
    u, v = _unit(x), _unit(y)
    return 2 * jnp.arctan2(jnp.linalg.norm(u - v), jnp.linalg.norm(u + v))


def are_orthogonal(x: Array, y: Array, *, tolerance: float | None = None) -> Array:
    """Whether two vectors are orthogonal: |x . y| <= tolerance |x| |y|.

    Args:
        x: [n].
        y: [n].
        tolerance: the largest cosine that counts as 0; None means 2 n eps, a bound of the rounding of the product.

    Returns:
        bool[]; a zero vector is orthogonal to every vector, one that holds a NaN or an infinity to none.

    Raises:
        ValueError: for what is not two vectors of one shape and dtype.
    """
    _require_pair("are_orthogonal", x, y)
    cosine = product(_unit(x, zero=0.0), _unit(y, zero=0.0))
    return jnp.abs(cosine) <= (2 * len(x) * float(jnp.finfo(x.dtype).eps) if tolerance is None else tolerance)


def _require_pair(where: str, x: Array, y: Array) -> None:
    require_vector(where, x=x, y=y)
    require_same_shape(where, x=x, y=y)
    require_same_dtype(where, x=x, y=y)


def _unit(x: Array, *, zero: float = float("nan")) -> Array:
    """Bring a vector to length 1, without overflow of its squares; a zero vector to ``zero`` everywhere."""
    largest = jnp.max(jnp.abs(x))
    scaled = x / jnp.where(largest == 0, jnp.ones_like(largest), largest)
    length = jnp.where(largest == 0, jnp.ones_like(largest), jnp.sqrt(jnp.sum(jnp.where(largest == 0, 1, scaled**2))))
    return jnp.where(largest == 0, jnp.full_like(x, zero), scaled / length)
