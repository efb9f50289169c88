"""Differences in float64: the judge that knows nothing of autodiff."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from chainrule.audit.checks.names import COORDINATES, DIFFERENCES, INFORMATIVE, TAYLOR, TOLERANCES, fault
from chainrule.audit.compare import largest_of, place_of
from chainrule.audit.inputs import Inputs, points_program
from chainrule.audit.report import Check
from chainrule.audit.trees import flat, is_float, place_at

__all__ = ["Slope", "check_coordinates", "check_differences", "check_taylor", "points", "slope_of"]

_STEPS = 0.25 * 0.5 ** np.arange(20)  # 0.25 to 5e-7, each half the one before
_MOVES, _ROWS = 64, 8
_FORGIVEN = 50.0  # times what rounding moves a number by, is its slack
_CONDITIONED = 640 * 2.0**-52  # of the largest number: a slack below it is that of any function
_BUDGET = 2**25  # numbers that may be computed for differences along each coordinate


class Slope(NamedTuple):
    """A derivative along a line, by differences, and how far it can be trusted."""

    value: float
    uncertainty: float


def points(inputs: Inputs, directions: np.ndarray, moves: list[tuple[int, float, int, float]]) -> np.ndarray:
    """The output, flat, at x + a v_i + b e_j for each of the moves.

    All are computed by one program for a fixed number of moves and directions, so that it is compiled once.
    """
    rows = np.zeros((max(_ROWS, len(directions)), directions.shape[1]))
    rows[: len(directions)] = directions
    outputs = []
    for first in range(0, len(moves), _MOVES):
        part = moves[first : first + _MOVES]
        i, a, j, b = (
            np.array(column) for column in zip(*part, *[(0, 0.0, 0, 0.0)] * (_MOVES - len(part)), strict=True)
        )
        computed = points_program(inputs.subject, inputs.args, rows, (i.astype(np.int32), a, j.astype(np.int32), b))
        outputs.append(np.asarray(computed)[: len(part)])
    return np.concatenate(outputs)


def slope_of(steps: np.ndarray, here: float, ahead: np.ndarray, behind: np.ndarray, size: float) -> list[Slope]:
    """Estimate a derivative from values at x ± h for steps that halve, the most trustworthy estimates first.

    ::

        D(h) = (f(x + h v) - f(x - h v)) / 2h = f' + O(h^2)
        R(h) = (4 D(h/2) - D(h)) / 3          = f' + O(h^4)
        S(h) = (16 R(h/2) - R(h)) / 15        = f' + O(h^6)

    The uncertainty is |R(h/2) - R(h)| and what rounding leaves: ``size``, epsilon times the sum of the absolute values that
    cancel, over h. A kink within reach of h shows as a large one; so does a pole, where steps beyond it agree with each
    other and finer ones tell altogether another slope. At a kink in x itself there is no derivative, and no estimate.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        central = (ahead - behind) / (2 * steps)
        once = (4 * central[1:] - central[:-1]) / 3
        twice = (16 * once[1:] - once[:-1]) / 15
        rounding = 4 * size / steps[2:]
        uncertainty = np.abs(once[1:] - once[:-1]) + rounding
        jump = (
            np.abs(ahead - 2 * here + behind) / steps
        )  # the slope ahead less the slope behind: O(h) if there is one slope
        if jump[-1] > 1e-4 * np.abs(central[-1]) + rounding[-1] and jump[-1] > 0.6 * jump[-3]:
            return []
    uncertainty = np.where(np.isfinite(twice) & np.isfinite(uncertainty), uncertainty, np.inf)
    uncertainty += _contradicted(twice, uncertainty)
    best = np.argsort(uncertainty)[:3]
    return [Slope(float(twice[k]), float(uncertainty[k])) for k in best if np.isfinite(uncertainty[k])]


def _contradicted(slopes: np.ndarray, uncertainty: np.ndarray) -> np.ndarray:
    """How far the estimate at each step is out of the reach of those at finer steps, where it is by more than itself."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(slopes[None, :] - slopes[:, None]) - uncertainty[None, :]
        apart = np.where(np.triu(np.isfinite(apart), 1), apart, 0.0).max(axis=1)
        return np.where(apart > np.abs(slopes), apart, 0.0)


def gap(found: float, slopes: list[Slope]) -> tuple[float, float]:
    """How far a number is from the estimates, and how far it may be: the most lenient of the most trustworthy."""
    pairs = [(abs(found - slope.value), 20 * slope.uncertainty) for slope in slopes]
    return min(pairs, key=lambda pair: pair[0] / max(pair[1], 1e-300), default=(0.0, np.inf))


def check_differences(inputs: Inputs) -> Iterator[Check]:
    """Central differences with Richardson extrapolation, along a random direction of every leaf of every argument.

    <d_output, R> = <pullback(d_output), v>. The tolerance is what the differences themselves can tell, at most 1e-6.
    """
    leaves = jax.tree_util.tree_leaves_with_path(inputs.args)
    rng = inputs.rng(1)
    cotangent, pulled = flat(inputs.cotangents[0]), flat(inputs.measured.hand[0])
    spans = _spans(inputs)
    chosen = [n for n, (_, leaf) in enumerate(leaves) if n in spans and np.size(leaf)]
    if not chosen:
        return
    directions = np.zeros((len(chosen), flat(inputs.args).size))
    moves = []
    for row, n in enumerate(chosen):
        values = np.asarray(leaves[n][1])
        directions[row, spans[n]] = rng.normal(size=values.size) * max(1.0, float(np.abs(values).max()))
        moves += [(row, sign * h, 0, 0.0) for h in _STEPS for sign in (1, -1)]
    outputs = points(inputs, directions, [*moves, (0, 0.0, 0, 0.0)])
    with np.errstate(invalid="ignore", over="ignore"):
        values, sizes = outputs @ cotangent, np.abs(outputs) @ np.abs(cotangent)
    largest = Check(DIFFERENCES, inputs.case, True, 0.0, TOLERANCES[DIFFERENCES])
    told = False
    for row, n in enumerate(chosen):
        part = values[row * 2 * len(_STEPS) : (row + 1) * 2 * len(_STEPS)]
        size = sizes[row * 2 * len(_STEPS) : (row + 1) * 2 * len(_STEPS)]
        finite = size[np.isfinite(size)]
        found = float(pulled[spans[n]] @ directions[row, spans[n]])
        rounding = inputs.epsilon * float(finite.max(initial=0.0))
        slopes = slope_of(_STEPS, values[-1], part[0::2], part[1::2], rounding)
        distance, allowed = gap(found, slopes)
        if distance > allowed:  # an ill-conditioned primal leaves more rounding than its size tells
            slopes = slope_of(_STEPS, values[-1], part[0::2], part[1::2], rounding + _noise(inputs))
            distance, allowed = gap(found, slopes)
        told = told or bool(slopes)
        expected = slopes[0].value if slopes else np.nan
        scale = max(abs(expected), np.abs(pulled[spans[n]]) @ np.abs(directions[row, spans[n]]), 1e-300)
        scale = scale if np.isfinite(scale) else 1.0
        one = _judged(
            DIFFERENCES, inputs, distance, allowed, scale, expected, found, leaves[n][0], "along a random direction, "
        )
        if (one.ok, -one.figure) < (largest.ok, -largest.figure):
            largest = one
    if told or inputs.has_referee:
        yield largest
    else:
        yield fault(INFORMATIVE, inputs, 1.0, "neither autodiff nor differences can judge here: nothing is proved")


def _noise(inputs: Inputs) -> float:
    """What rounding leaves of the output's product with a cotangent, where the primal loses digits on its way."""
    leaves = (jax.tree.leaves(tree) for tree in (inputs.slack.output, inputs.measured.output, inputs.cotangents[0]))
    return sum(
        slack / _FORGIVEN * float(np.abs(cotangent).sum())
        for slack, output, cotangent in zip(*leaves, strict=True)
        if is_float(cotangent) and slack > _CONDITIONED * largest_of(output)
    )


def _judged(
    name: str,
    inputs: Inputs,
    distance: float,
    allowed: float,
    scale: float,
    expected: float,
    found: float,
    path: Any,
    how: str,
    index: tuple[int, ...] = (),
) -> Check:
    """A verdict in relative terms. Differences that tell nothing condemn nobody; only a number that is no number does."""
    place = place_of(path, False, index, expected, found)
    if np.isnan(expected):  # no estimate: the function is not finite around here
        return Check(name, inputs.case, True, 0.0, TOLERANCES[name])
    if not np.isfinite(found):
        return Check(name, inputs.case, False, np.inf, TOLERANCES[name], f"{how}{place}", place)
    tolerance = max(min(allowed / scale, _USELESS) if allowed < scale else allowed / scale, 1e-13)
    ok = distance / scale <= tolerance
    # A figure within the tolerance of the check passes in any case that the differences are sure of it.
    detail = "" if ok else f"{how}{place}"
    return Check(name, inputs.case, bool(ok), float(distance / scale), float(tolerance), detail, None if ok else place)


_USELESS = 1e-2  # differences less sure than this, and yet sure of the size, are not taken as an excuse


def check_coordinates(inputs: Inputs) -> Iterator[Check]:
    """Central differences along each single coordinate of every argument: no wrong number hides among thousands.

    Where the arguments are many, as many of them, spread evenly, as a fixed amount of work allows.
    """
    n, k = inputs.sizes
    if n == 0 or k == 0:
        return
    spans = _spans(inputs)
    start, cotangent = flat(inputs.args), flat(inputs.cotangents[0])
    pulled = flat(inputs.measured.hand[0])
    most = max(16, min(n, _BUDGET // max(16 * (n + k), 1)))
    chosen = np.unique(np.linspace(0, n - 1, most).astype(int))
    steps = 2.0**-7 * 0.5 ** np.arange(4)
    directions = np.zeros((1, n))
    failed: dict[int, tuple[float, float, float]] = {}
    largest = (0.0, 1e-9)
    for base in (1.0, 2.0**-6, 2.0**-12):  # a coarse step may straddle a kink: then a finer one must not
        candidates = chosen if base == 1.0 else np.array(sorted(failed))
        if not candidates.size:
            break
        scales = np.maximum(1.0, np.abs(start[candidates]))
        moves = [
            (0, 0.0, int(j), float(sign * h * base * s))
            for j, s in zip(candidates, scales, strict=True)
            for h in steps
            for sign in (1, -1)
        ]
        outputs = points(inputs, directions, [*moves, (0, 0.0, 0, 0.0)])
        here, outputs = outputs[-1] @ cotangent, outputs[:-1].reshape(len(candidates), len(steps), 2, k)
        before, failed = failed, {}
        with np.errstate(invalid="ignore", over="ignore"):
            values, sizes = outputs @ cotangent, np.abs(outputs) @ np.abs(cotangent)
        for row, j in enumerate(candidates):
            size = sizes[row][np.isfinite(sizes[row])].max(initial=0.0)
            slopes = slope_of(
                steps * base * scales[row], here, values[row, :, 0], values[row, :, 1], inputs.epsilon * float(size)
            )
            if not slopes:
                continue
            distance, allowed = gap(float(pulled[j]), slopes)
            leaf = next(span for span in spans.values() if span.start <= j < span.stop)
            whole = np.abs(pulled[leaf])
            scale = max(float(whole[np.isfinite(whole)].max(initial=0.0)), abs(slopes[0].value), 1e-300)
            if not np.isfinite(pulled[j]) or distance > max(allowed, 1e-13 * scale):
                failed[int(j)] = (slopes[0].value, float(pulled[j]), distance / scale)
            elif int(j) in before and gap(before[int(j)][0], slopes)[0] <= allowed:
                failed[int(j)] = before[int(j)]  # finer steps, lost in rounding, say nothing against the coarse ones
            elif base == 1.0 and distance / scale > largest[0]:
                largest = (distance / scale, max(allowed / scale, 1e-13))
    if not failed:
        yield Check(COORDINATES, inputs.case, True, largest[0], max(largest[1], largest[0]))
        return
    j, (expected, found, figure) = max(
        failed.items(), key=lambda item: item[1][2] if np.isfinite(item[1][2]) else np.inf
    )
    place = place_at(inputs.args, j, expected, found)
    detail = f"{len(failed)} of {len(chosen)} numbers are wrong, most {place}"
    yield Check(
        COORDINATES,
        inputs.case,
        False,
        figure if np.isfinite(figure) else np.inf,
        TOLERANCES[COORDINATES],
        detail,
        place,
    )


def check_taylor(inputs: Inputs) -> Iterator[Check]:
    """The remainder f(x + h v) - f(x) - h <g, v> vanishes to second order if g is right, to first order if it is wrong.

    The figure is the order, at the smallest steps that rounding leaves readable; at least 1.5 is asked. A remainder below
    rounding at every step (a linear function) counts as order 2.
    """
    n, k = inputs.sizes
    if n == 0 or k == 0:
        return
    _, remainder, bend, floor = taylor_remainder(inputs)
    if not (np.isfinite(remainder).all() and np.isfinite(bend).all()):
        return
    order = _order(remainder, floor)
    if order < TOLERANCES[TAYLOR]:  # an ill-conditioned primal leaves more rounding than its size tells
        order = max(order, _order(remainder, floor + _noise(inputs)))
    ok = order >= TOLERANCES[TAYLOR]
    if not ok and _order(bend, floor) < TOLERANCES[TAYLOR]:
        return  # f(x + h v) - 2 f(x) + f(x - h v) is of first order too: a kink, where no derivative is right
    detail = (
        ""
        if ok
        else f"the remainder shrinks by {2**order:.3g} when the step is halved, by 4 if the derivative were right"
    )
    yield Check(TAYLOR, inputs.case, bool(ok), float(order), TOLERANCES[TAYLOR], detail, unit="order")


def _order(remainder: np.ndarray, floor: float) -> float:
    """The order at the smallest readable steps. Rounding has order 0: where it shows, larger steps are read instead."""
    for above in 10.0 ** np.arange(3, 12):
        usable = np.flatnonzero(remainder > above * floor)
        if usable.size < 2 or usable[-1] == 0:
            return 2.0
        last = min(usable[-1], len(remainder) - 2)
        order = float(np.log2(remainder[last - 1] / max(remainder[last + 1], above * floor / 10))) / 2
        if order > 0.7:
            return order
    return 2.0


def taylor_remainder(inputs: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Steps h, remainders, bends, and what rounding leaves of either; f is the output's product with a cotangent.

    The remainder is |f(x + h v) - f(x) - h <g, v>|, the bend |f(x + h v) - 2 f(x) + f(x - h v)|.
    """
    start, cotangent = flat(inputs.args), flat(inputs.cotangents[0])
    direction = inputs.rng(5).normal(size=start.size)
    for span in _spans(inputs).values():
        direction[span] *= max(1.0, float(np.abs(start[span]).max(initial=0.0)))
    steps = 0.5 ** np.arange(3, 30)
    moves = [(0, h, 0, 0.0) for h in (0.0, *steps, *-steps)]
    outputs = points(inputs, direction[None], moves)
    with np.errstate(invalid="ignore", over="ignore"):
        here, ahead, behind = np.split(outputs @ cotangent, [1, 1 + len(steps)])
        floor = inputs.epsilon * float(np.abs(outputs[0]) @ np.abs(cotangent)) + 1e-300
        remainder = np.abs(ahead - here - steps * float(flat(inputs.measured.hand[0]) @ direction))
        bend = np.abs(ahead - 2 * here + behind)
        if bend[-3:].max() > bend[-6:-3].max() / 16:  # of no order in h, whatever g is: what f's own rounding leaves
            floor = max(floor, float(bend[-6:].max()))
    return steps, remainder, bend, floor


def _spans(inputs: Inputs) -> dict[int, slice]:
    """For each floating-point leaf, by its number among all leaves, where it is in the flat vector."""
    spans, offset = {}, 0
    for n, leaf in enumerate(jax.tree.leaves(inputs.args)):
        if is_float(leaf):
            spans[n] = slice(offset, offset + int(np.prod(leaf.shape)))
            offset += int(np.prod(leaf.shape))
    return spans
