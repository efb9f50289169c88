"""Residuals computed a second time in the backward pass, in the place of being kept.

Memory is saved, and paid for with a second forward pass:

    remat     y = f(x)                      dL/dx = J^T dL/dy, where J is computed from x once more
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import DTypeLike

from chainrule.compose.compound import Wrapper
from chainrule.compose.loops import without_float0
from chainrule.layer import as_layer
from chainrule.rule import Rule, Static

__all__ = ["Remat", "everything", "nothing", "of_layers", "remat", "smaller_than"]

Path = tuple[int | str, ...]
Policy = Callable[[Path, jax.ShapeDtypeStruct], bool]


def nothing(path: Path, leaf: jax.ShapeDtypeStruct) -> bool:
    """Save no residual: the least memory, and one more forward pass."""
    return False


def everything(path: Path, leaf: jax.ShapeDtypeStruct) -> bool:
    """Save every residual, as without ``remat``."""
    return True


@dataclass(frozen=True)
class smaller_than:  # noqa: N801  (it reads as the function that a policy is)
    """Save the residuals of fewer bytes than this: statistics and masks, not activations."""

    nbytes: int

    def __call__(self, path: Path, leaf: jax.ShapeDtypeStruct) -> bool:
        """Whether the leaf takes fewer bytes."""
        return int(np.prod(leaf.shape)) * leaf.dtype.itemsize < self.nbytes


@dataclass(frozen=True, init=False)
class of_layers:  # noqa: N801
    """Save the residuals of some layers of a chain, given by their positions in it."""

    positions: frozenset[int]

    def __init__(self, *positions: int) -> None:
        object.__setattr__(self, "positions", frozenset(positions))

    def __call__(self, path: Path, leaf: jax.ShapeDtypeStruct) -> bool:
        """Whether the path begins at one of the positions: the residuals of a chain are a tuple, one entry a layer."""
        return bool(path) and path[0] in self.positions


def remat(layer: Rule, save: Policy = nothing) -> Remat:
    """Keep the inputs of a layer and compute its residuals again when the backward pass needs them: y = f(x).

    A chain of n such layers keeps n inputs and, for one layer at a time, its residuals. Bit for bit the result is the
    same, random numbers included, for they come from the key.

    Derivation: dL/dx = J^T dL/dy as ever. J is taken from residuals that a second run of ``layer.forward`` computes; its
    inputs are made to depend on dL/dy, so that the compiler neither merges it with the first run nor starts it before its
    turn. Of that run nothing is computed that the backward pass does not read.

    Residuals: the inputs (params, x, state, key) as far as the second run needs them, and what ``save`` says.

    Args:
        layer: a layer, or a rule of one array.
        save: ``save(path, leaf)`` says whether a residual that is no input is kept: ``path`` holds the keys and
            positions that lead to it in the layer's residuals, ``leaf`` is its shape and dtype. It must be hashable: a
            function of a module, or one of ``nothing``, ``everything``, ``smaller_than(nbytes)`` and ``of_layers(0, 2)``.

    Raises:
        TypeError: for a policy that is not hashable, or no function.

    Source: Chen et al., Training deep nets with sublinear memory cost, 2016.
    """
    if not callable(save) or getattr(type(save), "__hash__", None) is None:
        raise TypeError(f"save must be a hashable function of a path and a leaf, got {save!r}")
    return Remat(as_layer(layer), save)


@dataclass(frozen=True)
class _Plan:
    """What is kept: of the inputs those that are needed, by position, and of the residuals those that are saved."""

    tree: Any
    inputs: tuple[jax.ShapeDtypeStruct, ...]
    params: int
    needed: tuple[int, ...]
    saved: tuple[int, ...]

    def inputs_from(self, kept: list[Any], never: Any) -> Any:
        """The inputs of the second run: zeros stand where nothing that is read depends on them.

        Not the params, which may be large: what is computed from them alone is the compiler's to merge.
        """
        known = {
            i: leaf if i < self.params or never is None else jnp.where(never, jnp.zeros_like(leaf), leaf)
            for i, leaf in zip(self.needed, kept, strict=True)
        }
        leaves = [known[i] if i in known else jnp.zeros(leaf.shape, leaf.dtype) for i, leaf in enumerate(self.inputs)]
        return self.tree.unflatten(leaves)


@dataclass(frozen=True, repr=False)
class Remat(Wrapper):
    """A layer whose residuals are computed again; made by ``remat``."""

    save: Policy

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make the params and state of the layer."""
        return self.layer.build(key, in_shape, dtype)

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Run the layer, and keep its inputs in the place of its residuals."""
        inputs, tree = jax.tree.flatten((params, x, state, key))
        output, residuals = self.layer.forward(params, x, state, key, train=train)
        leaves = jax.tree_util.tree_leaves_with_path(residuals)
        saved = tuple(
            i
            for i, (path, leaf) in enumerate(leaves)
            if not any(leaf is given for given in inputs) and self.save(_plain(path), _struct(leaf))
        )

        def again(inputs: list[Any]) -> list[Any]:
            _, residuals = self.layer.forward(*jax.tree.unflatten(tree, inputs), train=train)
            return [leaf for i, leaf in enumerate(jax.tree.leaves(residuals)) if i not in saved]

        structs, first = tuple(map(_struct, inputs)), len(jax.tree.leaves(params))
        plan = _Plan(tree, structs, first, _needed(again, inputs), saved)
        return output, ([inputs[i] for i in plan.needed], [leaves[i][1] for i in saved], Static(plan))

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Run the layer forward once more, behind a barrier, and then backward."""
        kept, saved, static = residuals
        plan: _Plan = static.value
        kept, d_output = lax.optimization_barrier((kept, without_float0(d_output)))
        _, again = self.layer.forward(*plan.inputs_from(kept, _never(d_output)), train=train)
        leaves, tree = jax.tree.flatten(again)
        for position, leaf in zip(plan.saved, saved, strict=True):
            leaves[position] = leaf
        return self.layer.backward(jax.tree.unflatten(tree, leaves), d_output, train=train)


def _never(d_output: Any) -> Any:
    """A truth value that is always false, computed from the cotangent so that no compiler knows it.

    XLA on a CPU drops optimization barriers before it looks for common subexpressions, so a barrier alone saves nothing
    there: the second run would be merged with the first. What is selected by this value stays apart, bit for bit the same.
    """
    for leaf in jax.tree.leaves(d_output):
        if leaf.size:
            first = lax.slice(leaf, (0,) * leaf.ndim, (1,) * leaf.ndim).reshape(())
            return jnp.isnan(first) & (first > 0)
    return None


def _needed(function: Callable[[list[Any]], list[Any]], inputs: list[Any]) -> tuple[int, ...]:
    """The positions of the inputs that the outputs of a function depend on, found in its trace."""
    jaxpr = jax.make_jaxpr(function)(inputs).jaxpr
    wanted = {id(variable) for variable in jaxpr.outvars}
    for equation in reversed(jaxpr.eqns):
        if any(id(variable) in wanted for variable in equation.outvars):
            wanted |= {id(variable) for variable in equation.invars}
    return tuple(i for i, variable in enumerate(jaxpr.invars) if id(variable) in wanted)


def _struct(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(leaf), jax.dtypes.result_type(leaf))


def _plain(path: tuple[Any, ...]) -> Path:
    """A path of JAX's as the keys and positions alone."""
    parts = []
    for key in path:
        parts.append(next(getattr(key, name) for name in ("idx", "key", "name") if hasattr(key, name)))
    return tuple(parts)
