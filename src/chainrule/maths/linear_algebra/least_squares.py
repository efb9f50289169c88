"""Least squares, min over w, b of |y - X w - b|^2, four ways: normal equation, Cholesky, QR, SVD.

Where the gradient is zero, X^T (y - X w) = 0, the residual is orthogonal to every column of X: the prediction is
the projection of y onto the span of the columns. The four solve this equation with different loss of digits.
With kappa = the condition number of X and eps the spacing of floating-point numbers,

    normal equation, Cholesky    X^T X w = X^T y             error about eps kappa^2: X^T X squares the condition
    QR                           R w = Q^T y                 error about eps kappa
    SVD                          w = V diag(1/s) U^T y       error about eps kappa; and tells the rank

The columns are brought to length 1 before the first three, so that units of measurement do not spoil the
condition number. These three give NaN, rather than large meaningless weights, where the columns of X are
linearly dependent as far as the dtype can tell; the SVD then gives the smallest weights of all that fit best.

Source: G. Golub, C. Van Loon (2013), Matrix Computations, 4th edition, chapter 5.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jax import Array, lax

from chainrule.checks import is_concrete
from chainrule.maths.linear_algebra.linear_fit import LinearFit, Prepared, assemble, prepare, require_data
from chainrule.maths.linear_algebra.products import product

__all__ = ["least_squares_cholesky", "least_squares_normal", "least_squares_qr", "least_squares_svd"]


def least_squares_normal(features: Array, targets: Array, *, intercept: bool = True) -> LinearFit:
    """Fit y = X w + b by the normal equation, X^T X w = X^T y, by Gaussian elimination.

    Half of the digits are lost already when X^T X is formed: at a condition number of 1/sqrt(eps) (3e3 in
    float32, 7e7 in float64) of the columns brought to length 1, none is left.

    Args:
        features: X, [n, k].
        targets: y, [n], or [n, m] for m targets at once.
        intercept: whether b is fitted too, else it is 0.

    Returns:
        The fit; weights and intercept are NaN where X^T X is singular as far as the dtype can tell, or the
        features hold a NaN. A NaN among the targets spoils the fit of its own column.

    Raises:
        ValueError: for a wrong shape, an empty array, unequal dtypes, or fewer samples than unknowns.
    """
    _require_determined("least_squares_normal", features, targets, intercept)
    data = prepare(features, targets, intercept=intercept)
    unit = _unit_columns(data)
    gram = product(unit.columns.T, unit.columns)
    elimination, order = jsl.lu_factor(gram)
    weights = jsl.lu_solve((elimination, order), product(unit.columns.T, data.targets))
    sound = jnp.all(jnp.abs(jnp.diagonal(elimination)) > _smallest_square(unit))
    return assemble(data, _or_nan(weights, unit, sound), targets)


def least_squares_cholesky(features: Array, targets: Array, *, intercept: bool = True) -> LinearFit:
    """Fit y = X w + b by Cholesky's factors of the normal equation, L L^T w = X^T y.

    X^T X is symmetric and positive definite, so it is L L^T with L lower triangular: half the work of
    elimination, two triangular solves, and a root of a negative number where the columns are dependent. Its
    loss of digits is that of ``least_squares_normal``.

    Args, Returns, Raises: as ``least_squares_normal``.
    """
    _require_determined("least_squares_cholesky", features, targets, intercept)
    data = prepare(features, targets, intercept=intercept)
    unit = _unit_columns(data)
    lower = jnp.linalg.cholesky(product(unit.columns.T, unit.columns))
    weights = jsl.cho_solve((lower, True), product(unit.columns.T, data.targets))
    sound = jnp.all(jnp.diagonal(lower) ** 2 > _smallest_square(unit))
    return assemble(data, _or_nan(weights, unit, sound), targets)


def least_squares_qr(features: Array, targets: Array, *, intercept: bool = True) -> LinearFit:
    """Fit y = X w + b by QR: X = Q R with orthonormal columns in Q, so that R w = Q^T y.

    |y - X w|^2 = |Q^T y - R w|^2 + a part without w, because Q keeps lengths. X^T X is never formed, and the
    condition number is not squared.

    Args, Returns, Raises: as ``least_squares_normal``; weights are NaN where a column of X lies in the span of
    those before it as far as the dtype can tell, which is a condition number of about 1/eps, not 1/sqrt(eps).
    """
    _require_determined("least_squares_qr", features, targets, intercept)
    data = prepare(features, targets, intercept=intercept)
    unit = _unit_columns(data)
    q, r = jnp.linalg.qr(unit.columns)
    weights = jsl.solve_triangular(r, product(q.T, data.targets))
    sound = jnp.all(jnp.abs(jnp.diagonal(r)) > unit.tolerance)
    return assemble(data, _or_nan(weights, unit, sound), targets)


def least_squares_svd(
    features: Array, targets: Array, *, intercept: bool = True, rcond: float | None = None
) -> LinearFit:
    """Fit y = X w + b by the SVD X = U diag(s) V^T: w = V diag(1/s) U^T y, over the s that count.

    Singular values up to ``rcond`` times the largest count as zero, and what lies in their directions is left
    out. Of all the weights that fit best, these have the smallest Euclidean length (b is not counted), so
    dependent columns, and fewer samples than features, have one sound answer. Which directions count depends
    on the units of the features.

    Args:
        features: X, [n, k], any n >= 1.
        targets: y, [n], or [n, m] for m targets at once.
        intercept: whether b is fitted too, else it is 0.
        rcond: the smallest singular value that counts, as a fraction of the largest. None: 10 k eps, and
            at least ten times what rounding may have put into the longest column.

    Returns:
        The fit, with ``rank``, the number of singular values that count. Features that are constant have
        weight zero. A NaN among the features makes all weights NaN (and the rank 0); one among the targets
        spoils its own column. Differentiable in the targets; in the features where the singular values are
        distinct and none is left out.

    Raises:
        ValueError: for a wrong shape, an empty array, unequal dtypes, or an rcond outside [0, 1).
    """
    if rcond is not None and is_concrete(rcond) and not 0 <= rcond < 1:
        raise ValueError(f"least_squares_svd: rcond must be in [0, 1), got {rcond}")
    require_data("least_squares_svd", features, targets)
    data = prepare(features, targets, intercept=intercept)
    u, s, vt = jnp.linalg.svd(data.features, full_matrices=False)
    counts = s > smallest_singular_value(data, s, rcond)
    inverse = jnp.where(counts, 1 / jnp.where(counts, s, jnp.ones_like(s)), jnp.zeros_like(s))
    weights = product(vt.T, inverse[:, None] * product(u.T, data.targets))
    return assemble(data, weights, targets, jnp.sum(counts, dtype=jnp.int32))


def smallest_singular_value(data: Prepared, s: Array, rcond: float | None = None) -> Array:
    """Say up to which size a singular value of prepared features is rounding, []."""
    if rcond is not None:
        return jnp.asarray(rcond, s.dtype) * s[0]
    fraction = 10 * data.features.shape[1] * float(jnp.finfo(s.dtype).eps)
    return lax.stop_gradient(jnp.maximum(fraction * s[0], 10 * jnp.max(data.noise)))


def _require_determined(where: str, features: Array, targets: Array, intercept: bool) -> None:
    width = features.shape[1] if getattr(features, "ndim", 0) == 2 else 0
    require_data(where, features, targets, unknowns=width + bool(intercept))


class _UnitColumns(NamedTuple):
    columns: Array  # [n, k], each of length 1, or zero
    lengths: Array  # [k], what they were divided by
    tolerance: Array  # [], a column this near to the span of the others counts as dependent


def _unit_columns(data: Prepared) -> _UnitColumns:
    lengths = jnp.where(data.lengths > 0, data.lengths, jnp.ones_like(data.lengths))
    return _UnitColumns(data.features / lengths, lengths, 10 * jnp.max(data.noise / lengths))


def _smallest_square(unit: _UnitColumns) -> Array:
    """Say up to which size a pivot of X^T X, the square of a distance, counts as zero."""
    n, k = unit.columns.shape
    rounding = max(10.0, 2 * n**0.5) * k * float(jnp.finfo(unit.columns.dtype).eps)
    return jnp.maximum(unit.tolerance**2, rounding)


def _or_nan(weights: Array, unit: _UnitColumns, sound: Array) -> Array:
    """Return to the units of the features; where the columns are dependent, NaN in place of a wrong answer."""
    return jnp.where(sound, weights / unit.lengths[:, None], jnp.full_like(weights, jnp.nan))
