"""The uniform distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from chainrule.checks import is_concrete
from chainrule.maths.probability.distribution import FINITE, argument, full_shape, parameters

__all__ = ["Uniform"]


class Uniform(NamedTuple):
    """All points between two ends alike: f(x) = 1/(b - a) for a <= x <= b.

    Attributes:
        low: a.
        high: b > a.

    Source: G. Casella and R. L. Berger (2002), Statistical Inference, 3.3.
    """

    low: ArrayLike
    high: ArrayLike

    @property
    def mean(self) -> Array:
        """(a + b)/2."""
        low, high = self._parameters()
        return 0.5 * low + 0.5 * high

    @property
    def variance(self) -> Array:
        """(b - a)^2 / 12."""
        low, high = self._parameters()
        return (high - low) ** 2 / 12

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw a + (b - a) U. Differentiable in a and b."""
        low, high = self._parameters()
        return low + (high - low) * jax.random.uniform(key, full_shape(shape, low, high), low.dtype)

    def log_density(self, x: ArrayLike) -> Array:
        """-log(b - a) between the ends and at them, in nats; -inf elsewhere."""
        low, high = self._parameters()
        x = argument("Uniform.log_density", x, low.dtype)
        outside = (x < low) | (x > high)
        return jnp.where(outside, -jnp.inf, -jnp.log(high - low)) + 0 * jnp.where(jnp.isnan(x), x, 0)

    def cdf(self, x: ArrayLike) -> Array:
        """(x - a)/(b - a), 0 below and 1 above. The derivative is 1/(b - a) between the ends, and 0 beyond and at them."""
        low, high = self._parameters()
        x = argument("Uniform.cdf", x, low.dtype)
        inside = ~((x <= low) | (x >= high))
        fraction = (jnp.where(inside, x, low) - low) / (high - low)
        return jnp.where((x >= high) & (high > low), 1, fraction)

    def _parameters(self) -> tuple[Array, Array]:
        if (
            is_concrete(self.low)
            and is_concrete(self.high)
            and not np.all(np.asarray(self.low) < np.asarray(self.high))
        ):
            raise ValueError(f"Uniform: low must be less than high, got {self.low} and {self.high}")
        low, high = parameters("Uniform", low=(self.low, FINITE), high=(self.high, FINITE))
        return jnp.where(low < high, low, jnp.nan), jnp.where(low < high, high, jnp.nan)
