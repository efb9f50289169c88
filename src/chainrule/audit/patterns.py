"""Finding out what mistake a wrong cotangent looks like: the found numbers compared with usual ways to go wrong."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import ml_dtypes
import numpy as np

from chainrule.audit import diagnosis
from chainrule.audit.compare import difference, largest_of
from chainrule.audit.inputs import COTANGENTS, Inputs, hand_program
from chainrule.audit.report import Place
from chainrule.audit.trees import floats, is_float, widened

__all__ = ["factor_in_words", "pattern_of"]


def pattern_of(inputs: Inputs, place: Place | None) -> str:
    """Name the mistake that the cotangents of one leaf show, compared with autodiff's; empty where none is known.

    The most particular patterns come first: a sign is also a factor, and a factor is also linear.
    """
    evidence = _gather(inputs, place)
    if evidence is None:
        return ""
    return next((name for detect in _DETECTORS if (name := detect(evidence))), "").strip()


@dataclass(frozen=True)
class _Evidence:
    """What is known of one wrong leaf: its cotangents for each of ``COTANGENTS``, on trial and by autodiff."""

    inputs: Inputs
    place: Place
    hand: list[np.ndarray]
    right: list[np.ndarray]
    sizes: list[float]  # where a cotangent cancels, as ones do in a softmax, errors count beside this usual size
    wrong: list[int]  # which of the cotangents show it

    @property
    def k(self) -> int:
        """The first cotangent that shows the mistake."""
        return self.wrong[0] if self.wrong else 0

    @property
    def found(self) -> np.ndarray:
        """The cotangent on trial there."""
        return self.hand[self.k]

    @property
    def expected(self) -> np.ndarray:
        """The cotangent by autodiff there."""
        return self.right[self.k]

    @functools.cached_property
    def bad(self) -> np.ndarray:
        """Which elements are wrong."""
        size = max(np.abs(self.expected).max(initial=0.0), 1e-300)
        return np.asarray(~(np.abs(self.found - self.expected) <= 1e-9 * size))

    @functools.cached_property
    def region(self) -> str:
        """Which values of the input the wrong elements have in common; empty where all are wrong, or nothing is."""
        return _region(self.inputs, self.place, self.bad) if 0 < self.bad.sum() < self.bad.size else ""


def _gather(inputs: Inputs, place: Place | None) -> _Evidence | None:
    seen = inputs.measured
    if place is None or place.argument is None or seen.autodiff is None:
        return None
    hand, right = ([_leaf_at(one, place) for one in trees] for trees in (seen.hand, seen.autodiff))
    gains = [largest_of(cotangent) / (largest_of(inputs.cotangents[0]) or 1.0) for cotangent in inputs.cotangents]
    sizes = [1e-3 * gain * largest_of(right[0]) for gain in gains]
    wrong = [k for k in range(len(hand)) if not _close(hand[k], right[k], 1e-9, sizes[k])]
    evidence = _Evidence(inputs, place, hand, right, sizes, wrong)
    return evidence if np.isfinite(evidence.expected).all() else None


def _leaf_at(cotangents: Any, place: Place) -> np.ndarray:
    assert place.argument is not None
    for path, leaf in jax.tree_util.tree_leaves_with_path(cotangents[place.argument]):
        if jax.tree_util.keystr(path) == place.path:
            return np.asarray(leaf, np.float64)
    raise KeyError(place.where)


def _is_not_finite(e: _Evidence) -> str:
    if np.isfinite(e.found).all():
        return ""
    return f"{diagnosis.REGION}, {e.region}" if e.region else _UNKNOWN


_UNKNOWN = " "  # no pattern, and no use in looking further


def _is_tiny(e: _Evidence) -> str:
    if e.wrong:
        return ""
    return diagnosis.FLOAT32 if _is_unstable(e.inputs) else _UNKNOWN


def _is_nonlinear(e: _Evidence) -> str:
    return "" if _is_linear(e.hand) else diagnosis.NONLINEAR


def _is_scaled(e: _Evidence) -> str:
    if not e.found.any():
        return diagnosis.ZERO
    factor = _factor(e.found, e.expected)
    pairs = zip(e.hand, e.right, e.sizes, strict=True)
    if factor is None or not all(_close(hand, factor * right, 1e-7, size) for hand, right, size in pairs):
        return ""
    return diagnosis.SIGN if abs(factor + 1) < 1e-7 else f"{diagnosis.FACTOR}, {factor_in_words(factor, e.inputs)}"


def _is_at_exact_values(e: _Evidence) -> str:
    return f"{diagnosis.REGION}, {e.region}" if e.region.endswith(_EXACTLY) else ""


_EXACTLY = ("is 0", "are equal")


def _is_displaced(e: _Evidence) -> str:
    if _is_turned(e.found, e.expected):
        return diagnosis.TRANSPOSED
    if _is_exchanged(e):
        return diagnosis.SWAPPED
    if e.found.size > 2 and _close(np.sort(e.found.ravel()), np.sort(e.expected.ravel()), 1e-9):
        return diagnosis.PERMUTED
    return diagnosis.TRANSPOSED if _is_of_transposed(e) or _is_pushed(e) else ""


def _is_partly_wrong(e: _Evidence) -> str:
    if COTANGENTS.index("ones") not in e.wrong:
        return diagnosis.CONSTANT
    count = int(e.bad.sum())
    if 0 < count <= max(1, e.bad.size // 8):
        return f"{diagnosis.FEW}, {count} of {e.bad.size}"
    return f"{diagnosis.REGION}, {e.region}" if e.region else ""


def _close(a: np.ndarray, b: np.ndarray, tolerance: float, size: float = 0.0) -> bool:
    if a.shape != b.shape:
        return False
    with np.errstate(invalid="ignore"):
        scale = max(float(np.abs(b[np.isfinite(b)]).max(initial=0.0)), size) or 1.0
        return bool(np.all((np.abs(a - b) <= tolerance * scale) | (a == b)))


def _is_linear(hand: list[np.ndarray]) -> bool:
    named = dict(zip(COTANGENTS, hand, strict=True))
    combined = 1000.0 * named["random"] - 0.001 * named["another"]
    return (
        _close(named["combined"], combined, 1e-9)
        and _close(named["negated"], -named["random"], 1e-9)
        and _close(named["small"], 1e-4 * named["another"], 1e-9)
        and not named["zero"].any()
    )


def _rounded(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether the error is as large as rounding to a narrower dtype makes it, in most elements."""
    scale = np.abs(expected).max(initial=0.0)
    if not scale or not np.isfinite(found).all():
        return False
    for dtype in (np.float32, np.float16, ml_dtypes.bfloat16):
        with np.errstate(over="ignore"):
            if np.array_equal(expected.astype(dtype).astype(np.float64), found):
                return True
    errors = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-3 * scale)
    # Rounding leaves no two errors alike, nor one sign: a factor of 1 + 1e-6 does.
    ratios = found[np.abs(expected) > 1e-3 * scale] / expected[np.abs(expected) > 1e-3 * scale] - 1
    scattered = ratios.size > 3 and np.unique(np.sign(ratios)).size > 1 and np.median(np.abs(ratios)) > 0
    return bool(
        scattered and 5e-9 < np.median(errors) < 2.0**-7 and errors.max() < 2.0**-5 and np.mean(errors > 0) > 0.5
    )


def _factor(found: np.ndarray, expected: np.ndarray) -> float | None:
    """The constant c with found = c expected, if there is one."""
    norm = float(np.vdot(expected, expected))
    if norm == 0 or not math.isfinite(norm):
        return None
    factor = float(np.vdot(found, expected)) / norm
    return factor if factor and _close(found, factor * expected, 1e-7) else None


def factor_in_words(factor: float, inputs: Inputs) -> str:
    """Say a factor as the sizes of the arguments and outputs would: ``1/4 (1 / a size of 4: a mean for a sum?)``."""
    sizes = sorted(
        {
            size
            for leaf in (*jax.tree.leaves(inputs.args), *jax.tree.leaves(inputs.output))
            for size in leaf.shape
            if size > 1
        }
        | {int(np.prod(leaf.shape)) for leaf in (*jax.tree.leaves(inputs.args), *jax.tree.leaves(inputs.output))}
        - {0, 1}
    )
    value = abs(factor)
    sign = "-" if factor < 0 else ""
    for size in sizes:
        if abs(value - size) < 1e-6 * size and size != 2:
            return f"{sign}{size}, a size of the arguments: a sum for a mean?"
        if abs(value * size - 1) < 1e-6 and size != 2:
            return f"{sign}1/{size}, one over a size of the arguments: a mean for a sum?"
    for a, b in itertools.permutations(sizes, 2):
        if abs(value * b - a) < 1e-6 * a:
            return f"{sign}{a}/{b}, two sizes of the arguments: a mean over another axis?"
    for n in range(2, 11):
        if abs(value - n) < 1e-6 * n:
            return f"{sign}{n}"
        if abs(value * n - 1) < 1e-6:
            return f"{sign}1/{n}"
    return f"{factor:.9g}"


def _is_unstable(inputs: Inputs) -> bool:
    """Whether an error too small to have a pattern in float64 is a large one in float32."""
    args, cotangent = inputs.cast(np.float32), jax.tree.map(_narrow, inputs.cotangents[0])
    _, found, _ = hand_program(inputs.subject, False, args, cotangent)
    _, _, right = inputs.pulled(widened(args), widened(cotangent))
    return difference(widened(found), right, floor=2.0**-6).error > 64 * float(np.finfo(np.float32).eps)


def _narrow(leaf: Any) -> Any:
    return np.asarray(leaf, np.float32) if leaf.dtype == np.float64 else leaf


def _is_turned(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two axes of the cotangent are exchanged."""
    for i, j in itertools.combinations(range(found.ndim), 2):
        if found.shape[i] == found.shape[j] and _close(np.swapaxes(found, i, j), expected, 1e-9):
            return True
    return found.ndim == 2 and _close(expected.T.reshape(found.shape), found, 1e-9)


def _is_of_transposed(e: _Evidence) -> bool:
    """Whether the cotangent is right for some square argument transposed: W where W^T should be."""
    leaves, tree = jax.tree.flatten(e.inputs.args)
    for position, leaf in enumerate(leaves):
        if is_float(leaf) and leaf.ndim == 2 and leaf.shape[0] == leaf.shape[1] > 1:
            turned = [value.T if n == position else value for n, value in enumerate(leaves)]
            there = e.inputs.measure(jax.tree.unflatten(tree, turned)).autodiff
            if there is not None and _close(e.found, _leaf_at(there[e.k], e.place), 1e-9):
                return True
    return False


def _is_pushed(e: _Evidence) -> bool:
    """Whether the cotangent is J d_y, where J^T d_y should be."""
    inputs, outputs = e.inputs, floats(e.inputs.output)
    if inputs.measured.pushed is None or len(outputs) != 1 or outputs[0].shape != e.found.shape:
        return False
    (cotangent,) = floats(inputs.cotangents[e.k])
    own = (e.place.argument, e.place.path)
    tangent = [
        cotangent if (path[0].idx, jax.tree_util.keystr(path[1:])) == own else np.zeros(leaf.shape)
        for path, leaf in jax.tree_util.tree_leaves_with_path(inputs.args)
        if is_float(leaf)
    ]
    (pushed,) = inputs.measure(inputs.args, tangent).pushed
    return _close(e.found, np.asarray(pushed), 1e-9)


def _is_exchanged(e: _Evidence) -> bool:
    """Whether the numbers are right for another leaf."""
    assert e.inputs.measured.autodiff is not None
    own = (e.place.argument, e.place.path)
    return any(
        (path[0].idx, jax.tree_util.keystr(path[1:])) != own
        and leaf.dtype != jax.dtypes.float0
        and bool(np.any(leaf))
        and _close(e.found, np.asarray(leaf), 1e-9)
        for path, leaf in jax.tree_util.tree_leaves_with_path(e.inputs.measured.autodiff[e.k])
    )


def _region(inputs: Inputs, place: Place, bad: np.ndarray) -> str:
    """Where the inputs of the wrong elements lie, if that parts them from the others.

    What parts them may be the argument itself, or how far it is from another argument of the same shape.
    """
    assert place.argument is not None
    leaves = {
        (path[0].idx, jax.tree_util.keystr(path[1:])): np.asarray(leaf, np.float64)
        for path, leaf in jax.tree_util.tree_leaves_with_path(inputs.args)
        if is_float(leaf) and leaf.shape == bad.shape
    }
    own = leaves.pop((place.argument, place.path), None)
    if own is None:
        return ""
    exact = [("the input is 0", own == 0), *(("the inputs are equal", own == other) for other in leaves.values())]
    for words, holds in (*exact, ("the inputs are equal", _is_tied(own))):
        if holds[bad].all() and not holds[~bad].any():
            return f"where {words}"
    for name, x in (("the input", own), *(("the difference of the inputs", own - other) for other in leaves.values())):
        beyond = _threshold(x[bad], x[~bad])
        if beyond:
            return f"where {name} is {beyond}"
    return ""


def _threshold(inside: np.ndarray, outside: np.ndarray) -> str:
    """The threshold that parts some numbers from others, in words."""
    sizes = np.abs(inside), np.abs(outside)
    if inside.max() < outside.min():
        return f"below {0 if inside.max() <= 0 <= outside.min() else round(outside.min(), 3):g}"
    if inside.min() > outside.max():
        return f"above {0 if outside.max() <= 0 <= inside.min() else round(outside.max(), 3):g}"
    if sizes[0].min() > sizes[1].max():
        return f"larger than {sizes[1].max():.3g}"
    return f"smaller than {sizes[1].min():.3g}" if sizes[0].max() < sizes[1].min() else ""


def _is_tied(x: np.ndarray) -> np.ndarray:
    """Which elements are equal to another one."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse].reshape(x.shape) > 1)


def _is_rounded(e: _Evidence) -> str:
    return diagnosis.ROUNDED if _rounded(e.found, e.expected) else ""


_DETECTORS: tuple[Callable[[_Evidence], str], ...] = (
    _is_not_finite,
    _is_tiny,
    _is_rounded,
    _is_nonlinear,
    _is_scaled,
    _is_at_exact_values,
    _is_displaced,
    _is_partly_wrong,
)
