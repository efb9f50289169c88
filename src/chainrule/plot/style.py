"""How every picture looks: one width, few colours, no more ink than the data need.

A figure is 8 inches wide and is saved at 150 dots an inch, so at 800 pixels wide a text of 10 points is 14
pixels high. Colours are those of M. Okabe and K. Ito (2008), Color Universal Design, told apart by readers
with any colour vision.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "CLASS_COLOURS",
    "CLASS_MARKERS",
    "GREY",
    "INK",
    "LEGEND",
    "SMALL",
    "TEXT",
    "TITLE",
    "VERMILION",
    "WIDTH",
    "legend_above",
    "new_figure",
    "plain_axes",
    "save",
]

WIDTH = 8.0  # inches
DPI = 150
TITLE, TEXT, SMALL = 13.0, 11.0, 10.0  # points
LEGEND = 26.0  # points between a title and the axes, with a legend in between

INK = "#222222"
GREY = "#8a8a8a"
BLUE = "#0072B2"
VERMILION = "#D55E00"
CLASS_COLOURS = (BLUE, "#E69F00", "#009E73", "#CC79A7", VERMILION, "#56B4E9", "#B8AE12", "#444444")
CLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def new_figure(height: float, *, width: float = WIDTH) -> Figure:
    """Make an empty figure, in inches, that draws to memory and belongs to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06)
    figure = Figure(figsize=(width, height), facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def plain_axes(
    axes: Axes, *, title: str | None = None, x: str | None = None, y: str | None = None, pad: float = 6.0
) -> None:
    """Give axes the common look: two spines, a faint grid behind the data, a title ``pad`` points above."""
    if title is not None:
        axes.set_title(title, fontsize=TITLE, color=INK, loc="left", pad=pad)
    if x is not None:
        axes.set_xlabel(x, fontsize=TEXT, color=INK)
    if y is not None:
        axes.set_ylabel(y, fontsize=TEXT, color=INK)
    axes.set_facecolor("white")
    axes.tick_params(labelsize=SMALL, colors=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)


def legend_above(axes: Axes, ncols: int, *, fontsize: float = TEXT, **look: Any) -> None:
    """Put the legend between the title and the axes, in so many columns; leave room by the title's ``pad``."""
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
    axes.legend(ncols=ncols, frameon=False, fontsize=fontsize, labelcolor=INK, **(place | look))


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure to a PNG file at 150 dots an inch, and return its path.

    The same figure gives the same bytes: no date and no version is written.

    Raises:
        ValueError: when the path does not end in .png, or its folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"save: path must end in .png, got {str(path)!r}")
    if not path.parent.is_dir():
        raise ValueError(f"save: path must be in a folder that exists, got {str(path)!r}")
    options: dict[str, Any] = {"format": "png", "facecolor": "white", "metadata": {"Software": None}}
    figure.savefig(path, dpi=DPI, **options)
    return path
