"""How far apart two pytrees are: tree, shapes and dtypes first, then values, each leaf on its own scale."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

__all__ = ["difference", "structure_fault"]


def structure_fault(found: Any, expected: Any) -> str:
    """Say in what two pytrees differ before any value is compared; an empty string if in nothing."""
    found_leaves, found_tree = jax.tree_util.tree_flatten_with_path(found)
    expected_leaves, expected_tree = jax.tree_util.tree_flatten_with_path(expected)
    trees: tuple[Any, Any] = (found_tree, expected_tree)
    if trees[0] != trees[1]:
        return f"expected the tree {expected_tree}, found {found_tree}"
    for (path, leaf), (_, want) in zip(found_leaves, expected_leaves, strict=True):
        if np.shape(leaf) != np.shape(want) or _dtype(leaf) != _dtype(want):
            return (
                f"at {_where(path)}: expected {_name(want)}{list(np.shape(want))}, "
                f"found {_name(leaf)}{list(np.shape(leaf))}"
            )
    return ""


def difference(found: Any, expected: Any) -> tuple[float, str]:
    """Compute the largest relative error over all leaves, and where it is.

    The error of a leaf is max|found - expected| / max|expected|: scaled by the leaf's own size, so that a small leaf does
    not hide behind a large one. A leaf that should be all zeros is compared absolutely. NaN where there should be a number,
    or the other way round, is an infinite error; so is another tree or shape.
    """
    fault = structure_fault(found, expected)
    if fault:
        return float("inf"), fault
    worst, where = 0.0, ""
    pairs = zip(jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves(expected), strict=True)
    for (path, leaf), want in pairs:
        if _dtype(leaf) == jax.dtypes.float0 or np.size(want) == 0:
            continue
        a, b = _widen(leaf), _widen(want)
        same = (a == b) | (np.isnan(a) & np.isnan(b))  # equal infinities have no difference
        gap = np.where(same, 0.0, np.abs(np.where(same, 0.0, a) - np.where(same, 0.0, b)))
        gap = np.where(np.isnan(gap), np.inf, gap)
        finite = np.abs(b[np.isfinite(b)])
        scale = finite.max() if finite.size and finite.max() > 0 else 1.0
        index = np.unravel_index(int(np.argmax(gap)), gap.shape)
        error = float(gap[index] / scale)
        if error > worst:
            worst = error
            where = f"at {_where(path)}{list(map(int, index))}: expected {b[index]:.6g}, found {a[index]:.6g}"
    return worst, where


def _widen(leaf: Any) -> np.ndarray:
    return np.asarray(np.asarray(leaf).astype(np.float64) if _dtype(leaf) != np.float64 else leaf)


def _dtype(leaf: Any) -> np.dtype:
    return np.dtype(leaf.dtype) if hasattr(leaf, "dtype") else np.asarray(leaf).dtype


def _name(leaf: Any) -> str:
    return "float0" if _dtype(leaf) == jax.dtypes.float0 else _dtype(leaf).name


def _where(path: Any) -> str:
    return "argument " + jax.tree_util.keystr(path).lstrip("[").replace("]", "", 1) if path else "the output"
