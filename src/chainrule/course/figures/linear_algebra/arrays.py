"""Arrays as tables of numbers: how shapes broadcast, and what an image is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from chainrule.plot.style import BLUE, GREY, INK, SMALL, TEXT, TITLE, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["broadcasting", "images_as_matrices"]


def broadcasting() -> Figure:
    """Draw a column (3, 1) plus a row (4,): each is repeated, without being copied, to (3, 4); and the rule of shapes."""
    column, row = jnp.array([[0], [10], [20]]), jnp.array([1, 2, 3, 4])
    total = np.asarray(column + row)
    figure = new_figure(4.4)
    axes = figure.add_subplot()
    axes.set_xlim(-0.4, 17)
    axes.set_ylim(8.7, -1.6)
    axes.set_aspect("equal")
    axes.set_axis_off()
    _cells(axes, np.broadcast_to(np.asarray(column), (3, 4)), 0, "column, shape (3, 1)", BLUE, repeated="columns")
    axes.text(4.95, 1.5, "+", fontsize=20, color=INK, ha="center", va="center")
    _cells(axes, np.broadcast_to(np.asarray(row), (3, 4)), 5.9, "row, shape (4,)", VERMILION, repeated="rows")
    axes.text(10.85, 1.5, "=", fontsize=20, color=INK, ha="center", va="center")
    _cells(axes, total, 11.8, "sum, shape (3, 4)", INK)
    axes.text(0, 3.55, "Pale cells are repeats of what is given.", fontsize=SMALL, color=INK, va="center")

    axes.text(0, 4.75, "The rule: line the shapes up at the right", fontsize=TITLE, color=INK, va="center")
    _shapes(axes, 0, (8, 1, 6, 1), (7, 1, 5))
    _shapes(axes, 8.6, (3, 2), (3,))
    return figure


def _cells(axes: Axes, numbers: np.ndarray, left: float, title: str, colour: str, repeated: str = "") -> None:
    """Draw a table of numbers, pale where they are repeats."""
    from matplotlib.patches import Rectangle

    axes.text(left, -0.75, title, fontsize=TEXT, color=colour, va="center")
    for i, j in np.ndindex(numbers.shape):
        pale = (repeated == "columns" and j > 0) or (repeated == "rows" and i > 0)
        look: dict[str, Any] = {"facecolor": "#fafafa" if pale else "#eaf2f8", "edgecolor": "#cccccc" if pale else GREY}
        axes.add_patch(Rectangle((left + j, i), 1, 1, linewidth=0.9, linestyle=":" if pale else "-", **look))
        number = str(numbers[i, j])
        axes.text(
            left + j + 0.5, i + 0.5, number, fontsize=TEXT, color="#9a9a9a" if pale else INK, ha="center", va="center"
        )


def _shapes(axes: Axes, left: float, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """Write two shapes under one another, and the shape that they give, or why there is none."""
    places = max(len(a), len(b))
    try:
        together: tuple[int, ...] | None = jnp.broadcast_shapes(a, b)
    except ValueError:
        together = None
    for line, (name, shape) in enumerate((("a", a), ("b", b), ("a + b", together))):
        height = 5.75 + 0.85 * line
        axes.text(left, height, name, fontsize=TEXT, color=INK, va="center")
        if shape is None:
            axes.text(
                left + 2.2,
                height,
                "none: 2 and 3 differ, and neither is 1",
                fontsize=TEXT,
                color=VERMILION,
                va="center",
            )
            continue
        for place, size in enumerate(shape, start=places - len(shape)):
            colour = BLUE if size == 1 else INK
            axes.text(left + 2.5 + place, height, str(size), fontsize=TEXT, color=colour, ha="center", va="center")
    if together is not None:
        axes.text(left, 8.35, "A 1 stretches, and so does a missing place.", fontsize=SMALL, color=BLUE, va="center")


def images_as_matrices() -> Figure:
    """Draw a digit as a matrix of 8 bits a number, and a colour image as three of them, red, green and blue."""
    from chainrule.data import digits

    grey = np.round(255 * (1 - digits().train[0][0][..., 0])).astype(np.uint8)
    colour = _landscape()
    figure = new_figure(6.6)
    grid = figure.add_gridspec(2, 12, height_ratios=[1.35, 1])
    axes = figure.add_subplot(grid[0, 0:7])
    _image(axes, grey, f"Grey, {_shape(grey)}")
    _numbers(axes, grey, light_from=140)
    axes = figure.add_subplot(grid[0, 7:12])
    _image(axes, colour, f"Colour, {_shape(colour)}")
    for channel, name in enumerate(("Red", "Green", "Blue")):
        axes = figure.add_subplot(grid[1, 4 * channel : 4 * channel + 4])
        alone = np.zeros_like(colour)
        alone[..., channel] = colour[..., channel]
        _image(axes, alone, f"{name}, image[:, :, {channel}]")
        _numbers(axes, colour[..., channel], light_from=(200, 140, 256)[channel])  # a bright blue is still dark
    return figure


def _shape(image: np.ndarray) -> str:
    return f"{' × '.join(str(size) for size in image.shape)}, {image.dtype}"


def _landscape() -> np.ndarray:
    """A sun over a field, uint8[5, 6, 3]."""
    sky, sun, field, path = (70, 140, 230), (255, 200, 40), (60, 150, 60), (150, 100, 60)
    rows = ("ssssss", "ssssoo", "ssssoo", "ffpfff", "fppfff")
    colours = {"s": sky, "o": sun, "f": field, "p": path}
    return np.array([[colours[letter] for letter in row] for row in rows], np.uint8)


def _image(axes: Axes, image: np.ndarray, title: str) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=TEXT, color=INK, loc="left", pad=5)
    axes.set_xticks(range(image.shape[1]))
    axes.set_yticks(range(image.shape[0]))
    axes.tick_params(labelsize=SMALL, colors=INK, length=0)
    axes.spines[:].set_visible(False)


def _numbers(axes: Axes, values: np.ndarray, *, light_from: int) -> None:
    """Write each number on its pixel, black where the pixel is light, else white."""
    for i, j in np.ndindex(values.shape):
        colour = "black" if values[i, j] >= light_from else "white"
        axes.text(j, i, str(values[i, j]), fontsize=SMALL - 1, color=colour, ha="center", va="center")
