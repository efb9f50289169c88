"""Vectors as arrows: sums, three dimensions, a projection, other coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from chainrule.maths import linear_algebra as la
from chainrule.plot.style import BLUE, CLASS_COLOURS, GREY, INK, SMALL, TEXT, TITLE, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["arrow", "projection_and_basis", "vectors"]

_GREEN = CLASS_COLOURS[2]
_WHITE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}  # behind a label


def arrow(
    axes: Axes,
    end: ArrayLike,
    label: str = "",
    *,
    start: ArrayLike = (0.0, 0.0),
    colour: str = INK,
    offset: tuple[float, float] = (6, 4),
    dashed: bool = False,
    align: str = "left",
) -> None:
    """Draw an arrow in the plane, with its label ``offset`` points from its tip."""
    look = {"color": colour, "linewidth": 1.4 if dashed else 2.2, "shrinkA": 0, "shrinkB": 7 if dashed else 0}
    look |= {"arrowstyle": "-|>,head_width=0.28,head_length=0.55", "linestyle": (0, (4, 2)) if dashed else "-"}
    (from_x, from_y), (to_x, to_y) = np.asarray(start, float).tolist(), np.asarray(end, float).tolist()
    axes.annotate("", xy=(to_x, to_y), xytext=(from_x, from_y), arrowprops=look, zorder=3)
    if label:
        axes.annotate(
            label,
            (to_x, to_y),
            xytext=offset,
            textcoords="offset points",
            color=colour,
            fontsize=TEXT,
            ha=align,
            bbox=_WHITE,
            zorder=4,
        )


def vectors() -> Figure:
    """Draw vectors of the plane and of space: u + v by the parallelogram, a combination, and (4, 5, 6) by its parts."""
    figure = new_figure(4.2)
    layout: Any = figure.get_layout_engine()
    layout.set(rect=(0, 0.04, 1, 0.94))  # axes in space are measured too small
    plane = figure.add_subplot(1, 2, 1)
    u, v = jnp.array([3.0, 1.0]), jnp.array([1.0, 2.0])
    arrow(plane, u, "u = (3, 1)", colour=BLUE, offset=(2, -14))
    arrow(plane, v, "v = (1, 2)", colour=VERMILION, offset=(-6, 8), align="right")
    arrow(plane, np.asarray(u + v), "u + v = (4, 3)", colour=INK, offset=(-6, 8), align="right")
    arrow(plane, np.asarray(u + v), start=np.asarray(u), colour=VERMILION, dashed=True)
    arrow(plane, np.asarray(u + v), start=np.asarray(v), colour=BLUE, dashed=True)
    arrow(plane, np.asarray(0.5 * u - v), "½u − v = (0.5, −1.5)", colour=_GREEN, offset=(8, -2))
    plane.set_xlim(-2.2, 4.9)
    plane.set_ylim(-2.2, 4.2)
    _square_grid(plane, title="Sums in the plane")

    space: Any = figure.add_subplot(1, 2, 2, projection="3d")
    _space(space, np.array([4.0, 5.0, 6.0]))
    return figure


def _square_grid(axes: Axes, *, title: str) -> None:
    """Give both axes one scale, lines at the whole numbers, and lines through the origin."""
    from matplotlib.ticker import MultipleLocator

    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(1))
    axes.axhline(0, color=GREY, linewidth=0.8, zorder=1)
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    plain_axes(axes, title=title, x="first coordinate", y="second coordinate")


def _space(axes: Any, vector: np.ndarray) -> None:
    """Draw a vector of space as the sum of its parts along the axes, and its length."""
    corners = np.concatenate([np.zeros((1, 3)), np.cumsum(np.diag(vector), axis=0)])
    names = ("4 e₁", "5 e₂", "6 e₃")
    colours = (BLUE, VERMILION, _GREEN)
    places = ((-0.4, 0, 0.5), (-1.3, 0, 0.25), (0.5, 0, 0.3))
    for start, end, name, colour, shift in zip(corners[:-1], corners[1:], names, colours, places, strict=True):
        axes.plot(*zip(start, end, strict=True), color=colour, linewidth=2.0, linestyle="--")
        axes.text(*((start + end) / 2 + shift), name, color=colour, fontsize=TEXT)
    axes.quiver(0, 0, 0, *vector, color=INK, linewidth=2.2, arrow_length_ratio=0.09)
    axes.text(*(vector + np.array([-3.2, -1.2, 0.5])), "w = (4, 5, 6)", color=INK, fontsize=TEXT, bbox=_WHITE)
    length = float(jnp.linalg.norm(jnp.asarray(vector)))
    axes.set_title(f"A vector in space, |w| = {length:.3f}", fontsize=TITLE, color=INK, loc="left", pad=6)
    axes.set(xlim=(0, 6), ylim=(0, 6), zlim=(0, 7), xticks=[0, 2, 4, 6], yticks=[0, 2, 4, 6], zticks=[0, 2, 4, 6])
    axes.set_box_aspect((1, 1, 1.1), zoom=1.0)
    axes.tick_params(labelsize=SMALL, colors=INK, pad=0)
    axes.view_init(elev=18, azim=-58)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1, 1, 1, 0))


def projection_and_basis() -> Figure:
    """Draw the projection of a vector onto a line, and one vector by its coordinates in two bases."""
    figure = new_figure(3.9)
    left = figure.add_subplot(1, 2, 1)
    v, u = jnp.array([2.0, 3.0]), jnp.array([4.0, 1.0])
    p = np.asarray(la.project(v, u))
    degrees = float(np.degrees(la.angle(v, u)))
    along = np.asarray(u) / float(jnp.linalg.norm(u))
    left.plot(*zip(-0.3 * along, 5 * along, strict=True), color=GREY, linewidth=1.0, zorder=1)
    arrow(left, u, "u = (4, 1)", colour=BLUE, offset=(-30, -20))
    arrow(left, v, "v = (2, 3)", colour=INK, offset=(-10, 7))
    arrow(left, p, f"p = ({p[0]:.2f}, {p[1]:.2f})", colour=VERMILION, offset=(-58, -26))
    arrow(left, v, start=p, colour=GREY, dashed=True)
    left.annotate(
        "v − p", (np.asarray(v) + p) / 2, xytext=(6, 2), textcoords="offset points", color="#5f5f5f", fontsize=TEXT
    )
    toward = (np.asarray(v) - p) / np.linalg.norm(np.asarray(v) - p)
    corner = np.stack([p - 0.22 * along, p + 0.22 * (toward - along), p + 0.22 * toward])
    left.plot(corner[:, 0], corner[:, 1], color=INK, linewidth=1.0)
    from_, to = np.arctan2(along[1], along[0]), np.arctan2(3, 2)
    arc = np.linspace(from_, to, 40)
    left.plot(0.8 * np.cos(arc), 0.8 * np.sin(arc), color=INK, linewidth=1.0)
    left.text(0.84, 0.6, f"{degrees:.2f}°", color=INK, fontsize=TEXT)
    left.set_xlim(-1.0, 5.6)
    left.set_ylim(-1.7, 3.9)
    _square_grid(left, title="p, the point of the line nearest to v")

    right = figure.add_subplot(1, 2, 2)
    basis = jnp.array([[1.0, 1.0], [1.0, -1.0]])
    c = jnp.array([3.0, 1.0])
    d = np.asarray(la.change_of_basis(c, jnp.eye(2), basis))
    b1, b2 = np.asarray(basis).T
    for number in range(-6, 7):
        for step, direction in ((b1, b2), (b2, b1)):
            ends = np.stack([number * step - 8 * direction, number * step + 8 * direction])
            right.plot(ends[:, 0], ends[:, 1], color="#f0c9a8", linewidth=1.0, zorder=0.5)
    arrow(right, d[0] * b1, "", colour=VERMILION, dashed=True)
    arrow(right, d[0] * b1 + d[1] * b2, "", start=d[0] * b1, colour=VERMILION, dashed=True)
    arrow(right, b1, "b₁ = (1, 1)", colour=VERMILION, offset=(-8, 3), align="right")
    arrow(right, b2, "b₂ = (1, −1)", colour=VERMILION, offset=(2, -15))
    label = f"x = 3 e₁ + 1 e₂\n   = {d[0]:.0f} b₁ + {d[1]:.0f} b₂"
    arrow(right, c, label, colour=INK, offset=(2, -36))
    right.set_xlim(-1.1, 5.5)
    right.set_ylim(-2.3, 3.3)
    _square_grid(right, title="One vector in two bases")
    right.grid(visible=True, color="#d9e6f0", linewidth=0.8)
    return figure
