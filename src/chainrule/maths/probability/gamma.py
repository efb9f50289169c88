"""Waiting times: the gamma distribution, and the exponential, which is that of shape 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from chainrule.maths.probability.distribution import POSITIVE, argument, full_shape, is_nan, parameters
from chainrule.maths.probability.special import poisson_kernel
from chainrule.maths.probability.tails import incomplete_gamma

__all__ = ["Exponential", "Gamma"]


class Gamma(NamedTuple):
    """The gamma distribution: f(x) = b^a x^(a-1) e^(-b x) / Gamma(a), for x >= 0.

    Attributes:
        shape: a > 0.
        rate: b > 0, in one over the unit of x. The scale of other books is 1/b.

    Source: G. Casella and R. L. Berger (2002), Statistical Inference, 3.3.
    """

    shape: ArrayLike
    rate: ArrayLike

    @property
    def mean(self) -> Array:
        """a/b."""
        shape, rate = self._parameters()
        return shape / rate

    @property
    def variance(self) -> Array:
        """a/b^2."""
        shape, rate = self._parameters()
        return shape / rate / rate

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw exp(log G - log b), G of rate 1. Differentiable in both, in a implicitly (``jax.random.loggamma``).

        For a below about 0.05 many draws are less than the smallest number of float32, and come out as 0.
        """
        a, rate = self._parameters()
        log_draws = jax.random.loggamma(key, a, full_shape(shape, a, rate), a.dtype)
        return jnp.exp(log_draws - jnp.log(rate))

    def log_density(self, x: ArrayLike) -> Array:
        """Log f(x), in nats; -inf for x < 0; at x = 0 inf, log b or -inf as a is less than, equal to or more than 1.

        As the Poisson mass of a at mean b x, times a/x, in C. Loader's form, which is accurate at shapes where
        log Gamma(a) alone would lose all digits (a = 1e6 in float32).
        """
        shape, rate = self._parameters()
        x = argument("Gamma.log_density", x, shape.dtype)
        inside = (x > 0) & (x < jnp.inf)
        safe = jnp.where(inside, x, lax.stop_gradient(1 / rate))  # 1/rate^2 would overflow
        log_density = poisson_kernel(shape, rate * safe) + jnp.log(shape) - jnp.log(safe)
        at_zero = jnp.where(shape > 1, -jnp.inf, jnp.where(shape < 1, jnp.inf, jnp.log(rate) - rate * x))
        result = jnp.where(inside, log_density, jnp.where(x == 0, at_zero, -jnp.inf))
        return jnp.where(is_nan(x, shape, rate), jnp.nan, result)

    def cdf(self, x: ArrayLike) -> Array:
        """P(X <= x) = P(a, b x), the regularised lower incomplete gamma function; 0 for x < 0.

        Differentiable in x, a and b.
        """
        shape, rate = self._parameters()
        x = argument("Gamma.cdf", x, shape.dtype)
        inside = (x > 0) & (rate * x < jnp.inf)
        value = incomplete_gamma(shape, rate * jnp.where(inside, x, lax.stop_gradient(1 / rate)))
        result = jnp.where(inside, value, jnp.where(x > 0, 1, 0).astype(value.dtype))
        return jnp.where(is_nan(x, shape, rate), jnp.nan, result)

    def _parameters(self) -> tuple[Array, Array]:
        shape, rate = parameters("Gamma", shape=(self.shape, POSITIVE), rate=(self.rate, POSITIVE))
        return shape, rate


class Exponential(NamedTuple):
    """The exponential distribution: f(x) = b e^(-b x), for x >= 0: waiting without memory.

    Attributes:
        rate: b > 0, in one over the unit of x.

    Source: G. Casella and R. L. Berger (2002), Statistical Inference, 3.3.
    """

    rate: ArrayLike

    @property
    def mean(self) -> Array:
        """1/b."""
        return 1 / self._rate()

    @property
    def variance(self) -> Array:
        """1/b^2."""
        rate = self._rate()
        return 1 / rate / rate

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw E/b, E of rate 1. Differentiable in b."""
        rate = self._rate()
        return jax.random.exponential(key, full_shape(shape, rate), rate.dtype) / rate

    def log_density(self, x: ArrayLike) -> Array:
        """Log b - b x, in nats; -inf for x < 0."""
        rate = self._rate()
        x = argument("Exponential.log_density", x, rate.dtype)
        return jnp.where(x < 0, jnp.where(jnp.isnan(rate), jnp.nan, -jnp.inf), jnp.log(rate) - rate * x)

    def cdf(self, x: ArrayLike) -> Array:
        """1 - e^(-b x), by expm1: no cancellation for small x; 0 for x < 0."""
        rate = self._rate()
        x = argument("Exponential.cdf", x, rate.dtype)
        return -jnp.expm1(-rate * jnp.where(x < 0, 0, x))

    def _rate(self) -> Array:
        (rate,) = parameters("Exponential", rate=(self.rate, POSITIVE))
        return rate
