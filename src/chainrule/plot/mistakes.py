"""The images that a classifier gets wrong, the ones it is surest of first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.checks import require_class_names, require_labels
from chainrule.plot.style import GREY, INK, TEXT, TITLE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["mistakes"]

_COLUMNS = 6


def mistakes(
    images: ArrayLike, labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str], most: int = 24
) -> Figure:
    """Draw the wrongly classified images, the most confident mistakes first.

    Each is titled ``7 → 1, 0.98``: a 7 that was taken for a 1, with a probability of 0.98. Without mistakes
    the picture says that there are none.

    Args:
        images: [n, h, w], [n, h, w, 1] or, in colour, [n, h, w, 3] in [0, 1]. One scale of grey serves all.
        labels: int[n], the true classes.
        probabilities: [n, classes], rows that sum to 1; the prediction is the largest of a row (the first, in
            a tie).
        class_names: a name for each class.
        most: how many to draw at most.

    Raises:
        ValueError: for shapes that do not agree, labels out of range, ``most`` less than 1, or rows that are
            not probabilities.
    """
    names = require_class_names("mistakes", class_names)
    true = require_labels("mistakes", "labels", labels, len(names))
    pictures = _require_images(images, len(true))
    given = _require_probabilities(probabilities, len(true), len(names))
    if most < 1:
        raise ValueError(f"mistakes: most must be at least 1, got {most}")
    predicted = given.argmax(axis=1)
    confidence = given.max(axis=1)
    wrong = np.flatnonzero(predicted != true)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    shown = wrong[:most]

    if not wrong.size:
        figure = new_figure(2.0)
        text = f"No mistakes among {len(true)} images"
        figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=TITLE, color=INK)
        return figure

    titles = [_title(names[true[i]], names[predicted[i]], confidence[i]) for i in shown]
    lines = max(title.count("\n") for title in titles) + 1
    rows = -(-len(shown) // _COLUMNS)
    figure = new_figure(0.75 + rows * (1.28 + 0.17 * lines))
    count = f"{len(wrong)} mistake{'s' if len(wrong) > 1 else ''} among {len(true)} images"
    rest = f"; the {len(shown)} most confident" if len(shown) < len(wrong) else ""
    figure.suptitle(f"{count}{rest}", fontsize=TITLE, color=INK)
    figure.supxlabel("true → predicted, probability of the predicted class", fontsize=TEXT, color=INK)
    grid = figure.add_gridspec(rows, _COLUMNS)
    low, high = float(pictures.min()), float(pictures.max())
    for place, (i, title) in enumerate(zip(shown, titles, strict=True)):
        axes = figure.add_subplot(grid[divmod(place, _COLUMNS)])
        axes.imshow(pictures[i], cmap="gray_r", vmin=low, vmax=max(high, low + 1e-6), interpolation="nearest")
        axes.set_title(title, fontsize=TEXT if lines == 1 else TEXT - 2, color=INK, pad=3)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(GREY)
    return figure


def _title(true: str, predicted: str, confidence: float) -> str:
    # 0.9996 is not 1.00: a title never claims a certainty that the model did not have.
    near = 0.995 <= confidence < 1
    shown = f"{np.floor(confidence * 1e4) / 1e4:.4f}" if near else f"{confidence:.2f}"
    title = f"{true} → {predicted}, {shown}"
    return title if len(title) <= 15 else f"{true} →\n{predicted}, {shown}"


def _require_images(images: ArrayLike, count: int) -> np.ndarray:
    pictures = np.asarray(images)
    shape = list(pictures.shape)
    if pictures.ndim == 4 and pictures.shape[-1] == 1:
        pictures = pictures[..., 0]
    if not (pictures.ndim == 3 or (pictures.ndim == 4 and pictures.shape[-1] == 3)):
        raise ValueError(f"mistakes: images must be [n, h, w], [n, h, w, 1] or [n, h, w, 3], got {shape}")
    if len(pictures) != count:
        raise ValueError(f"mistakes: images and labels must be as many, got {len(pictures)} and {count}")
    if 0 in shape:
        raise ValueError(f"mistakes: images must have at least one pixel, got {shape}")
    pictures = pictures.astype(np.float32)
    if not np.isfinite(pictures).all():
        raise ValueError("mistakes: images must be finite, got NaN or infinity")
    if pictures.ndim == 4 and (pictures.min() < 0 or pictures.max() > 1):
        raise ValueError(f"mistakes: images in colour must be from 0 to 1, got {pictures.min()} to {pictures.max()}")
    return pictures


def _require_probabilities(probabilities: ArrayLike, count: int, classes: int) -> np.ndarray:
    given = np.asarray(probabilities).astype(np.float64)
    if given.shape != (count, classes):
        raise ValueError(f"mistakes: probabilities must be [{count}, {classes}], got {list(given.shape)}")
    off = ~((given >= 0).all(axis=1) & (np.abs(given.sum(axis=1) - 1) < 0.02))
    if off.any():
        first = int(np.argmax(off))
        raise ValueError(
            f"mistakes: probabilities must be rows from 0 to 1 that sum to 1 (softmax of the logits), "
            f"got row {first} with the sum {given[first].sum():.4g} and the smallest {given[first].min():.4g}"
        )
    return given
