"""The latent plane: where a model with two numbers for each image puts the images, and what it draws from each place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.checks import require_class_names, require_images, require_labels
from chainrule.plot.style import CLASS_COLOURS, CLASS_MARKERS, INK, TEXT, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["latent_plane"]

_COLOURS = (*CLASS_COLOURS, "#7A3E00", "#6A3D9A")
_EDGE = 1.0  # per cent of the codes that may lie outside of the frame, on each of its four sides


def latent_plane(
    codes: ArrayLike,
    labels: ArrayLike,
    class_names: Sequence[str],
    decode: Callable[[np.ndarray], ArrayLike],
    *,
    side: int = 12,
) -> Figure:
    """Draw the codes of images in the plane, coloured by class, and beside it what is decoded from a grid of its points.

    Both panels show the same part of the plane: along each axis from the first to the last per cent of the codes; how many
    lie outside is said. Each tile on the right is drawn around the point that it is decoded from. A class whose name is of
    one or two letters or digits is marked by its name, others by a marker each.

    Args:
        codes: [n, 2], the codes of images.
        labels: int[n], their classes.
        class_names: a name for each class, 10 classes at most.
        decode: maps points float32[m, 2] to images, [m, h, w] or [m, h, w, 1], or [m, h, w, 3] in [0, 1]; called once.
        side: how many tiles along each axis.

    Raises:
        ValueError: for codes that are not finite [n, 2], labels that are out of range or not as many, more classes than
            there are colours, a side that is no positive integer, or what ``decode`` returns not being so many images.
    """
    names = require_class_names("latent_plane", class_names)
    if len(names) > len(_COLOURS):
        raise ValueError(f"latent_plane: class_names must be at most {len(_COLOURS)}, got {len(names)}")
    points = np.asarray(codes)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"latent_plane: codes must be [n, 2], got {list(points.shape)}")
    points = points.astype(np.float64)
    if not np.isfinite(points).all():
        raise ValueError("latent_plane: codes must be finite, got NaN or infinity")
    classes = require_labels("latent_plane", "labels", labels, len(names))
    if len(classes) != len(points):
        raise ValueError(f"latent_plane: codes and labels must be as many, got {len(points)} and {len(classes)}")
    if not isinstance(side, int) or side < 1:
        raise ValueError(f"latent_plane: side must be a positive integer, got {side!r}")

    low, high = np.percentile(points, [_EDGE, 100 - _EDGE], axis=0)
    margin = 0.04 * np.where(high > low, high - low, 1.0)
    low, high = low - margin, high + margin
    mosaic = _mosaic(decode, low, high, side)
    outside = int(((points < low) | (points > high)).any(axis=1).sum())

    figure = new_figure(4.4)
    left, right = figure.subplots(1, 2)
    named = _scatter(left, points, classes, names)
    rest = f", {outside} outside" if outside else ""
    plain_axes(left, title=f"Codes of {len(points)} images{rest}", x="first number", y="second number")
    right.imshow(
        mosaic,
        extent=(low[0], high[0], low[1], high[1]),
        aspect="auto",
        cmap="gray_r",
        vmin=float(mosaic.min()),
        vmax=max(float(mosaic.max()), float(mosaic.min()) + 1e-6),
        interpolation="nearest",
    )
    plain_axes(right, title="Decoded from there", x="first number")
    right.grid(visible=False)
    for axes in (left, right):
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
        axes.set_box_aspect(1)
    if not named:
        figure.legend(
            loc="outside lower center", ncols=min(len(names), 5), frameon=False, fontsize=TEXT, labelcolor=INK
        )
    return figure


def _mosaic(decode: Callable[[np.ndarray], ArrayLike], low: np.ndarray, high: np.ndarray, side: int) -> np.ndarray:
    """Decode the middles of side x side equal tiles of the frame, and lay the images out as the tiles lie."""
    middles = (np.arange(side) + 0.5) / side
    across = low[0] + (high[0] - low[0]) * middles
    down = low[1] + (high[1] - low[1]) * middles[::-1]  # the first row of an image is its highest
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2).astype(np.float32)
    tiles = require_images("latent_plane", "what decode returns", decode(grid))
    if len(tiles) != len(grid):
        raise ValueError(f"latent_plane: decode must return an image for each of {len(grid)} points, got {len(tiles)}")
    _, height, width, *colour = tiles.shape
    tiles = tiles.reshape(side, side, height, width, *colour)
    return np.moveaxis(tiles, 2, 1).reshape(side * height, side * width, *colour)


def _scatter(axes: Axes, points: np.ndarray, classes: np.ndarray, names: tuple[str, ...]) -> bool:
    """Draw each class in its colour, and return whether every marker is the name of its class."""
    by_name = all(len(name) <= 2 and name.isalnum() for name in names)
    for label, name in enumerate(names):
        mine = points[classes == label]
        axes.scatter(
            mine[:, 0],
            mine[:, 1],
            s=26 if by_name else 16,
            color=_COLOURS[label],
            marker=f"${name}$" if by_name else CLASS_MARKERS[label % len(CLASS_MARKERS)],
            linewidths=0.2,
            label=name,
        )
    return by_name
