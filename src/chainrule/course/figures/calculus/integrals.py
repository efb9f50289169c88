"""Figures of integrals: the shapes under a curve, and the error against the number of points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.maths.calculus import gauss_legendre, legendre_nodes, monte_carlo, simpson
from chainrule.plot.style import BLUE, CLASS_COLOURS, GREY, INK, SMALL, TEXT, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["quadrature_errors", "quadrature_shapes"]


def quadrature_shapes() -> Figure:
    """Draw what four rules take for the area under x sin(2x) + 1.5 on [0, 3]: trapezia, parabolas, bars, and a mean."""

    def f(x: jax.Array) -> jax.Array:
        return x * jnp.sin(2 * x) + 1.5

    with jax.enable_x64(True):
        exact = 4.5 + np.sin(6.0) / 4 - 3 * np.cos(6.0) / 2
        knots = jnp.linspace(0.0, 3.0, 5)
        trapezoid = float(jnp.trapezoid(f(knots), knots))
        by_simpson = float(simpson(f, 0.0, 3.0, intervals=4))
        by_gauss = float(gauss_legendre(f, 0.0, 3.0, points=5))
        key = jax.random.key(2)
        by_chance = monte_carlo(f, 0.0, 3.0, key, samples=40)
        mean, spread = float(by_chance.value), float(by_chance.standard_error)
    x = np.linspace(0, 3, 301)
    y = np.asarray(f(jnp.asarray(x, jnp.float32)))
    at = np.asarray(knots, np.float64)
    heights = at * np.sin(2 * at) + 1.5

    figure = new_figure(6.4)
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    panels[0].fill_between(at, heights, color=BLUE, alpha=0.25)
    panels[0].vlines(at, 0, heights, color=BLUE, linewidth=1.2)
    panels[0].plot(at, heights, "o-", color=BLUE, linewidth=1.4, markersize=5)
    for start in (0, 2):
        part = np.linspace(at[start], at[start + 2], 61)
        parabola = np.polyval(np.polyfit(at[start : start + 3], heights[start : start + 3], 2), part)
        panels[1].fill_between(part, parabola, color=BLUE, alpha=0.25)
        panels[1].plot(part, parabola, color=BLUE, linewidth=1.4)
        panels[1].vlines(at[[start, start + 2]], 0, heights[[start, start + 2]], color=BLUE, linewidth=1.2)
    panels[1].plot(at, heights, "o", color=BLUE, markersize=5)
    nodes, weights = legendre_nodes(5)
    edges = np.concatenate([[0], np.cumsum(1.5 * weights)])
    tops = 1.5 * (1 + nodes)
    panels[2].bar(
        edges[:-1], tops * np.sin(2 * tops) + 1.5, 1.5 * weights, align="edge", color=BLUE, alpha=0.25, edgecolor=BLUE
    )
    panels[2].plot(tops, tops * np.sin(2 * tops) + 1.5, "o", color=BLUE, markersize=5)
    with jax.enable_x64(True):
        points = 3 * np.asarray(jax.random.uniform(key, (40,), jnp.float64))
    panels[3].fill_between([0, 3], [mean / 3] * 2, color=BLUE, alpha=0.25)
    panels[3].vlines(points, 0, points * np.sin(2 * points) + 1.5, color=BLUE, linewidth=0.6)
    panels[3].plot(points, points * np.sin(2 * points) + 1.5, "o", color=BLUE, markersize=3.5)
    titles = (
        f"Trapezoid, 5 points: {trapezoid:.4f}",
        f"Simpson, 5 points: {by_simpson:.4f}",
        f"Gauss-Legendre, 5: {by_gauss:.4f}",
        f"Monte Carlo, 40: {mean:.2f} ± {spread:.2f}",
    )
    for index, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        axes.plot(x, y, color=INK, linewidth=1.8, zorder=3)
        axes.set_xlim(-0.06, 3.06)
        axes.set_ylim(bottom=min(0.0, float(y.min()) * 1.1))
        axes.axhline(0, color=GREY, linewidth=0.8)
        plain_axes(axes, title=title, x="x" if index > 1 else None, y="x sin 2x + 1.5" if index % 2 == 0 else None)
    figure.suptitle(f"What each rule takes for the area, {exact:.4f}", fontsize=TEXT, color=INK, x=0.02, ha="left")
    return figure


def quadrature_errors() -> Figure:
    """Draw the error of four rules for exp(x) on [0, 1] against the number of points, both logarithmic, in float64.

    The slopes are -2, -4 and -1/2; Gauss and Legendre's rule has none, it falls faster than every power to the last bit.
    Monte Carlo's is the root mean square of 64 runs.
    """
    exact = np.e - 1
    counts = np.array([3, 9, 33, 129, 513])
    few = np.arange(1, 9)
    with jax.enable_x64(True):
        grids = [jnp.linspace(0.0, 1.0, int(n)) for n in counts]
        trapezoid = [abs(float(jnp.trapezoid(jnp.exp(x), x)) - exact) for x in grids]
        by_simpson = [abs(float(simpson(jnp.exp, 0.0, 1.0, intervals=int(n) - 1)) - exact) for n in counts]
        by_gauss = [abs(float(gauss_legendre(jnp.exp, 0.0, 1.0, points=int(n))) - exact) for n in few]
        keys = jax.random.split(jax.random.key(0), 64)
        by_chance = []
        for n in counts:
            runs = jax.vmap(lambda key, n=int(n): monte_carlo(jnp.exp, 0.0, 1.0, key, samples=n).value)(keys)
            by_chance.append(float(jnp.sqrt(jnp.mean((runs - exact) ** 2))))
    figure = new_figure(4.8)
    axes = figure.add_subplot()
    for n, errors, marker, colour in (
        (counts, by_chance, "D", CLASS_COLOURS[3]),
        (counts, trapezoid, "o", BLUE),
        (counts, by_simpson, "s", VERMILION),
        (few, by_gauss, "^", CLASS_COLOURS[2]),
    ):
        axes.loglog(n, np.maximum(errors, 1.1e-16), marker=marker, color=colour, linewidth=1.6, markersize=5)
    for text, at in (
        ("Monte Carlo: slope -1/2", (60, 0.4)),
        ("trapezoid: slope -2", (60, 2e-4)),
        ("Simpson: slope -4", (35, 4e-8)),
        ("Gauss-Legendre:\nfaster than any power", (8.8, 6e-15)),
    ):
        axes.annotate(text, at, color=INK, fontsize=TEXT, ha="left", va="center")
    axes.axhline(2.2e-16, color=GREY, linewidth=1, linestyle="--")
    axes.annotate("last bit of float64", (560, 3.2e-16), color=INK, fontsize=SMALL, ha="right")
    axes.set_ylim(5e-17, 3)
    plain_axes(
        axes, title="∫₀¹ exp(x) dx: error against number of points", x="number of points", y="|estimate - (e - 1)|"
    )
    return figure
