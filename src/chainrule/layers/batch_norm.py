"""The batch normalisation layer: statistics of the batch in training, running ones in evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from chainrule.checks import describe
from chainrule.layer import Layer
from chainrule.ops.batch_norm import batch_norm, batch_norm_inference
from chainrule.ops.layer_norm import require_epsilon

__all__ = ["BatchNorm"]


@dataclass(frozen=True)
class BatchNorm(Layer):
    """y = w (x - m) / sqrt(v + epsilon) + b, a channel of the last axis at a time.

    In training m and v are the mean and the biased variance of the batch, by the rule ``ops.batch_norm``, and the state
    follows them, with the variance unbiased (n / (n - 1) times v, over n positions)::

        mean' = momentum mean + (1 - momentum) m          variance' = momentum variance + (1 - momentum) v n / (n - 1)

    In evaluation they are the state's, by ``ops.batch_norm_inference``, and the state stays. ``momentum`` is the share that
    is kept, as in Keras and Flax; PyTorch's momentum is what is left, 1 - momentum: its default, 0.1, is 0.9 here.

    A bias of the layer before is lost, for the mean takes it away again, and its gradient is rounding noise, which Adam
    would follow: leave it out, ``Dense(32, bias=False)``.

    Params: ``{"scale": (channels,), "bias": (channels,)}``, those that are asked for; ones and zeros to begin with.
    State: ``{"mean": (channels,), "variance": (channels,)}``, float32 at the least; zeros and ones to begin with.

    Derivation: mean' depends on the old mean and on m, so dL/dmean = momentum dL/dmean', and m gets
    (1 - momentum) dL/dmean'; likewise for the variance, with its factor. ``ops.batch_norm`` takes that on to x.

    Raises:
        ValueError: for a momentum outside [0, 1], an epsilon that is not positive, or a ``scale`` or ``bias`` that is
            neither True nor False; when called, for a missing state in evaluation, fewer than two positions in training, or
            an x or a state that does not fit.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    scale: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.momentum, (int, float)) or not 0 <= self.momentum <= 1:
            raise ValueError(f"momentum must be in [0, 1], the share of the old that is kept, got {self.momentum!r}")
        require_epsilon("BatchNorm", self.epsilon)
        for name in ("scale", "bias"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Array], Any]:
        """Make ones for the scale and zeros for the bias; running statistics of mean 0 and variance 1."""
        if not in_shape:
            raise ValueError("BatchNorm needs examples of shape (..., channels), got scalars")
        shape, statistics = in_shape[-1:], jnp.promote_types(dtype, jnp.float32)
        params = {"scale": jnp.ones(shape, dtype)} if self.scale else {}
        if self.bias:
            params["bias"] = jnp.zeros(shape, dtype)
        return params, {"mean": jnp.zeros(shape, statistics), "variance": jnp.ones(shape, statistics)}

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Compute ``((y, new_state), residuals)``; without a state in training, y alone."""
        scale, bias = params.get("scale"), params.get("bias")
        if not train:
            if state is None:
                raise ValueError("BatchNorm: evaluation needs the state, layer(params, x, state); got none")
            y, residuals = batch_norm_inference.forward(
                x, scale, bias, state["mean"], state["variance"], epsilon=self.epsilon
            )
            return (y, state), residuals
        (y, mean, variance), residuals = batch_norm.forward(x, scale, bias, epsilon=self.epsilon)
        if state is None:
            return (y, None), residuals
        for name, value in state.items():
            if value.shape != mean.shape:
                raise ValueError(f"BatchNorm: the state's {name} must be {mean.shape}, got {describe(value)}")
        new_state = {
            "mean": self._follow(state["mean"], mean),
            "variance": self._follow(state["variance"], variance * _unbiased(x.shape)),
        }
        return (y, new_state), residuals

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Compute ``(d_params, d_x, d_state, d_key)``; gradients flow through the running statistics as well."""
        d_y, d_new_state = d_output
        if not train:
            d_x, d_scale, d_bias, d_mean, d_variance = batch_norm_inference.backward(
                residuals, d_y, epsilon=self.epsilon
            )
            # The state takes part in y, and is handed through as well.
            passed = {"mean": d_mean, "variance": d_variance}
            d_state = None if d_new_state is None else {name: d_new_state[name] + passed[name] for name in passed}
            return self._params(d_scale, d_bias), d_x, d_state, None
        d_state = d_mean = d_variance = None
        if d_new_state is not None:
            share = 1 - self.momentum
            statistics = residuals[1].dtype
            d_mean = share * d_new_state["mean"].astype(statistics)
            d_variance = share * _unbiased(d_y.shape) * d_new_state["variance"].astype(statistics)
            d_state = {name: self.momentum * value for name, value in d_new_state.items()}
        d_x, d_scale, d_bias = batch_norm.backward(residuals, (d_y, d_mean, d_variance), epsilon=self.epsilon)
        return self._params(d_scale, d_bias), d_x, d_state, None

    def _follow(self, running: Array, value: Array) -> Array:
        moved = self.momentum * running.astype(value.dtype) + (1 - self.momentum) * value
        return moved.astype(running.dtype)

    def _params(self, d_scale: Array | None, d_bias: Array | None) -> dict[str, Array]:
        return {name: value for name, value in (("scale", d_scale), ("bias", d_bias)) if value is not None}


def _unbiased(shape: tuple[int, ...]) -> float:
    """The factor n / (n - 1) that takes the mean square of n centred numbers to the unbiased variance."""
    count = math.prod(shape[:-1])
    return count / (count - 1)
