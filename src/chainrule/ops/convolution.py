"""Convolution in one and two dimensions; the sums that it and its backward pass are made of are in ``convolution_maps``."""

from __future__ import annotations

from jax import Array

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.ops.convolution_maps import correlate, exchange, gather, spread, sum_in_place
from chainrule.ops.windows import Ints, Padding, Windows, windows
from chainrule.rule import Static, rule

__all__ = ["convolution", "require_groups", "require_image"]


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
    return d_x, d_weight, sum_in_place(d_output) if has_bias.value else None


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
