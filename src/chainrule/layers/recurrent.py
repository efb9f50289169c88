"""Recurrent layers over sequences (batch, time, features): RNN, GRU and LSTM, and both directions of time.

A sequence may come with a mask: x is then the pair (x, mask), with mask boolean (batch, time), True where a step is valid.
Such a layer returns the pair (y, mask), so that layers one after the other in a ``chain`` all know the mask; with ``last``
it returns h_T alone, and the mask has done its work.

Stacked layers are a chain of them: ``chain(LSTM(64), LSTM(64, last=True), Dense(3))``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from chainrule.checks import describe
from chainrule.layer import Layer
from chainrule.layers.initializers import Initializer, glorot_uniform, orthogonal
from chainrule.ops.recurrence import gru, lstm, rnn
from chainrule.rule import Rule

__all__ = ["GRU", "LSTM", "RNN", "Bidirectional"]


@dataclass(frozen=True)
class _Recurrent(Layer):
    """What the recurrent layers share: a subclass names its rule, what the rule carries, and its gates.

    The layers differ in these alone, so here is all that they do.
    """

    hidden_features: int
    last: bool = False
    reverse: bool = False
    carry_batch: int | None = None
    weight_x_init: Initializer = glorot_uniform
    weight_h_init: Initializer = orthogonal

    _rule: ClassVar[Rule]
    _carried: ClassVar[tuple[str, ...]] = ("hidden",)
    _gates: ClassVar[int] = 1
    _bias_at_first: ClassVar[tuple[float, ...]] = (0.0,)
    _weights: ClassVar[tuple[str, ...]] = ("weight_x", "weight_h", "bias")

    def __post_init__(self) -> None:
        if not isinstance(self.hidden_features, int) or self.hidden_features < 1:
            raise ValueError(f"hidden_features must be a positive integer, got {self.hidden_features!r}")
        for name in ("last", "reverse"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if self.carry_batch is not None:
            if not isinstance(self.carry_batch, int) or isinstance(self.carry_batch, bool) or self.carry_batch < 1:
                raise ValueError(f"carry_batch must be None or a positive integer, got {self.carry_batch!r}")
            if self.reverse:
                raise ValueError(
                    "carry_batch cannot go with reverse=True: the state at the first time is no one's start"
                )

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Array], Any]:
        """Draw the weights gate by gate for examples of shape (time, features); make the state of zeros."""
        if len(in_shape) != 2:
            raise ValueError(f"{self.name} needs examples of shape (time, features), got {in_shape}")
        width = self.hidden_features
        x_key, h_key = jax.random.split(key)
        params = {
            "weight_x": self._draw(self.weight_x_init, x_key, (in_shape[-1], width), dtype),
            "weight_h": self._draw(self.weight_h_init, h_key, (width, width), dtype),
            "bias": jnp.repeat(jnp.array(self._bias_at_first, dtype), width),
        }
        if "bias_h" in self._weights:
            params["bias_h"] = jnp.zeros(width, dtype)
        if self.carry_batch is None:
            return params, ()
        return params, {name: jnp.zeros((self.carry_batch, width), dtype) for name in self._carried}

    def out_shape(self, params: Any, state: Any, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[int, ...]:
        """The shape of one example's output: (hidden_features,) with ``last``, else (time, hidden_features)."""
        # Without the state: it is that of carry_batch sequences, and this is one example.
        return super().out_shape(params, None, in_shape, dtype)

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Run along time from the state, or from zeros where the layer carries none; ``((y, new_state), residuals)``."""
        x, mask = x if isinstance(x, tuple) else (x, None)
        start = self._start(x, state)
        weights = (params[name] for name in self._weights)
        (ys, end), residuals = self._rule.forward(x, *start, *weights, mask, reverse=self.reverse)
        end = end if isinstance(end, tuple) else (end,)
        new_state = dict(zip(self._carried, end, strict=True)) if state else state
        if self.last:
            return (end[0], new_state), residuals
        return (ys if mask is None else (ys, mask), new_state), residuals

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Run back through time; the cotangent of the new state is where it begins, that of the state where it ends."""
        d_y, d_new_state = d_output
        masked = residuals[-1] is not None
        d_ys = None if self.last else d_y[0] if masked else d_y
        none = jnp.zeros_like(d_y) if d_ys is None else jnp.zeros((d_ys.shape[0], d_ys.shape[2]), d_ys.dtype)
        d_end = [d_y if self.last else none] + [none] * (len(self._carried) - 1)
        if d_new_state:
            d_end = [d + d_new_state[name] for d, name in zip(d_end, self._carried, strict=True)]
        of_rule = tuple(d_end) if len(d_end) > 1 else d_end[0]
        d_x, *d_arrays = self._rule.backward(residuals, (d_ys, of_rule), reverse=self.reverse)
        count = len(self._carried)
        d_state = dict(zip(self._carried, d_arrays[:count], strict=True)) if d_new_state else d_new_state
        d_params = dict(zip(self._weights, d_arrays[count:-1], strict=True))
        return d_params, (d_x, None) if masked else d_x, d_state, None

    @property
    def name(self) -> str:
        """The layer and its width."""
        return f"{type(self).__name__}({self.hidden_features})"

    def _draw(self, initializer: Initializer, key: Array, shape: tuple[int, int], dtype: DTypeLike) -> Array:
        """One matrix a gate, side by side: no gate's weights are scaled by how many others there are."""
        keys = jax.random.split(key, self._gates)
        return jnp.concatenate([initializer(gate_key, shape, dtype) for gate_key in keys], axis=1)

    def _start(self, x: Array, state: Any) -> tuple[Array, ...]:
        """The state to start from: the one given, or zeros."""
        if getattr(x, "ndim", 0) != 3:
            raise ValueError(f"{self.name}: x must be (batch, time, features), or (x, mask), got {describe(x)}")
        if not state:
            return (jnp.zeros((x.shape[0], self.hidden_features), x.dtype),) * len(self._carried)
        if self.carry_batch is None:
            raise ValueError(f"{self.name} carries no state; give it carry_batch, the number of sequences in a batch")
        if x.shape[0] != self.carry_batch:
            raise ValueError(f"{self.name} carries the state of {self.carry_batch} sequences, got x {describe(x)}")
        return tuple(state[name] for name in self._carried)


@dataclass(frozen=True)
class RNN(_Recurrent):
    """Elman network h_t = tanh(x_t W_x + h_{t-1} W_h + b) along time, by the rule ``ops.rnn``.

    Params: ``{"weight_x": (features, H), "weight_h": (H, H), "bias": (H,)}`` with H = hidden_features: weight_x by
    ``glorot_uniform``, weight_h ``orthogonal``, so that at first a state neither grows nor fades in the product with it, and
    bias 0.

    Args:
        hidden_features: H, the width of the state and of the output.
        last: whether to return the state after the last valid step alone, (batch, H), not y of every step.
        reverse: whether to run from the last time to the first; y_t stays at its place.
        carry_batch: how many sequences the layer carries the state of. With None, every call starts from zeros, and
            the layer's state is ``()``. With a number B, the state is ``{"hidden": (B, H)}``, zeros at first, where a
            call starts and what it hands out: consecutive windows of B long sequences, each called with the state of
            the one before, give what the long sequences give. Their gradients are truncated backpropagation through
            time, as no window knows of the one before; where the cotangent of the state is pulled back too, they are
            the gradients of the long sequences. Called without a state, the layer starts from zeros all the same.
        weight_x_init: initialiser of weight_x.
        weight_h_init: initialiser of weight_h.

    Shapes: x (batch, time, features), or the pair (x, mask); y (batch, time, H), or (y, mask), or (batch, H) with ``last``.

    Raises:
        ValueError: for arguments out of their range, ``carry_batch`` with ``reverse``; when called, for arrays that do not
            fit, or another batch than ``carry_batch``.
    """

    _rule = rnn


@dataclass(frozen=True)
class GRU(_Recurrent):
    """Gated recurrent unit along time, by the rule ``ops.gru``, which says in which form.

    Params: ``{"weight_x": (features, 3 H), "weight_h": (H, 3 H), "bias": (3 H,), "bias_h": (H,)}``, the gates in the order
    reset, update, candidate: each gate's weight_x by ``glorot_uniform``, its weight_h ``orthogonal``, the biases 0.

    Arguments, shapes and errors: as ``RNN``.
    """

    _rule = gru
    _gates = 3
    _bias_at_first = (0.0, 0.0, 0.0)
    _weights = ("weight_x", "weight_h", "bias", "bias_h")


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """Long short-term memory along time, by the rule ``ops.lstm``.

    Params: ``{"weight_x": (features, 4 H), "weight_h": (H, 4 H), "bias": (4 H,)}``, the gates in the order input, forget,
    candidate, output: each gate's weight_x by ``glorot_uniform``, its weight_h ``orthogonal``, the bias of the forget
    gate 1 and the others 0. A forget gate at sigmoid(1) = 0.73 keeps the cell, and with it the gradient, for longer than
    one at 1/2 (Jozefowicz, Zaremba and Sutskever, An empirical exploration of recurrent network architectures, 2015).

    With ``carry_batch`` the state is ``{"hidden": (B, H), "cell": (B, H)}``. Arguments, shapes and errors: as ``RNN``.
    """

    _rule = lstm
    _carried = ("hidden", "cell")
    _gates = 4
    _bias_at_first = (0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Bidirectional(Layer):
    """Both directions of time: y_t = [h_t of the layer, h_t of one like it that runs from the last time to the first].

    The second direction starts at each sequence's last valid step: where the mask is False the state is handed through, so
    padding changes nothing. With ``last`` in the layer, y joins each direction's state after its own last step: the
    forward one's at the end of time, the backward one's at its beginning.

    Params: ``{"forward": ..., "backward": ...}``, two sets of the layer's own.

    Shapes: x (batch, time, features), or the pair (x, mask); y (batch, time, 2 H), or (y, mask), or (batch, 2 H) with
    ``last``.

    Derivation: x fans out to both, so dL/dx is the sum of what they return; dL/dy is split as y was joined.

    Raises:
        ValueError: for a layer that is none of RNN, GRU, LSTM, that carries its state, or that is reversed.

    Source: Schuster and Paliwal, Bidirectional recurrent neural networks, 1997.
    """

    layer: Layer

    def __post_init__(self) -> None:
        if not isinstance(self.layer, _Recurrent):
            raise ValueError(f"layer must be an RNN, GRU or LSTM, got {self.layer!r}")
        if self.layer.carry_batch is not None or self.layer.reverse:
            raise ValueError("layer must neither carry its state nor be reversed: time runs both ways here")

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Any], tuple[()]]:
        """Make the params of both directions."""
        keys = jax.random.split(key)
        directions = zip(self._directions, keys, strict=True)
        return {name: layer.build(own, in_shape, dtype)[0] for (name, layer), own in directions}, ()

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Run both directions and join them."""
        ys, residuals = [], {}
        for name, layer in self._directions:
            (y, _), residuals[name] = layer.forward(params[name], x)
            ys.append(y[0] if isinstance(y, tuple) else y)
        joined = jnp.concatenate(ys, axis=-1)
        return ((joined, y[1]) if isinstance(y, tuple) else joined, state), residuals

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Give each direction its half of dL/dy, and add what they return for x."""
        d_y, d_state = d_output
        d_joined = d_y[0] if isinstance(d_y, tuple) else d_y
        d_params, d_xs = {}, []
        for (name, layer), half in zip(self._directions, jnp.split(d_joined, 2, axis=-1), strict=True):
            d_half = (half, None) if isinstance(d_y, tuple) else half
            d_params[name], d_x, _, _ = layer.backward(residuals[name], (d_half, None))
            d_xs.append(d_x)
        d_x = jax.tree.map(jnp.add, *d_xs)
        return d_params, d_x, d_state, None

    @property
    def name(self) -> str:
        """Bidirectional and its layer."""
        return f"Bidirectional({self.layer.name})"

    @property
    def _directions(self) -> tuple[tuple[str, Layer], tuple[str, Layer]]:
        assert isinstance(self.layer, _Recurrent)
        return ("forward", self.layer), ("backward", dataclasses.replace(self.layer, reverse=True))
