"""Values that break formulas: zero, equal, large, tiny, infinite; and kinks, where a derivative is one of many.

A case of the register that is meant for it is judged strictly. For anything else the audit probes on its own account, at the
shapes that it was given, and blames nobody for what the primal itself cannot do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from chainrule.audit import diagnosis
from chainrule.audit.checks.differences import points
from chainrule.audit.checks.names import EXTREMES, KINKS, TOLERANCES, VALUES, fault, verdict
from chainrule.audit.checks.precision import narrow_run
from chainrule.audit.compare import difference, place_of
from chainrule.audit.inputs import Inputs
from chainrule.audit.patterns import pattern_of
from chainrule.audit.report import Check, Place
from chainrule.audit.trees import flat, floats, is_float, one_hot, place_at, widened

__all__ = ["check_extremes", "check_kinks", "check_probes", "probes"]

# Of both signs: beyond where exponentials overflow, where they vanish, where they cancel, and zero.
_FOUR = "four times the arguments"
_FLAGS = "flags drawn anew"
_VALUES = np.array([1e4, -1e4, 300.0, -300.0, 88.0, -88.0, 20.0, -20.0, 1e-4, -1e-4, 1e-30, -1e-30, 0.0, -0.0, 1.0])


def check_extremes(inputs: Inputs) -> Iterator[Check]:
    """In float32, output and cotangents are finite wherever they are finite, and small enough, in float64."""
    yield _finite(inputs, strict=True)


def _finite(inputs: Inputs, strict: bool) -> Check:
    run = narrow_run(inputs, np.float32)
    if run is None:
        return fault(EXTREMES, inputs, 0.0)
    args, cotangent, output, found, referee = run
    wide_output, expected, wide_referee = inputs.pulled(widened(args), widened(cotangent))
    if not strict and not _survives(output, wide_output):
        return fault(EXTREMES, inputs, 0.0)  # the primal overflows, or loses itself: no fault of its derivative
    excused: list[np.ndarray] = []
    if not strict and inputs.has_referee and not all(np.isfinite(leaf).all() for leaf in floats(found)):
        excused = [~np.isfinite(np.asarray(leaf)) for leaf in floats(referee())]
    faults, place = 0, None
    cotangents = zip(jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves(expected), strict=True)
    pairs = [(path, leaf, wide, False) for (path, leaf), wide in cotangents]
    if strict:
        outputs = zip(jax.tree_util.tree_leaves_with_path(output), jax.tree.leaves(wide_output), strict=True)
        pairs = [(path, leaf, wide, True) for (path, leaf), wide in outputs] + pairs
    judged = _finite_in_float64(expected if wide_referee is None else wide_referee)
    number = 0
    for path, leaf, wide, is_output in pairs:
        if not is_float(leaf):
            continue
        values, right = np.asarray(leaf, np.float64), np.asarray(wide, np.float64)
        with np.errstate(invalid="ignore"):
            bad = ~np.isfinite(values) & np.isfinite(right) & (np.abs(right) < np.finfo(np.float32).max)
        if not is_output:
            bad |= ~np.isfinite(values) & judged[number]
            bad &= ~excused[number] if excused else True
            number += 1
        faults += int(bad.sum())
        if bad.any() and place is None:
            index = np.unravel_index(int(np.argmax(bad)), bad.shape)
            place = place_of(path, is_output, tuple(map(int, index)), float(right[index]), float(values[index]))
    return fault(EXTREMES, inputs, faults, f"in float32 {place}", place, diagnosis.FLOAT32)


def _finite_in_float64(cotangents: Any) -> list[np.ndarray]:
    """Where the judge's derivative is finite in float64, and small enough for float32."""
    with np.errstate(invalid="ignore"):
        return [
            np.isfinite(np.asarray(leaf)) & (np.abs(np.asarray(leaf)) < np.finfo(np.float32).max)
            for leaf in floats(cotangents)
        ]


def _survives(output: Any, wide: Any) -> bool:
    """Whether the primal in float32 is finite where it is in float64, and within a hundredth of its largest number.

    At a jump (the solution of a system whose matrix has lost its rank) the two are numbers of different kinds, and so are
    their derivatives.
    """
    for leaf, right in zip(floats(output), floats(wide), strict=True):
        a, b = np.asarray(leaf, np.float64), np.asarray(right, np.float64)
        known = np.isfinite(b)
        if not np.isfinite(a[known]).all():
            return False
        if known.any() and np.abs(a[known] - b[known]).max() > 1e-2 * np.abs(b[known]).max():
            return False
    return True


def check_kinks(inputs: Inputs) -> Iterator[Check]:
    """For single outputs y_k, along every coordinate and some directions, <g, v> lies between the slopes ahead and behind.

    ::

        (y_k(x + h v) - y_k(x)) / h    and    (y_k(x) - y_k(x - h v)) / h,    h to 0

    Both are the derivative where there is one. At the kink of a maximum or of |x| they differ, and every subgradient lies
    between them. (A sum of outputs with weights of both signs has no such bounds: hence one output at a time.) Where a slope
    does not settle as h shrinks (a jump, a pole), nothing is asked.
    """
    yield _between(inputs, strict=True)


def _between(inputs: Inputs, strict: bool) -> Check:
    start, (n, k) = flat(inputs.args), inputs.sizes
    if n == 0 or k == 0:
        return fault(KINKS, inputs, 0.0)
    rng = inputs.rng(8)
    directions = np.concatenate([np.ones((1, n)), rng.normal(size=(3, n))])
    lines = [(d, -1) for d in range(4)] + [(0, int(j)) for j in _spread(n, 64)]
    sizes = 2.0**-13 * 0.5 ** np.arange(3) * max(1.0, float(np.abs(start[np.isfinite(start)]).max(initial=0.0)) * 1e-2)
    moves = [(0, 0.0, 0, 0.0)]
    for d, j in lines:
        for h in sizes:
            moves += [(d, h, 0, 0.0), (d, -h, 0, 0.0)] if j < 0 else [(0, 0.0, j, h), (0, 0.0, j, -h)]
    outputs = points(inputs, directions, moves)
    ahead, behind = (_settled(side) for side in _one_sided(outputs, sizes, inputs.epsilon))
    if not strict and not inputs.has_referee and not _is_smooth(ahead, behind, directions, n):
        return fault(KINKS, inputs, 0.0)  # where the function has no derivative, JAX's autodiff may do as it likes
    low, high = np.minimum(ahead.value, behind.value), np.maximum(ahead.value, behind.value)
    with np.errstate(invalid="ignore"):
        # A primal in float32 rounds its arguments as well: relative to the step, that is an error of the slope.
        relative = 1e-6 + 20 * inputs.epsilon * float(np.abs(start[np.isfinite(start)]).max(initial=0.0)) / sizes[-1]
        slack = 20 * (ahead.error + behind.error) + relative * np.maximum(np.abs(low), np.abs(high)) + 1e-9
    known = np.isfinite(slack)
    for output in _spread(k, 6):
        if not known[:, output].any():
            continue
        _, hand, referee = inputs.pulled(inputs.args, one_hot(inputs.output, output))
        rows = np.flatnonzero(known[:, output])
        for row in rows[np.argsort(rows < len(directions), kind="stable")]:  # coordinates first: they have an index
            (d, j), at, room = lines[row], (row, output), slack[row, output]
            found = _along(hand, directions[d], j)
            if np.isfinite(found) and low[at] - room <= found <= high[at] + room:
                continue
            if not strict and _is_excused(found, referee, directions[d], j):
                continue
            place = _place_along(
                inputs, j, low[at] if abs(low[at] - found) < abs(high[at] - found) else high[at], found
            )
            between = (
                f"{low[at]:.6g}" if high[at] - low[at] <= room else f"a number from {low[at]:.6g} to {high[at]:.6g}"
            )
            where = place.where if place is not None else "a direction"
            return fault(KINKS, inputs, 1.0, f"along {where}: expected {between}, found {found:.6g}", place)
    return fault(KINKS, inputs, 0.0)


class _Sides(NamedTuple):
    """The limits of one-sided slopes, (lines, outputs), and their uncertainty; infinite where there is no limit."""

    value: np.ndarray
    error: np.ndarray


def _one_sided(outputs: np.ndarray, sizes: np.ndarray, epsilon: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Slopes ahead and behind at each step size, (lines, sizes, outputs), and what rounding leaves of each output."""
    here, moved = outputs[0], outputs[1:].reshape(-1, len(sizes), 2, outputs.shape[1])
    with np.errstate(invalid="ignore", over="ignore"):
        rounding = epsilon * np.abs(here) / sizes[-1]
        steps = sizes[None, :, None]
        return [((moved[:, :, 0] - here) / steps, rounding), ((here - moved[:, :, 1]) / steps, rounding)]


def _settled(side: tuple[np.ndarray, np.ndarray]) -> _Sides:
    """The limit of one-sided slopes at steps that halve, extrapolated."""
    slopes, rounding = side
    with np.errstate(invalid="ignore", over="ignore"):
        once = 2 * slopes[:, 1:] - slopes[:, :-1]
        value, error = once[:, 1], np.abs(once[:, 1] - once[:, 0]) + 4 * rounding
        sure = np.isfinite(slopes).all(axis=1) & (error <= 1e-3 * np.maximum(np.abs(value), 1e-3))
    return _Sides(value, np.where(sure, error, np.inf))


def _is_smooth(ahead: _Sides, behind: _Sides, directions: np.ndarray, n: int) -> bool:
    """Whether every output has one slope along every line, and those of the coordinates add up to those of directions."""
    if (
        not (np.isfinite(ahead.error).all() and np.isfinite(behind.error).all())
        or len(ahead.value) != len(directions) + n
    ):
        return False
    room = 20 * (ahead.error + behind.error) + 1e-6 * np.abs(ahead.value) + 1e-9
    if not (np.abs(ahead.value - behind.value) <= room).all():
        return False
    added = directions @ ahead.value[len(directions) :]
    allowed = room[: len(directions)] + np.abs(directions) @ room[len(directions) :]
    return bool((np.abs(added - ahead.value[: len(directions)]) <= allowed).all())


def _is_excused(found: float, referee: Any, direction: np.ndarray, coordinate: int) -> bool:
    """Whether a slope out of bounds is the choice of the primal's own parts: autodiff of it chooses the same."""
    return referee is not None and not _differs(found, _along(referee, direction, coordinate))


def _spread(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def _differs(a: float, b: float) -> bool:
    both = np.isnan(a) and np.isnan(b)
    return not both and not (abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-300))


def _along(cotangents: Any, direction: np.ndarray, coordinate: int) -> float:
    pulled = flat(cotangents)
    return float(pulled[coordinate]) if coordinate >= 0 else float(pulled @ direction)


def _place_along(inputs: Inputs, coordinate: int, expected: float, found: float) -> Place | None:
    if coordinate < 0:
        positions = [n for n, arg in enumerate(inputs.args) if floats(arg)]
        return Place(positions[0], expected=expected, found=found) if len(positions) == 1 else None
    return place_at(inputs.args, coordinate, expected, found)


# ----------------------------------------------------------------------------------------------------------------------
# Probing on the audit's own account.
# ----------------------------------------------------------------------------------------------------------------------


def probes(inputs: Inputs) -> Iterator[Inputs]:
    """The same subject and shapes at values that break formulas."""
    rng = inputs.rng(9)

    def everywhere(draw: Any) -> Any:
        return jax.tree.map(lambda leaf: np.asarray(draw(leaf), np.float64) if is_float(leaf) else leaf, inputs.args)

    yield inputs.at(everywhere(np.zeros_like), "all zero")
    yield inputs.at(everywhere(np.ones_like), "all equal")
    yield inputs.at(everywhere(lambda leaf: rng.integers(-1, 2, size=leaf.shape)), "ties: -1, 0 and 1")
    yield inputs.at(everywhere(lambda leaf: 1e-4 * leaf), "a ten-thousandth")
    yield inputs.at(everywhere(lambda leaf: 4 * leaf), _FOUR)
    yield inputs.at(
        everywhere(lambda leaf: rng.permutation(np.resize(_VALUES, leaf.size)).reshape(leaf.shape)), "extremes"
    )
    leaves, tree = jax.tree.flatten(inputs.args)
    for number, leaf in [(n, leaf) for n, leaf in enumerate(leaves) if is_float(leaf)][:3]:
        for value, name in ((300.0, "large"), (-300.0, "large and negative"), (-np.inf, "one of minus infinity")):
            if np.isinf(value) and inputs.decomposes:
                continue  # given an infinity LAPACK may never return: its dgesdd does not, for some matrices
            changed = 0.1 * leaf + value if np.isfinite(value) else np.array(leaf)
            if not np.isfinite(value):
                changed.reshape(-1)[: 1 if leaf.size else 0] = value
            moved = [changed if n == number else other for n, other in enumerate(leaves)]
            yield inputs.at(jax.tree.unflatten(tree, moved), f"{name}, leaf {number}")
    if any(leaf.dtype == np.bool_ for leaf in leaves):
        # A mask that is true everywhere hides what is done with the rest.
        drawn = [rng.uniform(size=leaf.shape) < 0.7 if leaf.dtype == np.bool_ else leaf for leaf in leaves]
        yield inputs.at(jax.tree.unflatten(tree, drawn), _FLAGS)


def check_probes(inputs: Inputs) -> Iterator[Check]:
    """At each probe: finite where the true derivative is, in float64 and in float32, and between the one-sided slopes.

    One row for each name, with the first probe that fails.
    """
    rows = {EXTREMES: fault(EXTREMES, inputs, 0.0), KINKS: fault(KINKS, inputs, 0.0)}
    if inputs.has_referee:
        rows[VALUES] = Check(VALUES, inputs.case, True, 0.0, TOLERANCES[VALUES])
    for probe in probes(inputs):
        seen = probe.measured
        if not all(np.isfinite(leaf).all() for leaf in floats(seen.primal)):
            continue  # outside of the domain
        checks = [_at_finite(probe), _finite(probe, strict=False) if inputs.epsilon == 2.0**-52 else None]
        if probe.case in (_FOUR, _FLAGS) and inputs.has_referee:
            checks.append(_against_autodiff(probe))
        if "large" not in probe.case and all(np.isfinite(leaf).all() for leaf in floats(probe.args)):
            checks.append(_between(probe, strict=False))
        for check in checks:
            if check is not None and not check.ok and rows[check.name].ok:
                rows[check.name] = check
    yield from rows.values()


def _against_autodiff(probe: Inputs) -> Check:
    """Hand is autodiff at numbers four times as large and at other flags: it may be right near zero, or unmasked, alone."""
    seen = probe.measured
    assert seen.autodiff is not None
    right = seen.autodiff[0]
    check = verdict(VALUES, probe, lambda slack: difference(seen.hand[0], right, slack=slack and slack.cotangents[0]))
    return check if check.ok else dataclasses.replace(check, diagnosis=pattern_of(probe, check.place))


def _at_finite(probe: Inputs) -> Check:
    """Where autodiff in float64 is finite, the derivative on trial is."""
    seen = probe.measured
    if seen.autodiff is None:
        return fault(EXTREMES, probe, 0.0)
    for hand, right in zip(seen.hand, seen.autodiff, strict=True):
        for (path, leaf), wide in zip(jax.tree_util.tree_leaves_with_path(hand), jax.tree.leaves(right), strict=True):
            if not is_float(leaf):
                continue
            bad = ~np.isfinite(leaf) & np.isfinite(wide)
            if bad.any():
                index = np.unravel_index(int(np.argmax(bad)), bad.shape)
                place = place_of(path, False, tuple(map(int, index)), float(wide[index]), float(leaf[index]))
                return fault(EXTREMES, probe, float(bad.sum()), f"in float64 {place}", place)
    return fault(EXTREMES, probe, 0.0)
