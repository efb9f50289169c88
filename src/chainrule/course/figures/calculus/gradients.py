"""Figures of functions of two numbers and of Taylor's polynomials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.maths.calculus import directional_derivative, taylor_coefficients
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
    from matplotlib.figure import Figure

__all__ = ["gradient_field", "taylor_polynomials"]


def gradient_field() -> Figure:
    """Draw the gradient of x^2 + 2 y^2 on its contours, and the slope at one point against the direction.

    The gradient stands at right angles to the contours; the slope |grad f| cos(angle) is largest along it.
    """

    def f(v: jax.Array) -> jax.Array:
        return v[0] ** 2 + 2 * v[1] ** 2

    figure = new_figure(4.4)
    plane, turn = figure.subplots(1, 2, width_ratios=(1, 1))
    side = np.linspace(-2.3, 2.3, 101, dtype=np.float32)
    x, y = np.meshgrid(side, side)
    lines = plane.contour(x, y, x**2 + 2 * y**2, levels=[0.5, 1, 2, 3, 4.5, 6.5, 9], colors=GREY, linewidths=0.9)
    plane.clabel(lines, levels=[2, 4.5], fontsize=SMALL, colors=INK, manual=[(0, -1), (0, -1.5)], fmt="%g")
    coarse = np.linspace(-1.75, 1.75, 8, dtype=np.float32)
    points = np.stack(np.meshgrid(coarse, coarse), axis=-1).reshape(-1, 2)
    gradients = np.asarray(jax.vmap(jax.grad(f))(jnp.asarray(points)))
    plane.quiver(*points.T, *gradients.T, color=BLUE, angles="xy", scale_units="xy", scale=20, width=0.006)
    at = jnp.array([1.0, 0.5], jnp.float32)
    gradient = np.asarray(jax.grad(f)(at))
    unit = gradient / np.linalg.norm(gradient)
    plane.quiver(*at, *unit, color=VERMILION, angles="xy", scale_units="xy", scale=1.4, width=0.014, zorder=4)
    plane.plot(*at, "o", color=VERMILION, markersize=6, zorder=5)
    plane.set_aspect("equal")
    plane.set_xlim(-2.15, 2.15)
    plane.set_ylim(-2.3, 2.3)
    plain_axes(plane, title="∇f of f = x² + 2y²", x="x", y="y")

    angles = np.linspace(0, 2 * np.pi, 181, dtype=np.float32)
    directions = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
    slopes = np.asarray(jax.vmap(lambda u: directional_derivative(f, at, u))(directions))
    turn.plot(np.degrees(angles), slopes, color=VERMILION, linewidth=2.2)
    steepest = float(np.degrees(np.arctan2(gradient[1], gradient[0])))
    length = float(np.linalg.norm(gradient))
    turn.plot(steepest, length, "o", color=VERMILION, markersize=7)
    turn.annotate(
        f"steepest ascent: {length:.2f} = |∇f|\nalong ∇f, at {steepest:.0f}°",
        (steepest, length),
        xytext=(-8, 10),
        textcoords="offset points",
        color=INK,
        fontsize=TEXT,
        va="bottom",
    )
    turn.axhline(0, color=GREY, linewidth=0.8)
    turn.set_xticks([0, 90, 180, 270, 360])
    turn.set_ylim(-1.15 * length, 1.5 * length)
    plain_axes(turn, title="Slope at (1, 0.5)", x="direction (degrees from the x axis)", y="directional derivative")
    return figure


def taylor_polynomials() -> Figure:
    """Draw sin and its Taylor polynomials at 0 of order 1, 3, 5 and 7: each follows it a little farther."""
    x = np.linspace(-6.5, 6.5, 261, dtype=np.float32)
    coefficients = np.asarray(taylor_coefficients(jnp.sin, jnp.float32(0), order=7))
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    axes.plot(x, np.sin(x), color=INK, linewidth=3, label="sin x")
    for order, colour, style in zip((1, 3, 5, 7), CLASS_COLOURS, ("-", "--", "-.", ":"), strict=False):
        values = np.polyval(coefficients[order::-1], x)
        axes.plot(x, values, color=colour, linestyle=style, linewidth=2, label=f"order {order}")
    axes.set_ylim(-2.2, 2.2)
    axes.set_xlim(-6.5, 6.5)
    plain_axes(axes, title="Taylor polynomials of sin at 0", x="x", pad=26)
    legend_above(axes, 5)
    return figure
