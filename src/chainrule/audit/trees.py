"""Trees of arrays: which leaves are floating-point numbers, and cotangents, tangents and vectors made of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.audit.compare import place_of
from chainrule.audit.report import Place

__all__ = [
    "combine",
    "cotangent_of",
    "flat",
    "floats",
    "is_float",
    "one_hot",
    "place_at",
    "stack",
    "tangents",
    "widened",
]


def is_float(leaf: Any) -> bool:
    """Whether a leaf is an array of floating-point numbers."""
    return bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def floats(tree: Any) -> list[Any]:
    """The floating-point leaves of a tree."""
    return [leaf for leaf in jax.tree.leaves(tree) if is_float(leaf)]


def cotangent_of(tree: Any, leaves: list[Any]) -> Any:
    """A cotangent of ``tree`` with these floating-point leaves, in order, and float0 in the other places."""
    rest = iter(leaves)
    return jax.tree.map(
        lambda leaf: next(rest) if is_float(leaf) else np.zeros(leaf.shape, jax.dtypes.float0),
        tree,
    )


def one_hot(output: Any, number: int) -> Any:
    """The cotangent of an output that picks one of its floating-point numbers, counted over all leaves."""
    leaves, offset = [], 0
    for leaf in floats(output):
        size = int(np.prod(leaf.shape))
        one = np.zeros(size, leaf.dtype)
        if offset <= number < offset + size:
            one[number - offset] = 1
        leaves.append(one.reshape(leaf.shape))
        offset += size
    return cotangent_of(output, leaves)


def tangents(args: Any) -> Any:
    """What a cotangent of these arguments looks like."""
    return jax.tree.map(
        lambda leaf: leaf if is_float(leaf) else np.zeros(leaf.shape, jax.dtypes.float0),
        args,
    )


def widened(tree: Any) -> Any:
    """The same numbers in float64."""
    return jax.tree.map(lambda leaf: np.asarray(leaf).astype(np.float64) if is_float(leaf) else leaf, tree)


def combine(a: float, b: float, first: Any, second: Any) -> Any:
    """Compute a first + b second, leaf by leaf."""

    def both(u: Any, v: Any) -> Any:
        return np.asarray(a * np.asarray(u) + b * np.asarray(v), u.dtype) if is_float(u) else u

    return jax.tree.map(both, first, second)


def stack(trees: list[Any]) -> Any:
    """Trees alike, stacked along a new first axis of every leaf."""
    return jax.tree.map(
        lambda *leaves: (
            np.zeros((len(leaves), *leaves[0].shape), jax.dtypes.float0)
            if leaves[0].dtype == jax.dtypes.float0
            else jnp.stack(leaves)
            if jnp.issubdtype(leaves[0].dtype, jax.dtypes.prng_key)
            else np.stack(leaves)
        ),
        *trees,
    )


def flat(tree: Any) -> np.ndarray:
    """All floating-point numbers of a tree as one vector."""
    leaves = [np.asarray(leaf, np.float64).reshape(-1) for leaf in floats(tree)]
    return np.concatenate(leaves) if leaves else np.zeros(0)


def place_at(args: Any, number: int, expected: float, found: float) -> Place:
    """The place of one of the floating-point numbers of the arguments, counted as in ``flat``."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(args):
        if is_float(leaf):
            if number < leaf.size:
                index = tuple(int(i) for i in np.unravel_index(number, leaf.shape))
                return place_of(path, False, index, expected, found)
            number -= leaf.size
    raise IndexError(f"the arguments hold fewer numbers than {number}")
