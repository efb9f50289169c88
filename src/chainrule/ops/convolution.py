"""Convolution in one and two dimensions, and the three maps that its forward and backward passes are made of.

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

import dataclasses
import functools
import math
import operator

import jax
import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.ops.sums import over_rows
from chainrule.ops.windows import Ints, Padding, Windows, pad, under_tap, windows
from chainrule.rule import Static, rule

__all__ = [
    "convolution",
    "correlate",
    "exchange",
    "gather",
    "require_groups",
    "require_image",
    "spread",
    "sum_to_channels",
]


@rule
def convolution(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Ints = 1,
    padding: Padding = "VALID",
    dilation: Ints = 1,
    groups: int = 1,
) -> tuple[Array, tuple[Array, Array, Static]]:
    """Convolve images with a kernel: y_npo = sum_rc x_n,ps+rd-low,c w_rco + b_o.

    This is cross-correlation, as in all frameworks: the kernel is not flipped. With ``groups``, the channels of x and of
    y fall into so many blocks each, and a block of y sees its block of x alone; ``groups=in_channels`` makes a depthwise
    convolution.

    Shapes: x (batch, width, in_channels) or (batch, height, width, in_channels); weight (*kernel, in_channels / groups,
    out_channels); bias (out_channels,) or None; y (batch, *windows, out_channels). All of one floating-point dtype.
    ``stride`` and ``dilation`` are an int, or one for each spatial axis; ``padding`` is ``"VALID"``, ``"SAME"``, an int,
    or for each axis an int or a pair (before, after). How many windows there are, and how ``"SAME"`` pads, stands in
    ``ops.windows``.

    Derivation, with G = dL/dy, for one axis; more axes have one p, q and r each::

        y_npo = sum_rc x_n,ps+rd-low,c w_rco + b_o
        dL/dx_nqc = sum_pro G_npo w_rco [q = ps + rd - low]
                  = sum_ro  G'_n,q+low-rd,o w_rco              G' is G with s - 1 zeros between its entries
            a convolution of G' with the kernel flipped, r -> k - 1 - r, and its channels exchanged, c <-> o
        dL/dw_rco = sum_np x_n,ps+rd-low,c G_npo
            a convolution of x with G for a kernel: the batch n is summed over as channels are, the dilation is s, and
            the stride d
        dL/db_o   = sum_np G_npo                               b is added in every window, so it gathers from every one

    Residuals: x and weight, and whether there is a bias.

    Raises:
        ValueError: for channels that do not fit, groups that do not divide them, a kernel larger than the padded image,
            negative padding, integer arrays, or different dtypes.

    Source: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016.
    """
    require_image("convolution", x, weight, bias, groups)
    lay = _lay(x.shape, weight.shape, stride, padding, dilation)
    y = gather(x, weight, lay, groups)
    return (y if bias is None else y + bias), (x, weight, Static(bias is not None))


@convolution.defbackward
def convolution_backward(
    residuals: tuple[Array, Array, Static],
    d_output: Array,
    *,
    stride: Ints,
    padding: Padding,
    dilation: Ints,
    groups: int,
) -> tuple[Array, Array, Array | None]:
    """Spread G over the image for dL/dx, correlate it with x for dL/dw, and sum it over all windows for dL/db."""
    x, weight, has_bias = residuals
    lay = _lay(x.shape, weight.shape, stride, padding, dilation)
    d_x = spread(d_output, exchange(weight, groups), lay, groups)
    d_weight = correlate(x, d_output, lay, groups)
    return d_x, d_weight, sum_to_channels(d_output) if has_bias.value else None


def _lay(
    x_shape: tuple[int, ...], weight_shape: tuple[int, ...], stride: Ints, padding: Padding, dilation: Ints
) -> Windows:
    return windows(
        "convolution",
        x_shape[1:-1],
        weight_shape[:-2],
        stride=stride,
        padding=padding,
        dilation=dilation,
        size_name="kernel",
    )


# ----------------------------------------------------------------------------------------------------------------------
# The three derivatives of T.
# ----------------------------------------------------------------------------------------------------------------------


def gather(x: Array, weight: Array, lay: Windows, groups: int) -> Array:
    """Compute dT/dg_npo = sum_rc x_n,ps+rd-low,c w_rco: the convolution.

    Shapes: x (batch, *pixels, c), weight (*taps, c / groups, o); the result (batch, *windows, o). The padding after the
    image is what the windows reach, which may be less than was asked for.
    """
    if _is_depthwise(x.shape[-1], groups, lay):
        padded = pad(x, lay)
        tapped = (under_tap(padded, tap, lay)[..., None] * _of_tap(weight, tap, groups) for tap in lay.taps)
        return functools.reduce(operator.add, tapped).reshape(len(x), *lay.out_sizes, weight.shape[-1])
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
    padding = [
        (span - 1 - low, n + low - 1 - (m - 1) * stride)
        for n, m, stride, span, (low, _) in zip(
            lay.in_sizes, lay.out_sizes, lay.stride, lay.span, lay.padding, strict=True
        )
    ]
    flipped = jnp.flip(weight, range(len(lay.size)))
    if _is_depthwise(weight.shape[-1], groups, lay):
        config = [(0, 0, 0), *((*ends, step - 1) for ends, step in zip(padding, lay.stride, strict=True)), (0, 0, 0)]
        padded = lax.pad(d, jnp.zeros((), d.dtype), config)
        # The windows of the flipped kernel over d' begin at every pixel.
        every = dataclasses.replace(lay, stride=(1,) * len(lay.size), out_sizes=lay.in_sizes)
        tapped = (
            (under_tap(padded, tap, every).reshape(len(d), *lay.in_sizes, groups, -1) * flipped[tap].T).sum(-1)
            for tap in lay.taps
        )
        return functools.reduce(operator.add, tapped)
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
    if groups == 1 and _bytes(d) <= _CACHED:
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
    if _is_depthwise(x.shape[-1], groups, lay):
        # Example by example, the windows last: each step multiplies and adds, all taps in one pass.
        def add_example(products: list[Array], example: tuple[Array, Array]) -> tuple[list[Array], None]:
            pixels, numbers = (part.astype(total) for part in example)
            numbers = numbers.reshape(*lay.out_sizes, groups, -1)
            under = [under_tap(pixels[None], tap, lay)[0, ..., None] for tap in lay.taps]
            return [sofar + tapped * numbers for sofar, tapped in zip(products, under, strict=True)], None

        zeros = jnp.zeros((*lay.out_sizes, groups, d.shape[-1] // groups), total)
        products, _ = lax.scan(add_example, [zeros for _ in lay.taps], (pad(x, lay), d))
        summed = jnp.stack([product.sum(range(len(lay.size))) for product in products])
        return summed.reshape(*lay.size, 1, d.shape[-1]).astype(d.dtype)

    def of_group(group: Array) -> Array:
        x_group, d_group = (
            lax.dynamic_slice_in_dim(whole, group * (whole.shape[-1] // groups), whole.shape[-1] // groups, -1)
            for whole in (x, d)
        )
        return correlate(x_group, d_group, lay, 1)

    kernels = lax.map(of_group, jnp.arange(groups))
    return jnp.moveaxis(kernels, 0, -2).reshape(*lay.size, x.shape[-1] // groups, d.shape[-1])


def exchange(weight: Array, groups: int) -> Array:
    """Exchange the channels that a kernel reads with those that it writes: (*taps, c / groups, o) to (*taps, o / groups, c).

    Within each group, w_rco becomes w_roc; twice is the identity.
    """
    *taps, reads, writes = weight.shape
    blocks = weight.reshape(*taps, reads, groups, writes // groups)
    return jnp.swapaxes(blocks, -3, -1).reshape(*taps, writes // groups, groups * reads)


def sum_to_channels(d: Array) -> Array:
    """Sum over every axis but the channels, (..., c) to (c,): the gradient of a bias."""
    return over_rows(d.reshape(math.prod(d.shape[:-1]), d.shape[-1]))


# How many bytes of d are correlated at a time: half of a common second-level cache; and of how many examples at least, for
# they are what the innermost loop runs over.
_CACHED = 2**20
_LEAST = 16

# Depthwise kernels of so many taps at most are summed tap by tap, each a multiplication that XLA fuses with the next: 0.8
# against 13 ms of processor time for 64 images of 14 x 14 with 32 channels and 3 x 3 taps, float32.
_MOST_TAPS = 64


def _is_depthwise(channels: int, groups: int, lay: Windows) -> bool:
    """Whether each channel of the image is a group of its own, and the taps are few."""
    return groups > 1 and channels == groups and math.prod(lay.size) <= _MOST_TAPS


def _of_tap(weight: Array, tap: tuple[int, ...], groups: int) -> Array:
    """The numbers of a depthwise kernel at a tap, (groups, o / groups)."""
    return weight[tap].reshape(groups, -1)


def _channels_last(lay: Windows) -> tuple[str, str, str]:
    spatial = "HW"[-len(lay.size) :]
    return f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"


def _bytes(array: Array) -> int:
    """What an array takes while it is computed with: XLA on a CPU widens narrower numbers to float32."""
    return array.size * max(array.dtype.itemsize, 4)


# ----------------------------------------------------------------------------------------------------------------------
# What the arguments must look like.
# ----------------------------------------------------------------------------------------------------------------------


def require_image(where: str, x: Array, weight: Array, bias: Array | None, groups: int) -> None:
    """Refuse what is no image, kernel and bias of one floating-point dtype, and channels that do not fit.

    Raises:
        ValueError: naming the argument.
    """
    given = {"x": x, "weight": weight, **({} if bias is None else {"bias": bias})}
    require_floating(where, **given)
    require_same_dtype(where, **given)
    if x.ndim not in (3, 4):
        raise ValueError(
            f"{where}: x must be (batch, width, channels) or (batch, height, width, channels), got {describe(x)}"
        )
    if weight.ndim != x.ndim:
        raise ValueError(
            f"{where}: weight must have {x.ndim} axes as x has, (*kernel, in_channels / groups, out_channels), "
            f"got {describe(weight)}"
        )
    if bias is not None and bias.shape != weight.shape[-1:]:
        raise ValueError(f"{where}: bias must be ({weight.shape[-1]},), got {describe(bias)}")
    require_groups(where, groups, x.shape[-1], weight.shape[-1])
    if weight.shape[-2] * groups != x.shape[-1]:
        raise ValueError(
            f"{where}: weight must be (*kernel, in_channels / groups, out_channels) with in_channels / groups = "
            f"{x.shape[-1]} / {groups}, got x {describe(x)} and weight {describe(weight)}"
        )


def require_groups(where: str, groups: int, in_channels: int, out_channels: int) -> None:
    """Refuse groups that do not divide both numbers of channels.

    Raises:
        ValueError: naming all three.
    """
    if not isinstance(groups, int) or isinstance(groups, bool) or groups < 1:
        raise ValueError(f"{where}: groups must be a positive integer, got {groups!r}")
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{where}: groups must divide the channels of x and of the output, got {groups} groups, {in_channels} "
            f"in_channels and {out_channels} out_channels"
        )
