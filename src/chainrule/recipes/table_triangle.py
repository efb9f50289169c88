"""Least squares and ridge of a table of any length: all that they need of the rows, in one pass over them.

That is the triangle R of [X, y] = Q R with the means taken out, for |y - X w|^2 = |Q^T (y - X w)|^2 + a part without w: a
table of a million rows is gone through once, a block at a time, and every strength costs no more than a small matrix does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule.maths import linear_algebra
from chainrule.maths.linear_algebra import LinearFit
from chainrule.recipes.weather_linear import in_float64

__all__ = ["Triangle"]

_BLOCK = 4_000_000  # numbers of a block of rows
_RCOND = 1e-6  # of features in float32, directions below this share of the longest are rounding


@dataclass(frozen=True, eq=False)
class Triangle:
    """What a linear fit needs of the rows: R of the QR of [X - mean, y - mean], and the means."""

    r: np.ndarray
    mean: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> Triangle:
        """Go through the rows once, a block at a time, in float64."""
        mean = np.append(x.mean(axis=0, dtype=np.float64), y.mean(dtype=np.float64))
        width = x.shape[1] + 1
        rows = max(_BLOCK // width, width)
        r = np.zeros((0, width))
        for first in range(0, len(x), rows):
            block = np.column_stack([x[first : first + rows], y[first : first + rows]]).astype(np.float64) - mean
            r = np.asarray(np.linalg.qr(np.concatenate([r, block]), mode="r"))
        return cls(r, mean)

    def solve(self, strength: float | None) -> LinearFit:
        """The weights of least squares, or of ridge with a strength, and the intercept that the means ask for."""
        x, y = self.r[:, :-1], self.r[:, -1]
        if strength is None:
            fit = in_float64(linear_algebra.least_squares_svd, x, y, intercept=False, rcond=_RCOND)
        else:
            fit = in_float64(linear_algebra.ridge, x, y, strength, intercept=False)
        return LinearFit(fit.weights, self.mean[-1] - self.mean[:-1] @ fit.weights)
