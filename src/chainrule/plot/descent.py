"""The path of gradient descent over the contours of what it descends, and how fast it arrives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.style import BLUE, GREY, INK, SMALL, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["descent"]

_POINTS = 121
_LEVELS = 9


def descent(
    path: ArrayLike,
    surface: Callable[[np.ndarray, np.ndarray], np.ndarray],
    excess: ArrayLike,
    *,
    names: tuple[str, str],
    quantity: str,
    title: str,
) -> Figure:
    """Draw a path in the plane of two parameters over the contours of a loss, and its distance from the least loss.

    Right of it stands, on a logarithmic scale, how far the loss is above its least value after each step: a straight line
    is a constant factor a step. An excess of 0 or less, which rounding leaves at the end, is left out.

    Args:
        path: float[steps + 1, 2], where it stands before the first step and after each.
        surface: the loss of numpy arrays of the two parameters, elementwise.
        excess: float[steps + 1], the loss less its least value.
        names: what the two parameters are.
        quantity: what the loss is, with its unit in brackets.
        title: whose path it is.

    Raises:
        ValueError: for a path that is not [n, 2] with n at least 2, an excess of another length, or numbers that are not
            finite.
    """
    points, above = np.asarray(path, np.float64), np.asarray(excess, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
        raise ValueError(f"descent: path must be [n, 2] with n at least 2, got {list(points.shape)}")
    if above.shape != (len(points),):
        raise ValueError(f"descent: excess must be [{len(points)}], one a point, got {list(above.shape)}")
    if not (np.isfinite(points).all() and np.isfinite(above).all()):
        raise ValueError("descent: path and excess must be finite, got NaN or infinity")
    figure = new_figure(3.9)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    _contours(left, points, surface)
    left.plot(*points.T, color=VERMILION, linewidth=1.4, marker="o", markersize=3.5)
    for point, word, look in ((points[0], "start", "o"), (points[-1], "end", "*")):
        left.plot(*point, look, color=INK, markersize=11 if look == "*" else 6, zorder=3)
        left.annotate(
            word, point, xytext=(7, 7), textcoords="offset points", fontsize=SMALL, color=INK, zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        )  # fmt: skip
    plain_axes(left, title=title, x=names[0], y=names[1])
    left.grid(visible=False)
    steps = np.flatnonzero(above > 0)
    right.plot(steps, above[steps], color=BLUE, linewidth=1.8)
    if len(steps):
        right.set_yscale("log")
    plain_axes(right, title="Above the least loss", x="step", y=quantity)
    return figure


def _contours(axes: Axes, points: np.ndarray, surface: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Contours over the whole path and a margin, at levels that are closer together near the least."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.25 * np.maximum(high - low, 0.2 * max(float(np.max(high - low)), 1e-12))
    a, b = (np.linspace(low[i] - margin[i], high[i] + margin[i], _POINTS) for i in range(2))
    grid = np.asarray(surface(*np.meshgrid(a, b)), np.float64)
    least, most = float(grid.min()), float(grid.max())
    if most > least:
        levels = least + (most - least) * (np.arange(1, _LEVELS + 1) / (_LEVELS + 1)) ** 3
        lines = axes.contour(a, b, grid, levels=levels, colors=GREY, linewidths=0.9)
        axes.clabel(lines, levels[1:6:2], fmt="%.3g", fontsize=SMALL - 1, colors=INK)
    axes.set_xlim(a[0], a[-1])
    axes.set_ylim(b[0], b[-1])
