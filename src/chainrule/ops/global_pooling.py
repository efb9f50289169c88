"""Global pooling: the mean, or the largest number, of all pixels of an image, channel by channel."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating
from chainrule.rule import Static, rule

__all__ = ["global_average_pool", "global_max_pool"]


@rule
def global_average_pool(x: Array) -> tuple[Array, Static]:
    """Take the mean over all pixels: y_c = (1 / n) sum over p of x_pc.

    Shapes: x (batch, ..., channels) with n pixels along the axes between, y (batch, channels).

    Derivation: every pixel has the share 1 / n: dL/dx_pc = dL/dy_c / n.

    Residuals: the shape of x.

    Raises:
        ValueError: for an x without an axis of pixels, or without pixels, or of integers.

    Source: Lin, Chen and Yan, Network in network, 2013.
    """
    _require_pixels("global_average_pool", x)
    axes = tuple(range(1, x.ndim - 1))
    return x.sum(axes) / math.prod(x.shape[1:-1]), Static(x.shape)


@global_average_pool.defbackward
def global_average_pool_backward(shape: Static, d_output: Array) -> tuple[Array]:
    """Compute dL/dx_pc = dL/dy_c / n."""
    share = d_output / math.prod(shape.value[1:-1])
    return (jnp.broadcast_to(jnp.expand_dims(share, tuple(range(1, len(shape.value) - 1))), shape.value),)


@rule
def global_max_pool(x: Array) -> tuple[Array, tuple[Array, Static]]:
    """Take the largest number of all pixels: y_c = max over p of x_pc.

    Shapes: x (batch, ..., channels), y (batch, channels).

    Derivation: y_c = x_pc for the pixel p that won, so dL/dx_pc = dL/dy_c there and 0 elsewhere.

    Residuals: which pixel won, an integer for each channel; and the shape of x.

    Kinks: where pixels tie, the first of them in row-major order takes the whole cotangent. A NaN wins, the first one where
    there are more.

    Raises:
        ValueError: for an x without an axis of pixels, or without pixels, or of integers.
    """
    _require_pixels("global_max_pool", x)
    batch, channels, n = len(x), x.shape[-1], math.prod(x.shape[1:-1])
    # The block of pixels that wins, and then the pixel in it: all pixels are read but once, and by a plain maximum. To look
    # for the place of the largest among all of them takes a CPU four times as long.
    size = max(size for size in range(1, math.isqrt(n) + 1) if n % size == 0)
    blocks = x.reshape(batch, n // size, size, channels)
    block = lax.argmax(blocks.max(2), 1, jnp.int32)
    pixels = jnp.take_along_axis(blocks, block[:, None, None, :], axis=1, mode="promise_in_bounds")[:, 0]
    winner = block * size + lax.argmax(pixels, 1, jnp.int32)
    y = jnp.take_along_axis(x.reshape(batch, n, channels), winner[:, None, :], axis=1, mode="promise_in_bounds")[:, 0]
    return y, (winner, Static(x.shape))


@global_max_pool.defbackward
def global_max_pool_backward(residuals: tuple[Array, Static], d_output: Array) -> tuple[Array]:
    """Compute dL/dx_pc = dL/dy_c for the pixel that won, else 0."""
    winner, shape = residuals[0], residuals[1].value
    number = lax.broadcasted_iota(winner.dtype, (1, math.prod(shape[1:-1]), 1), 1)
    d_x = jnp.where(winner[:, None, :] == number, d_output[:, None, :], jnp.zeros((), d_output.dtype))
    return (d_x.reshape(shape),)


def _require_pixels(where: str, x: Array) -> None:
    require_floating(where, x=x)
    if x.ndim < 3 or 0 in x.shape[1:-1]:
        raise ValueError(f"{where}: x must be (batch, ..., channels) with at least one pixel, got {describe(x)}")
