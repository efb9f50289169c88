"""Layers one after the other.

Their backward functions run in reverse order, each on what the one after it returned:

    chain     y = f_n(... f_2(f_1(x)))      dL/dx = J_1^T J_2^T ... J_n^T dL/dy, read from the right
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from jax import Array
from jax.typing import DTypeLike

from chainrule.compose.compound import Compound
from chainrule.layer import as_layer
from chainrule.rule import Rule

__all__ = ["Chain", "chain"]


def chain(*rules: Rule) -> Chain:
    """Compose layers from left to right: ``chain(f, g, h)`` computes h(g(f(x))).

    Args:
        rules: layers, or rules of one array such as ``ops.relu``.

    The params and the state of a chain are tuples with one entry a layer.
    """
    return Chain(tuple(as_layer(rule) for rule in rules))


@dataclass(frozen=True, repr=False)
class Chain(Compound):
    """Layers one after the other; made by ``chain``."""

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make one entry of params and state a layer, following the shape of one example through the chain."""
        params, states = [], []
        for position, layer in enumerate(self.layers):
            layer_params, layer_state = layer.build(jax.random.fold_in(key, position), in_shape, dtype)
            in_shape = layer.out_shape(layer_params, layer_state, in_shape, dtype)
            params.append(layer_params)
            states.append(layer_state)
        return tuple(params), tuple(states)

    def out_shape(self, params: Any, state: Any, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[int, ...]:
        """The shape of one example's output, followed from layer to layer: only the first may take integers."""
        for layer, layer_params, layer_state, _ in self.parts(params, state, None):
            in_shape = layer.out_shape(layer_params, layer_state, in_shape, dtype)
        return in_shape

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Run the layers forward, keeping the residuals of each."""
        residuals, new_states = [], []
        for layer, layer_params, layer_state, layer_key in self.parts(params, state, key):
            (x, new_state), layer_residuals = layer.forward(layer_params, x, layer_state, layer_key, train=train)
            residuals.append(layer_residuals)
            new_states.append(new_state)
        return (x, None if state is None else tuple(new_states)), tuple(residuals)

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Run the layers' backward functions in reverse: each one's d_x is the next one's d_y."""
        d_x, d_new_state = d_output
        d_new_states = [None] * len(self.layers) if d_new_state is None else d_new_state
        d_params, d_states = [], []
        for layer, layer_residuals, d_layer_state in reversed(
            list(zip(self.layers, residuals, d_new_states, strict=True))
        ):
            d_layer_params, d_x, d_state, _ = layer.backward(layer_residuals, (d_x, d_layer_state), train=train)
            d_params.append(d_layer_params)
            d_states.append(d_state)
        d_state = None if d_new_state is None else tuple(reversed(d_states))
        return tuple(reversed(d_params)), d_x, d_state, None
