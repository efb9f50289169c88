"""How well a classifier puts one class before the rest, whatever the threshold: the receiver operating characteristic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.checks import require_class_names, require_labels
from chainrule.plot.names import short
from chainrule.plot.style import CLASS_COLOURS, GREY, INK, SMALL, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["roc", "roc_area", "roc_curve"]

_NAMED = 4  # curves that are named where there are more classes than colours
_LONGEST = 20  # characters of a name in the legend


def roc_curve(positive: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Compute the ROC curve of scores: ``(false positive rate, true positive rate)``, one point a threshold.

    ::

        TPR(t) = #{positive and score >= t} / #{positive},    FPR(t) = #{negative and score >= t} / #{negative}

    for each distinct score t from the highest to the lowest, after the point (0, 0) of a threshold above them all. Examples
    with equal scores pass a threshold together: a run of ties is one slanted step, whatever the order of the examples.

    Args:
        positive: bool[n], or integers 0 and 1: which examples belong to the class.
        scores: float[n], higher where the class is likelier.

    Returns:
        float64[distinct scores + 1] each, from (0, 0) to (1, 1), neither ever falling.

    Raises:
        ValueError: for scores that are not finite, vectors of different lengths, or examples of one kind alone.

    Source: T. Fawcett (2006), An introduction to ROC analysis, Pattern Recognition Letters 27(8), algorithm 1.
    """
    is_positive, given = _require_scores("roc_curve", positive, scores)
    order = np.argsort(-given, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(given[order])), len(given) - 1)  # the last example of each run of ties
    hits = np.cumsum(is_positive[order])[ends]
    false_alarms = 1 + ends - hits
    return (np.append(0, false_alarms) / false_alarms[-1], np.append(0, hits) / hits[-1])


def roc_area(positive: ArrayLike, scores: ArrayLike) -> float:
    """Compute the area under the ROC curve by trapezia.

    It is the share of the pairs of a positive and a negative example in which the positive one has the higher score, a
    tie counting one half (the Mann-Whitney statistic): 1 for a perfect order, 1/2 for guessing.

    Args:
        positive: bool[n], or integers 0 and 1.
        scores: float[n].

    Raises:
        ValueError: as ``roc_curve``.
    """
    across, up = roc_curve(positive, scores)
    return float(np.trapezoid(up, across))


def roc(labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str]) -> Figure:
    """Draw the ROC curves: of two classes that of the second, of more each class against the rest; areas are written.

    With more than eight classes the four of the smallest areas are coloured and named, and the others are grey. A class
    that no example has has no curve: the legend gives its area as none.

    Args:
        labels: int[n], the true classes.
        probabilities: [n, classes], rows from 0 to 1 that sum to 1; a class's column is its score.
        class_names: a name for each class.

    Raises:
        ValueError: for labels out of range, shapes that do not agree, rows that are not probabilities, or labels of one
            class alone.
    """
    names = require_class_names("roc", class_names)
    true = require_labels("roc", "labels", labels, len(names))
    given = _require_probabilities(probabilities, len(true), len(names))
    if (true == true[0]).all():
        raise ValueError(f"roc: labels must be of two classes at least, got {names[true[0]]!r} alone")
    drawn = [1] if len(names) == 2 else [k for k in range(len(names)) if (true == k).any()]
    areas = {k: roc_area(true == k, given[:, k]) for k in drawn}

    figure = new_figure(5.6)
    # The legend has a place of its own: beside square axes, matplotlib's layout finds it none.
    axes, beside = figure.subplots(1, 2, width_ratios=[1.95, 1.0])
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle="--", label="0.5  guessing")
    if len(drawn) <= len(CLASS_COLOURS):
        for k, colour in zip(drawn, CLASS_COLOURS, strict=False):
            _curve(axes, true == k, given[:, k], colour, _label(areas[k], names[k]))
    else:
        _worst_of_many(axes, true, given, names, areas)
    for name in (names[k] for k in range(len(names)) if len(names) > 2 and k not in areas):
        axes.plot([], [], linestyle="none", label=f"none  {short(name, _LONGEST)}")
    if len(names) == 2:
        title = f"ROC of {short(names[1], _LONGEST)}: area {_written(areas[1])}"
    else:
        title = f"ROC, each class against the rest: mean area {_written(float(np.mean(list(areas.values()))))}"
    plain_axes(axes, title=title, x="false positive rate", y="true positive rate")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", anchor="W")
    beside.set_axis_off()
    legend = beside.legend(
        *axes.get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.0,
        title="area under the curve, class",
        title_fontsize=SMALL,
        fontsize=SMALL,
        labelcolor=INK,
        frameon=False,
        alignment="left",
    )
    legend.set_in_layout(False)
    return figure


def _worst_of_many(
    axes: Axes, true: np.ndarray, given: np.ndarray, names: tuple[str, ...], areas: dict[int, float]
) -> None:
    """Colour the few curves of the smallest areas; the others are one grey bundle."""
    order = sorted(areas, key=lambda k: areas[k])
    others = order[_NAMED:]
    for place, k in enumerate(others):
        span = f"{_written(areas[others[0]])} to {_written(areas[others[-1]])}  {len(others)} others"
        _curve(axes, true == k, given[:, k], "#c4c4c4", span if place == 0 else "_nolegend_", linewidth=1.0)
    for k, colour in zip(order[:_NAMED], CLASS_COLOURS, strict=False):
        _curve(axes, true == k, given[:, k], colour, _label(areas[k], names[k]))


def _curve(
    axes: Axes, positive: np.ndarray, scores: np.ndarray, colour: str, label: str, linewidth: float = 1.8
) -> None:
    across, up = roc_curve(positive, scores)
    axes.plot(across, up, color=colour, linewidth=linewidth, label=label, clip_on=False)


def _label(area: float, name: str) -> str:
    return f"{_written(area)}  {short(name, _LONGEST)}"


def _written(area: float) -> str:
    """Four decimals, rounded down: an area of 0.99999 is not 1."""
    return f"{np.floor(area * 1e4 + 1e-9) / 1e4:.4f}"


def _require_scores(where: str, positive: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    kind, given = np.asarray(positive), np.asarray(scores, dtype=np.float64)
    if kind.dtype == bool:
        kind = kind.astype(np.int64)
    kind = require_labels(where, "positive", kind, 2)
    if given.shape != kind.shape:
        raise ValueError(f"{where}: scores must be [{len(kind)}], one an example, got {list(given.shape)}")
    if not np.isfinite(given).all():
        raise ValueError(f"{where}: scores must be finite, got NaN or infinity")
    if (kind == kind[0]).all():
        raise ValueError(f"{where}: positive must have examples of both kinds, got {len(kind)} of {bool(kind[0])}")
    return kind.astype(np.int64), given


def _require_probabilities(probabilities: ArrayLike, count: int, classes: int) -> np.ndarray:
    given = np.asarray(probabilities, dtype=np.float64)
    if given.shape != (count, classes):
        raise ValueError(f"roc: probabilities must be [{count}, {classes}], got {list(given.shape)}")
    off = ~((given >= 0).all(axis=1) & (np.abs(given.sum(axis=1) - 1) < 0.02))
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(
            f"roc: probabilities must be rows from 0 to 1 that sum to 1 (softmax of the logits), "
            f"got row {row} with the sum {given[row].sum():.4g} and the smallest {given[row].min():.4g}"
        )
    return given
