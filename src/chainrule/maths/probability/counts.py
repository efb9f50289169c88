"""Counts: how many of a fixed number of trials succeed (binomial), how many events there are in an hour (Poisson)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from chainrule.maths.probability.distribution import (
    COUNT,
    NON_NEGATIVE,
    PROBABILITY,
    argument,
    as_counts,
    full_shape,
    is_nan,
    parameters,
)
from chainrule.maths.probability.special import binomial_kernel, poisson_kernel
from chainrule.maths.probability.tails import incomplete_beta, incomplete_gamma

__all__ = ["Binomial", "Poisson"]


class Binomial(NamedTuple):
    """Successes in n independent trials: P(k) = n!/(k! (n-k)!) p^k (1-p)^(n-k), for k = 0, ..., n.

    Attributes:
        trials: n >= 0, whole, as integers or floating-point numbers.
        probability: p, from 0 to 1; at p = 0 and p = 1 all mass is at k = 0 and at k = n.

    Source: G. Casella and R. L. Berger (2002), Statistical Inference, 3.2.
    """

    trials: ArrayLike
    probability: ArrayLike

    @property
    def mean(self) -> Array:
        """The product n p."""
        n, p = self._parameters()
        return n * p

    @property
    def variance(self) -> Array:
        """The product n p (1 - p)."""
        n, p = self._parameters()
        return n * p * (1 - p)

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw counts, of int32. For n beyond 2^31 - 1 they do not fit."""
        n, p = self._parameters()
        shape = full_shape(shape, n, p)
        bad = is_nan(n, p)
        safe_n, safe_p = jnp.where(bad, 0, n), jnp.where(bad, 0, p)
        return as_counts(jax.random.binomial(key, safe_n, safe_p, shape, p.dtype), n, p)

    def log_density(self, x: ArrayLike) -> Array:
        """Log P(x), in nats, in C. Loader's form; -inf where x is no whole number from 0 to n. x integers or floats."""
        n, p = self._parameters()
        x = argument("Binomial.log_density", x, p.dtype, whole=True)
        outside = (x < 0) | (x > n) | (jnp.floor(x) != x)
        first, last = (x == 0), (x == n)
        inside = ~(outside | first | last | jnp.isnan(n))
        successes = jnp.where(inside, x, 1.0)
        failures = jnp.where(inside, n - x, 1.0)
        edge_p = jnp.where(inside, p, 0.5)
        middle = binomial_kernel(*jnp.broadcast_arrays(successes, failures, edge_p, 1 - edge_p))
        none = n * jnp.log1p(-jnp.where(first & (n > 0), p, 0))
        every = n * jnp.log(jnp.where(last & (n > 0), p, 1))
        result = jnp.where(first, jnp.where(n > 0, none, 0), jnp.where(last, every, middle))
        result = jnp.where(outside, -jnp.inf, result)
        return jnp.where(is_nan(x, n, p), jnp.nan, result)

    def cdf(self, x: ArrayLike) -> Array:
        """P(X <= x) = I_{1-p}(n - k, k + 1), k = floor(x), the incomplete beta function. Differentiable in p."""
        n, p = self._parameters()
        x = jnp.floor(argument("Binomial.cdf", x, p.dtype, whole=True))
        inside = (x >= 0) & (x < n)
        k = jnp.where(inside, x, 0)
        value = incomplete_beta(jnp.where(inside, n - k, 1), k + 1, 1 - p)
        result = jnp.where(inside, value, jnp.where(x >= 0, 1, 0).astype(value.dtype))
        return jnp.where(is_nan(x, n, p), jnp.nan, result)

    def _parameters(self) -> tuple[Array, Array]:
        trials, probability = parameters(
            "Binomial", trials=(self.trials, COUNT), probability=(self.probability, PROBABILITY)
        )
        return trials, probability


class Poisson(NamedTuple):
    """Independent events at a constant rate: P(k) = m^k e^(-m) / k!, for k = 0, 1, 2, ...

    Attributes:
        rate: m >= 0, the expected count; at m = 0 all mass is at k = 0.

    Source: G. Casella and R. L. Berger (2002), Statistical Inference, 3.2.
    """

    rate: ArrayLike

    @property
    def mean(self) -> Array:
        """The rate."""
        return self._rate()

    @property
    def variance(self) -> Array:
        """The rate."""
        return self._rate()

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw counts, of int32. Rates from 1e9 on, whose counts do not fit, give -1."""
        rate = self._rate()
        safe = jnp.where(rate < 1e9, rate, 0)
        draws = jax.random.poisson(key, safe, full_shape(shape, rate), jnp.int32)
        return as_counts(draws, jnp.where(rate < 1e9, rate, jnp.nan))

    def log_density(self, x: ArrayLike) -> Array:
        """Log P(x), in nats, in C. Loader's form; -inf where x is no whole number >= 0. x integers or floats."""
        rate = self._rate()
        x = argument("Poisson.log_density", x, rate.dtype, whole=True)
        outside = (x < 0) | (x == jnp.inf) | (jnp.floor(x) != x)
        inside = ~(outside | (x == 0))
        middle = poisson_kernel(*jnp.broadcast_arrays(jnp.where(inside, x, 1.0), jnp.where(inside, rate, 1.0)))
        result = jnp.where(outside, -jnp.inf, jnp.where(x == 0, -rate, middle))
        return jnp.where(is_nan(x, rate), jnp.nan, result)

    def cdf(self, x: ArrayLike) -> Array:
        """P(X <= x) = Q(k + 1, m), k = floor(x), the upper incomplete gamma function. Differentiable in the rate."""
        rate = self._rate()
        x = jnp.floor(argument("Poisson.cdf", x, rate.dtype, whole=True))
        inside = (x >= 0) & (x < jnp.inf)
        value = incomplete_gamma(jnp.where(inside, x, 0) + 1, rate, upper=True)
        result = jnp.where(inside, value, jnp.where(x > 0, 1, 0).astype(value.dtype))
        return jnp.where(is_nan(x, rate), jnp.nan, result)

    def _rate(self) -> Array:
        (rate,) = parameters("Poisson", rate=(self.rate, NON_NEGATIVE))
        return rate
