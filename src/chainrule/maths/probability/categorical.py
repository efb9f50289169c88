"""Choices: one of two (Bernoulli), one of several (categorical), by probability or by logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete, require_floating
from chainrule.maths.probability.distribution import (
    LOGIT,
    PROBABILITY,
    argument,
    as_counts,
    full_shape,
    is_nan,
    parameters,
)

__all__ = ["Bernoulli", "Categorical"]


class Bernoulli(NamedTuple):
    """One trial: P(1) = p, P(0) = 1 - p; given by p or by its logit z, p = sigmoid(z), one of the two.

    Attributes:
        probability: p, from 0 to 1; at p = 0 and p = 1 the outcome is certain, and the other has log mass -inf.
        logits: z = log(p/(1 - p)), any number; log masses stay accurate where p rounds to 0 or 1.

    Source: C. M. Bishop (2006), Pattern Recognition and Machine Learning, 2.1.
    """

    probability: ArrayLike | None = None
    logits: ArrayLike | None = None

    @property
    def mean(self) -> Array:
        """The probability p."""
        return self._probability()

    @property
    def variance(self) -> Array:
        """The product p (1 - p); by logits sigmoid(z) sigmoid(-z)."""
        if self.logits is not None:
            self._require_one()
            (z,) = parameters("Bernoulli", logits=(self.logits, LOGIT))
            return lax.logistic(z) * lax.logistic(-z)
        p = self._probability()
        return p * (1 - p)

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw 0s and 1s, of int32: 1 where a uniform number is below p."""
        p = self._probability()
        return as_counts(jax.random.uniform(key, full_shape(shape, p), p.dtype) < p, p)

    def log_density(self, x: ArrayLike) -> Array:
        """Log P(x), in nats, by logits -softplus(-z) and -softplus(z); -inf where x is neither 0 nor 1."""
        if self.logits is not None:
            self._require_one()
            (p,) = parameters("Bernoulli", logits=(self.logits, LOGIT))
            one, zero = -jax.nn.softplus(-p), -jax.nn.softplus(p)
            x = argument("Bernoulli.log_density", x, p.dtype, whole=True)
        else:
            p = self._probability()
            x = argument("Bernoulli.log_density", x, p.dtype, whole=True)
            # each logarithm sees p only where it is asked for: at p = 0 and 1 the other one's slope is infinite
            one, zero = jnp.log(jnp.where(x == 1, p, 1)), jnp.log1p(-jnp.where(x == 0, p, 0))
        result = jnp.where(x == 1, one, jnp.where(x == 0, zero, -jnp.inf))
        return jnp.where(is_nan(x, p), jnp.nan, result)

    def cdf(self, x: ArrayLike) -> Array:
        """P(X <= x): 0 below 0, 1 - p below 1, then 1."""
        p = self._probability()
        x = argument("Bernoulli.cdf", x, p.dtype, whole=True)
        result = jnp.where(x < 0, 0, jnp.where(x < 1, 1 - p, 1))
        return jnp.where(is_nan(x, p), jnp.nan, result)

    def _require_one(self) -> None:
        if (self.probability is None) == (self.logits is None):
            raise ValueError("Bernoulli: one of probability and logits must be given, and not both")

    def _probability(self) -> Array:
        self._require_one()
        if self.logits is not None:
            (z,) = parameters("Bernoulli", logits=(self.logits, LOGIT))
            return lax.logistic(z)
        assert self.probability is not None
        (p,) = parameters("Bernoulli", probability=(self.probability, PROBABILITY))
        return p


class Categorical(NamedTuple):
    """One of the classes 0, ..., C - 1: P(c) = p_c; given by p or by logits z, p = softmax(z), one of the two.

    Mean, variance and cdf are those of the class's number, and mean something where the classes are ordered.

    Attributes:
        probabilities: p, shape (..., C), non-negative, of sum 1 (to a few roundings).
        logits: z, shape (..., C); -inf for a class that is impossible, of which not all are.

    Source: C. M. Bishop (2006), Pattern Recognition and Machine Learning, 2.2.
    """

    probabilities: Array | None = None
    logits: Array | None = None

    @property
    def mean(self) -> Array:
        """Sum of c p_c, shape (...)."""
        p = self._probabilities()
        return p @ jnp.arange(p.shape[-1], dtype=p.dtype)

    @property
    def variance(self) -> Array:
        """Sum of (c - mean)^2 p_c, shape (...)."""
        p = self._probabilities()
        centred = jnp.arange(p.shape[-1], dtype=p.dtype) - self.mean[..., None]
        return jnp.sum(p * centred * centred, -1)

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw classes, of int32, shape (*shape, ...): the largest of z_c + Gumbel noise."""
        log_p = self._log_probabilities()
        draws = jax.random.categorical(key, log_p, shape=(*shape, *log_p.shape[:-1]))
        return as_counts(draws, jnp.sum(self._probabilities(), -1))

    def log_density(self, x: ArrayLike) -> Array:
        """Log p_x, in nats, for integers x that broadcast against (...); -inf where x is none of the classes.

        By logits it is minus ``chainrule.losses.cross_entropy`` of that example.

        Raises:
            ValueError: when x is not of integers.
        """
        p = self._checked()
        x = self._classes_of("Categorical.log_density", x)
        log_p = jax.nn.log_softmax(p, -1) if self.logits is not None else p
        chosen = _choose(log_p, x)
        outside = (x < 0) | (x >= p.shape[-1])
        if self.logits is None:
            chosen = jnp.log(jnp.where(outside, 1, chosen))
        return jnp.where(jnp.any(jnp.isnan(p), -1), jnp.nan, jnp.where(outside, -jnp.inf, chosen))

    def cdf(self, x: ArrayLike) -> Array:
        """P(X <= x) = p_0 + ... + p_x, for integers x that broadcast against (...).

        Raises:
            ValueError: when x is not of integers.
        """
        p = self._probabilities()
        x = self._classes_of("Categorical.cdf", x)
        below = jnp.arange(p.shape[-1]) <= x[..., None]
        return jnp.where(x >= p.shape[-1] - 1, 1 + 0 * jnp.sum(p, -1), jnp.sum(jnp.where(below, p, 0 * p), -1))

    def _classes_of(self, where: str, x: ArrayLike) -> Array:
        x = jnp.asarray(x)
        if not jnp.issubdtype(x.dtype, jnp.integer):
            raise ValueError(f"{where}: x must be of integers, the numbers of classes, got {describe(x)}")
        return x

    def _checked(self) -> Array:
        """The parameter that was given, checked; NaN where it is traced and makes no distribution."""
        if (self.probabilities is None) == (self.logits is None):
            raise ValueError("Categorical: one of probabilities and logits must be given, and not both")
        name, given = ("logits", self.logits) if self.logits is not None else ("probabilities", self.probabilities)
        if given is None or not hasattr(given, "dtype") or given.ndim < 1 or given.shape[-1] < 1:
            raise ValueError(f"Categorical: {name} must be an array of shape (..., C), C >= 1, got {describe(given)}")
        require_floating("Categorical", **{name: given})
        tolerance = 4 * given.shape[-1] ** 0.5 * float(jnp.finfo(given.dtype).eps) + 1e-6 * (given.dtype != np.float64)
        if name == "logits":
            # of -inf alone, and with NaN or inf, nothing is a distribution
            words = "numbers, -inf for an impossible class, of which not all are"
            good = lambda v, xp: xp.max(v, -1) * 0 == 0  # noqa: E731
        else:
            words = "non-negative and of sum 1"
            good = lambda v, xp: (xp.min(v, -1) >= 0) & (xp.abs(xp.sum(v, -1) - 1) <= tolerance)  # noqa: E731
        if is_concrete(given):
            numbers = np.asarray(given)
            with np.errstate(invalid="ignore"):
                fine = np.all(good(numbers, np))
            if not fine:
                raise ValueError(f"Categorical: {name} must be {words}, got {np.array2string(numbers, threshold=8)}")
        array = jnp.asarray(given)
        return jnp.where(good(array, jnp)[..., None], array, jnp.nan)

    def _probabilities(self) -> Array:
        given = self._checked()
        return jax.nn.softmax(given, -1) if self.logits is not None else given

    def _log_probabilities(self) -> Array:
        given = self._checked()
        return given if self.logits is not None else jnp.log(given)


def _choose(table: Array, x: Array) -> Array:
    """The number of each row of the table, shape (..., C), at x, shape (...): by comparison, nothing wraps around."""
    hit = x[..., None] == jnp.arange(table.shape[-1])
    return jnp.sum(jnp.where(hit, table, 0), -1)
