"""Which columns a model leans on: how much worse it gets when one of them is shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.names import short
from chainrule.plot.style import BLUE, GREY, INK, SMALL, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["importance"]

_MOST = 20  # bars
_LONGEST = 32  # characters of a name


def importance(names: Sequence[str], means: ArrayLike, deviations: ArrayLike, *, score: str) -> Figure:
    """Draw the permutation importance of columns: horizontal bars, the greatest first, at most 20.

    A bar is the mean over several shuffles of how much worse the score gets, the line on it one standard deviation to
    each side. Bars at or below zero are grey: shuffling such a column did no harm.

    Args:
        names: the columns.
        means: float[columns], positive where the model gets worse without the column.
        deviations: float[columns], 0 or more.
        score: what got worse, in words: ``"accuracy"``, ``"RMSE (mpg)"``.

    Raises:
        ValueError: for no columns, names that are no strings, vectors of another length, numbers that are not finite, or a
            negative deviation.

    Source: L. Breiman (2001), Random forests, Machine Learning 45, section 10.
    """
    columns = list(names)
    if isinstance(names, str) or not columns or not all(isinstance(name, str) for name in columns):
        raise ValueError(f"importance: names must be at least one string, got {names!r}")
    mean, deviation = (
        _require("importance", what, values, len(columns))
        for what, values in (("means", means), ("deviations", deviations))
    )
    if (deviation < 0).any():
        raise ValueError(f"importance: deviations must be 0 or more, got {deviation.min()}")
    order = np.argsort(-mean, kind="stable")[:_MOST]

    figure = new_figure(1.3 + 0.27 * len(order))
    axes = figure.add_subplot()
    places = np.arange(len(order))
    colours = [BLUE if mean[k] > 0 else GREY for k in order]
    look = {"ecolor": INK, "elinewidth": 1.2, "capsize": 2.5}
    axes.barh(places, mean[order], xerr=deviation[order], color=colours, height=0.68, error_kw=look)
    axes.axvline(0.0, color=GREY, linewidth=1.0)
    few = f": the {_MOST} greatest of {len(columns)}" if len(columns) > _MOST else ""
    plain_axes(
        axes,
        title=f"Permutation importance{few}",
        x=f"how much worse the {short(score, _LONGEST)} gets, column shuffled (± 1 std. deviation)",
    )
    axes.set_yticks(places, [short(columns[k], _LONGEST) for k in order], fontsize=SMALL, color=INK)
    axes.set_ylim(len(order) - 0.4, -0.6)  # the greatest on top
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    return figure


def _require(where: str, what: str, values: ArrayLike, count: int) -> np.ndarray:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (count,):
        raise ValueError(f"{where}: {what} must be [{count}], one a name, got {list(numbers.shape)}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{where}: {what} must be finite, got NaN or infinity")
    return numbers
