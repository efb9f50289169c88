"""Images above what a model makes of them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.checks import require_images
from chainrule.plot.style import GREY, INK, TEXT, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["reconstructions"]


def reconstructions(images: ArrayLike, again: Mapping[str, ArrayLike]) -> Figure:
    """Draw images in a row, and below each what one model after the other makes of it.

    One scale of grey serves all, the images' own: what a model draws darker or brighter than any of them is cut.

    Args:
        images: [n, h, w], [n, h, w, 1] or, in colour, [n, h, w, 3] in [0, 1]; ten go well in a row.
        again: for each model, by the name that is written beside its row, its reconstructions, shaped as the images.

    Raises:
        ValueError: for no image, no model, shapes that do not agree, or images that are not finite, or in colour not in
            [0, 1].
    """
    originals = require_images("reconstructions", "images", images)
    if not again:
        raise ValueError("reconstructions: again must hold the images of at least one model, got none")
    rows = {"image": originals}
    for name, made in again.items():
        if np.shape(made) != np.shape(images):
            raise ValueError(
                f"reconstructions: {name} must have the shape of images, {list(np.shape(images))}, "
                f"got {list(np.shape(made))}"
            )
        rows[name] = require_images("reconstructions", name, made)

    count = len(originals)
    side = 6.9 / max(count, 4)
    figure = new_figure(0.15 + len(rows) * (0.06 + side * originals.shape[1] / originals.shape[2]))
    grid = figure.add_gridspec(len(rows), count)
    low, high = float(originals.min()), float(originals.max())
    for row, (name, pictures) in enumerate(rows.items()):
        for column in range(count):
            axes = figure.add_subplot(grid[row, column])
            axes.imshow(pictures[column], cmap="gray_r", vmin=low, vmax=max(high, low + 1e-6), interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color(INK if row == 0 else GREY)
            if column == 0:
                axes.set_ylabel(name, fontsize=TEXT, color=INK, rotation=0, ha="right", va="center", labelpad=6)
    return figure
