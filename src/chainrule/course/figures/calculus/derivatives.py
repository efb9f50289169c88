"""Figures of derivatives: the slope of x^2, and the error of a difference against its step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.maths.calculus import central_difference, complex_step, forward_difference
from chainrule.plot.style import BLUE, CLASS_COLOURS, GREY, INK, SMALL, TEXT, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["difference_errors", "parabola_and_slope"]


def parabola_and_slope() -> Figure:
    """Draw x^2 with tangents, and its slope 2x beneath: the height of the second is the steepness of the first."""
    figure = new_figure(5.6)
    x = np.linspace(-3, 3, 241, dtype=np.float32)
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(x, x**2, color=BLUE, linewidth=2.2)
    slopes = np.asarray(jax.vmap(jax.grad(lambda x: x**2))(x))
    below.plot(x, slopes, color=VERMILION, linewidth=2.2)
    for at in (-2.0, 0.0, 1.5):
        slope = float(jax.grad(lambda x: x**2)(at))
        run = np.array([-0.7, 0.7])
        above.plot(at + run, at**2 + slope * run, color=VERMILION, linewidth=1.6)
        above.plot(at, at**2, "o", color=VERMILION, markersize=5.5)
        below.plot(at, slope, "o", color=VERMILION, markersize=5.5)
        beside = (14, 4) if at < 0 else (0, 16) if at == 0 else (-14, 4)
        above.annotate(
            f"slope {slope:g}",
            (at, at**2),
            xytext=beside,
            textcoords="offset points",
            ha=("right", "center", "left")[int(np.sign(-at)) + 1],
            color=INK,
            fontsize=TEXT,
        )
    below.axhline(0, color=GREY, linewidth=0.8)
    plain_axes(above, title="f(x) = x², and its tangents at -2, 0 and 1.5", y="f(x)")
    plain_axes(below, title="f'(x) = 2x", x="x", y="slope of f at x")
    return figure


def difference_errors() -> Figure:
    """Draw the error of three schemes for the derivative of sin at 1 against the step, in float64, both logarithmic.

    The straight parts have the slopes 1 and 2, the orders of the schemes; left of the lowest point round-off grows
    as 1 / h. The complex step has no such part: errors of exactly 0 are drawn at the level of the last bit.
    """
    steps = np.logspace(-16, -0.5, 187)
    with jax.enable_x64(True):
        x, h = jnp.full(len(steps), 1.0), jnp.asarray(steps)
        found = [scheme(jnp.sin, x, step=h).value for scheme in (forward_difference, central_difference, complex_step)]
        errors = [np.maximum(np.abs(np.asarray(value) - np.cos(1.0)), 5.6e-17) for value in found]
    figure = new_figure(4.8)
    axes = figure.add_subplot()
    names = ("forward (f(x + h) - f(x)) / h", "central (f(x + h) - f(x - h)) / 2h", "complex step Im f(x + ih) / h")
    for error, colour, marker, name in zip(
        errors, (BLUE, VERMILION, CLASS_COLOURS[2]), ("o", "s", "^"), names, strict=True
    ):
        axes.loglog(steps, error, marker, color=colour, markersize=3, label=name)
    for (scheme, slope), where in zip((("forward", 1), ("central", 2)), ((3e-5, 4e-4), (1.2e-2, 2e-7)), strict=True):
        constant = np.sin(1.0) / 2 if scheme == "forward" else np.cos(1.0) / 6
        span = np.array([1e-7, 0.3]) if slope == 1 else np.array([1e-4, 0.3])
        axes.loglog(span, constant * span**slope, color=INK, linewidth=1, linestyle="--")
        axes.annotate(f"slope {slope}", where, color=INK, fontsize=TEXT, ha="right" if slope == 1 else "left")
    axes.annotate("round-off: slope -1", (3e-12, 1.5e-3), color=INK, fontsize=TEXT, ha="left")
    axes.annotate("last bit of float64", (1.3e-16, 2.5e-16), color=INK, fontsize=SMALL, ha="left")
    axes.set_ylim(2e-17, 3)
    plain_axes(axes, title="Derivative of sin at 1: error against step size", x="step h", y="|estimate - cos 1|")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=1, frameon=False, fontsize=TEXT, labelcolor=INK)
    return figure
