"""The picture: time and temporary memory by hand, as shares of autodiff's, problem by problem."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.architectures.measure import MALLOCS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "save"]

LEAST = 1 / 64  # where the axes begin; what is less stands there, with an arrow
MOST = 4.0  # where they end, likewise


def save(results: dict[str, Any], path: Path) -> Path:
    """Write the picture as PNG, and return its path.

    Raises:
        ValueError: when no problem was measured.
    """
    from chainrule.plot import style

    path.parent.mkdir(parents=True, exist_ok=True)
    return style.save(draw(results), path)


def draw(results: dict[str, Any]) -> Figure:
    """Draw two panels with one line a problem: ratios of time, with quartiles, and ratios of memory."""
    from chainrule.plot import style

    measured = {name: problem for name, problem in results["problems"].items() if "mallocs" in problem}
    if not measured:
        raise ValueError("the picture needs at least one problem that was measured, got none")
    figure = style.new_figure(0.2 * len(measured) + 1.4)
    left, right = figure.subplots(1, 2, sharey=True)
    style.plain_axes(left, title="time, hand / autodiff", pad=style.LEGEND)
    style.plain_axes(right, title="memory, hand / autodiff", pad=style.LEGEND)
    for position, problem in enumerate(measured.values()):
        for offset, (malloc, colour) in zip(
            (-0.16, 0.16), zip(MALLOCS, (style.BLUE, style.CLASS_COLOURS[1]), strict=True), strict=True
        ):
            pairs = problem["mallocs"][malloc]["against"]["autodiff"]
            low, high = (_inside(pairs[quartile]) for quartile in ("lower_quartile", "upper_quartile"))
            left.plot([low, high], [position + offset] * 2, color=colour, linewidth=1.6, solid_capstyle="butt")
            _point(left, pairs["median_paired_ratio"], position + offset, colour, None if position else malloc)
        ratio = problem["memory"]["ratio"]
        if ratio is None and problem["memory"]["hand"]:
            ratio = MOST
        if ratio is not None:
            _point(right, ratio, position, style.VERMILION, None)
        for axes, limit in ((left, problem["limits"]["time"]), (right, problem["limits"]["memory"])):
            axes.plot([limit] * 2, [position - 0.42, position + 0.42], color=style.INK, linewidth=1.2)
    for axes in (left, right):
        _scale(axes)
    left.set_yticks(range(len(measured)), list(measured))
    left.set_ylim(len(measured) - 0.4, -0.6)
    left.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2,
        frameon=False,
        fontsize=style.SMALL,
        borderaxespad=0,
        title=None,
    )
    right.text(
        0,
        1,
        "black: the limit",
        transform=right.transAxes,
        fontsize=style.SMALL,
        va="bottom",
        color=style.INK,
    )
    return figure


def _point(axes: Axes, value: float, position: float, colour: str, label: str | None) -> None:
    marker = "<" if value < LEAST else ">" if value > MOST else "o"
    axes.plot(
        [_inside(value)], [position], marker, color=colour, markersize=4.5, label=label, linestyle="none", clip_on=False
    )


def _inside(value: float) -> float:
    return min(max(value, LEAST), MOST)


def _scale(axes: Axes) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    ticks = (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1, 2, 4)
    axes.set_xscale("log")
    axes.set_xlim(LEAST, MOST)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter(["1/64", "1/16", "1/4", "1/2", "1", "2", "4"]))
    axes.xaxis.set_minor_locator(NullLocator())
