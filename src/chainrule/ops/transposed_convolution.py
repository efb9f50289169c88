"""Transposed convolution: the transpose of a convolution as a forward pass, which makes images larger."""

from __future__ import annotations

from jax import Array

from chainrule.ops.convolution import require_image
from chainrule.ops.convolution_maps import correlate, exchange, gather, spread, sum_to_channels
from chainrule.ops.windows import Ints, Padding, Windows, per_axis, resolve_padding
from chainrule.rule import Static, rule

__all__ = ["transposed_convolution"]


@rule
def transposed_convolution(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Ints = 1,
    padding: Padding = "VALID",
    output_padding: Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> tuple[Array, tuple[Array, Array, Static]]:
    """Spread every pixel over a window of a larger image: y_nqo = sum_pri x_npi w_rio [q = ps + rd - low] + b_o.

    It maps as the backward pass of a convolution with these arguments does from the windows to the image, and is
    PyTorch's ``ConvTranspose1d`` and ``ConvTranspose2d``. Padding is that of the convolution: here it cuts pixels off. Of
    m pixels, with kernels that span s_k = dilation (k - 1) + 1, become::

        n = (m - 1) stride + s_k - low - high + output_padding

    ``output_padding`` adds pixels after the image, which no or few windows reach: a stride maps several sizes of image to
    m windows, and it says which of them is meant. ``"SAME"`` makes n = m stride, the image of which the convolution with
    ``"SAME"`` makes m, whichever the kernel.

    Shapes: x (batch, width, in_channels) or (batch, height, width, in_channels); weight (*kernel, in_channels / groups,
    out_channels), as for ``convolution`` (PyTorch has (in_channels, out_channels / groups, *kernel)); bias
    (out_channels,) or None; y (batch, *sizes, out_channels). All of one floating-point dtype.

    Derivation, with G = dL/dy, for one axis; more axes have one p, q and r each::

        y_nqo = sum_pri x_npi w_rio [q = ps + rd - low] + b_o
        dL/dx_npi = sum_ro G_n,ps+rd-low,o w_rio     a convolution of G, its kernel's channels exchanged
        dL/dw_rio = sum_np x_npi G_n,ps+rd-low,o     as in a convolution with G for the image and x for the windows
        dL/db_o   = sum_nq G_nqo                     b is added to every pixel, so it gathers from every one

    Residuals: x and weight, and whether there is a bias.

    Raises:
        ValueError: for channels that do not fit, groups that do not divide them, padding that leaves no image, an output
            padding of no less than both stride and dilation, integer arrays, or different dtypes.

    Source: Zeiler et al., Deconvolutional networks, 2010; Dumoulin and Visin, 2016, chapter 4.
    """
    require_image("transposed_convolution", x, weight, bias, groups)
    lay = _lay(x.shape, weight.shape, stride, padding, output_padding, dilation)
    y = spread(x, weight, lay, groups)
    return (y if bias is None else y + bias), (x, weight, Static(bias is not None))


@transposed_convolution.defbackward
def transposed_convolution_backward(
    residuals: tuple[Array, Array, Static],
    d_output: Array,
    *,
    stride: Ints,
    padding: Padding,
    output_padding: Ints,
    dilation: Ints,
    groups: int,
) -> tuple[Array, Array, Array | None]:
    """Gather G under each window for dL/dx, correlate it with x for dL/dw, and sum it over all pixels for dL/db."""
    x, weight, has_bias = residuals
    lay = _lay(x.shape, weight.shape, stride, padding, output_padding, dilation)
    d_x = gather(d_output, exchange(weight, groups), lay, groups)
    d_weight = exchange(correlate(d_output, x, lay, groups), groups)
    return d_x, d_weight, sum_to_channels(d_output) if has_bias.value else None


def _lay(
    x_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: Ints,
    padding: Padding,
    output_padding: Ints,
    dilation: Ints,
) -> Windows:
    """Lay the windows over the output: the pixels of x are their numbers, so it is the image that is looked for."""
    where, counts, sizes = "transposed_convolution", x_shape[1:-1], weight_shape[:-2]
    axes = len(counts)
    sizes = per_axis(where, "kernel", sizes, axes)
    strides = per_axis(where, "stride", stride, axes)
    dilations = per_axis(where, "dilation", dilation, axes)
    extra = per_axis(where, "output_padding", output_padding, axes, least=0)
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        raise ValueError(
            f"{where}: output_padding must be less than the stride or the dilation, got {output_padding!r} with stride "
            f"{stride!r} and dilation {dilation!r}"
        )
    spans = [d * (k - 1) + 1 for k, d in zip(sizes, dilations, strict=True)]
    same = [m * s for m, s in zip(counts, strides, strict=True)]
    paddings = resolve_padding(where, padding, same, spans, strides)
    if padding == "SAME":
        if any(extra):
            raise ValueError(f"{where}: output_padding must be 0 with padding 'SAME', got {output_padding!r}")
        images = same
    else:
        images = [
            (m - 1) * s + span - low - high + e
            for m, s, span, (low, high), e in zip(counts, strides, spans, paddings, extra, strict=True)
        ]
    if any(n < 1 for n in images):
        raise ValueError(
            f"{where}: padding must leave an image, got {padding!r}, which leaves {' x '.join(map(str, images))} pixels "
            f"of x {list(x_shape)} and a kernel that spans {' x '.join(map(str, spans))}"
        )
    return Windows(tuple(images), sizes, strides, paddings, dilations, tuple(counts))
