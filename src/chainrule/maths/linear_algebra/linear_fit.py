"""A linear fit y = X w + b: its numbers, its prediction, and how every solver prepares its data."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.maths.linear_algebra.checks import require_decomposable, require_matrix
from chainrule.maths.linear_algebra.products import product

__all__ = ["LinearFit", "predict"]


class LinearFit(NamedTuple):
    """A linear fit, y = X w + b; a pytree.

    Attributes:
        weights: w, [k], or [k, m] for m targets at once.
        intercept: b, [] or [m]; zero where none was fitted.
        rank: how many directions of the (centred) features the solver used, int32[], where the solver finds
            out (``least_squares_svd``), else None.
    """

    weights: Array
    intercept: Array
    rank: Array | None = None


def predict(fit: LinearFit, features: Array) -> Array:
    """Predict with a linear fit: y = X w + b.

    Args:
        fit: the fit, of k features.
        features: X, [n, k], n may be 0, or one sample, [k].

    Returns:
        y, [n], or [n, m] for m targets; without the n for one sample.

    Raises:
        ValueError: for features of another width, or of another dtype than the weights.
    """
    require_floating("predict", features=features, weights=fit.weights)
    require_same_dtype("predict", features=features, weights=fit.weights)
    width = fit.weights.shape[0]
    if features.ndim not in (1, 2) or features.shape[-1] != width:
        raise ValueError(f"predict: features must be [n, {width}] or [{width}], got {describe(features)}")
    return product(features, fit.weights) + fit.intercept


class Prepared(NamedTuple):
    """Features and targets with their means taken out: what is left to fit has no intercept.

    Attributes:
        features: X - mean(X), [n, k]; a column that is constant but for rounding is exactly zero.
        targets: y - mean(y), [n, m], a column also where there is one target.
        lengths: the Euclidean length of each column of ``features``, [k].
        noise: the part of the length of each column that may be rounding, eps |X_j|, [k].
        feature_mean: [k], zero without an intercept.
        target_mean: [m], zero without an intercept.
    """

    features: Array
    targets: Array
    lengths: Array
    noise: Array
    feature_mean: Array
    target_mean: Array


def require_data(where: str, features: Array, targets: Array, *, unknowns: int = 1) -> None:
    """Refuse data that no linear fit can be made of.

    Args:
        where: the name of the solver, for the messages.
        features: what must be [n, k].
        targets: what must be [n] or [n, m].
        unknowns: how many samples there must be at least.

    Raises:
        ValueError: for what is not of these shapes, is empty, mixes dtypes or has too short ones, or has too few samples.
    """
    require_matrix(where, features=features)
    require_floating(where, targets=targets)
    n = len(features)
    if not hasattr(targets, "shape") or targets.ndim not in (1, 2) or targets.shape[0] != n or targets.shape[-1] == 0:
        raise ValueError(
            f"{where}: targets must be [{n}] or [{n}, m], as there are {n} samples, got {describe(targets)}"
        )
    require_same_dtype(where, features=features, targets=targets)
    require_decomposable(where, features=features)
    if n < unknowns:
        raise ValueError(
            f"{where}: features must have at least {unknowns} samples to determine {unknowns} unknowns, got {n}; "
            "least_squares_svd finds the smallest weights"
        )


def prepare(features: Array, targets: Array, *, intercept: bool) -> Prepared:
    """Take the means out of the data of a fit that ``require_data`` let in.

    The best b for given w is mean(y) - mean(X) w, since the derivative of the squared error by b is the sum of
    the residuals. Put in, it leaves a fit of y - mean(y) by X - mean(X) without intercept. The same follows
    from a column of ones as the first column of X: orthogonalising the others against it subtracts their means.
    """
    columns = targets[:, None] if targets.ndim == 1 else targets
    feature_mean, target_mean = jnp.zeros_like(features[0]), jnp.zeros_like(columns[0])
    noise = _lengths(features) * jnp.finfo(features.dtype).eps
    if intercept:
        feature_mean, target_mean = jnp.mean(features, axis=0), jnp.mean(columns, axis=0)
        features, columns = features - feature_mean, columns - target_mean
        # what is left of a constant column is the rounding of its mean: a slope along it would be noise
        features = jnp.where(_lengths(features) <= 4 * noise, jnp.zeros_like(features), features)
    return Prepared(features, columns, _lengths(features), noise, feature_mean, target_mean)


def assemble(prepared: Prepared, weights: Array, targets: Array, rank: Array | None = None) -> LinearFit:
    """Make the fit of weights [k, m] found without intercept: b = mean(y) - mean(X) w; one target loses its m."""
    intercept = prepared.target_mean - product(prepared.feature_mean, weights)
    if targets.ndim == 1:
        return LinearFit(weights[:, 0], intercept[0], rank)
    return LinearFit(weights, intercept, rank)


def _lengths(columns: Array) -> Array:
    """Euclidean lengths of the columns, [k], without overflow; a constant for differentiation (they only scale)."""
    columns = lax.stop_gradient(columns)
    largest = jnp.max(jnp.abs(columns), axis=0)
    scale = jnp.where(largest > 0, largest, jnp.ones_like(largest))
    return scale * jnp.sqrt(jnp.sum((columns / scale) ** 2, axis=0))
