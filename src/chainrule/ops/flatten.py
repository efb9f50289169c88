"""Flatten: the axes of one example laid out as one vector, and back."""

from __future__ import annotations

import math

from jax import Array

from chainrule.rule import Static, rule

__all__ = ["flatten"]


@rule
def flatten(x: Array) -> tuple[Array, Static]:
    """Lay out every axis but the first as one: an image (28, 28, 1) becomes a vector of 784.

    Shapes: x (batch, ...), y (batch, product of the others).

    Derivation: y holds the numbers of x in the same order, so dL/dx holds those of dL/dy in the shape of x.

    Residuals: the shape of x.

    Raises:
        ValueError: for an x without a batch axis.
    """
    if x.ndim < 1:
        raise ValueError("flatten: x must have a batch axis, got a scalar")
    return x.reshape(x.shape[0], math.prod(x.shape[1:])), Static(x.shape)


@flatten.defbackward
def flatten_backward(shape: Static, d_output: Array) -> tuple[Array]:
    """Give the cotangent the shape of x."""
    return (d_output.reshape(shape.value),)
