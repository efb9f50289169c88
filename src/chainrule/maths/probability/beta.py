"""The beta distribution: what is believed of a probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from chainrule.maths.probability.distribution import POSITIVE, argument, full_shape, is_nan, parameters
from chainrule.maths.probability.special import binomial_kernel
from chainrule.maths.probability.tails import incomplete_beta

__all__ = ["Beta"]


class Beta(NamedTuple):
    """The beta distribution: f(x) = x^(a-1) (1-x)^(b-1) / B(a, b), for 0 <= x <= 1.

    Attributes:
        a: a > 0; as a prior, a successes seen before.
        b: b > 0; as a prior, b failures seen before.

    Source: C. M. Bishop (2006), Pattern Recognition and Machine Learning, 2.1.1.
    """

    a: ArrayLike
    b: ArrayLike

    @property
    def mean(self) -> Array:
        """a/(a + b)."""
        a, b = self._parameters()
        return a / (a + b)

    @property
    def variance(self) -> Array:
        """The product a b over (a + b)^2 (a + b + 1)."""
        a, b = self._parameters()
        total = a + b
        return (a / total) * (b / total) / (total + 1)

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw from two gamma variables, G_a/(G_a + G_b), in logarithms. Differentiable in both."""
        a, b = self._parameters()
        return jax.random.beta(key, a, b, full_shape(shape, a, b), a.dtype)

    def log_density(self, x: ArrayLike) -> Array:
        """Log f(x), in nats; -inf outside of [0, 1].

        At x = 0 it is inf, log b or -inf as a is less than, equal to or more than 1; at x = 1 likewise with b.
        As a binomial mass times a b/((a + b) x (1 - x)), in C. Loader's form, which stays accurate for large a, b.
        """
        a, b = self._parameters()
        x = argument("Beta.log_density", x, a.dtype)
        inside = (x > 0) & (x < 1)
        safe = jnp.where(inside, x, 0.5)
        factor = jnp.log(a) + jnp.log(b) - jnp.log(a + b) - jnp.log(safe) - jnp.log1p(-safe)
        log_density = binomial_kernel(*jnp.broadcast_arrays(a, b, safe, 1 - safe)) + factor
        at_zero = _at_end(a, jnp.log(b) + (b - 1) * jnp.log1p(-jnp.where(x == 0, x, 0)))
        at_one = _at_end(b, jnp.log(a) + (a - 1) * jnp.log(jnp.where(x == 1, x, 1)))
        result = jnp.where(inside, log_density, jnp.where(x == 0, at_zero, jnp.where(x == 1, at_one, -jnp.inf)))
        return jnp.where(is_nan(x, a, b), jnp.nan, result)

    def cdf(self, x: ArrayLike) -> Array:
        """P(X <= x) = I_x(a, b), the regularised incomplete beta function; 0 below 0 and 1 above 1.

        Differentiable in x; JAX has no derivative of it in a and b, and raises a ValueError.
        """
        a, b = self._parameters()
        x = argument("Beta.cdf", x, a.dtype)
        inside = (x > 0) & (x < 1)
        value = incomplete_beta(a, b, jnp.where(inside, x, 0.5))
        result = jnp.where(inside, value, jnp.where(x > 0, 1, 0).astype(value.dtype))
        return jnp.where(is_nan(x, a, b), jnp.nan, result)

    def _parameters(self) -> tuple[Array, Array]:
        a, b = parameters("Beta", a=(self.a, POSITIVE), b=(self.b, POSITIVE))
        return a, b


def _at_end(shape: Array, at_one: Array) -> Array:
    """The log density at an end whose parameter is ``shape``; ``at_one`` where that is 1."""
    return jnp.where(shape > 1, -jnp.inf, jnp.where(shape < 1, jnp.inf, at_one))
