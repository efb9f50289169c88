"""Figures of ways down: rates, paths on a contour map, and three methods side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.maths.calculus import Descent, bfgs, gradient_descent, newton
from chainrule.plot.style import (
    BLUE,
    CLASS_COLOURS,
    GREY,
    INK,
    SMALL,
    TEXT,
    VERMILION,
    legend_above,
    new_figure,
    plain_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["descent_paths", "descent_rates", "three_methods_on_the_bowl"]

_COLOURS = (BLUE, VERMILION, CLASS_COLOURS[2])
_MARKERS = ("o", "s", "^")
_NAMES = ("gradient descent", "Newton", "BFGS")


def descent_rates() -> Figure:
    """Draw the distance from the minimum of x^2 - 2x + 1 against the step, from 5, for four rates, in float64.

    The factor of each step is |1 - 2 rate|: 0.1 makes 1.0000000008148144 of 5 in 100 steps; over a rate of 1 it diverges.
    """
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    with jax.enable_x64(True):
        for rate, colour, style in zip((0.02, 0.1, 0.9, 1.02), CLASS_COLOURS, ("-", "--", ":", "-."), strict=False):
            way = gradient_descent(lambda x: x**2 - 2 * x + 1, 5.0, rate=rate, steps=100, tolerance=0.0)
            distance = np.abs(np.asarray(way.path) - 1)
            label = f"rate {rate:g}: factor {abs(1 - 2 * rate):g}"
            axes.semilogy(distance, color=colour, linestyle=style, linewidth=2.2, label=label)
            if rate == 0.1:
                text = f"x after 100 steps:\n{float(way.x)!r}"
                axes.annotate(text, (62, 1e-8), color=INK, fontsize=TEXT, ha="right", va="center")
    axes.set_xlim(0, 100)
    plain_axes(axes, title="Gradient descent on x² - 2x + 1, from 5", x="step", y="|x - 1|", pad=46)
    legend_above(axes, 2)
    return figure


def descent_paths() -> Figure:
    """Draw the ways of three methods on a contour map: a long bowl, with two rates, and Rosenbrock's valley."""

    def bowl(v: jax.Array) -> jax.Array:
        return (v[0] ** 2 + 9 * v[1] ** 2) / 2

    def rosenbrock(v: jax.Array) -> jax.Array:
        return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2

    figure = new_figure(7.6)
    above, below = figure.subplots(2, 1)
    start = jnp.array([9.0, 2.0])
    ways = [
        ("rate 0.05", gradient_descent(bowl, start, rate=0.05, steps=40)),
        ("rate 0.2", gradient_descent(bowl, start, rate=0.2, steps=40)),
        ("Newton", newton(bowl, start, steps=10)),
    ]
    _contours(above, bowl, (-2.0, 10.0), (-2.6, 2.6), [0.5, 2, 6, 12, 20, 32, 48])
    for (name, way), colour, marker in zip(ways, (CLASS_COLOURS[5], BLUE, VERMILION), ("v", "o", "s"), strict=True):
        _path(above, way, colour, marker, name)
    above.plot(0, 0, "*", color=INK, markersize=13, zorder=5)
    plain_axes(
        above, title="(x² + 9y²) / 2 from (9, 2): gradient descent at two rates, and Newton", x="x", y="y", pad=26
    )
    start = jnp.array([-1.2, 1.0])
    found = (
        gradient_descent(rosenbrock, start, rate=0.001, steps=1000),
        newton(rosenbrock, start),
        bfgs(rosenbrock, start),
    )
    _contours(below, rosenbrock, (-1.7, 1.7), (-0.7, 1.8), [1, 4, 15, 50, 120, 250])
    for way, colour, marker, name in zip(found, _COLOURS, _MARKERS, _NAMES, strict=True):
        _path(below, way, colour, marker, name)
    last = np.asarray(found[0].x)
    below.plot(*last, "o", color=BLUE, markersize=9, zorder=5)
    below.annotate(
        f"gradient descent after {int(found[0].steps)} steps",
        last,
        xytext=(-30, -40),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": BLUE, "shrinkB": 5},
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        color=INK,
        fontsize=TEXT,
        ha="center",
    )
    below.plot(1, 1, "*", color=INK, markersize=13, zorder=5)
    title = "Rosenbrock's valley, (1 - x)² + 100 (y - x²)², from (-1.2, 1)"
    plain_axes(below, title=title, x="x", y="y", pad=26)
    for axes in (above, below):
        legend_above(axes, 3, fontsize=SMALL)
    return figure


def three_methods_on_the_bowl() -> Figure:
    """Draw the distance from the minimum of x^2 + y^2 + z^2 against the step, from (1, 22, 30), in float64.

    Newton's step is exact on a quadratic; so is BFGS once its line search has tried half of the gradient. What is exact
    cannot be drawn on a logarithmic axis, and stands at the bottom. A long bowl, x^2 + 4 y^2 + 16 z^2, tells them apart.
    """
    figure = new_figure(4.4)
    panels = figure.subplots(1, 2, sharey=True)
    floor = 1e-13
    titles = ("x² + y² + z²", "x² + 4y² + 16z²")
    with jax.enable_x64(True):
        start = jnp.array([1.0, 22.0, 30.0])
        for axes, weights, rate, title in zip(panels, ([1.0, 1, 1], [1.0, 4, 16]), (0.1, 0.05), titles, strict=True):
            curvatures = jnp.asarray(weights)

            def f(v: jax.Array, curvatures: jax.Array = curvatures) -> jax.Array:
                return jnp.sum(curvatures * v**2)

            ways = (gradient_descent(f, start, rate=rate, steps=60), newton(f, start), bfgs(f, start))
            for way, colour, marker, name in zip(ways, _COLOURS, _MARKERS, _NAMES, strict=True):
                count = int(way.steps)
                distance = np.maximum(np.linalg.norm(np.asarray(way.path)[: count + 1], axis=1), floor)
                label = f"{name}, {count} step{'s' if count > 1 else ''}"
                if name == "gradient descent":
                    label = f"{name} (rate {rate:g})"
                axes.semilogy(distance, marker=marker, color=colour, linewidth=1.6, markersize=4, label=label)
            axes.axhline(floor, color=GREY, linewidth=1, linestyle="--")
            axes.legend(
                loc="upper right", frameon=True, framealpha=0.9, edgecolor="none", fontsize=SMALL, labelcolor=INK
            )
            plain_axes(axes, title=title, x="step", y="distance from (0, 0, 0)" if axes is panels[0] else None)
    panels[0].annotate("1e-13 or exact", (58, 1.6 * floor), color=INK, fontsize=SMALL, ha="right", va="bottom")
    panels[0].set_ylim(floor / 4, 1e5)
    return figure


def _contours(
    axes: Axes,
    f: Callable[[Any], Any],
    across: tuple[float, float],
    up: tuple[float, float],
    levels: list[float],
) -> None:
    x, y = np.meshgrid(np.linspace(*across, 181), np.linspace(*up, 121))
    axes.contour(x, y, f(np.stack([x, y])), levels=levels, colors=GREY, linewidths=0.8)
    axes.set_xlim(across)
    axes.set_ylim(up)


def _path(axes: Axes, way: Descent, colour: str, marker: str, name: str) -> None:
    count = int(way.steps)
    x, y = np.asarray(way.path)[: count + 1].T
    size = 4.5 if count < 100 else 2
    label = f"{name}: {count} step{'s' if count > 1 else ''}"
    axes.plot(x, y, marker=marker, color=colour, linewidth=1.5, markersize=size, label=label)
