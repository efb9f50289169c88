"""One layer along time, its state handed on from step to step.

The cotangent of the state comes back the same way, from the last step to the first:

    scan      y_t, s_t = f(x_t, s_(t-1))    dL/dx_t = J_xt^T (dL/dy_t, dL/ds_t), and dL/ds_(t-1) = J_st^T (dL/dy_t, dL/ds_t)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import DTypeLike

from chainrule.compose.compound import Wrapper
from chainrule.compose.loops import chained, constants, describe_tree, part, positions_of, without_float0
from chainrule.layer import as_layer
from chainrule.rule import Rule, Static, is_differentiable

__all__ = ["Scan", "scan"]


def scan(cell: Rule, *, reverse: bool = False) -> Scan:
    """Run one layer over the axis of time, as ``lax.scan``: y_t, s_t = cell(params, x_t, s_(t-1)), with the same params.

    Shapes: x (batch, time, ...), y (batch, time, ...); the cell sees x_t (batch, ...). The state that goes in is the
    cell's before the first step, and the one that comes out is its state after the last. A first state that is made for
    one example, as ``init`` makes it, is broadcast to what the cell returns. A step that draws random numbers has a key
    of its own, ``jax.random.fold_in(key, t)``.

    Derivation, by backpropagation through time, with params W and from the last step to the first::

        (dL/dW_t, dL/dx_t, dL/ds_(t-1)) = J_t^T (dL/dy_t, dL/ds_t)     the cell's own backward function
        dL/ds_t   is that of the state that comes out at t = T, and comes from step t + 1 before that
        dL/dW     = dL/dW_1 + ... + dL/dW_T                            one W serves all steps, so they add up

    Residuals: those of the cell, step by step. What of them is an array of the params, or of x or y, is kept once; and of
    a new state, which is the next step's old one, there is one copy.

    Args:
        cell: the layer of one step.
        reverse: run from the last step to the first.

    Raises:
        ValueError: when called, for an x without an axis of time, or a cell that changes the tree, the shape or the dtype of
            its state.

    Source: Werbos, Backpropagation through time: what it does and how to do it, 1990.
    """
    return Scan(as_layer(cell), bool(reverse))


@dataclass(frozen=True, repr=False)
class Scan(Wrapper):
    """A layer along time; made by ``scan``."""

    reverse: bool = False

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make the params and the first state of the cell, for examples of shape (time, ...)."""
        if not in_shape:
            raise ValueError(f"{self!r} needs examples of shape (time, ...), got scalars")
        return self.layer.build(key, in_shape[1:], dtype)

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Run the cell over all steps, keeping of its residuals what changes from step to step."""
        if any(jnp.ndim(leaf) < 2 for leaf in jax.tree.leaves(x)):
            raise ValueError(f"{self!r}: x must be (batch, time, ...), got {describe_tree(x)}")
        xs, weights = _time_first(x), jax.tree.leaves(params)
        found: dict[str, Any] = {}

        def step(state: Any, at: Any) -> tuple[Any, Any]:
            x_t, t = at
            key_t = None if t is None else jax.random.fold_in(key, t)
            (y, new_state), residuals = self.layer.forward(params, x_t, state, key_t, train=train)
            fixed, carried = weights + constants(residuals), chained(residuals, state, new_state)
            ins, outs = ([jax.tree.leaves(tree)[i] for i in carried] for tree in (state, new_state))
            own, layout = part(residuals, [*fixed, *outs, *jax.tree.leaves(x_t), *jax.tree.leaves(y)])
            found.update(fixed=fixed, carried=carried, layout=layout, entries=positions_of(ins, own))
            return new_state, (y, own)

        times = None
        if key is not None and self.uses_key:
            times = jnp.arange(jax.tree.leaves(xs)[0].shape[0])
        first = self._carried(step, state, (xs, times))
        last, (ys, own) = lax.scan(step, first, (xs, times), reverse=self.reverse)
        y, fixed, layout, entries = _time_first(ys), found["fixed"], found["layout"], found["entries"]
        moving = layout.used([*jax.tree.leaves(x), *jax.tree.leaves(y)], len(fixed) + len(entries))
        ends = [jax.tree.leaves(last)[i] for i in found["carried"]]
        static = Static((layout, entries, len(fixed), _float_shapes(state)))
        return (y, last), (own, layout.used(fixed), moving, ends, static)

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Run the cell's backward function from the last step to the first, adding up the cotangents of the params."""
        own, fixed, moving, ends, static = residuals
        layout, entries, start, shapes = static.value
        d_y, d_state = without_float0(d_output)

        tree = jax.tree.structure(d_state)  # what a layer returns may say None for a whole branch of integers

        def pull(at: Any, outs: Any, d_state: Any) -> tuple[Any, Any, Any]:
            own, moving, d_y = at
            cell_residuals = layout.join(fixed | dict(enumerate(outs, start)) | moving, own)
            pulled = self.layer.backward(cell_residuals, (d_y, d_state), train=train)
            d_params, d_x, d_state = without_float0(pulled[:3])
            return d_params, d_x, jax.tree.unflatten(tree, jax.tree.leaves(d_state))

        def step(carry: Any, at: Any) -> tuple[Any, Any]:
            d_params, d_state, outs = carry
            d_more, d_x, d_state = pull(at, outs, d_state)
            return (jax.tree.map(jnp.add, d_params, d_more), d_state, [at[0][i] for i in entries]), d_x

        steps = own, _time_first(moving), _time_first(d_y)
        one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), steps)
        shapes_of_params, *_ = jax.eval_shape(pull, one, ends, d_state)
        d_params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes_of_params)
        carry = d_params, d_state, ends
        (d_params, d_state, _), d_xs = lax.scan(step, carry, steps, reverse=not self.reverse)
        # A first state that was broadcast gathers from wherever it went.
        d_state = jax.tree.unflatten(tree, map(_gathered, jax.tree.leaves(d_state), shapes))
        return d_params, _time_first(d_xs), d_state, None

    def _carried(self, step: Any, state: Any, xs: Any) -> Any:
        """The state in the shapes that the cell returns it in; refused where it is another state."""
        if not jax.tree.leaves(state):
            return state
        at = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), xs)
        returned, _ = jax.eval_shape(step, state, at)

        def fit(leaf: Any, wanted: Any) -> Any:
            if leaf.dtype != wanted.dtype:
                raise ValueError
            return leaf if leaf.shape == wanted.shape else jnp.broadcast_to(leaf, wanted.shape)

        try:
            return jax.tree.map(fit, jax.tree.map(jnp.asarray, state), returned)
        except ValueError:
            raise ValueError(
                f"{self!r}: a step must return a state like the one that it is given, {describe_tree(state)}, "
                f"got {describe_tree(returned)}"
            ) from None


def _time_first(tree: Any) -> Any:
    """Exchange the first two axes of each array: (batch, time, ...) to (time, batch, ...), and back."""
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), tree)


def _float_shapes(tree: Any) -> tuple[tuple[int, ...], ...]:
    """The shapes of what has a cotangent."""
    return tuple(jnp.shape(leaf) for leaf in jax.tree.leaves(tree) if is_differentiable(leaf))


def _gathered(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of an array that was broadcast from ``shape``: summed over what was new."""
    if cotangent.shape == shape:
        return cotangent
    summed = jnp.sum(cotangent, tuple(range(cotangent.ndim - len(shape))))
    ones = tuple(i for i, size in enumerate(shape) if size == 1)
    return jnp.sum(summed, ones, keepdims=True)
