"""A function of one number and its derivative, as the rule gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from chainrule.plot.style import BLUE, GREY, LEGEND, VERMILION, legend_above, new_figure, plain_axes
from chainrule.rule import Rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["function_and_derivative"]

_POINTS = 8001
_LINES: tuple[tuple[str, Any, str], ...] = (
    (BLUE, "-", "f(x)"),
    (VERMILION, (0, (5, 1.5)), "f'(x), by hand"),
)


def function_and_derivative(rule: Rule, low: float = -4, high: float = 4, title: str | None = None) -> Figure:
    """Draw f and f' of an elementwise rule over [low, high], the derivative taken by hand.

    ``y, pullback = rule.vjp(x)``, and ``pullback`` of ones is f'(x), because the Jacobian of an elementwise
    function is diagonal. Where f' (or f) jumps, the line is broken rather than drawn upright; if the jump is
    at a whole number, a dot shows the value that the rule takes there (relu'(0) = 0). Where f is not finite
    there is a gap, and a pole leaves the picture instead of flattening all the rest.

    Args:
        rule: a rule of one array whose output has the array's shape.
        low: the left end.
        high: the right end.
        title: the title; ``None`` means the rule's name.

    Raises:
        ValueError: when low < high does not hold, the output has another shape, or nothing in the range is
            finite.
    """
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"function_and_derivative: low must be less than high, got {low} and {high}")
    whole = np.arange(np.ceil(low), np.floor(high) + 1)
    grid = np.union1d(np.linspace(low, high, _POINTS), whole if len(whole) < _POINTS else [])
    points = np.unique(grid.astype(np.float32))
    x = jnp.asarray(points)
    y, pullback = rule.vjp(x)
    if jnp.shape(y) != x.shape:
        raise ValueError(
            f"function_and_derivative: rule must be elementwise, but {rule.name} gives {list(jnp.shape(y))} "
            f"for {list(x.shape)}"
        )
    (slope,) = pullback(jnp.ones_like(y))
    values, slopes = np.asarray(y, dtype=np.float64), np.asarray(slope, dtype=np.float64)
    slopes = np.where(np.isfinite(values), slopes, np.nan)
    if not np.isfinite(values).any():
        raise ValueError(f"function_and_derivative: {rule.name} must be finite somewhere in [{low}, {high}], it is not")

    figure = new_figure(4.2)
    axes = figure.add_subplot()
    axes.axhline(0, color=GREY, linewidth=0.8)
    if low < 0 < high:
        axes.axvline(0, color=GREY, linewidth=0.8)
    for line, (colour, style, label) in zip((values, slopes), _LINES, strict=True):
        _broken_line(axes, points, line, color=colour, linestyle=style, linewidth=2.2, label=label)
    axes.set_xlim(low, high)
    _leave_out_poles(axes, np.concatenate([values, slopes]))
    plain_axes(axes, title=rule.name if title is None else title, x="x", pad=LEGEND)
    legend_above(axes, 2)
    return figure


def _broken_line(axes: Axes, x: np.ndarray, y: np.ndarray, **look: Any) -> None:
    """Draw a line that is broken where y jumps, with a dot for the value at a whole number beside a jump.

    A jump is a step of over a twentieth of the whole range between neighbours. A smooth line as steep as that
    looks upright, and its break is narrower than it can be seen.
    """
    y = np.where(np.isfinite(y), y, np.nan)
    span = float(np.nanmax(y) - np.nanmin(y)) if np.isfinite(y).any() else 0.0
    jumps = np.flatnonzero(np.abs(np.diff(y)) > max(0.05 * span, 1e-6))
    axes.plot(np.insert(x.astype(np.float64), jumps + 1, np.nan), np.insert(y, jumps + 1, np.nan), **look)
    beside = np.unique(np.concatenate([jumps, jumps + 1])) if jumps.size else jumps
    dots = beside[x[beside] == np.round(x[beside])]
    axes.plot(x[dots], y[dots], "o", color=look["color"], markersize=5.5)


def _leave_out_poles(axes: Axes, numbers: np.ndarray) -> None:
    """Limit the height to the middle 96 per cent of the numbers, where the rest is many times as far away."""
    finite = numbers[np.isfinite(numbers)]
    low, high = np.percentile(finite, [2, 98])
    if high > low and np.ptp(finite) > 5 * (high - low):
        margin = 0.05 * (high - low)
        axes.set_ylim(low - margin, high + margin)
