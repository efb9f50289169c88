"""How far apart updates and states are, over all steps and leaves, and where."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path

from chainrule.audit.optimizers.trees import largest, tree_fault, wide
from chainrule.audit.report import Place

__all__ = ["Finding", "compare", "in_words", "worst"]

_SMALLEST = 1e-3  # of a leaf's scale over all steps: what its scale at one step is at least


class Finding(NamedTuple):
    """What a check found: a figure, and what and where it is."""

    figure: float
    detail: str = ""
    place: Place | None = None
    diagnosis: str = ""


def compare(
    found: list[Any],
    expected: list[Any],
    name: str = "",
    *,
    at: str = "step",
    unit: float = 1.0,
    spread: list[Any] | None = None,
) -> Finding:
    """The largest error over all steps and leaves: |found - expected| / (unit max|expected of the leaf| + spread).

    At a step where a leaf's numbers are small, or cancel, it has a thousandth of the scale of its largest step; a leaf that
    is zero at every step has that of 1. NaN is equal to NaN alone.
    """
    worst_found = Finding(0.0)
    if fault := tree_fault(found, expected):
        return Finding(math.inf, fault, Place(0))
    columns = zip(*(map(largest, jax.tree.leaves(tree)) for tree in expected), strict=True)
    scales = [max(column) or 1.0 for column in columns]
    for t, (tree, wanted) in enumerate(zip(found, expected, strict=True)):
        margins = jax.tree.leaves(spread[t]) if spread else [0.0] * len(scales)
        rows = zip(tree_leaves_with_path(tree), jax.tree.leaves(wanted), scales, margins, strict=True)
        for (path, given), want, scale, margin in rows:
            a, b = wide(given), wide(want)
            if a.shape != b.shape:
                detail = f"{keystr(path)}: expected the shape {list(b.shape)}, found {list(a.shape)}"
                return Finding(math.inf, detail, Place(0, keystr(path)))
            if not b.size:
                continue
            gap = np.abs(a - b) / (unit * max(largest(b), _SMALLEST * scale) + margin)
            gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isnan(gap), np.inf, gap))
            index = tuple(map(int, np.unravel_index(int(np.argmax(gap)), gap.shape)))
            if gap[index] > worst_found.figure:
                place = Place(0, name + keystr(path), index, float(b[index]), float(a[index]))
                worst_found = Finding(float(gap[index]), f"at {at} {t + 1}, {in_words(place)}", place)
    return worst_found


def worst(*findings: Finding) -> Finding:
    """The finding of the largest figure, the first among equals."""
    return max(findings, key=lambda finding: finding.figure)


def in_words(place: Place) -> str:
    """The place with both its numbers: ``leaf ['w'][2, 0]: expected 1, found 2``."""
    at = f"leaf {place.path}{list(place.index) if place.index else ''}"
    return f"{at}: expected {place.expected:.9g}, found {place.found:.9g}"
