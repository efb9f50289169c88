"""Which classes a classifier takes for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.checks import require_class_names, require_labels
from chainrule.plot.style import GREY, INK, TEXT, TITLE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confusion", "confusion_matrix"]


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, classes: int) -> np.ndarray:
    """Count how often class i is predicted as class j: int64[classes, classes].

    C_ij = #{n : labels_n = i and predictions_n = j}: a row for each true class, a column for each predicted
    one. The trace over the sum is the accuracy.

    Raises:
        ValueError: for labels or predictions that are not integers from 0 to classes - 1, are empty, or are
            of different lengths.
    """
    true = require_labels("confusion_matrix", "labels", labels, classes)
    predicted = require_labels("confusion_matrix", "predictions", predictions, classes)
    if len(true) != len(predicted):
        raise ValueError(
            f"confusion_matrix: labels and predictions must be of one length, got {len(true)} and {len(predicted)}"
        )
    cells = true.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def confusion(labels: ArrayLike, predictions: ArrayLike, class_names: Sequence[str]) -> Figure:
    """Draw the confusion matrix, counts in its cells: a row for each true class, a column for each predicted.

    Only the mistakes are coloured, by their share of the row, the darkest colour being the largest share in
    the matrix: a few mistakes show beside hundreds of right answers. The diagonal is grey. To the right of a
    row stands the share of the class that was recognised (its recall).

    Raises:
        ValueError: as ``confusion_matrix``; for fewer than two class names.
    """
    names = require_class_names("confusion", class_names)
    classes = len(names)
    counts = confusion_matrix(labels, predictions, classes)
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    mistakes = np.where(np.eye(classes, dtype=bool), 0.0, shares)
    darkest = float(mistakes.max())
    right, total = int(np.trace(counts)), int(counts.sum())

    height = float(np.clip(1.4 + 0.56 * classes, 3.2, 7.0))
    cell = 72 * (height - 1.0) / classes  # points, about
    tick_size = min(TEXT, 0.62 * cell)
    count_size = min(TEXT, 0.9 * cell / (0.64 * len(str(counts.max()))))
    figure = new_figure(height)
    axes = figure.add_subplot()
    axes.imshow(_paint(mistakes, darkest))
    for row, column in np.ndindex(classes, classes):
        count = int(counts[row, column])
        if count == 0:
            continue
        dark = darkest > 0 and mistakes[row, column] > 0.55 * darkest
        axes.text(
            column,
            row,
            str(count),
            ha="center",
            va="center",
            fontsize=count_size,
            color="white" if dark else INK,
            fontweight="normal" if row == column else "bold",
        )
    beside = axes.get_yaxis_transform()  # across as a fraction of the axes, down in rows
    for row in range(classes):
        recall = f"{100 * shares[row, row]:.1f} %" if totals[row] else "none"
        axes.text(1.02, row, recall, transform=beside, ha="left", va="center", fontsize=tick_size, color=INK)
    axes.text(1.02, 1.02, "recall", transform=axes.transAxes, va="bottom", fontsize=tick_size, color=INK)

    axes.set_title(f"Accuracy {100 * right / total:.1f} % ({right} of {total})", fontsize=TITLE, color=INK, pad=26)
    axes.set_xlabel("predicted", fontsize=TEXT, color=INK)
    axes.set_ylabel("true", fontsize=TEXT, color=INK)
    axes.set_xticks(range(classes), labels=list(names), fontsize=tick_size, color=INK)
    axes.set_yticks(range(classes), labels=list(names), fontsize=tick_size, color=INK)
    if max(len(name) for name in names) > 3:
        for text in axes.get_xticklabels():
            text.set(rotation=45, horizontalalignment="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_color(GREY)
    axes.set_xticks(np.arange(0.5, classes - 1), minor=True)
    axes.set_yticks(np.arange(0.5, classes - 1), minor=True)
    axes.grid(visible=False)
    axes.grid(visible=True, which="minor", color="#e4e4e4", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    return figure


def _paint(mistakes: np.ndarray, darkest: float) -> np.ndarray:
    """Colour the cells: white through vermilion for mistakes, light grey on the diagonal. RGB in [0, 1]."""
    light, full = np.array([1.0, 0.93, 0.87]), np.array([0.66, 0.24, 0.0])
    strength = (mistakes / darkest if darkest > 0 else mistakes)[..., None]
    colours = np.where(strength > 0, light + strength * (full - light), 1.0)
    colours[np.diag_indices(len(mistakes))] = 0.91
    return colours
