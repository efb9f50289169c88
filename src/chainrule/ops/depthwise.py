"""Convolutions of which each channel is a group of its own: the three maps of ``convolution_maps``, tap by tap.

A tap multiplies the pixels under it by a number for each channel, and XLA fuses the products of all taps into one pass:
0.8 against 13 ms of processor time for 64 images of 14 x 14 with 32 channels and 3 x 3 taps, float32. The padded image is
a copy; on a CPU it is made of a few examples at a time, where it is large.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from chainrule.ops.windows import Windows, pad, under_tap

__all__ = ["correlate_depthwise", "gather_depthwise", "is_depthwise", "spread_depthwise"]

Ends = tuple[tuple[int, int], ...]

_MOST_TAPS = 64  # of a kernel that is summed tap by tap
_PART = 2**18  # bytes of a padded image that are made at a time, at most; measured, 2**17 to 2**20 are as quick


def is_depthwise(channels: int, groups: int, lay: Windows) -> bool:
    """Whether each channel of the image is a group of its own, and the taps are few."""
    return groups > 1 and channels == groups and math.prod(lay.size) <= _MOST_TAPS


def gather_depthwise(x: Array, weight: Array, lay: Windows) -> Array:
    """Compute dT/dg_npo = sum_r x_n,ps+rd-low,c w_ro, c the channel that o reads.

    Shapes: x (batch, *pixels, c), weight (*taps, 1, o); the result (batch, *windows, o).
    """
    sizes = [n + low + high for n, (low, high) in zip(lay.in_sizes, lay.reached_padding, strict=True)]
    return _in_parts(_gather, x, weight, (lay,), _examples(x, sizes))


def _gather(x: Array, weight: Array, lay: Windows) -> Array:
    padded = pad(x, lay)
    tapped = (under_tap(padded, tap, lay)[..., None] * weight[tap].reshape(x.shape[-1], -1) for tap in lay.taps)
    return functools.reduce(operator.add, tapped).reshape(len(x), *lay.out_sizes, weight.shape[-1])


def spread_depthwise(d: Array, flipped: Array, lay: Windows, ends: Ends) -> Array:
    """Compute dT/dx_nqc = sum_ro d'_n,q+low-rd,o w_ro, over the o that read c; d' is d with stride - 1 zeros between.

    Shapes: d (batch, *windows, o), the flipped kernel (*taps, o / c, c); the result (batch, *pixels, c). ``ends`` is the
    padding of d' with which a window of the flipped kernel begins at every pixel.
    """
    sizes = [n + span - 1 for n, span in zip(lay.in_sizes, lay.span, strict=True)]
    return _in_parts(_spread, d, flipped, (lay, ends), _examples(d, sizes))


def _spread(d: Array, flipped: Array, lay: Windows, ends: Ends) -> Array:
    config = [(0, 0, 0), *((*pair, step - 1) for pair, step in zip(ends, lay.stride, strict=True)), (0, 0, 0)]
    padded = lax.pad(d, jnp.zeros((), d.dtype), config)
    every = dataclasses.replace(lay, stride=(1,) * len(lay.size), out_sizes=lay.in_sizes)
    channels = flipped.shape[-1]
    tapped = (
        (under_tap(padded, tap, every).reshape(len(d), *lay.in_sizes, channels, -1) * flipped[tap].T).sum(-1)
        for tap in lay.taps
    )
    return functools.reduce(operator.add, tapped)


def correlate_depthwise(x: Array, d: Array, lay: Windows) -> Array:
    """Compute dT/dw_ro = sum_np x_n,ps+rd-low,c d_npo, c the channel that o reads.

    Example by example, the windows last: each step multiplies and adds, all taps in one pass. For CPUs.

    Shapes: x (batch, *pixels, c), d (batch, *windows, o); the result (*taps, 1, o).
    """
    total = jnp.promote_types(d.dtype, jnp.float32)
    channels = x.shape[-1]

    def add(products: list[Array], example: tuple[Array, Array]) -> tuple[list[Array], None]:
        pixels, numbers = (part.astype(total) for part in example)
        numbers = numbers.reshape(*lay.out_sizes, channels, -1)
        padded = pad(pixels[None], lay)
        under = [under_tap(padded, tap, lay)[0, ..., None] for tap in lay.taps]
        return [sofar + tapped * numbers for sofar, tapped in zip(products, under, strict=True)], None

    zeros = jnp.zeros((*lay.out_sizes, channels, d.shape[-1] // channels), total)
    products, _ = lax.scan(add, [zeros for _ in lay.taps], (x, d))
    summed = jnp.stack([product.sum(range(len(lay.size))) for product in products])
    return summed.reshape(*lay.size, 1, d.shape[-1]).astype(d.dtype)


# ----------------------------------------------------------------------------------------------------------------------
# A few examples at a time.
# ----------------------------------------------------------------------------------------------------------------------


def _examples(images: Array, sizes: list[int]) -> int:
    """Of how many examples at a time the padded image is made, a divisor of the batch: all, where that is not large."""
    each = math.prod(sizes) * images.shape[-1] * max(images.dtype.itemsize, 4)
    most = min(max(_PART // max(each, 1), 1), len(images))
    return max((count for count in range(1, most + 1) if len(images) % count == 0), default=0)


def _in_parts(
    at_once: Callable[..., Array], images: Array, kernel: Array, static: tuple[Any, ...], examples: int
) -> Array:
    if examples == len(images):
        return at_once(images, kernel, *static)
    return _by_platform(at_once, images, kernel, static, examples)


@functools.partial(jax.jit, static_argnums=(0, 3, 4))
def _by_platform(
    at_once: Callable[..., Array], images: Array, kernel: Array, static: tuple[Any, ...], examples: int
) -> Array:
    def whole(images: Array, kernel: Array) -> Array:
        return at_once(images, kernel, *static)

    def parts(images: Array, kernel: Array) -> Array:
        # The examples of a part lie below each other: on an axis of their own, of size 1, XLA copies all of images.
        below = images.reshape(len(images) // examples, -1, *images.shape[2:])
        shape = jax.eval_shape(whole, images, kernel).shape

        def put(done: Array, numbered: tuple[Array, Array]) -> tuple[Array, None]:
            number, part = numbered
            part = whole(part.reshape(examples, *images.shape[1:]), kernel)
            return lax.dynamic_update_slice_in_dim(done, part, number * examples, 0), None

        # All of it is overwritten. Were it zeros, XLA would make them once for all loops of this shape, as in the backward
        # pass, and copy them for each.
        blank = jnp.broadcast_to((images[(0,) * images.ndim] != 0).astype(images.dtype), shape)
        done, _ = lax.scan(put, blank, (jnp.arange(len(below)), below))
        return done

    return lax.platform_dependent(images, kernel, cpu=parts, default=whole)
