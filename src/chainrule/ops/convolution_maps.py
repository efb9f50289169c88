"""The three maps that a convolution, its transpose and their backward passes are made of, in one and two dimensions.

All of them are derivatives of one number, linear in each of an image x, a kernel w and a map g over the windows::

    T(x, w, g) = sum over n, p, r, c, o of  x_n,ps+rd-low,c  w_rco  g_npo

where n counts examples, p windows and r taps (each one index an axis), s is the stride, d the dilation, low the padding
before the image, outside of which x is 0, c the channels of the image and o those of the map. Then::

    gather      dT/dg_npo    the convolution: each window gathers the pixels under its taps
    spread      dT/dx_nqc    its transpose: each window spreads its numbers over the pixels under its taps
    correlate   dT/dw_rco    for each tap, the pixels under it times the numbers of their windows

In groups, T sums over the channels c of the group of o alone.

Source: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jax import Array, lax

from chainrule.ops.depthwise import correlate_depthwise, gather_depthwise, is_depthwise, spread_depthwise
from chainrule.ops.sums import over_rows
from chainrule.ops.windows import Windows, under_tap

__all__ = ["correlate", "exchange", "gather", "spread", "sum_in_place", "sum_to_channels"]


def gather(x: Array, weight: Array, lay: Windows, groups: int) -> Array:
    """Compute dT/dg_npo = sum_rc x_n,ps+rd-low,c w_rco: the convolution.

    Shapes: x (batch, *pixels, c), weight (*taps, c / groups, o); the result (batch, *windows, o). The padding after the
    image is what the windows reach, which may be less than was asked for.
    """
    if is_depthwise(x.shape[-1], groups, lay):
        return gather_depthwise(x, weight, lay)
    return lax.conv_general_dilated(
        x,
        weight,
        lay.stride,
        lay.reached_padding,
        rhs_dilation=lay.dilation,
        dimension_numbers=_channels_last(lay),
        feature_group_count=groups,
    )


def spread(d: Array, weight: Array, lay: Windows, groups: int) -> Array:
    """Compute dT/dx_nqc = sum_ro d'_n,q+low-rd,o w_rco, where d' is d with stride - 1 zeros between its entries.

    Shapes: d (batch, *windows, o), weight with its channels exchanged (*taps, o / groups, c); the result (batch, *pixels,
    c). Pixel q is reached from q + low - rd for every tap r: that is a convolution of d' with the flipped kernel, whose
    first window begins span - 1 - low before d'.
    """
    padding = tuple(
        (span - 1 - low, n + low - 1 - (m - 1) * stride)
        for n, m, stride, span, (low, _) in zip(
            lay.in_sizes, lay.out_sizes, lay.stride, lay.span, lay.padding, strict=True
        )
    )
    flipped = jnp.flip(weight, range(len(lay.size)))
    if is_depthwise(weight.shape[-1], groups, lay):
        return spread_depthwise(d, flipped, lay, padding)
    return lax.conv_general_dilated(
        d,
        flipped,
        (1,) * len(lay.size),
        padding,
        lhs_dilation=lay.stride,
        rhs_dilation=lay.dilation,
        dimension_numbers=_channels_last(lay),
        feature_group_count=groups,
    )


def correlate(x: Array, d: Array, lay: Windows, groups: int) -> Array:
    """Compute dT/dw_rco = sum_np x_n,ps+rd-low,c d_npo.

    Shapes: x (batch, *pixels, c), d (batch, *windows, o); the result (*taps, c / groups, o).
    """
    if groups == 1 and lay.size == lay.span == (1,) * len(lay.size) and not any(map(any, lay.padding)):
        # One tap: the pixels under it, a matrix, times d.
        rows = under_tap(x, (0,) * len(lay.size), lay).reshape(-1, x.shape[-1])
        return (rows.T @ d.reshape(len(rows), d.shape[-1])).reshape(*lay.size, x.shape[-1], d.shape[-1])
    in_cache = _bytes(d) <= _CACHED or len(lay.size) == 1  # along one axis XLA works through d once, on every core
    if groups == 1 and in_cache and not _is_tiled(lay):
        return _correlate_whole(x, d, lay, 1)
    return _correlate_by_platform(x, d, lay, groups)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _correlate_by_platform(x: Array, d: Array, lay: Windows, groups: int) -> Array:
    return lax.platform_dependent(
        x,
        d,
        cpu=functools.partial(_correlate_in_parts, lay=lay, groups=groups),
        default=functools.partial(_correlate_whole, lay=lay, groups=groups),
    )


def _correlate_whole(x: Array, d: Array, lay: Windows, groups: int) -> Array:
    """Correlate by one convolution, in which channels and batch have changed places.

    The transposes are written out: XLA moves the axes of a convolution into the order that its fast kernel for CPUs takes
    (batch, pixels, channels) in the outermost program, but not in the body of a loop, where it falls back to one that is
    tens of times slower.
    """
    spatial = range(1, len(lay.size) + 1)
    flat = lax.conv_general_dilated(
        x.transpose(x.ndim - 1, *spatial, 0),  # c, pixels, n
        d.transpose(*spatial, 0, d.ndim - 1),  # windows, n, o
        lay.dilation,
        lay.reached_padding,
        rhs_dilation=lay.stride,
        dimension_numbers=_channels_last(lay),
        batch_group_count=groups,
    )
    return flat.transpose(*spatial, 0, flat.ndim - 1)


def _correlate_in_parts(x: Array, d: Array, lay: Windows, groups: int) -> Array:
    """Correlate group by group, and a few examples at a time: so many as keep d in a core's cache.

    d is the kernel of the convolution, and XLA on a CPU reads all of it for each row of each channel of x. Measured, as
    processor time in float32 on a core with 2 MiB of second-level cache, against ``_correlate_whole``, with 3 x 3 taps:
    6 against 14 ms for 64 images of 14 x 14 with 32 and 64 channels, in four groups 3 against 286 ms; 12 against 33 ms
    for 28 x 28 with 32 and 32; depthwise, 14 x 14 with 32, 3 against 5 ms. The transposed copies of a part are all the
    temporary memory that it takes.
    """
    batch, total = len(x), jnp.promote_types(d.dtype, jnp.float32)
    if groups == 1 and _is_tiled(lay):
        return _correlate_tiles(x, d, lay)
    if groups == 1:
        count = -(-batch // max(_LEAST, _CACHED * batch // _bytes(d)))
        part = -(-batch // count)

        def add(kernel: Array, start: Array) -> tuple[Array, None]:
            x_part, d_part = (lax.dynamic_slice_in_dim(whole, start, part) for whole in (x, d))
            return kernel + _correlate_whole(x_part, d_part, lay, 1).astype(total), None

        kernel = jnp.zeros((*lay.size, x.shape[-1], d.shape[-1]), total)
        kernel, _ = lax.scan(add, kernel, part * jnp.arange(batch // part))
        if batch % part:
            over = batch - batch % part
            kernel = kernel + _correlate_whole(x[over:], d[over:], lay, 1).astype(total)
        return kernel.astype(d.dtype)
    if is_depthwise(x.shape[-1], groups, lay):
        return correlate_depthwise(x, d, lay)

    def of_group(group: Array) -> Array:
        x_group, d_group = (
            lax.dynamic_slice_in_dim(whole, group * (whole.shape[-1] // groups), whole.shape[-1] // groups, -1)
            for whole in (x, d)
        )
        return correlate(x_group, d_group, lay, 1)

    kernels = lax.map(of_group, jnp.arange(groups))
    return jnp.moveaxis(kernels, 0, -2).reshape(*lay.size, x.shape[-1] // groups, d.shape[-1])


def _is_tiled(lay: Windows) -> bool:
    """Whether each pixel lies in one window: those of a patch embedding, and of the transpose that doubles an image."""
    tiled = tuple(m * k for m, k in zip(lay.out_sizes, lay.size, strict=True))
    return lay.size == lay.span == lay.stride and lay.in_sizes == tiled and not any(map(any, lay.padding))


def _correlate_tiles(x: Array, d: Array, lay: Windows) -> Array:
    """Correlate windows that tile the image: the pixels of each, as one row of a matrix, times d.

    In two dimensions these rows are a copy. It is made of a few rows of windows at a time, no larger than the kernel: for 64
    images of 28 x 28 with 16 channels and 2 x 2 taps 19 kB of temporary memory in all, against 2.4 MB by parts of
    convolutions, in the same time.
    """
    total, rows = jnp.promote_types(d.dtype, jnp.float32), len(x) * lay.out_sizes[0]
    inputs, outputs = math.prod(lay.size) * x.shape[-1], d.shape[-1]

    def correlate_rows(x: Array, d: Array) -> Array:
        pairs = [extent for pair in zip(lay.out_sizes, lay.size, strict=True) for extent in pair]
        axes = range(2 * len(lay.size))
        tiles = x.reshape(-1, *pairs[1:], x.shape[-1]).transpose(*axes[::2], *axes[1::2], len(axes))
        return jnp.matmul(tiles.reshape(-1, inputs).T, d.reshape(-1, outputs), preferred_element_type=total)

    def add(kernel: Array, part: tuple[Array, Array]) -> tuple[Array, None]:
        return kernel + correlate_rows(*part), None

    most = max(_LEAST_TILES, inputs * outputs * total.itemsize) * rows // max(_bytes(x), 1)
    part = max((n for n in range(1, min(most, rows) + 1) if rows % n == 0), default=1)
    if len(lay.size) == 1 or part >= rows:
        kernel = correlate_rows(x, d)
    else:
        below = x.reshape(rows // part, -1, *x.shape[2:]), d.reshape(rows // part, -1, outputs)
        kernel, _ = lax.scan(add, jnp.zeros((inputs, outputs), total), below)
    return kernel.reshape(*lay.size, x.shape[-1], outputs).astype(d.dtype)


def exchange(weight: Array, groups: int) -> Array:
    """Exchange the channels that a kernel reads with those that it writes: (*taps, c / groups, o) to (*taps, o / groups, c).

    Within each group, w_rco becomes w_roc; twice is the identity.
    """
    *taps, reads, writes = weight.shape
    blocks = weight.reshape(*taps, reads, groups, writes // groups)
    return jnp.swapaxes(blocks, -3, -1).reshape(*taps, writes // groups, groups * reads)


def sum_to_channels(d: Array) -> Array:
    """Sum over every axis but the channels, (..., c) to (c,): the gradient of a bias.

    First over all axes but the last two, then over the last but one. One sum over every pixel is a product with as many
    ones: 200 kB for 64 images of 28 x 28, against 9, and 1.5 times the time with 16 channels, twice with 64.
    """
    *leading, width, channels = d.shape
    columns = over_rows(d.reshape(math.prod(leading), width * channels))
    return columns.reshape(width, channels).sum(0)


def sum_in_place(d: Array) -> Array:
    """Compute the same sum of d in its own shape: first a product for each row of pixels, then over all rows.

    Where an elementwise rule made d, XLA on a CPU computes all of it once more as the matrix that ``sum_to_channels``
    reads, with divisions of indices: in a step of LeNet, behind a maximum pool, 14 of 36 ms of processor time. A number
    is kept for each row and channel. Windows along one axis have no rows of pixels, and a plain sum is as quick.
    """
    return d.sum((0, 1)) if d.ndim == 3 else over_rows(d).reshape(-1, d.shape[-1]).sum(0)


# How many bytes of d are correlated at a time: half of a common second-level cache; and of how many examples at least, for
# they are what the innermost loop runs over. (At 28 x 28 with 32 and 64 channels parts of 4 or 8 take 22 ms, of 16, which
# no longer fit, 49.)
_CACHED = 2**20
_LEAST = 4

# How many bytes of windows that tile the image are copied at a time, at least.
_LEAST_TILES = 2**13


def _channels_last(lay: Windows) -> tuple[str, str, str]:
    spatial = "HW"[-len(lay.size) :]
    return f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"


def _bytes(array: Array) -> int:
    """What an array takes while it is computed with: XLA on a CPU widens narrower numbers to float32."""
    return array.size * max(array.dtype.itemsize, 4)
