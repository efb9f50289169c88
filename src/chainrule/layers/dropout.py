"""The dropout layer: random in training, the identity in evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jax import Array
from jax.typing import DTypeLike

from chainrule.layer import Layer
from chainrule.ops.dropout import dropout, require_rate

__all__ = ["Dropout"]


@dataclass(frozen=True)
class Dropout(Layer):
    """Drop each number with probability ``rate`` in training and scale the rest, by the rule ``ops.dropout``.

    With ``channelwise`` whole channels of an example are dropped: one number of the mask for all positions between the first
    axis and the last. Evaluation hands x through; so does a rate of 0. No params, no state.

    Raises:
        ValueError: for a rate outside [0, 1) or a ``channelwise`` that is neither True nor False; when called in training,
            for a missing key.
    """

    rate: float
    channelwise: bool = False

    def __post_init__(self) -> None:
        require_rate(self.rate)
        if not isinstance(self.channelwise, bool):
            raise ValueError(f"channelwise must be True or False, got {self.channelwise!r}")

    @property
    def uses_key(self) -> bool:
        """Training draws random numbers."""
        return True

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make the empty params and state."""
        return (), ()

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Compute ``((y, state), residuals)``; the state is handed through."""
        if not train:
            return (x, state), None
        if key is None:
            raise ValueError("Dropout: training needs a random key, layer(params, x, state, key, train=True); got none")
        y, residuals = dropout.forward(x, key, rate=self.rate, shared_axes=self._shared_axes(x))
        return (y, state), residuals

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Compute ``(d_params, d_x, d_state, d_key)``; the state's cotangent is handed through."""
        d_y, d_state = d_output
        if train:
            d_y, _ = dropout.backward(residuals, d_y, rate=self.rate, shared_axes=self._shared_axes(d_y))
        return (), d_y, d_state, None

    def _shared_axes(self, x: Any) -> tuple[int, ...]:
        return tuple(range(1, x.ndim - 1)) if self.channelwise else ()

    @property
    def name(self) -> str:
        """Dropout and its rate."""
        return f"Dropout({self.rate:g})"
