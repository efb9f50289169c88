"""Arguments as the judges take them: floating-point arrays in a list. Labels, indices and keys are held fixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["cotangent_of", "float_leaves", "is_float", "split"]


def is_float(leaf: Any) -> bool:
    """Whether a leaf is of real floating point."""
    return bool(jnp.issubdtype(jax.dtypes.result_type(leaf), jnp.floating))


def float_leaves(tree: Any) -> list[Any]:
    """The floating-point leaves of a tree, in order."""
    return [leaf for leaf in jax.tree.leaves(tree) if is_float(leaf)]


def split(args: tuple[Any, ...], dtype: Any) -> tuple[list[np.ndarray], Callable[[Sequence[Any]], tuple[Any, ...]]]:
    """Give the floating-point leaves of the arguments in ``dtype``, and the function that puts others in their place."""
    leaves, tree = jax.tree.flatten(args)
    floats = [np.asarray(leaf, dtype) for leaf in leaves if is_float(leaf)]

    def join(others: Sequence[Any]) -> tuple[Any, ...]:
        following = iter(others)
        return jax.tree.unflatten(tree, [next(following) if is_float(leaf) else leaf for leaf in leaves])

    return floats, join


def cotangent_of(output: Any, floats: Sequence[Any]) -> Any:
    """A cotangent of the output: ``floats`` in the places of its floating-point leaves, float0 zeros in the others."""
    following = iter(floats)
    return jax.tree.map(
        lambda leaf: next(following) if is_float(leaf) else np.zeros(np.shape(leaf), jax.dtypes.float0), output
    )
