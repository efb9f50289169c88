"""Learning curves: the loss and the accuracy of every epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.plot.style import BLUE, GREY, INK, SMALL, TEXT, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves"]

_PANELS = {"loss": ("loss", "validation_loss"), "accuracy": ("accuracy", "validation_accuracy")}
_NAMES = ("training", "held out")
_BASELINE = "baseline"
_LINE = 0.075  # the height of a line of text in a panel, as a fraction of the panel


def curves(history: Mapping[str, Sequence[float]], *, baselines: Mapping[str, float] | None = None) -> Figure:
    """Draw the loss (nats, logarithmic scale) and the accuracy (per cent) against the epoch, a panel each.

    The last value of each line is written beside it. A panel is drawn for what the history holds. An epoch
    whose loss is not finite leaves a gap; a loss of zero or less, which no logarithm shows, makes the scale
    linear.

    Args:
        history: lists with one number an epoch, all of one length, under any of the names ``loss``,
            ``accuracy``, ``validation_loss``, ``validation_accuracy``; accuracies are fractions. An empty
            list counts as absent.
        baselines: losses to compare with, by their names: dashed lines in the panel of the loss, at most two,
            whose names are written on them.

    Raises:
        ValueError: for another name, lists of unequal lengths, no epoch at all, an accuracy that is no
            fraction, more than two baselines, or one that is not finite.
    """
    series = _require_history(history)
    levels = _require_baselines(baselines or {})
    panels = [panel for panel, names in _PANELS.items() if any(name in series for name in names)]
    figure = new_figure(3.6)
    for column, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), column + 1)
        lines = [(name, series[key]) for name, key in zip(_NAMES, _PANELS[panel], strict=True) if key in series]
        if panel == "loss":
            _panel(axes, lines, "{:.3g}")
            for value in levels.values():
                axes.axhline(value, color=GREY, linewidth=1.2, linestyle="--", label=_BASELINE, zorder=1.5)
            positive = all(np.all(values[np.isfinite(values)] > 0) for _, values in lines)
            positive = positive and all(value > 0 for value in levels.values())
            _set_loss_scale(axes, positive and any(np.isfinite(values).any() for _, values in lines))
            plain_axes(axes, title="Loss", x="epoch", y="loss (nats)")
            _write_baselines(axes, levels)
        else:
            _panel(axes, [(name, 100 * values) for name, values in lines], "{:.1f} %")
            plain_axes(axes, title="Accuracy", x="epoch", y="accuracy (%)")
        _write_last_values(axes)
    return figure


def _require_history(history: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    known = [name for names in _PANELS.values() for name in names]
    unknown = [name for name in history if name not in known]
    if unknown:
        raise ValueError(f"curves: history must have the names {known}, got {unknown[0]!r}")
    series = {name: np.asarray(values, dtype=np.float64) for name, values in history.items()}
    for name, values in series.items():
        if values.ndim != 1:
            raise ValueError(f"curves: history[{name!r}] must be a list of numbers, got shape {list(values.shape)}")
    series = {name: values for name, values in series.items() if values.size}
    if not series:
        raise ValueError("curves: history must have at least one epoch, got none")
    lengths = {name: len(values) for name, values in series.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"curves: history must have one number an epoch in every list, got lengths {lengths}")
    for name in _PANELS["accuracy"]:
        if name in series and not np.all((series[name] >= 0) & (series[name] <= 1)):
            raise ValueError(f"curves: history[{name!r}] must be of fractions from 0 to 1, got {list(series[name])}")
    return series


def _require_baselines(baselines: Mapping[str, float]) -> dict[str, float]:
    if len(baselines) > 2:
        raise ValueError(f"curves: baselines must be at most two, got {len(baselines)}")
    for name, value in baselines.items():
        if not np.isfinite(value):
            raise ValueError(f"curves: baselines[{name!r}] must be finite, got {value}")
    return dict(sorted(baselines.items(), key=lambda item: item[1]))


def _write_baselines(axes: Axes, levels: dict[str, float]) -> None:
    """Write the name of each baseline at the left, of two the lower one's under its line: they never overlap."""
    for place, (name, value) in enumerate(levels.items()):
        below = len(levels) == 2 and place == 0
        axes.annotate(
            f"{name} {value:.3g}",
            (0.02, value),
            xycoords=("axes fraction", "data"),
            xytext=(0, -3 if below else 3),
            textcoords="offset points",
            color=INK,
            fontsize=SMALL,
            va="top" if below else "bottom",
            ha="left",
            zorder=3,  # over a curve that falls through it
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 0.5},
        )


def _panel(axes: Axes, lines: list[tuple[str, np.ndarray]], form: str) -> None:
    """Draw the lines; each line's label is what will be written beside it."""
    from matplotlib.ticker import MaxNLocator

    colours = dict(zip(_NAMES, (BLUE, VERMILION), strict=True))
    for name, values in lines:
        epochs = np.arange(1, len(values) + 1)
        marker = "o" if len(values) <= 15 else None
        label = f"{name}\n{form.format(values[-1])}"
        axes.plot(epochs, values, color=colours[name], linewidth=1.8, marker=marker, markersize=4, label=label)
    last = max(len(values) for _, values in lines)
    axes.set_xlim(max(0.3, 0.8 - 0.04 * last), last + 0.04 * last + 0.2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins=6, steps=[1, 2, 5, 10]))


def _set_loss_scale(axes: Axes, logarithmic: bool) -> None:
    """Set the scale, with plain numbers such as 0.05 at its ticks, over decades or over a short span."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    if not logarithmic:
        return
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    decades = np.log10(high / low)
    if decades < 0.7:  # too short for 1, 2, 5: evenly spaced numbers read better
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _write_last_values(axes: Axes) -> None:
    """Write each line's label to the right of the panel at the height of its end; labels never overlap."""
    axes.get_ylim()  # brings the limits up to date, which the heights stand on
    ends = []
    for line in (line for line in axes.get_lines() if line.get_label() != _BASELINE):
        values = np.asarray(line.get_ydata(), dtype=np.float64)
        finite = values[np.isfinite(values)]
        if finite.size:
            _, height = axes.transAxes.inverted().transform(axes.transData.transform((1.0, finite[-1])))
        else:
            height = 0.5
        ends.append((float(height), line))
    ends.sort(key=lambda end: end[0])
    heights = np.clip([height for height, _ in ends], _LINE, 1 - _LINE)
    apart = 2.4 * _LINE
    if len(ends) == 2 and heights[1] - heights[0] < apart:
        middle = np.clip(heights.mean(), _LINE + apart / 2, 1 - _LINE - apart / 2)
        heights = np.array([middle - apart / 2, middle + apart / 2])
    for height, (_, line) in zip(heights, ends, strict=True):
        axes.annotate(
            str(line.get_label()),
            (1.02, height),
            xycoords="axes fraction",
            color=line.get_color(),
            fontsize=TEXT,
            va="center",
            ha="left",
            annotation_clip=False,
        )
