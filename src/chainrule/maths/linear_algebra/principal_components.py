"""Principal components: the directions in which data vary most."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.maths.linear_algebra.checks import require_decomposable, require_matrix
from chainrule.maths.linear_algebra.products import product

__all__ = ["PCA", "pca", "pca_inverse", "pca_transform"]


class PCA(NamedTuple):
    """Principal components of data with d features; a pytree.

    Attributes:
        mean: [d].
        components: orthonormal directions of falling variance, a row each, [r, d].
        explained_variance: the variance along each, with n - 1 in the denominator, [r].
        explained_variance_ratio: its share of the variance of all d features, [r].
    """

    mean: Array
    components: Array
    explained_variance: Array
    explained_variance_ratio: Array


def pca(samples: Array, *, components: int | None = None) -> PCA:
    """Fit principal components by the SVD of the centred samples, X - mean = U diag(s) V^T.

    The covariance matrix is C = V diag(s^2 / (n - 1)) V^T, so the rows of V^T are its eigenvectors and
    s^2 / (n - 1) the variances along them. C is never formed: that would square the condition number.

    The sign of a component is free. Here its entry of the largest size is positive (the first of equals), as in
    scikit-learn.

    Args:
        samples: X, [n, d], n >= 2; d may exceed n.
        components: how many to keep, r, from 1 to min(n, d); None means all min(n, d) (static).

    Returns:
        The fit. Components of zero variance are directions that rounding chose: with n <= d the last one is. Where all
        samples are equal, all variances and ratios are 0. A NaN anywhere gives NaN. Differentiable where the
        variances are distinct.

    Raises:
        ValueError: for what is not a matrix of float32 or float64 with two rows or more, or for components out of range.

    Source: C. Bishop (2006), Pattern Recognition and Machine Learning, section 12.1.
    """
    require_matrix("pca", samples=samples)
    require_decomposable("pca", samples=samples)
    n, d = samples.shape
    if n < 2:
        raise ValueError(f"pca: samples must have at least 2 rows for a variance, got {describe(samples)}")
    kept = min(n, d) if components is None else components
    if not isinstance(kept, int) or isinstance(kept, bool) or not 1 <= kept <= min(n, d):
        raise ValueError(f"pca: components must be a whole number from 1 to {min(n, d)}, got {components!r}")
    mean = jnp.mean(samples, axis=0)
    _, s, vt = jnp.linalg.svd(samples - mean, full_matrices=False)
    peaks = jnp.take_along_axis(vt, jnp.argmax(jnp.abs(vt), axis=1)[:, None], axis=1)
    vt = jnp.where(peaks < 0, -vt, vt)
    variance = s**2 / (n - 1)
    total = jnp.sum(variance)
    ratio = variance / jnp.where(total == 0, jnp.ones_like(total), total)
    return PCA(mean, vt[:kept], variance[:kept], ratio[:kept])


def pca_transform(fit: PCA, samples: Array) -> Array:
    """Give the coordinates of samples along the components: z = V^T (x - mean).

    Args:
        fit: the components, r of d features.
        samples: [n, d] (n may be 0) or one, [d].

    Returns:
        z, [n, r] or [r].

    Raises:
        ValueError: for samples of another width or dtype.
    """
    _require_rows("pca_transform", "samples", samples, fit, fit.components.shape[1])
    return product(samples - fit.mean, fit.components.T)


def pca_inverse(fit: PCA, scores: Array) -> Array:
    """Give the samples that belong to coordinates along the components: x = mean + V z.

    After ``pca_transform`` this is the point nearest to the sample in the plane of the components; with all
    components, the sample itself. The mean squared distance to it is the variance of the components left out.

    Args:
        fit: the components, r of d features.
        scores: z, [n, r] (n may be 0) or one, [r].

    Returns:
        x, [n, d] or [d].

    Raises:
        ValueError: for scores of another width or dtype.
    """
    _require_rows("pca_inverse", "scores", scores, fit, fit.components.shape[0])
    return product(scores, fit.components) + fit.mean


def _require_rows(where: str, name: str, rows: Array, fit: PCA, width: int) -> None:
    require_floating(where, **{name: rows})
    if jnp.ndim(rows) not in (1, 2) or rows.shape[-1] != width:
        raise ValueError(f"{where}: {name} must be [n, {width}] or [{width}], got {describe(rows)}")
    require_same_dtype(where, **{name: rows, "components": fit.components})
