"""Conditioning: how much a problem magnifies an error in its input, whatever the algorithm."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from chainrule.checks import describe, require_floating

__all__ = ["relative_condition"]


def relative_condition(function: Callable[[Array], Array], x: Array) -> Array:
    """Compute the relative condition number of a function at a point.

    ::

        k(x) = |x f'(x) / f(x)|                          for a number
             = ||J(x)|| ||x|| / ||f(x)||                 for arrays: 2-norms, of the Jacobian the spectral one

    An input that is off by one part in 10^d gives an output that is off by up to k parts in 10^d: log10 k digits are
    lost by the *problem*. An *algorithm* is stable if it loses no more. x - 1 near 1 is ill-conditioned, and no
    algorithm helps; log(1 + x) near 0 is well-conditioned (k = 1), and ``jnp.log(1 + x)`` is an unstable way to it.

    Args:
        function: a differentiable function of one array that returns one.
        x: the point, any shape, floating.

    Returns:
        The condition number, a scalar: inf where f(x) = 0, NaN where J x is 0 with it (0/0), and for NaN.

    Raises:
        ValueError: when x, or what the function returns, is not of floating-point numbers or is empty.

    Source: L. N. Trefethen and D. Bau (1997), Numerical Linear Algebra, lecture 12.
    """
    require_floating("relative_condition", x=x)
    x = jnp.asarray(x)
    value = function(x)
    require_floating("relative_condition", **{"function(x)": value})
    if x.size == 0 or value.size == 0:
        raise ValueError(
            f"relative_condition: x and function(x) must not be empty, got {describe(x)} and {describe(value)}"
        )
    jacobian = jax.jacobian(function)(x).reshape(value.size, x.size)
    # Of a row or a column the spectral norm is that of the vector, and needs no singular values.
    size = jnp.linalg.norm(jacobian, ord=None if 1 in jacobian.shape else 2)
    return size * jnp.linalg.norm(x.ravel()) / jnp.linalg.norm(value.ravel())
