"""Bayesian linear regression: a normal prior on the weights, normal noise of known size."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import solve_triangular
from jax.typing import ArrayLike

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.maths.probability.distribution import POSITIVE, parameters
from chainrule.maths.probability.normal import MultivariateNormal, Normal
from chainrule.maths.probability.special import LOG_ROOT_2PI

__all__ = ["BayesianRegression", "bayesian_regression", "predictive"]


class BayesianRegression(NamedTuple):
    """What the data make of the prior.

    Attributes:
        weights: the posterior distribution of the weights, of d dimensions: its mean and the factor of its covariance.
        log_evidence: log p(y | X), a scalar, in nats: how well prior and noise foretold the data; models are compared by it.
        noise_scale: s, as it was given.
    """

    weights: MultivariateNormal
    log_evidence: Array
    noise_scale: Array


def bayesian_regression(prior: MultivariateNormal, X: Array, y: Array, *, noise_scale: ArrayLike) -> BayesianRegression:
    """Posterior of the weights w of y = X w + noise, and the evidence.

    ::

        w ~ N(m_0, L L^T)        w = m_0 + L v, v ~ N(0, I)        B = X L / s        r = (y - X m_0) / s
        A = I + B^T B = R R^T        v_n = A^-1 B^T r        w_n = m_0 + L v_n        S_n = L A^-1 L^T
        log p(y | X) = -(|r - B v_n|^2 + |v_n|^2)/2 - sum log R_ii - n log s - n log(2 pi)/2

    By Cholesky in the coordinates v, in which no eigenvalue of A is less than 1; no matrix is inverted. With m_0 = 0 and
    L = t I the mean is that of ridge regression with strength s^2/t^2. Batch and one by one are the same: the posterior
    is the next prior. No data (n = 0) leave the prior, with log evidence 0. Columns of X that depend on each other, and
    more columns than rows, are no trouble: there the prior decides.

    Args:
        prior: of the weights, d dimensions, no batch.
        X: the design, shape (n, d); a column of ones, if there shall be an intercept.
        y: targets, shape (n,).
        noise_scale: s > 0, the standard deviation of the noise, in the unit of y.

    Returns:
        Posterior, log evidence, and the noise. NaN in the data makes NaN.

    Raises:
        ValueError: when shapes or dtypes do not fit, or the noise scale is not positive (under ``jit``: NaN).

    Source: C. M. Bishop (2006), Pattern Recognition and Machine Learning, 3.3 and 3.5.
    """
    where = "bayesian_regression"
    mean, cholesky = prior._parameters()
    require_floating(where, X=X, y=y)
    X, y = jnp.asarray(X), jnp.asarray(y)
    if mean.ndim != 1 or cholesky.ndim != 2 or X.ndim != 2 or y.ndim != 1:
        raise ValueError(
            f"{where}: prior, X and y must have shapes (d,), (n, d) and (n,), "
            f"got {describe(mean)}, {describe(X)} and {describe(y)}"
        )
    if X.shape != (*y.shape, *mean.shape):
        raise ValueError(
            f"{where}: X must have a row for each of {y.shape[0]} targets and a column for each of {mean.shape[0]} "
            f"weights, got {describe(X)}"
        )
    require_same_dtype(where, prior=mean, X=X, y=y)
    noise = _noise(where, noise_scale, X)
    B = X @ (cholesky / noise)
    r = (y - X @ mean) / noise
    R = jnp.linalg.cholesky(jnp.eye(mean.shape[0], dtype=X.dtype) + B.T @ B)
    half = solve_triangular(R, B.T @ r, lower=True)
    v = solve_triangular(R, half, lower=True, trans=1)
    residuals = r - B @ v
    log_evidence = (
        -0.5 * (jnp.sum(residuals**2) + jnp.sum(v**2))
        - jnp.sum(jnp.log(jnp.diagonal(R)))
        - y.shape[0] * (jnp.log(noise) + LOG_ROOT_2PI)
    )
    # S_n = K^T K with K = R^-1 L^T, and with K = Q U also U^T U: U^T is the factor wanted, up to signs
    U = jnp.linalg.qr(solve_triangular(R, cholesky.T, lower=True), mode="r")
    signs = jnp.where(jnp.diagonal(U) < 0, -1, 1).astype(U.dtype)
    factor = (U * signs[:, None]).T
    return BayesianRegression(MultivariateNormal(mean + cholesky @ v, factor), log_evidence, noise)


def predictive(posterior: BayesianRegression, X: Array) -> Normal:
    """Distribution of each new target: N(x w_n, s^2 + x^T S_n x), noise plus what is not known of the weights.

    Args:
        posterior: of ``bayesian_regression``.
        X: rows to predict for, shape (m, d).

    Returns:
        Normal distributions, of mean and scale (m,); with scale the standard deviation of the target, noise included.

    Raises:
        ValueError: when X has not d columns, or another dtype.
    """
    mean, cholesky = posterior.weights._parameters()
    require_floating("predictive", X=X)
    X = jnp.asarray(X)
    if X.ndim != 2 or X.shape[1] != mean.shape[0]:
        raise ValueError(f"predictive: X must have shape (m, {mean.shape[0]}), got {describe(X)}")
    require_same_dtype("predictive", posterior=mean, X=X)
    unknown = (X @ cholesky) / posterior.noise_scale
    return Normal(X @ mean, posterior.noise_scale * jnp.sqrt(1 + jnp.sum(unknown**2, -1)))


def _noise(where: str, noise_scale: ArrayLike, like: Array) -> Array:
    (noise,) = parameters(where, noise_scale=(noise_scale, POSITIVE))
    if not hasattr(noise_scale, "dtype"):
        noise = noise.astype(like.dtype)
    require_same_dtype(where, noise_scale=noise, X=like)
    return noise
