"""Convolutions and pooling, NHWC; the plain forms are ``lax.conv_general_dilated`` and ``lax.reduce_window``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.architectures.problem import Limits, Problem, Sides, random, versus

__all__ = ["PROBLEMS", "plain_convolution", "plain_max_pool"]

LAYOUT = {3: ("NWC", "WIO", "NWC"), 4: ("NHWC", "HWIO", "NHWC")}


def plain_convolution(
    x: Any, weight: Any, bias: Any = 0.0, *, stride: int = 1, padding: Any = "SAME", dilation: int = 1, groups: int = 1
) -> Any:
    """XLA's convolution."""
    import jax

    axes = x.ndim - 2
    y = jax.lax.conv_general_dilated(
        x,
        weight,
        (stride,) * axes,
        padding,
        rhs_dilation=(dilation,) * axes,
        feature_group_count=groups,
        dimension_numbers=LAYOUT[x.ndim],
    )
    return y + bias


def _window(window: int, stride: int | None, ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    axes = ndim - 2
    return (1, *(window,) * axes, 1), (1, *(stride or window,) * axes, 1)


def plain_max_pool(x: Any, window: int, stride: int | None = None, padding: str = "VALID") -> Any:
    """XLA's maximum over windows, as Flax has it; its derivative is a select-and-scatter."""
    import jax
    import jax.numpy as jnp

    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, *_window(window, stride, x.ndim), padding)


def _plain_average_pool(x: Any, window: int, stride: int | None = None, padding: str = "VALID") -> Any:
    """XLA's sum over windows, by the number of pixels in each that are of the image."""
    import jax
    import jax.numpy as jnp

    def total(x: Any) -> Any:
        return jax.lax.reduce_window(x, 0.0, jax.lax.add, *_window(window, stride, x.ndim), padding)

    return total(x) / total(jnp.ones((1, *x.shape[1:-1], 1)))


def _convolution(image: tuple[int, ...], channels: tuple[int, int], kernel: int, **static: Any) -> Callable[[], Sides]:
    def build() -> Sides:
        from chainrule import ops

        options = {"padding": "SAME"} | static
        taps = (kernel,) * (len(image) - 1)
        weight_shape = (*taps, channels[0] // options.get("groups", 1), channels[1])
        x, weight, bias = random((*image, channels[0]), weight_shape, channels[1:])
        return versus(
            ops.convolution, lambda *arrays: plain_convolution(*arrays, **options), x, weight, bias, static=options
        )

    return build


def _transposed() -> Sides:
    import jax

    from chainrule import ops

    def plain(x: Any, weight: Any, bias: Any) -> Any:
        y = jax.lax.conv_transpose(x, weight[::-1, ::-1], (2, 2), "VALID", dimension_numbers=LAYOUT[4])
        return y + bias

    x, weight, bias = random((64, 14, 14, 32), (2, 2, 32, 16), (16,))
    return versus(ops.transposed_convolution, plain, x, weight, bias, static={"stride": 2})


def _pool(rule: str, plain: Callable[..., Any], window: int, stride: int | None, padding: str) -> Callable[[], Sides]:
    def build() -> Sides:
        from chainrule import ops

        return versus(
            getattr(ops, rule),
            lambda x: plain(x, window, stride, padding),
            *random((64, 28, 28, 32)),
            static={"window": window, "stride": stride, "padding": padding},
        )

    return build


def _plain_global_average_pool(x: Any) -> Any:
    import jax.numpy as jnp

    return jnp.mean(x, (1, 2))


def _plain_global_max_pool(x: Any) -> Any:
    """Take the number at the place of the largest, the first where pixels tie, as ours does.

    By ``jnp.max`` the pixels that tie would share the cotangent: another derivative. ``lax.reduce_window`` over the whole
    image has the same, and takes longer and 400 times as much memory.
    """
    import jax.numpy as jnp

    pixels = x.reshape(len(x), -1, x.shape[-1])
    return jnp.take_along_axis(pixels, jnp.argmax(pixels, 1, keepdims=True), 1)[:, 0]


def _global(rule: str, plain: Callable[[Any], Any]) -> Callable[[], Sides]:
    def build() -> Sides:
        from chainrule import ops

        return versus(getattr(ops, rule), plain, *random((64, 28, 28, 32)))

    return build


POOLED = "64x28x28x32"

PROBLEMS = (
    Problem(
        "convolution",
        "ops",
        "64x28x28, 32 to 64, 3x3",
        _convolution((64, 28, 28), (32, 64), 3),
        rules=("convolution", "Conv"),
    ),
    Problem("convolution_first", "ops", "64x28x28, 1 to 32, 3x3", _convolution((64, 28, 28), (1, 32), 3)),
    Problem(
        "convolution_stride",
        "ops",
        "64x28x28, 32 to 64, 3x3, stride 2",
        _convolution((64, 28, 28), (32, 64), 3, stride=2),
    ),
    Problem("convolution_1x1", "ops", "64x28x28, 32 to 64, 1x1", _convolution((64, 28, 28), (32, 64), 1)),
    Problem(
        "convolution_depthwise",
        "ops",
        "64x28x28, 32, 3x3, 32 groups",
        _convolution((64, 28, 28), (32, 32), 3, groups=32),
    ),
    Problem(
        "convolution_groups", "ops", "64x28x28, 32, 3x3, 4 groups", _convolution((64, 28, 28), (32, 32), 3, groups=4)
    ),
    Problem(
        "convolution_dilated",
        "ops",
        "64x28x28, 32, 3x3, dilation 2",
        _convolution((64, 28, 28), (32, 32), 3, dilation=2),
    ),
    Problem("convolution_1d", "ops", "64x256, 32 to 64, 5", _convolution((64, 256), (32, 64), 5)),
    Problem(
        "transposed_convolution",
        "ops",
        "64x14x14, 32 to 16, 2x2, stride 2",
        _transposed,
        rules=("transposed_convolution", "ConvTranspose"),
    ),
    Problem(
        "max_pool",
        "ops",
        f"{POOLED}, 2x2",
        _pool("max_pool", plain_max_pool, 2, None, "VALID"),
        Limits(time=0.5),
        rules=("max_pool", "MaxPool"),
    ),
    Problem(
        "max_pool_overlapping",
        "ops",
        f"{POOLED}, 3x3, stride 2, SAME",
        _pool("max_pool", plain_max_pool, 3, 2, "SAME"),
        Limits(time=0.5),
    ),
    Problem(
        "average_pool",
        "ops",
        f"{POOLED}, 2x2",
        _pool("average_pool", _plain_average_pool, 2, None, "VALID"),
        rules=("average_pool", "AveragePool"),
    ),
    Problem(
        "average_pool_overlapping",
        "ops",
        f"{POOLED}, 3x3, stride 2, SAME",
        _pool("average_pool", _plain_average_pool, 3, 2, "SAME"),
    ),
    Problem(
        "global_average_pool",
        "ops",
        POOLED,
        _global("global_average_pool", _plain_global_average_pool),
        rules=("global_average_pool",),
    ),
    Problem(
        "global_max_pool", "ops", POOLED, _global("global_max_pool", _plain_global_max_pool), rules=("global_max_pool",)
    ),
)
