"""Ridge regression: least squares that pays for the size of its weights, but not for the intercept."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from chainrule.checks import describe, is_concrete
from chainrule.maths.linear_algebra.least_squares import smallest_singular_value
from chainrule.maths.linear_algebra.linear_fit import LinearFit, assemble, prepare, require_data
from chainrule.maths.linear_algebra.products import product

__all__ = ["ridge"]


def ridge(features: Array, targets: Array, strength: float | Array, *, intercept: bool = True) -> LinearFit:
    """Fit y = X w + b by minimising |y - X w - b|^2 + strength |w|^2.

    Setting the gradient to zero gives (X^T X + strength I) w = X^T y for centred X and y. With X = U diag(s) V^T,

        w = V diag(s / (s^2 + strength)) U^T y

    so X^T X is never formed, and one SVD serves every strength: ``jax.vmap`` over ``strength`` computes it once.
    The intercept is mean(y) - mean(X) w and costs nothing: moving all targets by a constant moves all
    predictions by the same. How much a weight costs depends on the unit of its feature: standardise first.

    Args:
        features: X, [n, k], any n >= 1.
        targets: y, [n], or [n, m] for m targets at once.
        strength: the price of the weights, [], at least 0 (scikit-learn's ``alpha``). At 0 the answer is that of
            ``least_squares_svd``.
        intercept: whether b is fitted too, else it is 0.

    Returns:
        The fit. A negative or NaN strength under ``jax.jit``, where it cannot be seen, gives NaN; so does a NaN among
        the features, and one among the targets in its own column. Differentiable in the targets and the strength;
        in the features where the singular values are distinct.

    Raises:
        ValueError: for a wrong shape, an empty array, unequal dtypes, or a strength that is not a number >= 0.

    Source: A. Hoerl, R. Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems.
    """
    require_data("ridge", features, targets)
    if jnp.ndim(strength) != 0:
        raise ValueError(f"ridge: strength must be one number, got {describe(strength)}")
    if is_concrete(strength) and not float(strength) >= 0:
        raise ValueError(f"ridge: strength must be at least 0, got {float(strength)}")
    data = prepare(features, targets, intercept=intercept)
    price = jnp.asarray(strength, features.dtype)
    price = jnp.where(price >= 0, price, jnp.full_like(price, jnp.nan))
    u, s, vt = jnp.linalg.svd(data.features, full_matrices=False)
    counts = s > jnp.where(price > 0, jnp.zeros_like(price), smallest_singular_value(data, s))
    sizes = jnp.where(counts, s, jnp.ones_like(s))
    # s / (s^2 + strength) without squaring s, which may overflow
    shrunk = jnp.where(counts, 1 / (sizes + price / sizes), jnp.zeros_like(s))
    shrunk = jnp.where(jnp.isnan(price), price, shrunk)
    return assemble(data, product(vt.T, shrunk[:, None] * product(u.T, data.targets)), targets)
