"""Layers side by side on the same x.

What goes to several layers gathers the cotangents of all:

    parallel  y = f_1(x) + ... + f_n(x)     dL/dx = J_1^T dL/dy + ... + J_n^T dL/dy
              y = [f_1(x), ..., f_n(x)]     dL/dx = J_1^T dL/dy_1 + ... + J_n^T dL/dy_n
    residual  y = s(x) + f(x)               parallel, with a shortcut s (the identity unless given)
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import DTypeLike

from chainrule.compose.compound import Compound
from chainrule.layer import as_layer
from chainrule.rule import Rule, Static, rule

__all__ = ["Parallel", "identity", "parallel", "residual"]


def parallel(*rules: Rule, combine: Literal["sum", "concatenate"] = "sum", axis: int = -1) -> Parallel:
    """Fan out: give the same x to every layer, and add or concatenate what they return.

    Args:
        rules: layers, or rules of one array; at least one.
        combine: ``"sum"`` (equal shapes: nothing is broadcast) or ``"concatenate"``.
        axis: the axis to concatenate along.

    Raises:
        ValueError: for no rules or an unknown ``combine``; when called, for outputs that cannot be combined.
    """
    if not rules:
        raise ValueError("parallel needs at least one rule, got none")
    if combine not in ("sum", "concatenate"):
        raise ValueError(f"combine must be 'sum' or 'concatenate', got {combine!r}")
    return Parallel(tuple(as_layer(rule) for rule in rules), combine, axis if combine == "concatenate" else -1)


def residual(body: Rule, shortcut: Rule | None = None) -> Parallel:
    """Add a layer to a shortcut around it: y = x + body(x), or shortcut(x) + body(x) where the shapes differ.

    Source: He et al., Deep residual learning for image recognition, 2015, equations (1) and (2).
    """
    return parallel(identity if shortcut is None else shortcut, body)


@rule
def identity(x: Array) -> tuple[Array, None]:
    """Return x as it is; dL/dx = dL/dy."""
    return x, None


@identity.defbackward
def identity_backward(residuals: None, d_output: Array) -> tuple[Array]:
    """Return the cotangent as it is."""
    return (d_output,)


@dataclass(frozen=True, repr=False)
class Parallel(Compound):
    """Layers side by side on the same x; made by ``parallel`` and ``residual``."""

    combine: str = "sum"
    axis: int = -1

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make one entry of params and state a layer, all for the same shape."""
        built = [
            layer.build(jax.random.fold_in(key, position), in_shape, dtype)
            for position, layer in enumerate(self.layers)
        ]
        params, state = tuple(params for params, _ in built), tuple(state for _, state in built)
        self.out_shape(params, state, in_shape, dtype)  # outputs that cannot be combined are refused here
        return params, state

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Run every layer on x and combine the outputs."""
        outputs, new_states, residuals = [], [], []
        for layer, layer_params, layer_state, layer_key in self.parts(params, state, key):
            (y, new_state), layer_residuals = layer.forward(layer_params, x, layer_state, layer_key, train=train)
            outputs.append(y)
            new_states.append(new_state)
            residuals.append(layer_residuals)
        shapes = [y.shape for y in outputs]
        if self.combine == "sum":
            if len(set(shapes)) > 1:
                raise ValueError(f"{self!r}: outputs to be added must have equal shapes, got {shapes}")
            y, sizes = functools.reduce(operator.add, outputs), None
        else:
            y, sizes = jnp.concatenate(outputs, self.axis), Static(tuple(shape[self.axis] for shape in shapes))
        return (y, None if state is None else tuple(new_states)), (tuple(residuals), sizes)

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Give every layer its part of d_y, and add what they return for x."""
        layers_residuals, sizes = residuals
        d_y, d_new_state = d_output
        if sizes is None:
            parts = [d_y] * len(self.layers)  # y = y_1 + ... + y_n: each y_i has the cotangent of y
        else:
            ends = [sum(sizes.value[: i + 1]) for i in range(len(sizes.value))]
            parts = [
                lax.slice_in_dim(d_y, end - size, end, axis=self.axis)
                for end, size in zip(ends, sizes.value, strict=True)
            ]
        d_new_states = [None] * len(self.layers) if d_new_state is None else d_new_state
        pulled = [
            layer.backward(layer_residuals, (part, d_layer_state), train=train)
            for layer, layer_residuals, part, d_layer_state in zip(
                self.layers, layers_residuals, parts, d_new_states, strict=True
            )
        ]
        d_params, d_xs, d_states, _ = zip(*pulled, strict=True)
        # x fans out to every layer, so its cotangent is the sum of theirs; an integer x has none.
        d_x = None if d_xs[0] is None else jax.tree.map(lambda *parts: functools.reduce(operator.add, parts), *d_xs)
        return d_params, d_x, None if d_new_state is None else d_states, None
