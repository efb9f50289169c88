"""Losses for real-valued targets: squared error, absolute error and Huber's."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from chainrule.checks import require_floating, require_same_dtype, require_same_shape
from chainrule.losses.reduction import Loss
from chainrule.rule import rule

__all__ = ["absolute_error", "huber", "huber_error", "mean_absolute_error", "mean_squared_error", "squared_error"]


def _difference(where: str, predictions: Array, targets: Array) -> Array:
    require_floating(where, predictions=predictions, targets=targets)
    require_same_shape(where, predictions=predictions, targets=targets)
    require_same_dtype(where, predictions=predictions, targets=targets)
    return predictions - targets


@rule
def squared_error(predictions: Array, targets: Array) -> tuple[Array, Array]:
    """Squared error, element by element: l = e^2 with e = prediction - target.

    Shapes: predictions any, targets the same (nothing is broadcast), l the same. Unit: that of the targets, squared.

    Derivation: dl/de = 2 e; e rises with the prediction and falls with the target.

    Residuals: e.

    Raises:
        ValueError: for shapes or dtypes that differ, or arrays of integers.
    """
    e = _difference("squared_error", predictions, targets)
    return e * e, e


@squared_error.defbackward
def squared_error_backward(e: Array, d_output: Array) -> tuple[Array, Array]:
    """Compute 2 e g for the predictions, and its negative for the targets."""
    d_e = 2 * e * d_output
    return d_e, -d_e


@rule
def absolute_error(predictions: Array, targets: Array) -> tuple[Array, Array]:
    """Absolute error, element by element: l = |e| with e = prediction - target.

    Shapes: predictions any, targets the same (nothing is broadcast), l the same. Unit: that of the targets.

    Derivation: dl/de = sign(e). At the kink e = 0 it is 0.

    Residuals: e.

    Raises:
        ValueError: for shapes or dtypes that differ, or arrays of integers.
    """
    e = _difference("absolute_error", predictions, targets)
    # max(e, -e) rather than abs(e), whose slope JAX takes as 1 at 0: the primal then has the slope that stands here.
    return jnp.maximum(e, -e), e


@absolute_error.defbackward
def absolute_error_backward(e: Array, d_output: Array) -> tuple[Array, Array]:
    """Compute sign(e) g for the predictions, and its negative for the targets."""
    d_e = jnp.sign(e) * d_output
    return d_e, -d_e


@rule
def huber_error(predictions: Array, targets: Array, *, delta: float = 1.0) -> tuple[Array, Array]:
    """Huber's error, element by element: squared near 0, absolute beyond; with e = prediction - target.

    ::

        l = e^2 / 2               where |e| <= delta
        l = delta (|e| - delta/2) elsewhere

    Shapes: predictions any, targets the same (nothing is broadcast), l the same.

    Derivation: dl/de = e near 0 and delta sign(e) beyond: e, clipped to [-delta, delta].

    Residuals: e. (Kept clipped it would save the comparisons, but XLA writes it to memory, and fuses these.)

    Raises:
        ValueError: for shapes or dtypes that differ, arrays of integers, or a delta that is not positive.

    Source: Huber, Robust estimation of a location parameter, 1964.
    """
    if not delta > 0:
        raise ValueError(f"huber: delta must be positive, got {delta}")
    e = _difference("huber", predictions, targets)
    size = jnp.abs(e)
    return jnp.where(size <= delta, 0.5 * e * e, delta * (size - 0.5 * delta)), e


@huber_error.defbackward
def huber_error_backward(e: Array, d_output: Array, *, delta: float) -> tuple[Array, Array]:
    """Compute g times e clipped to [-delta, delta], and its negative for the targets."""
    far = delta * d_output
    d_e = jnp.where(e > delta, far, jnp.where(e < -delta, -far, e * d_output))
    return d_e, -d_e


mean_squared_error = Loss(squared_error, "mean_squared_error")
mean_absolute_error = Loss(absolute_error, "mean_absolute_error")
huber = Loss(huber_error, "huber")
