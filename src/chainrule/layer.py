"""What a layer is: a way to make parameters, beside the rule that they feed.

Every layer has one signature, so that one set of combinators serves them all::

    layer.init(key, in_shape, dtype)                 -> (params, state)
    layer.forward(params, x, state, key, train=...)  -> ((y, new_state), residuals)
    layer.backward(residuals, (d_y, d_new_state))    -> (d_params, d_x, d_state, d_key)

``params`` is what training changes by gradients. ``state`` is what a forward pass itself changes (running statistics,
the carry of a recurrence): it goes in and comes out, and gradients flow through it. ``key`` is the randomness of one
forward pass. ``train`` tells training from evaluation. A layer without state has an empty one and hands it through.

Callers see as much of it as they use::

    y, pullback = layer.vjp(params, x)                                   # d_params, d_x = pullback(d_y)
    (y, state), pullback = layer.vjp(params, x, state, key, train=True)  # ... = pullback((d_y, d_state))
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from chainrule.rule import Rule

__all__ = ["Layer", "Lifted", "StatelessLayer", "as_layer"]


class Layer(Rule):
    """A rule of ``(params, x, state, key)`` together with the way to make its parameters.

    Subclasses are frozen dataclasses of static configuration, so that layers built alike are equal and share what was
    compiled; they define ``build``, ``forward`` and ``backward``.
    """

    @property
    def uses_key(self) -> bool:
        """Whether training draws random numbers; combinators hand a key only to layers that do."""
        return False

    @property
    def takes_integers(self) -> bool:
        """Whether x holds integers, such as the tokens of an embedding; combinators ask the layer that x reaches first."""
        return False

    @property
    def vocabulary_size(self) -> int | None:
        """How many kinds of tokens an x of integers may hold, from 0; None where x is no token, or nobody knows."""
        return None

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make ``(params, state)`` for inputs of one example's shape; called by ``init``, and by combinators."""
        raise TypeError(f"{type(self).__name__} defines no build")

    def init(self, key: Array, in_shape: int | Sequence[int], dtype: DTypeLike = jnp.float32) -> tuple[Any, Any]:
        """Make ``(params, state)`` by key, as one compiled program.

        Args:
            key: a random key, ``jax.random.key(seed)``.
            in_shape: the shape of one example, without the batch axis: ``(28, 28, 1)``.
            dtype: the floating-point dtype of the parameters.

        Raises:
            ValueError: when ``in_shape`` has an axis below 1, ``dtype`` is no floating point, or ``key`` is no single key.
        """
        shape = (in_shape,) if isinstance(in_shape, int) else tuple(in_shape)
        if any(not isinstance(size, int) or size < 1 for size in shape):
            raise ValueError(f"in_shape must hold positive integers, got {shape}")
        if not jnp.issubdtype(dtype, jnp.floating):
            raise ValueError(f"dtype must be a floating-point dtype, got {jnp.dtype(dtype).name}")
        if not jnp.issubdtype(jax.dtypes.result_type(key), jax.dtypes.prng_key) or key.shape != ():
            raise ValueError("key must be a single random key, as jax.random.key(0) makes one")
        return _compiled_build(self, shape, jnp.dtype(dtype), key)

    def out_shape(self, params: Any, state: Any, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[int, ...]:
        """The shape of one example's output, for examples of ``dtype`` or, where the layer takes those, of integers.

        Nothing is computed.
        """
        x = jax.ShapeDtypeStruct((1, *in_shape), jnp.int32 if self.takes_integers else dtype)
        (y, _), _ = jax.eval_shape(self.forward, params, x, state)
        return tuple(y.shape[1:])

    def parameter_count(self, in_shape: int | Sequence[int]) -> int:
        """How many numbers ``init`` makes for examples of this shape; nothing is computed."""
        params, _ = jax.eval_shape(lambda: self.init(jax.random.key(0), in_shape))
        return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Compute ``((y, new_state), residuals)``."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Compute ``(d_params, d_x, d_state, d_key)`` from ``(d_y, d_new_state)``."""
        raise TypeError(f"{type(self).__name__} defines no backward")

    def _facing(self, arrays: list[Any]) -> Rule:
        return self if arrays[2] is not None else _OutputAlone(self)


@dataclass(frozen=True)
class _OutputAlone(Rule):
    """A layer as seen by a caller that gave no state: the output is y, and so is the cotangent."""

    layer: Layer

    def forward(self, *arrays: Any, **static: Any) -> tuple[Any, Any]:
        (y, _), residuals = self.layer.forward(*arrays, **static)
        return y, residuals

    def backward(self, residuals: Any, d_output: Any, **static: Any) -> tuple[Any, ...]:
        return self.layer.backward(residuals, (d_output, None), **static)

    @property
    def name(self) -> str:
        return self.layer.name


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _compiled_build(layer: Layer, in_shape: tuple[int, ...], dtype: Any, key: Array) -> tuple[Any, Any]:
    return layer.build(key, in_shape, dtype)


class StatelessLayer(Layer):
    """A layer that is a function of params and x alone. Subclasses define ``build`` and the two methods here."""

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(y, residuals)``."""
        raise TypeError(f"{type(self).__name__} defines no evaluate")

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``(d_params, d_x)``."""
        raise TypeError(f"{type(self).__name__} defines no evaluate_backward")

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Compute ``((y, state), residuals)``; the state is handed through."""
        y, residuals = self.evaluate(params, x)
        return (y, state), residuals

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Compute ``(d_params, d_x, d_state, d_key)``; the state's cotangent is handed through."""
        d_y, d_state = d_output
        d_params, d_x = self.evaluate_backward(residuals, d_y)
        return d_params, d_x, d_state, None


@dataclass(frozen=True)
class Lifted(StatelessLayer):
    """A rule y = f(x) as a layer without parameters. ``chain`` lifts the rules that it is given."""

    rule: Rule

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make the empty params and state."""
        return (), ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(f(x), residuals)``."""
        return self.rule.forward(x)

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``((), d_x)``."""
        return (), self.rule.backward(residuals, d_y)[0]

    @property
    def name(self) -> str:
        """The name of the rule."""
        return self.rule.name


def as_layer(rule: Rule) -> Layer:
    """Return a layer as it is, and a rule of one array as a layer without parameters.

    Raises:
        TypeError: when ``rule`` is no rule (an activation must be given as the rule, ``ops.relu``, not as a function).
    """
    if isinstance(rule, Layer):
        return rule
    if isinstance(rule, Rule):
        required = [p.name for p in rule.signature.parameters.values() if p.default is p.empty]
        if len(required) != 1:
            raise TypeError(
                f"{rule.name} takes the arguments {', '.join(required)}; only a rule of one array can be a layer"
            )
        return Lifted(rule)
    raise TypeError(f"expected a chainrule layer or rule, got {rule!r}")
