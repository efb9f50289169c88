"""Layer, root-mean-square and group normalisation as layers: no state, and alike in training and evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from chainrule.layer import StatelessLayer
from chainrule.ops.group_norm import group_norm
from chainrule.ops.layer_norm import layer_norm, require_epsilon
from chainrule.ops.rms_norm import rms_norm

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm"]


@dataclass(frozen=True)
class LayerNorm(StatelessLayer):
    """y = w x_hat + b over the last axis, by the rule ``ops.layer_norm``.

    Params: ``{"scale": (features,), "bias": (features,)}``, those that are asked for; ones and zeros to begin with.

    Raises:
        ValueError: for an epsilon that is not positive, or a ``scale`` or ``bias`` that is neither True nor False; when
            called, for an x that does not fit.
    """

    epsilon: float = 1e-5
    scale: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        require_epsilon("LayerNorm", self.epsilon)
        _require_bools(scale=self.scale, bias=self.bias)

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Array], tuple[()]]:
        """Make ones for the scale and zeros for the bias, for examples of shape (..., features)."""
        return _params("LayerNorm", in_shape, dtype, self.scale, self.bias), ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(w x_hat + b, residuals)``."""
        return layer_norm.forward(x, params.get("scale"), params.get("bias"), epsilon=self.epsilon)

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``({"scale": dL/dw, "bias": dL/db}, dL/dx)``."""
        d_x, d_scale, d_bias = layer_norm.backward(residuals, d_y, epsilon=self.epsilon)
        return _present(scale=d_scale, bias=d_bias), d_x


@dataclass(frozen=True)
class RMSNorm(StatelessLayer):
    """y = w x / sqrt(mean(x^2) + epsilon) over the last axis, by the rule ``ops.rms_norm``.

    Params: ``{"scale": (features,)}``, ones to begin with; none with ``scale=False``.

    Raises:
        ValueError: for an epsilon that is not positive, or a ``scale`` that is neither True nor False; when called, for an x
            that does not fit.
    """

    epsilon: float = 1e-5
    scale: bool = True

    def __post_init__(self) -> None:
        require_epsilon("RMSNorm", self.epsilon)
        _require_bools(scale=self.scale)

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Array], tuple[()]]:
        """Make ones for the scale, for examples of shape (..., features)."""
        return _params("RMSNorm", in_shape, dtype, self.scale, False), ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(w x_hat, residuals)``."""
        return rms_norm.forward(x, params.get("scale"), epsilon=self.epsilon)

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``({"scale": dL/dw}, dL/dx)``."""
        d_x, d_scale = rms_norm.backward(residuals, d_y, epsilon=self.epsilon)
        return _present(scale=d_scale), d_x


@dataclass(frozen=True)
class GroupNorm(StatelessLayer):
    """y = w x_hat + b, each example's groups of channels over all positions, by the rule ``ops.group_norm``.

    ``groups=channels`` is instance normalisation.

    Params: ``{"scale": (channels,), "bias": (channels,)}``, those that are asked for; ones and zeros to begin with.

    Raises:
        ValueError: for fewer than one group, an epsilon that is not positive, or a ``scale`` or ``bias`` that is neither
            True nor False; when built or called, for channels that the groups do not divide.
    """

    groups: int
    epsilon: float = 1e-5
    scale: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.groups, int) or self.groups < 1:
            raise ValueError(f"groups must be a positive integer, got {self.groups!r}")
        require_epsilon("GroupNorm", self.epsilon)
        _require_bools(scale=self.scale, bias=self.bias)

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Array], tuple[()]]:
        """Make ones for the scale and zeros for the bias, for examples of shape (..., channels)."""
        if in_shape and in_shape[-1] % self.groups:
            raise ValueError(f"GroupNorm: groups must divide the {in_shape[-1]} channels, got {self.groups}")
        return _params("GroupNorm", in_shape, dtype, self.scale, self.bias), ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(w x_hat + b, residuals)``."""
        return group_norm.forward(x, params.get("scale"), params.get("bias"), groups=self.groups, epsilon=self.epsilon)

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``({"scale": dL/dw, "bias": dL/db}, dL/dx)``."""
        d_x, d_scale, d_bias = group_norm.backward(residuals, d_y, groups=self.groups, epsilon=self.epsilon)
        return _present(scale=d_scale, bias=d_bias), d_x

    @property
    def name(self) -> str:
        """GroupNorm and its groups."""
        return f"GroupNorm({self.groups})"


def _params(where: str, in_shape: tuple[int, ...], dtype: DTypeLike, scale: bool, bias: bool) -> dict[str, Array]:
    if not in_shape:
        raise ValueError(f"{where} needs examples of shape (..., features), got scalars")
    shape = in_shape[-1:]
    return _present(
        scale=jnp.ones(shape, dtype) if scale else None,
        bias=jnp.zeros(shape, dtype) if bias else None,
    )


def _present(**parameters: Array | None) -> dict[str, Array]:
    """Those that there are."""
    return {name: value for name, value in parameters.items() if value is not None}


def _require_bools(**given: Any) -> None:
    for name, value in given.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False, got {value!r}")
