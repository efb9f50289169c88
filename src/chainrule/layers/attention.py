"""Multi-head attention: every step of a sequence looks at the others, in several ways at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from chainrule.checks import describe
from chainrule.layer import StatelessLayer
from chainrule.layers.initializers import Initializer, lecun_normal, zeros
from chainrule.ops.affine import affine
from chainrule.ops.attention import attention
from chainrule.ops.blockwise_attention import blockwise_attention
from chainrule.ops.positions import rotary
from chainrule.rule import Static

__all__ = ["MultiHeadAttention"]


@dataclass(frozen=True)
class MultiHeadAttention(StatelessLayer):
    """Self-attention: y = A W_o + b_o, with A = attention(Q, K, V) and [Q K V] = x W + b, one product for all three.

    ::

        Q, K, V = split([x W + b])         heads, key_value_heads and key_value_heads matrices of head_dim columns
        Q, K = rotary(Q), rotary(K)        where ``rotary``
        A_h = softmax(Q_h K_h^T / sqrt(head_dim)) V_h
        y = [A_1 ... A_heads] W_o + b_o

    Params: ``{"qkv": {"weight", "bias"}, "output": {"weight", "bias"}}`` with weights (features, (heads + 2
    key_value_heads) head_dim) and (features, features), head_dim = features / heads; no bias entries with ``bias=False``.

    Shapes: x (batch, time, features), or the pair (x, padding) with padding (batch, time) of booleans, True for steps that
    count: the others are not looked at. y (batch, time, features).

    Args:
        heads: how many queries a step has.
        key_value_heads: how many keys and values; ``heads`` unless given. Fewer are shared (grouped-query attention).
        causal: no step looks at a later one.
        rotary: turn queries and keys by their positions, instead of adding positions to x.
        block: the block size of ``ops.blockwise_attention``, whose memory is linear; None for ``ops.attention``.
        bias: whether to add b and b_o.
        weight_init: for W, and for W_o unless ``output_init`` is given.
        bias_init: for b and b_o.
        output_init: for W_o.

    Derivation: the chain rule over ops.affine, ops.rotary and ops.attention, in reverse. The cotangents of Q, K and V stand
    side by side as they did, so one product gives dL/dW and one dL/dx.

    Raises:
        ValueError: for heads that are no multiple of ``key_value_heads``; when called or built, for features that are no
            multiple of ``heads``, an odd head_dim where ``rotary``, or a padding of another shape.

    Source: Vaswani et al., Attention is all you need, 2017, section 3.2.2.
    """

    heads: int
    key_value_heads: int | None = None
    causal: bool = False
    rotary: bool = False
    block: int | None = None
    bias: bool = True
    weight_init: Initializer = lecun_normal
    bias_init: Initializer = zeros
    output_init: Initializer | None = None

    def __post_init__(self) -> None:
        for name in ("heads", "key_value_heads", "block"):
            value = getattr(self, name)
            if (value is not None or name == "heads") and (
                not isinstance(value, int) or isinstance(value, bool) or value < 1
            ):
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        if self.heads % self.shared_heads:
            raise ValueError(
                f"heads must be a multiple of key_value_heads, got {self.heads} and {self.key_value_heads}"
            )

    @property
    def shared_heads(self) -> int:
        """How many heads of keys and values there are."""
        return self.heads if self.key_value_heads is None else self.key_value_heads

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Any], tuple[()]]:
        """Draw the weights, and make the biases, for examples of shape (time, features)."""
        if len(in_shape) != 2 or in_shape[-1] % self.heads:
            raise ValueError(
                f"{self.name} needs examples of shape (time, features), features a multiple of {self.heads}, got {in_shape}"
            )
        features, columns = in_shape[-1], self._columns(in_shape[-1])
        qkv_key, output_key = jax.random.split(key)
        params: dict[str, Any] = {
            "qkv": {"weight": self.weight_init(qkv_key, (features, sum(columns)), dtype)},
            "output": {"weight": (self.output_init or self.weight_init)(output_key, (features, features), dtype)},
        }
        if self.bias:
            params["qkv"]["bias"] = self.bias_init(qkv_key, (sum(columns),), dtype)
            params["output"]["bias"] = self.bias_init(output_key, (features,), dtype)
        return params, ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(y, residuals)``."""
        x, padding = x if isinstance(x, tuple) else (x, None)
        self._check(x, padding)
        qkv, qkv_residuals = self._affine(params["qkv"], x)
        query, key, value = self.split(qkv)
        if self.rotary:
            (query, _), (key, _) = rotary.forward(query), rotary.forward(key)
        mask = None if padding is None else padding[:, None, :]
        attended, attention_residuals = self._attention.forward(query, key, value, mask, **self._static)
        y, output_residuals = self._affine(params["output"], attended.reshape(x.shape))
        return y, (qkv_residuals, attention_residuals, output_residuals, Static(padding is not None))

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``({"qkv": ..., "output": ...}, dL/dx)``, with None for the padding."""
        qkv_residuals, attention_residuals, output_residuals, padded = residuals
        d_attended, d_output = self._affine_backward(output_residuals, d_y)
        by_heads = d_attended.reshape(*d_y.shape[:2], self.heads, -1)
        d_query, d_key, d_value, _ = self._attention.backward(attention_residuals, by_heads, **self._static)
        if self.rotary:
            (d_query, _), (d_key, _) = (rotary.backward(Static(None), d) for d in (d_query, d_key))
        parts = [d.reshape(*d_y.shape[:2], -1) for d in (d_query, d_key, d_value)]
        d_x, d_qkv = self._affine_backward(qkv_residuals, jnp.concatenate(parts, -1))
        return {"qkv": d_qkv, "output": d_output}, (d_x, None) if padded.value else d_x

    def split(self, qkv: Array) -> tuple[Array, Array, Array]:
        """Split x W + b into queries, keys and values, each (batch, time, its heads, head_dim)."""
        query, key, _ = self._columns(qkv.shape[-1] * self.heads // (self.heads + 2 * self.shared_heads))
        cut = jnp.split(qkv, (query, query + key), axis=-1)
        shapes = zip(cut, (self.heads, self.shared_heads, self.shared_heads), strict=True)
        return tuple(part.reshape(*part.shape[:2], heads, -1) for part, heads in shapes)  # type: ignore[return-value]

    @property
    def name(self) -> str:
        """MultiHeadAttention and how many heads."""
        shared = "" if self.shared_heads == self.heads else f", {self.shared_heads}"
        return f"MultiHeadAttention({self.heads}{shared})"

    @property
    def _attention(self) -> Any:
        return attention if self.block is None else blockwise_attention

    @property
    def _static(self) -> dict[str, Any]:
        static = {"causal": self.causal, "scale": None}
        return static if self.block is None else {**static, "block": self.block}

    def _affine(self, params: Any, x: Array) -> tuple[Any, Any]:
        return affine.forward(x, params["weight"], params["bias"] if self.bias else None)

    def _affine_backward(self, residuals: Any, d_y: Array) -> tuple[Any, Any]:
        d_x, d_weight, d_bias = affine.backward(residuals, d_y)
        return d_x, ({"weight": d_weight, "bias": d_bias} if self.bias else {"weight": d_weight})

    def _columns(self, features: int) -> tuple[int, int, int]:
        head_dim = features // self.heads
        return features, self.shared_heads * head_dim, self.shared_heads * head_dim

    def _check(self, x: Any, padding: Any) -> None:
        if x.ndim != 3 or x.shape[-1] % self.heads:
            raise ValueError(
                f"{self.name}: x must be (batch, time, features), features a multiple of {self.heads}, got {describe(x)}"
            )
        if padding is not None and (padding.shape != x.shape[:2] or padding.dtype != jnp.bool_):
            raise ValueError(
                f"{self.name}: padding must be bool{list(x.shape[:2])}, True for steps that count, got {describe(padding)}"
            )
