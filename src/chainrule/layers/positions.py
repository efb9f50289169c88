"""Layers that add to every step of a sequence a vector of its position: learned, or of sines and cosines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from chainrule.checks import describe, require_floating
from chainrule.layer import StatelessLayer
from chainrule.layers.embedding import Normal
from chainrule.layers.initializers import Initializer
from chainrule.ops.positions import sinusoidal_positions
from chainrule.rule import Static

__all__ = ["LearnedPositions", "SinusoidalPositions"]

_SMALL = Normal(0.02)


@dataclass(frozen=True)
class LearnedPositions(StatelessLayer):
    """y = x + P[:time], with a row of P learned for each position.

    Params: ``{"table": (length, features)}``, drawn as an embedding's.

    Shapes: x (batch, time, features) with time at most ``length``; y the same.

    Derivation: P[t] is added to every example, so it gathers from every example: dL/dP[t] = sum_b dL/dy[b, t], and 0 for
    positions after the last; dL/dx = dL/dy.

    Raises:
        ValueError: for a length below 1; when called, for sequences longer than that.
    """

    length: int
    table_init: Initializer = _SMALL

    def __post_init__(self) -> None:
        _require_length(self.length)

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Array], tuple[()]]:
        """Draw the table for examples of shape (time, features)."""
        if len(in_shape) != 2:
            raise ValueError(f"LearnedPositions needs examples of shape (time, features), got {in_shape}")
        return {"table": self.table_init(key, (self.length, in_shape[-1]), dtype)}, ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(x + P[:time], residuals)``: there is nothing to keep but shapes."""
        _require_within(self, x, self.length)
        table = params["table"]
        if table.shape[1:] != x.shape[2:]:
            raise ValueError(f"{self.name}: x must be (batch, time, {table.shape[-1]}), got {describe(x)}")
        return x + table[: x.shape[1]], Static(x.shape)

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``({"table": dL/dP}, dL/dx)``."""
        _, time, _ = residuals.value
        d_table = jnp.pad(jnp.sum(d_y, axis=0), ((0, self.length - time), (0, 0)))
        return {"table": d_table}, d_y

    @property
    def name(self) -> str:
        """LearnedPositions and how many there are."""
        return f"LearnedPositions({self.length})"


@dataclass(frozen=True)
class SinusoidalPositions(StatelessLayer):
    """y = x + P[:time] with the fixed table ``ops.sinusoidal_positions``: no params, dL/dx = dL/dy.

    Shapes: x (batch, time, features) with time at most ``length`` and an even number of features; y the same.

    Raises:
        ValueError: for a length below 1; when called, for sequences longer than that or an odd number of features.
    """

    length: int
    base: float = 10000.0

    def __post_init__(self) -> None:
        _require_length(self.length)

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[tuple[()], tuple[()]]:
        """Make the empty params and state."""
        return (), ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(x + P[:time], None)``."""
        _require_within(self, x, self.length)
        return x + sinusoidal_positions(x.shape[1], x.shape[2], x.dtype, base=self.base), None

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``((), dL/dy)``."""
        return (), d_y

    @property
    def name(self) -> str:
        """SinusoidalPositions and how many there are."""
        return f"SinusoidalPositions({self.length})"


def _require_length(length: Any) -> None:
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise ValueError(f"length must be a positive integer, got {length!r}")


def _require_within(layer: Any, x: Any, length: int) -> None:
    require_floating(layer.name, x=x)
    if x.ndim != 3:
        raise ValueError(f"{layer.name}: x must be (batch, time, features), got {describe(x)}")
    if x.shape[1] > length:
        raise ValueError(f"{layer.name}: x is {x.shape[1]} steps long, but there are positions for {length}")
