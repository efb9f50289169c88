"""The dense layer: every output is connected with every input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from jax import Array
from jax.typing import DTypeLike

from chainrule.layer import StatelessLayer
from chainrule.layers.initializers import Initializer, lecun_normal, zeros
from chainrule.ops.affine import affine

__all__ = ["Dense"]


@dataclass(frozen=True)
class Dense(StatelessLayer):
    """y = x W + b on the last axis, by the rule ``ops.affine``.

    Params: ``{"weight": (in_features, out_features), "bias": (out_features,)}``; no bias entry with ``bias=False``.

    Raises:
        ValueError: for fewer than one output; when called, for an x that does not fit the weight.
    """

    out_features: int
    bias: bool = True
    weight_init: Initializer = lecun_normal
    bias_init: Initializer = zeros

    def __post_init__(self) -> None:
        if not isinstance(self.out_features, int) or self.out_features < 1:
            raise ValueError(f"out_features must be a positive integer, got {self.out_features!r}")
        if not isinstance(self.bias, bool):
            raise ValueError(
                f"bias must be True or False, got {self.bias!r}; in_features are found from the data, not given"
            )

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Array], tuple[()]]:
        """Draw the weight, and make the bias, for examples of shape (..., in_features)."""
        if not in_shape:
            raise ValueError(
                "Dense needs examples of shape (..., in_features), got scalars; in_shape=(1,) for one feature"
            )
        weight_key, bias_key = jax.random.split(key)
        params = {"weight": self.weight_init(weight_key, (in_shape[-1], self.out_features), dtype)}
        if self.bias:
            params["bias"] = self.bias_init(bias_key, (self.out_features,), dtype)
        return params, ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(x W + b, residuals)``."""
        return affine.forward(x, params["weight"], params["bias"] if self.bias else None)

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``({"weight": dL/dW, "bias": dL/db}, dL/dx)``."""
        d_x, d_weight, d_bias = affine.backward(residuals, d_y)
        return ({"weight": d_weight, "bias": d_bias} if self.bias else {"weight": d_weight}), d_x

    @property
    def name(self) -> str:
        """Dense and its width."""
        return f"Dense({self.out_features})"
