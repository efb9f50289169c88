"""One layer many times over, each time with params of its own, compiled once.

It is a chain, and so is its backward pass:

    repeat    x_i = f(W_i, x_(i-1))         dL/dx_(i-1) = J_i^T dL/dx_i, from the last block to the first
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
from chainrule.rule import Rule, Static

__all__ = ["Repeat", "repeat"]


def repeat(block: Rule, depth: int) -> Repeat:
    """Compose ``depth`` blocks of one kind: x_i = block(W_i, x_(i-1)) for i = 1 ... depth.

    It computes what ``chain(block, ..., block)`` computes, and starts from the same numbers. But the blocks run in a loop,
    so that one block is compiled, however many there are; and params and state are those of a block with a leading axis of
    length ``depth``. Block i has the key ``jax.random.fold_in(key, i)``, as in a chain.

    Shapes: x any, y the same.

    Derivation, from the last block to the first: (dL/dW_i, dL/dx_(i-1)) = J_i^T dL/dx_i, the block's own backward function.

    Residuals: those of the block, block by block. What of them is an array of the params or of the state is not copied;
    and of an output, which is the next block's input, there is one copy.

    Raises:
        ValueError: for fewer than one block; for a block that changes the shape of x, or params of another depth.
    """
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
        raise ValueError(f"depth must be a positive integer, got {depth!r}")
    return Repeat(as_layer(block), depth)


@dataclass(frozen=True, repr=False)
class Repeat(Wrapper):
    """One block, many times over; made by ``repeat``."""

    depth: int

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make params and state of every block, by a key of its own, stacked along a leading axis."""

        def build(position: Any) -> tuple[Any, Any]:
            return self.layer.build(jax.random.fold_in(key, position), in_shape, dtype)

        params, state = jax.eval_shape(build, 0)
        out_shape = self.layer.out_shape(params, state, in_shape, dtype)
        if out_shape != in_shape:
            raise ValueError(f"{self!r}: a block must return the shape that it is given, {in_shape}, got {out_shape}")
        return jax.vmap(build)(jnp.arange(self.depth))

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Run the blocks in a loop, keeping of their residuals what is not kept anyway."""
        stacked = [*jax.tree.leaves(params), *jax.tree.leaves(state)]
        if any(jnp.shape(leaf)[:1] != (self.depth,) for leaf in stacked):
            raise ValueError(
                f"{self!r}: params and state must have a leading axis of length {self.depth}, "
                f"got params {describe_tree(params)} and state {describe_tree(state)}"
            )
        found: dict[str, Any] = {}

        def step(x: Any, at: Any) -> tuple[Any, Any]:
            params_i, state_i, i = at
            key_i = None if i is None else jax.random.fold_in(key, i)
            (y, new_state), residuals = self.layer.forward(params_i, x, state_i, key_i, train=train)
            if describe_tree(y) != describe_tree(x):
                raise ValueError(
                    f"{self!r}: a block must return what it is given, {describe_tree(x)}, got {describe_tree(y)}"
                )
            fixed, carried = constants(residuals), chained(residuals, x, y)
            ins, outs = ([jax.tree.leaves(tree)[i] for i in carried] for tree in (x, y))
            at_hand = [*jax.tree.leaves(params_i), *jax.tree.leaves(state_i), *fixed, *outs]
            own, layout = part(residuals, at_hand)
            found.update(fixed=fixed, carried=carried, layout=layout, entries=positions_of(ins, own))
            return y, (new_state, own)

        positions = jnp.arange(self.depth) if key is not None and self.uses_key else None
        y, (new_state, own) = lax.scan(step, x, (params, state, positions), length=self.depth)
        layout, last = found["layout"], [jax.tree.leaves(y)[i] for i in found["carried"]]
        kept = layout.used(stacked), layout.used(found["fixed"], len(stacked))
        return (y, new_state), (own, *kept, last, Static((layout, found["entries"])))

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Run the block's backward function in a loop from the last block to the first."""
        own, stacked, fixed, last, static = residuals
        layout, entries = static.value
        start = layout.known - len(entries)
        d_y, d_new_state = without_float0(d_output)

        def step(carry: Any, at: Any) -> tuple[Any, Any]:
            (d_y, outs), (own, stacked, d_state) = carry, at
            block_residuals = layout.join(stacked | fixed | dict(enumerate(outs, start)), own)
            d_params, d_x, d_state, _ = self.layer.backward(block_residuals, (d_y, d_state), train=train)
            return (d_x, [own[i] for i in entries]), without_float0((d_params, d_state))

        steps = own, stacked, d_new_state
        (d_x, _), (d_params, d_state) = lax.scan(step, (d_y, last), steps, length=self.depth, reverse=True)
        return d_params, d_x, d_state, None
