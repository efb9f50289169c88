"""Pooling layers: the largest number, or the mean, of each window, by the rules of ``ops.pooling``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jax import Array
from jax.typing import DTypeLike

from chainrule.layer import StatelessLayer
from chainrule.ops.pooling import average_pool, max_pool
from chainrule.ops.windows import Ints, Padding, per_axis, windows

__all__ = ["AveragePool", "MaxPool"]


@dataclass(frozen=True)
class _Pool(StatelessLayer):
    """What the pooling layers share: where the windows lie."""

    window: Ints
    stride: Ints | None = None
    padding: Padding = "VALID"

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("stride", self.stride)):
            if value is not None:
                per_axis(type(self).__name__, name, value, len(value) if isinstance(value, tuple) else 1)

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[tuple[()], tuple[()]]:
        """Make the empty params and state; windows that do not fit into an example are refused."""
        if len(in_shape) not in (2, 3):
            raise ValueError(
                f"{self.name}: examples must be (length, channels) or (height, width, channels), got {in_shape}"
            )
        stride = self.window if self.stride is None else self.stride
        windows(self.name, in_shape[:-1], self.window, stride=stride, padding=self.padding)
        return (), ()

    @property
    def name(self) -> str:
        """The kind of pooling and its window."""
        return f"{type(self).__name__}({self.window})"


@dataclass(frozen=True)
class MaxPool(_Pool):
    """The largest number of each window, by the rule ``ops.max_pool``.

    Args:
        window: the taps: an int for all axes, or one for each.
        stride: the pixels from window to window; the window's own size unless given.
        padding: ``"VALID"``, ``"SAME"``, or pixels before and after.

    Params: none.

    Raises:
        ValueError: for a window or stride below 1; when built or called, for windows that do not fit into the image.
    """

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(the maxima, residuals)``."""
        return max_pool.forward(x, window=self.window, stride=self.stride, padding=self.padding)

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``((), dL/dx)``."""
        (d_x,) = max_pool.backward(residuals, d_y, window=self.window, stride=self.stride, padding=self.padding)
        return (), d_x


@dataclass(frozen=True)
class AveragePool(_Pool):
    """The mean of each window, by the rule ``ops.average_pool``.

    Args:
        window: the taps: an int for all axes, or one for each.
        stride: the pixels from window to window; the window's own size unless given.
        padding: ``"VALID"``, ``"SAME"``, or pixels before and after.
        count_include_padding: whether padding counts as pixels of 0, or not at all.

    Params: none.

    Raises:
        ValueError: for a window or stride below 1; when built or called, for windows that do not fit into the image.
    """

    count_include_padding: bool = False

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(the means, residuals)``."""
        return average_pool.forward(x, **self._static)

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``((), dL/dx)``."""
        (d_x,) = average_pool.backward(residuals, d_y, **self._static)
        return (), d_x

    @property
    def _static(self) -> dict[str, Any]:
        return {
            "window": self.window,
            "stride": self.stride,
            "padding": self.padding,
            "count_include_padding": self.count_include_padding,
        }
