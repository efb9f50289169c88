"""Convolution and its transpose, against loops over windows and taps in NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from chainrule import layers, ops
from chainrule.audit.cases.draw import extreme, normal, together
from chainrule.audit.registry import Case, register

Pairs = tuple[tuple[int, int], ...]


def _pairs(padding: Any, sizes: tuple[int, ...], spans: tuple[int, ...], stride: tuple[int, ...]) -> Pairs:
    """The padding as pairs (before, after), from the definition of "SAME": the fewest pixels, the odd one after."""
    if padding == "VALID":
        return tuple((0, 0) for _ in sizes)
    if padding == "SAME":
        totals = [
            next(t for t in itertools.count() if (n + t - span) // s + 1 >= -(-n // s) and n + t >= span)
            for n, span, s in zip(sizes, spans, stride, strict=True)
        ]
        return tuple((t // 2, t - t // 2) for t in totals)
    return tuple(
        (p, p) if isinstance(p, int) else p
        for p in (padding if isinstance(padding, tuple) else (padding,) * len(sizes))
    )


def _each(value: Any, axes: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * axes


def _at(place: tuple[int, ...], channels: slice) -> Any:
    """The index of some channels at one place, in all examples."""
    return (slice(None), *place, channels)


def convolution(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Any = 1,
    padding: Any = "VALID",
    dilation: Any = 1,
    groups: int = 1,
) -> np.ndarray:
    """Convolve window by window and tap by tap."""
    axes = x.ndim - 2
    stride, dilation = _each(stride, axes), _each(dilation, axes)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(weight.shape, dilation, strict=False))
    pairs = _pairs(padding, x.shape[1:-1], spans, stride)
    x = np.pad(x, ((0, 0), *pairs, (0, 0)))
    counts = [(n - span) // s + 1 for n, span, s in zip(x.shape[1:], spans, stride, strict=False)]
    reads, writes = weight.shape[-2], weight.shape[-1] // groups
    y = np.zeros((len(x), *counts, weight.shape[-1]), x.dtype)
    for p in itertools.product(*map(range, counts)):
        for r in itertools.product(*map(range, weight.shape[:axes])):
            pixel = tuple(i * s + j * d for i, j, s, d in zip(p, r, stride, dilation, strict=True))
            for g in range(groups):
                of_x, of_y = slice(g * reads, (g + 1) * reads), slice(g * writes, (g + 1) * writes)
                y[_at(p, of_y)] += x[_at(pixel, of_x)] @ weight[r][:, of_y]
    return y if bias is None else y + bias


def transposed_convolution(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Any = 1,
    padding: Any = "VALID",
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> np.ndarray:
    """Add every pixel, times the kernel, into a large image, and cut the padding off."""
    axes = x.ndim - 2
    stride, dilation, extra = _each(stride, axes), _each(dilation, axes), _each(output_padding, axes)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(weight.shape, dilation, strict=False))
    counts = x.shape[1:-1]
    pairs = _pairs(padding, tuple(m * s for m, s in zip(counts, stride, strict=True)), spans, stride)
    full = [(m - 1) * s + span for m, s, span in zip(counts, stride, spans, strict=True)]
    sizes = [
        m * s if padding == "SAME" else n - low - high + e
        for m, s, n, (low, high), e in zip(counts, stride, full, pairs, extra, strict=True)
    ]
    room = [low + n for n, (low, _) in zip(sizes, pairs, strict=True)]
    y = np.zeros((len(x), *(max(n, m) for n, m in zip(full, room, strict=True)), weight.shape[-1]), x.dtype)
    reads, writes = weight.shape[-2], weight.shape[-1] // groups
    for p in itertools.product(*map(range, counts)):
        for r in itertools.product(*map(range, weight.shape[:axes])):
            pixel = tuple(i * s + j * d for i, j, s, d in zip(p, r, stride, dilation, strict=True))
            for g in range(groups):
                of_x, of_y = slice(g * reads, (g + 1) * reads), slice(g * writes, (g + 1) * writes)
                y[_at(pixel, of_y)] += x[_at(p, of_x)] @ weight[r][:, of_y]
    y = y[:, *(slice(low, low + n) for n, (low, _) in zip(sizes, pairs, strict=True))]
    return y if bias is None else y + bias


def _case(kind: str, title: str, *shapes: tuple[int, ...], **static: Any) -> Case:
    """A case of x, weight and perhaps a bias of these shapes."""
    return Case(kind, together(*(normal(*shape) for shape in shapes)), static, title)


_STRIDED = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}

register(
    "convolution",
    "ops",
    ops.convolution,
    convolution,
    _case("typical", "stride, padding, dilation", (2, 5, 6, 3), (3, 2, 3, 4), (4,), **_STRIDED),
    _case("more", "SAME, a kernel of even size", (2, 5, 4, 3), (2, 4, 3, 2), stride=2, padding="SAME"),
    _case("more", "two groups, strided windows that leave pixels over", (2, 6, 5, 4), (3, 2, 2, 6), stride=2, groups=2),
    _case("more", "depthwise, two maps a channel", (2, 5, 4, 3), (3, 2, 1, 6), (6,), padding=1, groups=3),
    _case("more", "one axis, dilated", (2, 9, 3), (3, 3, 4), (4,), stride=2, padding=3, dilation=2),
    _case("degenerate", "empty batch", (0, 4, 3, 2), (2, 3, 2, 5), (5,)),
    _case("degenerate", "one pixel, one tap, one channel", (1, 1, 1, 1), (1, 1, 1, 1), (1,)),
    Case("extreme", together(extreme(2, 5, 6, 3), extreme(3, 2, 3, 4), extreme(4)), _STRIDED, "up to 10,000"),
)

_ENLARGED = {"stride": (2, 3), "padding": ((1, 0), (0, 2)), "output_padding": (1, 0), "dilation": (2, 1)}

register(
    "transposed_convolution",
    "ops",
    ops.transposed_convolution,
    transposed_convolution,
    _case("typical", "stride, padding, dilation", (2, 3, 4, 2), (3, 2, 2, 5), (5,), **_ENLARGED),
    _case("more", "SAME, a kernel smaller than the stride", (2, 3, 2, 3), (2, 4, 3, 2), stride=3, padding="SAME"),
    _case("more", "two groups", (2, 4, 3, 4), (3, 2, 2, 6), (6,), stride=2, padding=1, groups=2),
    _case("more", "one axis", (2, 4, 3), (3, 3, 5), stride=2, padding=1, output_padding=1),
    _case("degenerate", "empty batch", (0, 4, 3, 2), (2, 3, 2, 5), (5,)),
    Case("extreme", together(extreme(2, 3, 4, 2), extreme(3, 2, 2, 5), extreme(5)), _ENLARGED, "up to 10,000"),
)


def _params(*weight: int, bias: bool = True) -> Any:
    def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
        params = {"weight": rng.normal(size=weight)}
        return params | {"bias": rng.normal(size=weight[-1])} if bias else params

    return draw


register(
    "Conv",
    "layers",
    layers.Conv(4, (3, 2), stride=(2, 1)),
    lambda params, x: convolution(x, params["weight"], params["bias"], stride=(2, 1), padding="SAME"),
    Case("typical", together(_params(3, 2, 3, 4), normal(2, 5, 6, 3))),
    Case("extreme", together(_params(3, 2, 3, 4), extreme(2, 5, 6, 3)), title="up to 10,000"),
)

register(
    "Conv without bias",
    "layers",
    layers.Conv(4, 3, groups=2, padding=0, bias=False),
    lambda params, x: convolution(x, params["weight"], groups=2),
    Case("typical", together(_params(3, 3, 4, bias=False), normal(2, 5, 6)), title="one axis"),
    Case("extreme", together(_params(3, 3, 4, bias=False), extreme(2, 5, 6)), title="up to 10,000"),
)

register(
    "ConvTranspose",
    "layers",
    layers.ConvTranspose(5, (3, 2), stride=2),
    lambda params, x: transposed_convolution(x, params["weight"], params["bias"], stride=2, padding="SAME"),
    Case("typical", together(_params(3, 2, 2, 5), normal(2, 4, 3, 2))),
    Case("extreme", together(_params(3, 2, 2, 5), extreme(2, 4, 3, 2)), title="up to 10,000"),
)
