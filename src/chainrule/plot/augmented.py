"""Images beside what augmentation makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.style import GREY, INK, TEXT, TITLE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["augmented"]


def augmented(images: ArrayLike, draws: ArrayLike, names: Sequence[str] | None = None) -> Figure:
    """Draw each image in a row with several augmentations of it: what training sees instead of the image.

    The originals stand in the first column, apart from the draws. One scale of grey serves all, the originals' (what an
    augmentation makes brighter than their brightest is drawn as bright as that), so that a change of
    brightness is seen as one::

        augment = data.Augmentation(degrees=15, scale=0.1, shift=2)
        draws = [augment(key, images, None)[0] for key in jax.random.split(jax.random.key(0), 7)]
        plot.augmented(images, draws)

    Args:
        images: [n, h, w], [n, h, w, 1] or, in colour, [n, h, w, 3] in [0, 1].
        draws: [k, ...], k augmentations of all the images.
        names: a name for each image, written beside its row.

    Raises:
        ValueError: for shapes that do not agree, no image or no draw, images that are not finite, or images in colour
            that are not in [0, 1].
    """
    pictures, changed = np.asarray(images), np.asarray(draws)
    shape = list(pictures.shape)
    if not (pictures.ndim == 3 or (pictures.ndim == 4 and pictures.shape[-1] in (1, 3))) or 0 in shape:
        raise ValueError(f"augmented: images must be [n, h, w], [n, h, w, 1] or [n, h, w, 3], got {shape}")
    if changed.ndim != pictures.ndim + 1 or changed.shape[1:] != pictures.shape or not len(changed):
        raise ValueError(f"augmented: draws must be {['k', *shape]}, got {list(changed.shape)}")
    if names is not None and len(names) != len(pictures):
        raise ValueError(f"augmented: names must be one for each of {len(pictures)} images, got {len(names)}")
    both = np.concatenate([pictures[None], changed]).astype(np.float32)
    if not np.isfinite(both).all():
        raise ValueError("augmented: images and draws must be finite, got NaN or infinity")
    low, high = float(both[0].min()), float(both[0].max())
    if both.shape[-1] == 3 and both.ndim == 5:
        if low < 0 or high > 1:
            raise ValueError(f"augmented: images in colour must be from 0 to 1, got {low} to {high}")
        both = both.clip(0, 1)
    elif both.ndim == 5:
        both = both[..., 0]

    columns, rows = both.shape[:2]
    side = 7.6 / (columns + 0.3)
    figure = new_figure(0.45 + rows * side * both.shape[2] / both.shape[3])
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=[1, 0.3, *[1] * (columns - 1)])
    for row in range(rows):
        for column in range(columns):
            axes = figure.add_subplot(grid[row, column + (column > 0)])
            axes.imshow(both[column, row], cmap="gray_r", vmin=low, vmax=max(high, low + 1e-6), interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color(INK if column == 0 else GREY)
            if names is not None and column == 0:
                axes.set_ylabel(names[row], fontsize=TEXT, color=INK, rotation=0, ha="right", va="center")
            if row == 0 and column < 2:
                axes.set_title("image" if column == 0 else "augmented", fontsize=TITLE, color=INK, loc="left", pad=4)
    return figure
