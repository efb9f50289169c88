"""What a distribution is: parameters in a NamedTuple, and pure functions of them.

A family is a ``NamedTuple`` of arrays, so a distribution is a pytree: it crosses ``jit``, ``vmap`` and ``scan``, and its
parameters can be differentiated. Parameters broadcast against each other; their broadcast shape is the *batch shape*.
Nothing is drawn without a key that is passed: there is no global seed.

Parameters are Python numbers or floating-point arrays of one dtype, which is the dtype of all results (counts are
integers). They are checked when a function is called, since a pytree must be able to hold anything: a parameter outside
of its domain is a ValueError where its value can be looked at, and makes every result NaN (a draw of an integer: -1)
where it is being traced, as under ``jit``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete, require_floating, require_same_dtype

__all__ = ["Distribution"]


class Distribution(Protocol):
    """A random variable: what all families have. Those of one dimension have ``cdf(x)`` too."""

    @property
    def mean(self) -> ArrayLike:
        """The expectation E[X]."""

    @property
    def variance(self) -> Array:
        """The variance E[(X - E[X])^2]; of a vector, that of each component."""

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw from the distribution, shape ``(*shape, *batch shape)``, by an explicit key."""

    def log_density(self, x: ArrayLike) -> Array:
        """The logarithm of the density at x, in nats; of a discrete variable, of the probability of x."""


class Domain(NamedTuple):
    """Where a parameter must lie: a test, which holds of NumPy's and of JAX's arrays, and its words."""

    holds: Callable[[Any], Any]
    words: str


FINITE = Domain(lambda v: abs(v) < np.inf, "finite")
POSITIVE = Domain(lambda v: (v > 0) & (v < np.inf), "positive and finite")
NON_NEGATIVE = Domain(lambda v: (v >= 0) & (v < np.inf), "non-negative and finite")
PROBABILITY = Domain(lambda v: (v >= 0) & (v <= 1), "between 0 and 1")
COUNT = Domain(lambda v: (v >= 0) & (v < np.inf) & (v % 1 == 0), "a non-negative whole number")
LOGIT = Domain(lambda v: v == v, "numbers, which may be infinite")  # noqa: PLR0124 - not NaN


def parameters(where: str, **named: tuple[ArrayLike, Domain]) -> tuple[Array, ...]:
    """Check parameters, and return them as arrays of one dtype, NaN where a traced one is outside of its domain.

    Args:
        where: the family's name, for the messages.
        **named: each parameter and its domain, by name.

    Raises:
        ValueError: when one is not of floating-point numbers (a count may be of integers), their dtypes differ, or a
            value that can be looked at is outside of its domain.
    """
    whole = {name for name, (value, domain) in named.items() if domain is COUNT and _is_integer(value)}
    require_floating(where, **{name: value for name, (value, _) in named.items() if name not in whole})
    arrays = {name: v for name, (v, _) in named.items() if hasattr(v, "dtype") and name not in whole}
    require_same_dtype(where, **arrays)
    dtype = next(iter(arrays.values())).dtype if arrays else jnp.result_type(float)
    result = []
    for name, (value, domain) in named.items():
        array, known = jnp.asarray(value, dtype), is_concrete(value)
        if known and not np.all(domain.holds(np.asarray(value))):
            raise ValueError(f"{where}: {name} must be {domain.words}, got {_shown(value)}")
        result.append(array if known else jnp.where(domain.holds(array), array, jnp.nan))
    return tuple(result)


def argument(where: str, x: ArrayLike, dtype: Any, *, whole: bool = False) -> Array:
    """Check the point x, and return it as an array of the parameters' dtype; ``whole`` lets integers in as well.

    Raises:
        ValueError: when x is not of floating-point numbers of that dtype (or, if ``whole``, of integers).
    """
    if whole and _is_integer(x):
        return jnp.asarray(x).astype(dtype)
    require_floating(where, x=x)
    if hasattr(x, "dtype") and x.dtype != dtype:
        raise ValueError(f"{where}: x must have the parameters' dtype {jnp.dtype(dtype).name}, got {describe(x)}")
    return jnp.asarray(x, dtype)


def full_shape(shape: Sequence[int], *values: Array) -> tuple[int, ...]:
    """The shape of draws: ``(*shape, *batch shape)``."""
    return (*shape, *jnp.broadcast_shapes(*(jnp.shape(value) for value in values)))


def as_counts(draws: Array, *values: Array) -> Array:
    """Make draws integers, -1 where a parameter is NaN."""
    bad = jnp.zeros((), bool)
    for value in values:
        bad = bad | jnp.isnan(value)
    return jnp.where(bad, -1, draws.astype(jnp.int32))


def is_nan(*values: Array) -> Array:
    """Whether any of the values is NaN, element by element."""
    bad = jnp.isnan(values[0])
    for value in values[1:]:
        bad = bad | jnp.isnan(value)
    return bad


def _is_integer(value: Any) -> bool:
    if hasattr(value, "dtype"):
        return bool(jnp.issubdtype(value.dtype, jnp.integer) or jnp.issubdtype(value.dtype, jnp.bool_))
    return isinstance(value, int)


def _shown(value: Any) -> str:
    """Show a scalar as a number, and an array by its shape and its smallest and largest value."""
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.ndim == 0:
        return f"{float(numbers):.6g}"
    return f"{describe(jax.numpy.asarray(value))} from {numbers.min():.6g} to {numbers.max():.6g}"
