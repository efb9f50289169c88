"""The whole Jacobian, where it is small: every number of it by differences and by the pullback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from chainrule.audit.checks.differences import gap, points, slope_of
from chainrule.audit.checks.names import JACOBIAN
from chainrule.audit.inputs import Inputs
from chainrule.audit.report import Check
from chainrule.audit.trees import flat, one_hot, place_at

__all__ = ["check_jacobian"]

_MOST = 256  # numbers in it
_STEPS = 2.0**-7 * 0.5 ** np.arange(4)


class _Number(NamedTuple):
    """One number of the Jacobian, dy_k / dx_j."""

    k: int
    j: int
    expected: float
    found: float
    error: float  # relative to the largest number of its row
    tolerance: float  # what the differences themselves can tell

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance


def check_jacobian(inputs: Inputs) -> Iterator[Check]:
    """Each row by the pullback of one output alone, each column by central differences of one input alone.

    Where the function has a kink within the steps, nothing is said of that number here.
    """
    n, k = inputs.sizes
    if not 0 < n * k <= _MOST:
        return
    numbers = list(_numbers(inputs, n, k))
    if not numbers:
        return
    wrong = [number for number in numbers if not number.ok]
    most = max(wrong or numbers, key=lambda number: number.error)
    if not wrong:
        yield Check(JACOBIAN, inputs.case, True, most.error, most.tolerance)
        return
    place = place_at(inputs.args, most.j, most.expected, most.found)
    detail = f"{len(wrong)} of {len(numbers)} numbers are wrong, most the derivative of output number {most.k} {place}"
    yield Check(JACOBIAN, inputs.case, False, most.error, most.tolerance, detail, place)


def _numbers(inputs: Inputs, n: int, k: int) -> Iterator[_Number]:
    found = [flat(inputs.pulled(inputs.args, one_hot(inputs.output, row))[1]) for row in range(k)]
    scales = np.maximum(1.0, np.abs(flat(inputs.args)))
    moves = [(0, 0.0, j, float(sign * h * scales[j])) for j in range(n) for h in _STEPS for sign in (1, -1)]
    outputs = points(inputs, np.zeros((1, n)), [*moves, (0, 0.0, 0, 0.0)])
    here, moved = outputs[-1], outputs[:-1].reshape(n, len(_STEPS), 2, k)
    for row in range(k):
        size = np.abs(found[row][np.isfinite(found[row])]).max(initial=0.0)
        for j in range(n):
            ahead, behind = moved[j, :, 0, row], moved[j, :, 1, row]
            rounding = inputs.epsilon * float(np.abs(ahead[np.isfinite(ahead)]).max(initial=0.0))
            slopes = slope_of(_STEPS * scales[j], float(here[row]), ahead, behind, rounding)
            if slopes:
                distance, allowed = gap(float(found[row][j]), slopes)
                scale = max(float(size), abs(slopes[0].value), 1e-300)
                error = distance / scale if np.isfinite(found[row][j]) else np.inf
                yield _Number(row, j, slopes[0].value, float(found[row][j]), error, max(allowed / scale, 1e-13))
