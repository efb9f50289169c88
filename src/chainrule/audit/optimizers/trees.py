"""Trees of numbers: of the params, and of the gradients and updates of each step."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

__all__ = ["add", "filled", "is_tree_of_numbers", "is_value", "largest", "stack", "tree_fault", "unstack", "wide"]


def tree_fault(found: Any, expected: Any) -> str:
    """How two trees differ in structure, in words; empty where they do not."""
    trees: tuple[Any, Any] = (jax.tree.structure(found), jax.tree.structure(expected))
    return "" if trees[0] == trees[1] else f"expected the tree {trees[1]}, found {trees[0]}"


def largest(leaf: Any) -> float:
    """The largest magnitude among the finite numbers; 0 where there is none."""
    values = np.abs(wide(leaf))
    return float(np.max(values, where=np.isfinite(values), initial=0.0))


def wide(tree: Any) -> Any:
    """The tree with every leaf a NumPy array of float64."""
    return jax.tree.map(lambda leaf: np.asarray(np.asarray(leaf).astype(np.float64)), tree)


def stack(trees: list[Any]) -> Any:
    """One tree of trees alike, their leaves stacked along a new first axis."""
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)


def unstack(tree: Any, count: int) -> list[Any]:
    """The trees, in float64, that are stacked in one."""
    stacked = wide(tree)
    return [jax.tree.map(lambda leaf, t=t: np.asarray(leaf[t]), stacked) for t in range(count)]


def add(w: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Add an update to a param, which keeps its dtype.

    Raises:
        ValueError: for an update of another shape.
    """
    if w.shape != u.shape:  # nothing is broadcast silently
        raise ValueError(f"an update must have the shape of its param, {list(w.shape)}, got {list(u.shape)}")
    return np.asarray(w + u).astype(w.dtype)


def filled(value: Any, tree: Any) -> Any:
    """A tree filled with a value, or with several in turn, of the signs that are there."""
    return jax.tree.map(lambda leaf: np.resize(value, leaf.shape) * np.where(leaf < 0, -1.0, 1.0), tree)


def is_tree_of_numbers(value: Any) -> bool:
    """Whether it is a pytree of numbers and arrays alone, so that it can be an argument of a compiled program."""
    numbers = (bool, int, float, np.ndarray, np.generic, jax.Array)
    return not jax.tree_util.all_leaves([value]) and all(isinstance(leaf, numbers) for leaf in jax.tree.leaves(value))


def is_value(value: Any) -> bool:
    """Whether it can be static configuration: hashable, with an equality of its own; functions have none."""
    if isinstance(value, tuple):
        return False
    try:
        hash(value)
    except TypeError:
        return False
    return type(value).__eq__ is not object.__eq__
