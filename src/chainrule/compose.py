"""The chain rule, written once.

Combinators turn layers into a layer. Here, and nowhere else in the package, pullbacks are run in reverse order and
cotangents are added:

    chain     y = f_n(... f_2(f_1(x)))      dL/dx = J_1^T J_2^T ... J_n^T dL/dy, read from the right
    parallel  y = f_1(x) + ... + f_n(x)     dL/dx = J_1^T dL/dy + ... + J_n^T dL/dy
              y = [f_1(x), ..., f_n(x)]     dL/dx = J_1^T dL/dy_1 + ... + J_n^T dL/dy_n
    residual  y = s(x) + f(x)               parallel, with a shortcut s (the identity unless given)

Each hands its layers their own part of params and state, and to those that draw random numbers a key of their own,
``jax.random.fold_in(key, position)``.
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

from chainrule.layer import Layer, as_layer
from chainrule.rule import Rule, Static, rule

__all__ = ["Chain", "Parallel", "chain", "identity", "parallel", "residual"]


def chain(*rules: Rule) -> Chain:
    """Compose layers from left to right: ``chain(f, g, h)`` computes h(g(f(x))).

    Args:
        rules: layers, or rules of one array such as ``ops.relu``.

    The params and the state of a chain are tuples with one entry a layer.
    """
    return Chain(tuple(as_layer(rule) for rule in rules))


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


@dataclass(frozen=True)
class _Compound(Layer):
    """What combinators share: each layer's part of the params, of the state and of the key."""

    layers: tuple[Layer, ...]

    @property
    def uses_key(self) -> bool:
        """Whether any of the layers draws random numbers."""
        return any(layer.uses_key for layer in self.layers)

    def _parts(self, params: Any, state: Any, key: Any) -> list[tuple[Layer, Any, Any, Any]]:
        count = len(self.layers)
        if not isinstance(params, tuple) or len(params) != count:
            found = f"{len(params)} entries" if isinstance(params, tuple) else type(params).__name__
            raise ValueError(
                f"{self.name}: params must be a tuple with one entry for each of {count} layers, got {found}"
            )
        states = (None,) * count if state is None else state
        if not isinstance(states, tuple) or len(states) != count:
            raise ValueError(f"{self.name}: state must be a tuple with one entry for each of {count} layers")
        keys = [
            jax.random.fold_in(key, position) if key is not None and layer.uses_key else None
            for position, layer in enumerate(self.layers)
        ]
        return list(zip(self.layers, params, states, keys, strict=True))

    def __repr__(self) -> str:
        return f"{self.name.lower()}({', '.join(layer.name for layer in self.layers)})"


@dataclass(frozen=True, repr=False)
class Chain(_Compound):
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

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Run the layers forward, keeping the residuals of each."""
        residuals, new_states = [], []
        for layer, layer_params, layer_state, layer_key in self._parts(params, state, key):
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


@dataclass(frozen=True, repr=False)
class Parallel(_Compound):
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
        for layer, layer_params, layer_state, layer_key in self._parts(params, state, key):
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
