"""Least squares by gradient descent: the same answer step by step, with the path that leads there."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, is_concrete
from chainrule.maths.linear_algebra.linear_fit import LinearFit, require_data
from chainrule.maths.linear_algebra.products import product

__all__ = ["LeastSquaresDescent", "gradient_descent_least_squares"]


class LeastSquaresDescent(NamedTuple):
    """A descent to the least-squares fit; a pytree.

    Attributes:
        fit: where it ended.
        path: where it was before each step and after the last: weights [steps + 1, k] or [steps + 1, k, m],
            intercept [steps + 1] or [steps + 1, m].
        losses: half the mean squared error at each of these places, summed over the targets, [steps + 1].
        learning_rate: the step size that was used, [].
    """

    fit: LinearFit
    path: LinearFit
    losses: Array
    learning_rate: Array


def gradient_descent_least_squares(
    features: Array,
    targets: Array,
    *,
    steps: int = 1000,
    learning_rate: float | Array | None = None,
    intercept: bool = True,
) -> LeastSquaresDescent:
    """Fit y = X w + b by gradient descent from zero on L = |y - X w - b|^2 / (2n).

        dL/dw = X^T (X w + b - y) / n,    dL/db = mean(X w + b - y)

    With A = [X, 1] the Hessian is A^T A / n. Along its eigenvector of eigenvalue h the distance to the answer is
    multiplied by 1 - learning_rate h at every step, so the descent converges where learning_rate < 2 / h_max. With
    learning_rate = 1 / h_max the slowest direction keeps 1 - h_min / h_max of its distance: features that
    are not standardised make it crawl. In directions with h = 0 it stays at zero, where it began, so without an
    intercept it tends to the minimum-norm answer of ``least_squares_svd``.

    Args:
        features: X, [n, k], any n >= 1.
        targets: y, [n], or [n, m] for m targets at once.
        steps: how many steps, at least 0 (static).
        learning_rate: the step size, []; None means 1 / h_max.
        intercept: whether b is fitted too, else it stays 0 (static).

    Returns:
        The end, the path, its losses and the step size. A NaN in the data, or a step size that is too large, shows
        in the losses: they turn NaN, or grow.

    Raises:
        ValueError: for a wrong shape, an empty array, unequal dtypes, negative steps, or a learning rate that is
            not a positive number.
    """
    where = "gradient_descent_least_squares"
    require_data(where, features, targets)
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        raise ValueError(f"{where}: steps must be a whole number, at least 0, got {steps!r}")
    if learning_rate is not None and jnp.ndim(learning_rate) != 0:
        raise ValueError(f"{where}: learning_rate must be one number, got {describe(learning_rate)}")
    if learning_rate is not None and is_concrete(learning_rate) and not 0 < float(learning_rate) < float("inf"):
        raise ValueError(f"{where}: learning_rate must be a positive number, got {float(learning_rate)}")
    n, k = features.shape
    columns = targets[:, None] if targets.ndim == 1 else targets
    design = jnp.concatenate([features, jnp.ones_like(features[:, :1])], axis=1) if intercept else features
    if learning_rate is None:
        largest = jnp.linalg.eigvalsh(product(design.T, design) / n)[-1]
        rate = jnp.where(largest == 0, jnp.ones_like(largest), 1 / largest)
    else:
        rate = jnp.asarray(learning_rate, features.dtype)

    def step(unknowns: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
        residuals = product(design, unknowns) - columns
        return unknowns - rate * product(design.T, residuals) / n, (unknowns, _loss(residuals))

    start = jnp.zeros((design.shape[1], columns.shape[1]), features.dtype)
    end, (places, losses) = lax.scan(step, start, None, length=steps)
    places = jnp.concatenate([places, end[None]])
    losses = jnp.append(losses, _loss(product(design, end) - columns))
    path = LinearFit(places[:, :k], places[:, k] if intercept else jnp.zeros_like(places[:, 0]))
    if targets.ndim == 1:
        path = LinearFit(path.weights[..., 0], path.intercept[..., 0])
    return LeastSquaresDescent(LinearFit(path.weights[-1], path.intercept[-1]), path, losses, rate)


def _loss(residuals: Array) -> Array:
    return jnp.sum(residuals**2) / (2 * residuals.shape[0])
