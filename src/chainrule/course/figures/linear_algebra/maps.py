"""Linear maps of the plane, seen in what they do to a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from chainrule.course.figures.linear_algebra.arrows import arrow
from chainrule.plot.style import BLUE, CLASS_COLOURS, GREY, INK, TEXT, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MAPS", "warped_grid"]

MAPS: tuple[tuple[str, tuple[tuple[float, float], tuple[float, float]]], ...] = (
    ("Rotation by 30°", ((3**0.5 / 2, -0.5), (0.5, 3**0.5 / 2))),
    ("Shear", ((1.0, 1.0), (0.0, 1.0))),
    ("Eigenvectors keep their line", ((-1.0, 2.0), (2.0, -1.0))),
    ("Singular: the plane becomes a line", ((1.0, 2.0), (0.5, 1.0))),
)
"""The maps that are drawn, by name: what e1 and e2 become are the columns."""

_REACH = 3.6
_GREEN = CLASS_COLOURS[2]


def warped_grid() -> Figure:
    """Draw the grid of the plane, and what four matrices make of it, of e1, e2 and of the unit square.

    The area of the square becomes the size of the determinant, and its sign says whether the plane was turned over.
    """
    figure = new_figure(8.4)
    for place, (name, rows) in enumerate(MAPS):
        axes = figure.add_subplot(2, 2, place + 1)
        _map(axes, jnp.array(rows), name)
    return figure


def _map(axes: Axes, matrix: jnp.ndarray, name: str) -> None:
    from matplotlib.patches import Polygon

    whole = np.arange(-4, 5)
    reach = np.array([-4.0, 4.0])
    a = np.asarray(matrix, dtype=np.float64)
    for number in whole:
        for line in (np.stack([np.full(2, number), reach]), np.stack([reach, np.full(2, number)])):
            axes.plot(line[0], line[1], color="#d4d4d4", linewidth=0.9, zorder=0.6)
            axes.plot(*(a @ line), color="#7fb6d9", linewidth=1.0, zorder=1)
    square = np.array([[0, 1, 1, 0], [0, 0, 1, 1]])
    axes.add_patch(Polygon((a @ square).T, facecolor="#f5d7c2", edgecolor=VERMILION, linewidth=1.0, zorder=1.5))
    determinant = float(jnp.linalg.det(matrix)) + 0.0
    if "Eigenvectors" in name:
        values, columns = np.linalg.eigh(a)
        for value, column in zip(values, columns.T, strict=True):
            axes.plot(*np.outer(column, [-6, 6]), color=_GREEN, linewidth=1.6, linestyle=(0, (5, 2)), zorder=2)
            spot = 2.75 * column * np.sign(column[1])
            axes.annotate(
                f"λ = {value:.0f}".replace("-", "−"),
                spot,
                xytext=(0, 0),
                textcoords="offset points",
                color="#00704f",
                fontsize=TEXT,
                ha="center",
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 1},
                zorder=5,
            )
    for column, label, colour in ((a[:, 1], "Ae₂", VERMILION), (a[:, 0], "Ae₁", BLUE)):
        away = 13 * column / np.linalg.norm(column)
        if abs(determinant) < 1e-6:  # both on one line: the labels go beside it
            away = np.array([-away[1], away[0]])
        arrow(axes, column, label, colour=colour, offset=(float(away[0]) * 1.2, float(away[1]) - 4), align="center")
    axes.set_xlim(-_REACH, _REACH)
    axes.set_ylim(-_REACH, _REACH)
    axes.set_aspect("equal")
    axes.set_xticks(range(-3, 4))
    axes.set_yticks(range(-3, 4))
    axes.axhline(0, color=GREY, linewidth=0.8, zorder=0.8)
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=0.8)
    plain_axes(axes)
    axes.grid(visible=False)
    entries = ", ".join("[" + ", ".join(f"{entry:.3g}" for entry in row) + "]" for row in a)
    said = f"A = [{entries}], det A = {determinant:.3g}".replace("-", "−")
    axes.set_title(f"{name}\n{said}", fontsize=TEXT, color=INK, loc="left", pad=6)
