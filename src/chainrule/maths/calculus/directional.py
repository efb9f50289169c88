"""The slope of a function of many numbers along a direction."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from chainrule.checks import is_concrete, require_same_dtype, require_same_shape
from chainrule.maths.calculus.arguments import as_floating

__all__ = ["directional_derivative"]


def directional_derivative(f: Callable[[Array], Array], x: ArrayLike, direction: ArrayLike) -> Array:
    """Compute the derivative of f at x along a direction: D_u f = d/dt f(x + t u) at t = 0 = J u, with |u| = 1.

    One forward pass (``jax.jvp``) gives J u without J; for a scalar f it is the inner product of the gradient with
    u, at most |grad f|, which it is along the gradient: the steepest ascent. The direction is divided by its length, so
    this is the slope per unit of distance.

    Args:
        f: a function of an array, with a result of any shape.
        x: where, any shape.
        direction: of the shape and dtype of x; its length does not matter.

    Returns:
        D_u f, of the shape of f(x). A zero direction under jit, or one that is not finite, gives NaN.

    Raises:
        ValueError: for arguments that are not of floating-point numbers, or differ in shape or dtype; a direction of
            zeros, where its numbers are known.
    """
    x = as_floating("directional_derivative", "x", x)
    direction = as_floating("directional_derivative", "direction", direction)
    require_same_shape("directional_derivative", x=x, direction=direction)
    require_same_dtype("directional_derivative", x=x, direction=direction)
    if is_concrete(direction) and not np.any(np.asarray(direction)):
        raise ValueError("directional_derivative: direction must not be zero everywhere")
    largest = jnp.max(jnp.abs(direction))  # so that no square overflows or vanishes
    scaled = direction / largest
    unit = scaled / jnp.sqrt(jnp.sum(scaled * scaled))
    return jax.jvp(f, (x,), (unit,))[1]
