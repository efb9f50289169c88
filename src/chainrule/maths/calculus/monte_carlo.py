"""Integrals by chance: the mean of a function at random points."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete, require_same_dtype, require_same_shape
from chainrule.maths.calculus.arguments import as_floating

__all__ = ["Estimate", "monte_carlo"]


class Estimate(NamedTuple):
    """An integral by chance and its standard error.

    Attributes:
        value: the estimate, of the shape of f(x).
        standard_error: the standard deviation of such estimates; two of three lie within one of the integral.
    """

    value: Array
    standard_error: Array


def monte_carlo(
    f: Callable[[Array], Array], low: ArrayLike, high: ArrayLike, key: Array, *, samples: int = 10_000
) -> Estimate:
    """Integrate f over an interval or a box by the mean of its values at random points.

    integral = V mean f(x_i), x_i uniform, V the product of high - low; standard error = V s / sqrt(n), s the standard
    deviation of the values (n - 1 in the divisor). It falls as n^-1/2 in any number of dimensions, where a grid of n
    points loses to the d-th root.

    The points are linear in the bounds, so ``jax.grad`` gives unbiased derivatives with respect to them, and to
    whatever a differentiable f closes over.

    Args:
        f: a function of one point, a number or [d] as the bounds are; its result may have any shape.
        low: the lower bounds, a number or [d].
        high: the upper bounds, of the same shape and dtype; each one below its ``low`` changes the sign.
        key: a key of ``jax.random``.
        samples: n, at least 2.

    Returns:
        value and standard_error. A bound that is not finite gives NaN under jit.

    Raises:
        ValueError: for bounds that are not of floating-point numbers, differ in shape or dtype, have more than one axis or
            none of length at least 1, or are not finite (where their numbers are known); fewer than 2 samples.

    Source: Press et al., Numerical Recipes (2007), 7.7.
    """
    low, high = as_floating("monte_carlo", "low", low), as_floating("monte_carlo", "high", high)
    require_same_shape("monte_carlo", low=low, high=high)
    require_same_dtype("monte_carlo", low=low, high=high)
    if low.ndim > 1 or not low.size:
        raise ValueError(f"monte_carlo: low must be a number or [d], d at least 1, got {describe(low)}")
    for name, bound in (("low", low), ("high", high)):
        if is_concrete(bound) and not np.isfinite(np.asarray(bound, dtype=np.float64)).all():
            raise ValueError(f"monte_carlo: {name} must be finite, got {np.asarray(bound).tolist()}")
    if samples < 2:
        raise ValueError(f"monte_carlo: samples must be at least 2, got {samples}")
    share = jax.random.uniform(key, (samples, *low.shape), low.dtype)
    values = jax.vmap(f)(low * (1 - share) + high * share)
    volume = jnp.prod(high - low)
    spread = jnp.abs(volume) * jnp.std(values, axis=0, ddof=1) / sqrt(samples)
    return Estimate(volume * jnp.mean(values, axis=0), spread)
