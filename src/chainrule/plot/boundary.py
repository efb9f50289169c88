"""Where a classifier of points in the plane changes its mind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.checks import require_class_names, require_labels
from chainrule.plot.style import CLASS_COLOURS, CLASS_MARKERS, INK, LEGEND, legend_above, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["decision_boundary"]


def decision_boundary(
    predict: Callable[[np.ndarray], ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    axes: Axes | None = None,
    title: str | None = None,
    resolution: int = 200,
) -> Figure:
    """Draw the probabilities of a classifier over the plane, its decision boundary, and the examples.

    A place has the mixture of the colours of the classes, each weighted by its probability; the dark line is
    where the two likeliest classes are equally likely. Classes differ in marker as well as in colour.

    Args:
        predict: maps float32[m, 2] to probabilities: [m, classes], or of two classes [m] or [m, 1], that of
            class 1.
        x: the examples, [n, 2].
        y: int[n], their classes.
        class_names: names for a legend; ``None`` draws no legend.
        axes: draw here, as one frame of several; ``None`` makes a figure.
        title: the title.
        resolution: the number of points along each side of the grid on which ``predict`` is called, once.

    Returns:
        The figure that was drawn on: a new one, or that of ``axes``.

    Raises:
        ValueError: for x that is not finite [n, 2]; labels that are out of range or not as many; more classes
            than there are colours (8); what ``predict`` returns not being probabilities.
    """
    points = np.asarray(x)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"decision_boundary: x must be [n, 2], got {list(points.shape)}")
    points = points.astype(np.float64)
    if not np.isfinite(points).all():
        raise ValueError("decision_boundary: x must be finite, got NaN or infinity")
    if resolution < 2:
        raise ValueError(f"decision_boundary: resolution must be at least 2, got {resolution}")

    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    across, up = (np.linspace(low[i] - margin[i], high[i] + margin[i], resolution) for i in (0, 1))
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)
    probabilities = _require_probabilities(predict(plane), len(plane))
    classes = probabilities.shape[1]
    labels = require_labels("decision_boundary", "y", y, classes)
    if len(labels) != len(points):
        raise ValueError(f"decision_boundary: x and y must be as many, got {len(points)} and {len(labels)}")
    if class_names is not None and len(require_class_names("decision_boundary", class_names)) != classes:
        raise ValueError(f"decision_boundary: class_names must name {classes} classes, got {list(class_names)}")

    if axes is None:
        axes = new_figure(6.2).add_subplot()
    maps = probabilities.reshape(resolution, resolution, classes)
    axes.imshow(
        maps @ _pale(classes),
        origin="lower",
        extent=(across[0], across[-1], up[0], up[-1]),
        aspect="auto",
        interpolation="bilinear",
    )
    for label in range(classes):
        rivals = np.delete(maps, label, axis=2).max(axis=2)
        lead = maps[..., label] - rivals
        if (label > 0 or classes > 2) and lead.min() < 0 < lead.max():
            axes.contour(across, up, lead, levels=[0.0], colors=INK, linewidths=1.6)
    for label in range(classes):
        mine = points[labels == label]
        axes.scatter(
            mine[:, 0],
            mine[:, 1],
            s=26,
            color=CLASS_COLOURS[label],
            marker=CLASS_MARKERS[label],
            edgecolors="white",
            linewidths=0.7,
            label=None if class_names is None else class_names[label],
        )
    plain_axes(axes, title=title, pad=6.0 if class_names is None else LEGEND)
    axes.grid(visible=False)
    if class_names is not None:
        legend_above(axes, classes, handletextpad=0.2, columnspacing=1.2)
    drawn = axes.get_figure(root=True)
    if drawn is None:
        raise ValueError("decision_boundary: axes must belong to a figure, got axes that were removed from theirs")
    return drawn


def _pale(classes: int) -> np.ndarray:
    """Give each class a pale version of its colour: RGB[classes, 3]."""
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(colour) for colour in CLASS_COLOURS[:classes]])
    return 1 - 0.45 * (1 - colours)


def _require_probabilities(predicted: ArrayLike, count: int) -> np.ndarray:
    given = np.asarray(predicted).astype(np.float64)
    shape = list(given.shape)
    if given.shape in ((count,), (count, 1)):
        given = np.column_stack([1 - given.ravel(), given.ravel()])
    if given.ndim != 2 or len(given) != count or not 2 <= given.shape[1] <= len(CLASS_COLOURS):
        raise ValueError(
            f"decision_boundary: predict must return [{count}, classes], 2 to {len(CLASS_COLOURS)} classes, "
            f"or the probability of class 1, [{count}], got {shape}"
        )
    if not (np.all(given >= 0) and np.all(np.abs(given.sum(axis=1) - 1) < 0.02)):
        raise ValueError(
            "decision_boundary: predict must return probabilities that sum to 1 (softmax of the logits), "
            f"got numbers from {given.min():.4g} to {given.max():.4g}"
        )
    return given
