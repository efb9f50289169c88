"""Pooling, against loops over windows in NumPy that look at nothing but the pixels within the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule import layers, ops
from chainrule.audit.cases.draw import Draw, extreme, normal, together
from chainrule.audit.registry import Case, register


def distinct(*shape: int) -> Draw:
    """Numbers from -2 to 2, no two nearer than their even spacing: no window has a tie, nor nearly one."""
    return lambda rng: rng.permutation(np.linspace(-2.0, 2.0, int(np.prod(shape)))).reshape(shape)


def few_values(*shape: int) -> Draw:
    """-1, 0 and 1 at random, so that most windows have ties."""
    return lambda rng: rng.integers(-1, 2, size=shape).astype(np.float64)


def _spans(n: int, window: int, stride: int, padding: Any) -> list[tuple[int, int]]:
    """The windows along an axis of n pixels, each from its first pixel to behind its last, clipped to the image."""
    if padding == "SAME":
        count = -(-n // stride)
        before = max((count - 1) * stride + window - n, 0) // 2
        starts = [stride * index - before for index in range(count)]
    else:
        before, after = (0, 0) if padding == "VALID" else padding
        starts = list(range(-before, n + after - window + 1, stride))
    return [(max(start, 0), min(start + window, n)) for start in starts]


def _pooled(
    of_pixels: Callable[[np.ndarray, int], np.ndarray], x: np.ndarray, window: Any, stride: Any, padding: Any
) -> np.ndarray:
    """Apply a function of (pixels of a window, the window's taps) to every window of every image."""
    axes = x.ndim - 2
    window = window if isinstance(window, tuple) else (window,) * axes
    stride = window if stride is None else stride if isinstance(stride, tuple) else (stride,) * axes
    padding = padding if isinstance(padding, tuple) else (padding,) * axes
    spans = [_spans(*one) for one in zip(x.shape[1:-1], window, stride, padding, strict=True)]
    y = np.zeros((len(x), *map(len, spans), x.shape[-1]))
    for at in np.ndindex(*map(len, spans)):
        ranges = [slice(*along[index]) for along, index in zip(spans, at, strict=True)]
        for image in range(len(x)):
            pixels = x[image][tuple(ranges)].reshape(-1, x.shape[-1])
            y[(image, *at)] = of_pixels(pixels, int(np.prod(window)))
    return y


def _max_pool(x: np.ndarray, *, window: Any, stride: Any = None, padding: Any = "VALID") -> np.ndarray:
    return _pooled(lambda pixels, taps: pixels.max(0), x, window, stride, padding)


def _average_pool(
    x: np.ndarray, *, window: Any, stride: Any = None, padding: Any = "VALID", count_include_padding: bool = False
) -> np.ndarray:
    def mean(pixels: np.ndarray, taps: int) -> np.ndarray:
        return pixels.sum(0) / (taps if count_include_padding else len(pixels))

    return _pooled(mean, x, window, stride, padding)


def _windows() -> Iterator[tuple[str, dict[str, Any], tuple[int, ...], str]]:
    """Kind, static arguments, shape and title of what both poolings are checked on."""
    yield "more", {"window": (2, 3)}, (2, 4, 7, 3), "side by side, a column left over"
    yield (
        "more",
        {"window": (3, 1), "stride": (1, 3), "padding": "SAME"},
        (2, 4, 5, 3),
        "SAME; strides wider than windows",
    )
    yield "more", {"window": 3, "stride": 2, "padding": ((2, 1),)}, (2, 7, 3), "a series, padded by 2 and 1"
    yield "degenerate", {"window": 2}, (0, 4, 5, 3), "empty batch"
    yield "degenerate", {"window": 1}, (1, 1, 1), "one number"


def _cases(typical: dict[str, Any], draw: Callable[..., Draw], **static: Any) -> list[Case]:
    return [
        Case("typical", together(draw(2, 5, 6, 3)), typical, title="overlapping, SAME"),
        *(Case(kind, together(draw(*shape)), where | static, title=title) for kind, where, shape, title in _windows()),
        Case("extreme", together(extreme(2, 5, 6, 3)), typical, title="up to 10,000"),
    ]


_OVERLAPPING = {"window": (3, 2), "stride": (2, 1), "padding": "SAME"}

register(
    "max_pool",
    "ops",
    ops.max_pool,
    _max_pool,
    *_cases(_OVERLAPPING, distinct),
    Case("kink", together(few_values(2, 5, 6, 3)), _OVERLAPPING, title="ties"),
    Case("kink", together(few_values(2, 4, 7, 3)), {"window": (2, 3)}, title="ties, side by side"),
)

register(
    "average_pool",
    "ops",
    ops.average_pool,
    _average_pool,
    *_cases(_OVERLAPPING, normal),
    Case(
        "more",
        together(normal(2, 5, 3)),
        {"window": 3, "stride": 2, "padding": ((1, 1),), "count_include_padding": True},
        title="padding counted",
    ),
)

register(
    "global_average_pool",
    "ops",
    ops.global_average_pool,
    lambda x: (
        np.stack([image.reshape(-1, x.shape[-1]).mean(0) for image in x]) if len(x) else np.zeros((0, x.shape[-1]))
    ),
    Case("typical", together(normal(2, 4, 5, 3))),
    Case("more", together(normal(4, 5, 3)), title="series"),
    Case("degenerate", together(normal(0, 4, 5, 3)), title="empty batch"),
    Case("degenerate", together(normal(1, 1, 1)), title="one number"),
    Case("extreme", together(extreme(2, 4, 5, 3)), title="up to 10,000"),
)

register(
    "global_max_pool",
    "ops",
    ops.global_max_pool,
    lambda x: (
        np.stack([image.reshape(-1, x.shape[-1]).max(0) for image in x]) if len(x) else np.zeros((0, x.shape[-1]))
    ),
    Case("typical", together(distinct(2, 4, 5, 3))),
    Case("more", together(distinct(4, 5, 3)), title="series"),
    Case("kink", together(few_values(2, 4, 5, 3)), title="ties"),
    Case("degenerate", together(normal(0, 4, 5, 3)), title="empty batch"),
    Case("degenerate", together(normal(1, 1, 1)), title="one number"),
    Case("extreme", together(extreme(2, 4, 5, 3)), title="up to 10,000"),
)

register(
    "MaxPool",
    "layers",
    layers.MaxPool((2, 3), stride=(2, 1)),
    lambda params, x: _max_pool(x, window=(2, 3), stride=(2, 1)),
    Case("typical", together(lambda rng: (), distinct(2, 4, 5, 3))),
    Case("extreme", together(lambda rng: (), extreme(2, 4, 5, 3)), title="up to 10,000"),
)

register(
    "AveragePool",
    "layers",
    layers.AveragePool(2, padding=1, count_include_padding=True),
    lambda params, x: _average_pool(x, window=2, padding=((1, 1), (1, 1)), count_include_padding=True),
    Case("typical", together(lambda rng: (), normal(2, 4, 5, 3))),
    Case("extreme", together(lambda rng: (), extreme(2, 4, 5, 3)), title="up to 10,000"),
)
