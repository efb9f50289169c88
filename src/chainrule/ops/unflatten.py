"""Unflatten: one vector an example laid out in the axes of an image, and back."""

from __future__ import annotations

import math

from jax import Array

from chainrule.checks import describe
from chainrule.rule import Static, rule

__all__ = ["unflatten"]


@rule
def unflatten(x: Array, *, shape: tuple[int, ...]) -> tuple[Array, Static]:
    """Lay out the numbers of each example in these axes: a vector of 784 becomes an image (28, 28, 1).

    Shapes: x (batch, product of ``shape``), y (batch, *shape).

    Derivation: y holds the numbers of x in the same order, so dL/dx holds those of dL/dy in the shape of x.

    Residuals: the shape of x.

    Raises:
        ValueError: for an x whose examples are not vectors of so many numbers.
    """
    if x.ndim != 2 or x.shape[1] != math.prod(shape):
        raise ValueError(
            f"unflatten: x must be (batch, {math.prod(shape)}) to become (batch, {', '.join(map(str, shape))}), "
            f"got {describe(x)}"
        )
    return x.reshape(x.shape[0], *shape), Static(x.shape)


@unflatten.defbackward
def unflatten_backward(residuals: Static, d_output: Array, *, shape: tuple[int, ...]) -> tuple[Array]:
    """Give the cotangent the shape of x."""
    return (d_output.reshape(residuals.value),)
