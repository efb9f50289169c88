"""How far apart two pytrees are: tree, shapes and dtypes first, then values, each leaf on its own scale."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from chainrule.audit.report import Place

__all__ = [
    "NOTHING",
    "Difference",
    "difference",
    "gaps",
    "largest_of",
    "place_of",
    "slack_between",
    "structure_fault",
    "worst",
]


class Difference(NamedTuple):
    """The largest relative error, where it is, and what is wrong if it is no matter of values."""

    error: float
    place: Place | None = None
    fault: str = ""

    @property
    def detail(self) -> str:
        """The difference in words."""
        return self.fault or (str(self.place) if self.place is not None else "")


NOTHING = Difference(0.0)


def structure_fault(found: Any, expected: Any, output: bool = False) -> Difference:
    """Find in what two pytrees differ before any value is compared: tree, shapes, dtypes, weak types.

    ``output`` says that the trees are outputs; otherwise they are tuples with a cotangent for each argument.
    """
    found_leaves, found_tree = jax.tree_util.tree_flatten_with_path(found)
    expected_leaves, expected_tree = jax.tree_util.tree_flatten_with_path(expected)
    trees: tuple[Any, Any] = (found_tree, expected_tree)
    if trees[0] != trees[1]:
        position = None if output else _first_other_tree(found, expected)
        place = None if position is None and not output else Place(position)
        return Difference(math.inf, place, f"expected the tree {expected_tree}, found {found_tree}")
    for (path, leaf), (_, want) in zip(found_leaves, expected_leaves, strict=True):
        shapes, dtypes = (np.shape(leaf), np.shape(want)), (_dtype(leaf), _dtype(want))
        weak = bool(getattr(leaf, "weak_type", False)) and not getattr(want, "weak_type", True)
        if shapes[0] != shapes[1] or dtypes[0] != dtypes[1] or weak:
            place = place_of(path, output)
            kind = " of a weak type" if weak and dtypes[0] == dtypes[1] else ""
            found_as = f"{_name(leaf)}{list(shapes[0])}{kind}"
            return Difference(
                math.inf, place, f"at {place.where}: expected {_name(want)}{list(shapes[1])}, found {found_as}"
            )
    return NOTHING


def difference(found: Any, expected: Any, output: bool = False, slack: Any = None, floor: float = 0.0) -> Difference:
    """Compute the largest relative error over all leaves, and where it is.

    The error of an element is |found - expected| / max|expected| over its leaf: scaled by the leaf's own size, so that a
    small leaf does not hide behind a large one. A leaf that should be all zeros is compared absolutely. NaN where there
    should be a number, or the other way round, is an infinite error; so is another tree or shape.

    Args:
        found: a pytree.
        expected: what it should be.
        output: whether they are outputs; otherwise they are tuples of cotangents.
        slack: a tree alike, of numbers that an error is forgiven by, absolutely.
        floor: the least size of a leaf, as a fraction of the largest number of all leaves.
    """
    fault = structure_fault(found, expected, output)
    if fault.fault:
        return fault
    leaves = list(zip(jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves(expected), strict=True))
    forgiven = jax.tree.leaves(slack) if slack is not None else [0.0] * len(leaves)
    least = floor * largest_of(expected) if floor else 0.0
    largest = NOTHING
    for ((path, leaf), want), pardon in zip(leaves, forgiven, strict=True):
        if np.size(want) == 0 or not _has_values(want):
            continue
        a, b = _widen(leaf), _widen(want)
        gap = gaps(a, b)
        gap = np.where(np.isinf(gap), gap, np.maximum(gap - pardon, 0.0))
        scale = max(_size(want), least) or 1.0
        index = np.unravel_index(int(np.argmax(gap)), gap.shape)
        error = float(gap[index] / scale)
        if error > largest.error:
            largest = Difference(error, place_of(path, output, tuple(map(int, index)), b[index], a[index]))
    return largest


def slack_between(
    here: Any, near: Any, ahead: Any = None, behind: Any = None, typical: Any = None, gain: float = 1.0
) -> Any:
    """What may be forgiven, for each leaf: 50 times what rounding makes of it, at most 5e-12 of the largest number of all.

    Args:
        here: the numbers.
        near: the same from arguments that were moved by a unit in the last place.
        ahead: from arguments moved a little further; without it, ``near`` alone is looked at.
        behind: from arguments moved the other way. What ahead - 2 here + behind leaves is rounding.
        typical: ``here`` where nothing cancels, times ``gain``: 64 units in its last place are forgiven in any case.
        gain: see ``typical``.
    """
    usual = here if typical is None else typical
    most = 5e-12 * max(gain * largest_of(usual), largest_of(here))

    def forgiven(leaf: Any, one: Any, two: Any, three: Any, ordinary: Any) -> Any:
        if not _has_values(leaf) or np.size(leaf) == 0:
            return 0.0
        gap = gaps(_widen(one), _widen(leaf))
        with np.errstate(invalid="ignore"):
            bend = np.abs(_widen(two) - 2 * _widen(leaf) + _widen(three))
        measured = np.maximum(np.where(np.isfinite(gap), gap, 0.0), np.where(np.isfinite(bend), bend, 0.0))
        rounding = min(50 * float(measured.max()), max(most, 1e-8 * _size(leaf)))
        return max(rounding, 64 * 2.0**-52 * gain * _size(ordinary))

    return jax.tree.map(
        forgiven, here, near, here if ahead is None else ahead, here if behind is None else behind, usual
    )


def largest_of(tree: Any) -> float:
    """The largest finite absolute value of all leaves."""
    return max((_size(leaf) for leaf in jax.tree.leaves(tree)), default=0.0)


def _has_values(leaf: Any) -> bool:
    return _dtype(leaf) != jax.dtypes.float0 and not jax.dtypes.issubdtype(_dtype(leaf), jax.dtypes.prng_key)


def _size(leaf: Any) -> float:
    """The largest finite absolute value of a leaf; 0 for none."""
    if np.size(leaf) == 0 or not _has_values(leaf):
        return 0.0
    values = np.abs(_widen(leaf))
    return float(values[np.isfinite(values)].max(initial=0.0))


def worst(differences: Any) -> Difference:
    """The largest of several differences."""
    return max(differences, key=lambda one: one.error)


def place_of(
    path: Any, output: bool, index: tuple[int, ...] = (), expected: float = math.nan, found: float = math.nan
) -> Place:
    """The place of a leaf: the first key of a path among cotangents is the argument's position."""
    if output:
        return Place(None, jax.tree_util.keystr(path), index, float(expected), float(found))
    return Place(path[0].idx, jax.tree_util.keystr(path[1:]), index, float(expected), float(found))


def gaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|a - b|, where equal infinities and NaN beside NaN have no difference, and NaN beside a number an infinite one."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where(same, 0.0, np.abs(np.where(same, 0.0, a) - np.where(same, 0.0, b)))
    return np.where(np.isnan(gap), np.inf, gap)


def _first_other_tree(found: Any, expected: Any) -> int | None:
    """The position of the first argument whose cotangent has another tree."""
    if not isinstance(found, (tuple, list)) or len(found) != len(expected):
        return None
    for position, (one, other) in enumerate(zip(found, expected, strict=True)):
        trees: tuple[Any, Any] = (jax.tree.structure(one), jax.tree.structure(other))
        if trees[0] != trees[1]:
            return position
    return None


def _widen(leaf: Any) -> np.ndarray:
    return np.asarray(np.asarray(leaf).astype(np.float64) if _dtype(leaf) != np.float64 else leaf)


def _dtype(leaf: Any) -> Any:
    return leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype


def _name(leaf: Any) -> str:
    dtype = _dtype(leaf)
    return "float0" if dtype == jax.dtypes.float0 else str(getattr(dtype, "name", dtype))
