"""What a regression of a table leaves: truth less prediction, against the prediction, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.plot.names import short
from chainrule.plot.style import BLUE, GREY, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_table_residuals"]

_GROUPS, _LEAST = 8, 10  # of rows with predictions alike, and the rows that a mean needs
_LONGEST = 28
_POINTS = 5000


def draw_table_residuals(truth: np.ndarray, predicted: np.ndarray, *, name: str) -> Figure:
    """Draw the residuals against the prediction, and their distribution.

    The red points are means of groups of equally many rows, eight where there are enough, each with two standard
    errors: where they stay near 0, what is left has no pattern that follows the prediction. Of more than 5,000 rows as
    many are drawn as points, evenly spaced in the order of the table; the means are of all.

    Args:
        truth: float64[n].
        predicted: float64[n].
        name: what was predicted.
    """
    left = truth - predicted
    figure = new_figure(3.8)
    grid = figure.add_gridspec(1, 2, width_ratios=[2, 1])
    axes = figure.add_subplot(grid[0, 0])
    shown = np.unique(np.linspace(0, len(left) - 1, min(len(left), _POINTS)).astype(int))
    axes.axhline(0.0, color=GREY, linewidth=1.0)
    axes.plot(predicted[shown], left[shown], ".", color=BLUE, markersize=5 if len(shown) <= 500 else 3, alpha=0.6)
    order = np.argsort(predicted, kind="stable")
    groups = np.array_split(order, min(_GROUPS, len(order) // _LEAST)) if len(order) >= _LEAST else []
    if groups:
        at, mean, error = (
            np.array(values)
            for values in zip(
                *((predicted[g].mean(), left[g].mean(), 2 * left[g].std(ddof=1) / np.sqrt(len(g))) for g in groups),
                strict=True,
            )
        )
        axes.errorbar(at, mean, error, color=VERMILION, linewidth=1.6, marker="o", markersize=4, capsize=2)
    quantity = short(name, _LONGEST)
    plain_axes(axes, title="What the model leaves, test rows", x=f"predicted {quantity}", y="truth − prediction")
    counts = figure.add_subplot(grid[0, 1], sharey=axes)
    counts.hist(left, bins=min(max(int(np.sqrt(len(left))), 5), 40), orientation="horizontal", color=BLUE, alpha=0.75)
    plain_axes(counts, title="How often", x="rows")
    counts.tick_params(labelleft=False)
    return figure
