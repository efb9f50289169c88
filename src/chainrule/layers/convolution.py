"""Convolutional layers: a kernel and a bias beside the rules ``ops.convolution`` and ``ops.transposed_convolution``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from jax import Array
from jax.typing import DTypeLike

from chainrule.layer import StatelessLayer
from chainrule.layers.initializers import Initializer, he_normal, zeros
from chainrule.ops.convolution import convolution, require_groups
from chainrule.ops.transposed_convolution import transposed_convolution
from chainrule.ops.windows import Ints, Padding, per_axis, resolve_padding
from chainrule.rule import Rule

__all__ = ["Conv", "ConvTranspose"]


class _Convolutional(StatelessLayer):
    """What a convolution and its transpose share: params made for the channels of an image, and a rule that takes them."""

    out_channels: int
    kernel: Ints
    stride: Ints
    padding: Padding
    dilation: Ints
    groups: int
    bias: bool
    weight_init: Initializer
    bias_init: Initializer

    def __post_init__(self) -> None:
        where = type(self).__name__
        if not isinstance(self.out_channels, int) or isinstance(self.out_channels, bool) or self.out_channels < 1:
            raise ValueError(f"{where}: out_channels must be a positive integer, got {self.out_channels!r}")
        if not isinstance(self.bias, bool):
            raise ValueError(f"{where}: bias must be True or False, got {self.bias!r}")
        for name in ("kernel", "stride", "dilation"):
            value = getattr(self, name)
            per_axis(where, name, value, len(value) if isinstance(value, tuple) else 1)
        axes = len(self.padding) if isinstance(self.padding, tuple) else 1
        resolve_padding(where, self.padding, (1,) * axes, (1,) * axes, (1,) * axes)
        require_groups(where, self.groups, self.groups, self.out_channels)

    @property
    def rule(self) -> Rule:
        """The rule of x, weight and bias, its static arguments fixed."""
        raise TypeError(f"{type(self).__name__} defines no rule")

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Array], tuple[()]]:
        """Draw the weight, and make the bias, for images of shape (width, channels) or (height, width, channels)."""
        where = type(self).__name__
        if len(in_shape) not in (2, 3):
            raise ValueError(
                f"{where} needs images of shape (height, width, channels), or (width, channels), got in_shape {in_shape}; "
                "an image in grey has one channel, (28, 28, 1)"
            )
        require_groups(where, self.groups, in_shape[-1], self.out_channels)
        taps = per_axis(where, "kernel", self.kernel, len(in_shape) - 1)
        weight_key, bias_key = jax.random.split(key)
        shape = (*taps, in_shape[-1] // self.groups, self.out_channels)
        params = {"weight": self.weight_init(weight_key, shape, dtype)}
        if self.bias:
            params["bias"] = self.bias_init(bias_key, (self.out_channels,), dtype)
        return params, ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(y, residuals)``."""
        return self.rule.forward(x, params["weight"], params["bias"] if self.bias else None)

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``({"weight": dL/dw, "bias": dL/db}, dL/dx)``."""
        d_x, d_weight, d_bias = self.rule.backward(residuals, d_y)
        return ({"weight": d_weight, "bias": d_bias} if self.bias else {"weight": d_weight}), d_x

    @property
    def name(self) -> str:
        """The layer, its width and its kernel: ``Conv(32, 3x3)``."""
        kernel = "x".join(map(str, self.kernel)) if isinstance(self.kernel, tuple) else str(self.kernel)
        return f"{type(self).__name__}({self.out_channels}, {kernel})"


@dataclass(frozen=True)
class Conv(_Convolutional):
    """A convolution of images (batch, height, width, channels), or of sequences (batch, width, channels), and a bias.

    By the rule ``ops.convolution``, which documents the arguments. ``kernel``, ``stride`` and ``dilation`` are an int for
    every axis or one for each; ``groups`` equal to the channels of x, with ``out_channels`` a multiple of them, makes a
    depthwise convolution.

    Params: ``{"weight": (*kernel, in_channels / groups, out_channels), "bias": (out_channels,)}``; no bias entry with
    ``bias=False``. Each output sums over kernel times in_channels / groups inputs: so many is the fan-in of the weight.

    Raises:
        ValueError: for sizes that are not positive integers, groups that do not divide the channels; when called, for an
            x that does not fit.
    """

    out_channels: int
    kernel: Ints
    stride: Ints = 1
    padding: Padding = "SAME"
    dilation: Ints = 1
    groups: int = 1
    bias: bool = True
    weight_init: Initializer = he_normal
    bias_init: Initializer = zeros

    @property
    def rule(self) -> Rule:
        """The convolution with this stride, padding, dilation and these groups."""
        return convolution.bind(stride=self.stride, padding=self.padding, dilation=self.dilation, groups=self.groups)


@dataclass(frozen=True)
class ConvTranspose(_Convolutional):
    """A transposed convolution and a bias: images become larger, ``stride`` times with the padding ``"SAME"``.

    By the rule ``ops.transposed_convolution``, which documents the arguments.

    Params: ``{"weight": (*kernel, in_channels / groups, out_channels), "bias": (out_channels,)}``; no bias entry with
    ``bias=False``. With a stride, an output sums over fewer inputs than the fan-in that the weight is drawn for, kernel
    times in_channels / groups.

    Raises:
        ValueError: for sizes that are not positive integers, groups that do not divide the channels; when called, for an
            x that does not fit.
    """

    out_channels: int
    kernel: Ints
    stride: Ints = 1
    padding: Padding = "SAME"
    output_padding: Ints = 0
    dilation: Ints = 1
    groups: int = 1
    bias: bool = True
    weight_init: Initializer = he_normal
    bias_init: Initializer = zeros

    def __post_init__(self) -> None:
        super().__post_init__()
        extra = self.output_padding
        per_axis("ConvTranspose", "output_padding", extra, len(extra) if isinstance(extra, tuple) else 1, least=0)

    @property
    def rule(self) -> Rule:
        """The transposed convolution with this stride, padding, dilation and these groups."""
        return transposed_convolution.bind(
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
        )
