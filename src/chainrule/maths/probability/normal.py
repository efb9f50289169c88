"""The normal distribution, of one and of several dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import ndtr
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete, require_floating, require_same_dtype
from chainrule.maths.probability.distribution import FINITE, POSITIVE, argument, full_shape, parameters
from chainrule.maths.probability.special import LOG_ROOT_2PI, standardised

__all__ = ["MultivariateNormal", "Normal"]


class Normal(NamedTuple):
    """The normal distribution: f(x) = exp(-z^2/2) / (sqrt(2 pi) s), z = (x - m)/s.

    Attributes:
        mean: m.
        scale: the standard deviation s > 0, in the unit of x.

    Source: C. M. Bishop (2006), Pattern Recognition and Machine Learning, 1.2.4.
    """

    mean: ArrayLike
    scale: ArrayLike

    @property
    def variance(self) -> Array:
        """s^2."""
        mean, scale = self._parameters()
        return scale * scale + 0 * mean

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw m + s Z, Z standard normal. Differentiable in m and s."""
        mean, scale = self._parameters()
        return mean + scale * jax.random.normal(key, full_shape(shape, mean, scale), mean.dtype)

    def log_density(self, x: ArrayLike) -> Array:
        """Log f(x) = -z^2/2 - log s - log(2 pi)/2, in nats.

        The scale is never squared (as ``jax.scipy.stats.norm.logpdf`` does), so that it may be 1e-30 in float32.
        """
        mean, scale = self._parameters()
        z = standardised(argument("Normal.log_density", x, mean.dtype), mean, scale)
        return -0.5 * z * z - jnp.log(scale) - LOG_ROOT_2PI

    def cdf(self, x: ArrayLike) -> Array:
        """P(X <= x) = Phi(z). The upper tail without cancellation: Phi(-z)."""
        mean, scale = self._parameters()
        return ndtr(standardised(argument("Normal.cdf", x, mean.dtype), mean, scale))

    def _parameters(self) -> tuple[Array, Array]:
        mean, scale = parameters("Normal", mean=(self.mean, FINITE), scale=(self.scale, POSITIVE))
        return mean, scale


class MultivariateNormal(NamedTuple):
    """The normal distribution of n dimensions, with covariance S = L L^T.

    ::

        log f(x) = -|z|^2/2 - sum log L_ii - n log(2 pi)/2        L z = x - m

    Attributes:
        mean: m, shape (..., n).
        cholesky: L, shape (..., n, n), lower triangular with a positive diagonal; what stands above it is not read.

    Source: C. M. Bishop (2006), Pattern Recognition and Machine Learning, 2.3.
    """

    mean: Array
    cholesky: Array

    @classmethod
    def from_covariance(cls, mean: Array, covariance: Array) -> MultivariateNormal:
        """Factorise a symmetric covariance matrix, shape (..., n, n), by Cholesky.

        Raises:
            ValueError: when it is not symmetric or not positive definite, where its value can be looked at;
                under ``jit`` the factor of the latter is NaN, and of the former that of the lower triangle.
        """
        where = "MultivariateNormal.from_covariance"
        _require_shapes(where, mean, covariance, "covariance")
        if is_concrete(covariance):
            numbers = np.asarray(covariance, np.float64)
            tolerance = 10 * float(jnp.finfo(covariance.dtype).eps) * (np.abs(numbers).max() if numbers.size else 0)
            if not np.all(np.abs(numbers - np.swapaxes(numbers, -1, -2)) <= tolerance):
                raise ValueError(f"{where}: covariance must be symmetric and finite, got {describe(covariance)}")
        cholesky = jax.lax.linalg.cholesky(covariance, symmetrize_input=False)
        if is_concrete(cholesky) and not np.all(np.isfinite(np.asarray(cholesky))):
            raise ValueError(f"{where}: covariance must be positive definite, and is not; got {describe(covariance)}")
        return cls(mean, cholesky)

    @property
    def covariance(self) -> Array:
        """L L^T, shape (..., n, n)."""
        _, cholesky = self._parameters()
        return cholesky @ jnp.swapaxes(cholesky, -1, -2)

    @property
    def variance(self) -> Array:
        """The variance of each component, shape (..., n): the diagonal of the covariance."""
        _, cholesky = self._parameters()
        return jnp.sum(cholesky * cholesky, -1)

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw m + L Z, shape (*shape, *batch shape, n). Differentiable in m and L."""
        mean, cholesky = self._parameters()
        batch = jnp.broadcast_shapes(mean.shape[:-1], cholesky.shape[:-2])
        noise = jax.random.normal(key, (*shape, *batch, mean.shape[-1]), mean.dtype)
        return mean + jnp.einsum("...ij,...j->...i", cholesky, noise)

    def log_density(self, x: ArrayLike) -> Array:
        """Log f(x), in nats, for x of shape (..., n): by one triangular solve, no inverse and no determinant.

        Raises:
            ValueError: when x has not n components.
        """
        mean, cholesky = self._parameters()
        x = argument("MultivariateNormal.log_density", x, mean.dtype)
        size = mean.shape[-1]
        if x.ndim == 0 or x.shape[-1] != size:
            raise ValueError(f"MultivariateNormal.log_density: x must have shape (..., {size}), got {describe(x)}")
        centred = x - mean
        batch = jnp.broadcast_shapes(centred.shape[:-1], cholesky.shape[:-2])
        factor = jnp.broadcast_to(cholesky, (*batch, size, size))
        centred = jnp.broadcast_to(centred, (*batch, size))
        z = solve_triangular(factor, centred[..., None], lower=True)[..., 0]
        diagonal = jnp.diagonal(cholesky, axis1=-2, axis2=-1)
        return -0.5 * jnp.sum(z * z, -1) - jnp.sum(jnp.log(diagonal), -1) - size * LOG_ROOT_2PI

    def _parameters(self) -> tuple[Array, Array]:
        where = "MultivariateNormal"
        _require_shapes(where, self.mean, self.cholesky, "cholesky")
        diagonal = jnp.diagonal(self.cholesky, axis1=-2, axis2=-1)
        if is_concrete(self.cholesky):
            diagonal = np.diagonal(np.asarray(self.cholesky), axis1=-2, axis2=-1)
            if not np.all(diagonal > 0):
                raise ValueError(f"{where}: cholesky must have a positive diagonal, got {np.min(diagonal):.6g} on it")
        good = jnp.all(jnp.asarray(diagonal) > 0, -1)[..., None, None]
        lower = jnp.tril(self.cholesky)
        return jnp.asarray(self.mean), jnp.where(good, lower, jnp.nan)


def _require_shapes(where: str, mean: Array, matrix: Array, name: str) -> None:
    """Refuse what is not a vector of n and a matrix of n by n, n >= 1, of one floating-point dtype."""
    if not hasattr(mean, "dtype") or not hasattr(matrix, "dtype"):
        raise ValueError(f"{where}: mean and {name} must be arrays, got {describe(mean)} and {describe(matrix)}")
    require_floating(where, **{"mean": mean, name: matrix})
    require_same_dtype(where, **{"mean": mean, name: matrix})
    if mean.ndim < 1 or mean.shape[-1] == 0 or matrix.ndim < 2 or matrix.shape[-2:] != (mean.shape[-1],) * 2:
        raise ValueError(
            f"{where}: mean and {name} must have shapes (..., n) and (..., n, n), n >= 1, "
            f"got {describe(mean)} and {describe(matrix)}"
        )
