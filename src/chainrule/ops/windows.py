"""Where the windows of a convolution or a pooling lie: stride, padding and dilation turned into numbers, once.

Along one axis of n pixels, padded by ``low`` before and ``high`` after, a window of k taps that stand ``dilation`` apart
spans s = dilation (k - 1) + 1 pixels. Window i begins at pixel i stride - low, and its tap j looks at pixel
i stride + j dilation - low. So many windows fit::

    m = floor((n + low + high - s) / stride) + 1

``"VALID"`` is no padding. ``"SAME"`` pads so that m = ceil(n / stride), with t = max((m - 1) stride + s - n, 0) pixels in
all, floor(t / 2) of them before: the odd one stands after, as in XLA and TensorFlow.

Source: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

__all__ = ["Ints", "Padding", "Windows", "pad", "per_axis", "resolve_padding", "under_tap", "windows"]

Ints = int | tuple[int, ...]
Padding = str | int | tuple[Any, ...]


@dataclass(frozen=True)
class Windows:
    """The windows over the spatial axes of an image, one entry an axis.

    Attributes:
        in_sizes: the pixels.
        size: the taps of a window.
        stride: the pixels from one window to the next.
        padding: the pixels added before and after.
        dilation: the pixels from one tap to the next.
        out_sizes: how many windows there are.
    """

    in_sizes: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    out_sizes: tuple[int, ...]

    @property
    def span(self) -> tuple[int, ...]:
        """The pixels from the first tap of a window to its last, both included."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.size, self.dilation, strict=True))

    @property
    def reached_padding(self) -> tuple[tuple[int, int], ...]:
        """The padding that the windows reach: less than was asked for, even negative, where a stride leaves pixels over."""
        return tuple(
            (low, (m - 1) * stride + span - n - low)
            for n, m, stride, span, (low, _) in zip(
                self.in_sizes, self.out_sizes, self.stride, self.span, self.padding, strict=True
            )
        )

    @property
    def taps(self) -> list[tuple[int, ...]]:
        """The places in a window, in row-major order."""
        return list(itertools.product(*map(range, self.size)))


def windows(
    where: str,
    in_sizes: Sequence[int],
    size: Ints,
    *,
    stride: Ints = 1,
    padding: Padding = "VALID",
    dilation: Ints = 1,
    size_name: str = "window",
) -> Windows:
    """Lay windows over the spatial axes of an image.

    Args:
        where: who asks; messages begin with it.
        in_sizes: the pixels along each axis.
        size: the taps of the window: an int for all axes, or one for each.
        stride: the pixels from window to window, likewise.
        padding: ``"SAME"``, ``"VALID"``, an int for both ends of every axis, or an entry an axis, each an int or a pair
            (before, after).
        dilation: the pixels from tap to tap, likewise.
        size_name: what messages call the window: ``"kernel"`` in a convolution.

    Raises:
        ValueError: for anything but positive integers, negative padding, or a window larger than the padded image.
    """
    in_sizes = tuple(in_sizes)
    axes = len(in_sizes)
    sizes = per_axis(where, size_name, size, axes)
    strides = per_axis(where, "stride", stride, axes)
    dilations = per_axis(where, "dilation", dilation, axes)
    spans = [d * (k - 1) + 1 for k, d in zip(sizes, dilations, strict=True)]
    paddings = resolve_padding(where, padding, in_sizes, spans, strides)
    padded = [n + low + high for n, (low, high) in zip(in_sizes, paddings, strict=True)]
    if any(span > n for span, n in zip(spans, padded, strict=True)):
        raise ValueError(
            f"{where}: the {size_name} must fit into the padded image, got a {size_name} that spans {_times(spans)} pixels "
            f"({_times(sizes)} taps, dilation {_times(dilations)}) and a padded image of {_times(padded)}"
        )
    out_sizes = tuple((n - span) // s + 1 for n, span, s in zip(padded, spans, strides, strict=True))
    return Windows(in_sizes, sizes, strides, paddings, dilations, out_sizes)


def per_axis(where: str, name: str, value: Ints, axes: int, least: int = 1) -> tuple[int, ...]:
    """Turn an int, or a tuple with one for each axis, into such a tuple.

    Raises:
        ValueError: for anything but integers of at least ``least``, or another number of them.
    """
    values = value if isinstance(value, tuple) else (value,) * axes
    if len(values) != axes or not all(_is_int(entry) and entry >= least for entry in values):
        kind = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"{where}: {name} must be {kind}, or a tuple of {axes} such, one an axis, got {value!r}")
    return values


def resolve_padding(
    where: str, padding: Padding, in_sizes: Sequence[int], spans: Sequence[int], strides: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Turn a padding into a pair (before, after) for each axis; ``windows`` documents the forms.

    Raises:
        ValueError: for an unknown word, a negative entry, or another number of entries than axes.
    """
    axes = len(in_sizes)
    if padding == "VALID":
        return ((0, 0),) * axes
    if padding == "SAME":
        pairs = []
        for n, span, stride in zip(in_sizes, spans, strides, strict=True):
            total = max((-(-n // stride) - 1) * stride + span - n, 0)
            pairs.append((total // 2, total - total // 2))
        return tuple(pairs)
    entries = padding if isinstance(padding, tuple) else (padding,) * axes
    resolved: list[Any] = [(entry, entry) if _is_int(entry) else entry for entry in entries]
    if len(resolved) != axes or not all(
        isinstance(pair, tuple) and len(pair) == 2 and all(_is_int(end) and end >= 0 for end in pair)
        for pair in resolved
    ):
        raise ValueError(
            f"{where}: padding must be 'SAME', 'VALID', an integer of at least 0, or a tuple of {axes} such integers or "
            f"pairs (before, after), one an axis, got {padding!r}"
        )
    return tuple(resolved)


def pad(x: Array, lay: Windows, value: float = 0.0) -> Array:
    """Pad images (batch, *pixels, channels) so far as the windows reach, and cut off what they do not."""
    ends = ((0, 0), *lay.reached_padding, (0, 0))
    return lax.pad(x, jnp.asarray(value, x.dtype), [(low, high, 0) for low, high in ends])


def under_tap(padded: Array, tap: tuple[int, ...], lay: Windows) -> Array:
    """The pixels of padded images that a tap of every window looks at: (batch, *windows, channels)."""
    start = [r * d for r, d in zip(tap, lay.dilation, strict=True)]
    limit = [a + (m - 1) * s + 1 for a, m, s in zip(start, lay.out_sizes, lay.stride, strict=True)]
    batch, channels = len(padded), padded.shape[-1]
    return lax.slice(padded, (0, *start, 0), (batch, *limit, channels), (1, *lay.stride, 1))


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _times(sizes: Sequence[int]) -> str:
    """Write sizes as ``3 x 5``."""
    return " x ".join(map(str, sizes))
