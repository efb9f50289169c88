"""The whole Jacobian, where it is small: every number of it by differences and by the pullback."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np

from chainrule.audit.checks.differences import gap, points, slope_of
from chainrule.audit.checks.names import JACOBIAN
from chainrule.audit.compare import place_of
from chainrule.audit.inputs import Inputs, flat, hand_program, is_float, one_hot
from chainrule.audit.report import Check

__all__ = ["check_jacobian"]

_MOST = 128  # numbers in it
_STEPS = 2.0**-7 * 0.5 ** np.arange(4)


def check_jacobian(inputs: Inputs) -> Iterator[Check]:
    """Each row by the pullback of one output alone, each column by central differences of one input alone.

    ``dy_k / dx_j``; the tolerance is what the differences themselves can tell. Where the function has a kink within the
    steps, nothing is said of that number here.
    """
    n, k = inputs.sizes
    if not 0 < n * k <= _MOST:
        return
    rows = [flat(hand_program(inputs.subject, False, inputs.args, one_hot(inputs.output, row))[1]) for row in range(k)]
    found = np.stack(rows)
    start = flat(inputs.args)
    scales = np.maximum(1.0, np.abs(start))
    moves = [(0, 0.0, j, float(sign * h * scales[j])) for j in range(n) for h in _STEPS for sign in (1, -1)]
    outputs = points(inputs, np.zeros((1, n)), [*moves, (0, 0.0, 0, 0.0)])
    here, moved = outputs[-1], outputs[:-1].reshape(n, len(_STEPS), 2, k)
    largest, worst = 0.0, None
    allowed_there = 1e-9
    for j in range(n):
        for row in range(k):
            values = moved[j, :, :, row]
            size = inputs.epsilon * float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
            slopes = slope_of(_STEPS * scales[j], here[row], values[:, 0], values[:, 1], size)
            if not slopes:
                continue
            distance, allowed = gap(float(found[row, j]), slopes)
            scale = max(
                float(np.abs(found[row][np.isfinite(found[row])]).max(initial=0.0)), abs(slopes[0].value), 1e-300
            )
            tolerance = max(allowed / scale, 1e-13)
            error = distance / scale if np.isfinite(found[row, j]) else np.inf
            if not error <= tolerance and (worst is None or error > largest):
                largest, worst, allowed_there = error, (row, j, slopes[0].value), tolerance
            elif worst is None and error > largest:
                largest, allowed_there = error, tolerance
    if worst is None:
        yield Check(JACOBIAN, inputs.case, True, largest, allowed_there)
        return
    row, j, expected = worst
    for path, leaf in jax.tree_util.tree_leaves_with_path(inputs.args):
        if is_float(leaf):
            if j < leaf.size:
                index = tuple(int(i) for i in np.unravel_index(j, leaf.shape))
                place = place_of(path, False, index, expected, float(found[row, worst[1]]))
                detail = f"the derivative of output number {row} {place}"
                yield Check(JACOBIAN, inputs.case, False, largest, allowed_there, detail, place)
                return
            j -= leaf.size
