"""One step of an optimiser, leaf by leaf: the arithmetic that every optimiser shares.

An optimiser writes its step once, as an elementwise expression of one gradient and its moments. Here the
expression is taken over a pytree, and the scalars that it needs are computed once a step. Arithmetic is in
float32 at the least: for bfloat16 params 0.999 would round to 1. Results are rounded to the dtype of the
param, and of the moment, once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.checks import describe, is_concrete

__all__ = [
    "bias_correction",
    "first",
    "following",
    "full_like",
    "leafwise",
    "require_alike",
    "require_floating_leaves",
    "scalar",
    "work_dtype",
]

_LAST = int(jnp.iinfo(jnp.int32).max)


def first() -> jax.Array:
    """The step count of a new state: int32 zero."""
    return jnp.zeros((), jnp.int32)


def following(count: jax.Array) -> jax.Array:
    """The next step count; it stays at the last int32 rather than wrap around to a negative one."""
    return count + (count < _LAST).astype(jnp.int32)


def work_dtype(*arrays: Any) -> Any:
    """The dtype to compute in: the widest of the arrays', and float32 at the least."""
    return jnp.promote_types(jnp.float32, jnp.result_type(*arrays)) if arrays else jnp.dtype(jnp.float32)


def full_like(where: str, params: Any, value: Any = 0.0) -> Any:
    """A moment for each param, with its shape and dtype, filled with ``value``. Refuses integer params."""
    require_floating_leaves(where, params=params)
    return jax.tree.map(lambda p: jnp.full_like(p, value, dtype=jnp.result_type(p)), params)


def scalar(where: str, name: str, value: Any, dtype: Any) -> jax.Array:
    """A hyperparameter as a scalar of a dtype; ValueError if it is an array of several."""
    if np.shape(value) != ():
        raise ValueError(
            f"{where}: {name} must be a scalar in update, got {describe(value)}; map over several with jax.vmap"
        )
    return jnp.asarray(value, dtype)


def bias_correction(decay: Any, count: jax.Array, dtype: Any) -> jax.Array:
    """What a moving average that began at zero falls short by after t steps: 1 - β^t.

    Computed as -expm1(t log β), because in float32 1 - 0.999 has lost four of its seven digits.
    """
    t = count.astype(dtype)
    if is_concrete(decay) and not isinstance(decay, jax.Array):
        log_decay = jnp.asarray(math.log(decay) if decay > 0 else -math.inf, dtype)
    else:
        log_decay = jnp.log(jnp.asarray(decay, dtype))
    return -jnp.expm1(t * log_decay)


def leafwise(
    where: str,
    expression: Callable[..., tuple[Any, ...]],
    grads: Any,
    moments: tuple[Any, ...] = (),
    params: Any = None,
    *,
    decayed: list[Any] | None = None,
) -> tuple[Any, ...]:
    """Take an elementwise step over the leaves: ``(updates, *new moments)``.

    ``expression(g, *moments) -> (update, *moments)`` sees one leaf of each, in the dtype to compute in. Where
    weight decay is asked for, ``decayed`` has one entry a leaf, the param to be decayed or None, and the
    expression takes it last. An update has the dtype of the param; where no params are given, that of the
    moment, or else of the gradient.

    Raises ValueError where the trees or shapes of the gradients, the state and the params differ.
    """
    named = {f"the state's moment {i + 1}": moment for i, moment in enumerate(moments)}
    if params is not None:
        named["params"] = params
    require_floating_leaves(where, grads=grads)
    for name, tree in named.items():
        require_alike(where, tree, expected_name=name, grads=grads)

    leaves, tree = _flatten(grads)  # grads and the others are alike: one structure serves all
    moment_leaves = [jax.tree.leaves(moment) for moment in moments]
    like = jax.tree.leaves(params) if params is not None else moment_leaves[0] if moments else leaves
    columns: list[list[Any]] = [[] for _ in range(1 + len(moments))]
    for i, g in enumerate(leaves):
        olds = [column[i] for column in moment_leaves]
        dtypes = [jnp.result_type(like[i]), *(jnp.result_type(old) for old in olds)]
        work = work_dtype(*dtypes)
        arguments: list[Any] = [jnp.asarray(x, work) for x in (g, *olds)]
        if decayed is not None:
            arguments.append(None if decayed[i] is None else jnp.asarray(decayed[i], work))
        for column, new, dtype in zip(columns, expression(*arguments), dtypes, strict=True):
            column.append(new.astype(dtype))
    return tuple(tree.unflatten(column) for column in columns)


def require_alike(where: str, expected: Any, *, expected_name: str = "params", **trees: Any) -> None:
    """Refuse trees that differ from the expected one in their structure or in the shape of a leaf."""
    structure = _flatten(expected)[1]
    for name, tree in trees.items():
        leaves, found = _flatten(tree)
        if found != structure:
            raise ValueError(f"{where}: {name} must have the tree of {expected_name}, {structure}, got {found}")
        for (path, leaf), other in zip(jax.tree_util.tree_leaves_with_path(expected), leaves, strict=True):
            if np.shape(other) != np.shape(leaf):
                at = jax.tree_util.keystr(path)
                raise ValueError(
                    f"{where}: {name}{at} must have the shape of {expected_name}, {list(np.shape(leaf))}, "
                    f"got {list(np.shape(other))}"
                )


def require_floating_leaves(where: str, **trees: Any) -> None:
    """Refuse trees with leaves that are not real floating-point arrays or numbers."""
    for name, tree in trees.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if isinstance(leaf, float) or (hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)):
                continue
            at = jax.tree_util.keystr(path)
            raise ValueError(f"{where}: {name}{at} must be of floating-point numbers, got {describe(leaf)}")


def _flatten(tree: Any) -> tuple[list[Any], Any]:
    leaves, structure = jax.tree.flatten(tree)
    return leaves, structure
