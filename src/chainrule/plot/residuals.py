"""What a forecast leaves, against time, season and forecast: a pattern there is something that it has missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.forecast import require_numbers, write_dates
from chainrule.plot.style import BLUE, GREY, LEGEND, VERMILION, legend_above, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["residuals"]

_RUNNING = 31  # days of a running mean
_GROUPS = 8  # of days with forecasts alike
_LEAST = 10  # days of a mean
_MONTHS = "JFMAMJJASOND"


def residuals(
    dates: ArrayLike, truth: ArrayLike, predicted: ArrayLike, *, held_out: np.datetime64 | str, name: str, quantity: str
) -> Figure:
    """Draw the residuals, truth less forecast, three times: against time, against the month, and against the forecast.

    Days that were fitted to are grey, held-out days blue. Lines and bars are means: over time of the 31 days around each,
    by month of the days of that month in all years, each with two standard errors, and against the forecast of eight
    groups of equally many held-out days. Where the means stay near 0, what is left has no pattern that could be used.

    Args:
        dates: datetime64[n], rising.
        truth: float[n].
        predicted: float[n].
        held_out: the first day that was not fitted to.
        name: whose forecasts they are.
        quantity: what was forecast, with its unit in brackets: ``"highest temperature (°C)"``.

    Raises:
        ValueError: for dates that are none or do not rise, other numbers than there are dates, numbers that are not finite,
            and a ``held_out`` that leaves less than two days on either side.
    """
    days = np.asarray(dates)
    if days.ndim != 1 or days.dtype.kind != "M" or not np.all(np.diff(days) > np.timedelta64(0)):
        raise ValueError(f"residuals: dates must be datetime64[n], rising, got {days.dtype}{list(days.shape)}")
    came, said = (
        require_numbers("residuals", what, value, len(days))
        for what, value in (("truth", truth), ("predicted", predicted))
    )
    cut = int(np.searchsorted(days, np.datetime64(held_out).astype(days.dtype)))
    if not 2 <= cut <= len(days) - 2:
        raise ValueError(f"residuals: held_out must leave two days on either side of it, got {held_out}")
    left = came - said
    unit = quantity[quantity.rfind("(") + 1 : -1] if quantity.endswith(")") else ""
    label = f"truth − forecast{f' ({unit})' if unit else ''}"

    figure = new_figure(6.4)
    grid = figure.add_gridspec(2, 2)
    above = figure.add_subplot(grid[0, :])
    below = [figure.add_subplot(grid[1, column], sharey=above) for column in range(2)]
    _against_time(above, days, left, cut)
    plain_axes(above, title=f"What {name} leaves, day by day", y=label, pad=LEGEND)
    legend_above(above, 3, handletextpad=0.3)
    _against_month(below[0], days, left, cut)
    plain_axes(below[0], title="By month, mean ± 2 std. errors", x="month", y=label)
    _against_forecast(below[1], said[cut:], left[cut:])
    plain_axes(below[1], title="Against the forecast, held out", x=f"forecast of the {quantity}")
    return figure


def _against_time(axes: Axes, days: np.ndarray, left: np.ndarray, cut: int) -> None:
    axes.axhline(0.0, color=GREY, linewidth=1.0)
    axes.plot(days[:cut], left[:cut], ".", color=GREY, markersize=2.5, alpha=0.7, label="fitted to")
    axes.plot(days[cut:], left[cut:], ".", color=BLUE, markersize=3.5, alpha=0.8, label="held out")
    if len(left) >= _RUNNING:
        mean = np.convolve(left, np.full(_RUNNING, 1 / _RUNNING), mode="valid")
        half = _RUNNING // 2
        axes.plot(days[half : half + len(mean)], mean, color=VERMILION, linewidth=1.6, label=f"mean of {_RUNNING} days")
    write_dates(axes)
    axes.margins(x=0.01)


def _against_month(axes: Axes, days: np.ndarray, left: np.ndarray, cut: int) -> None:
    """Each day at its place in the year; the months' means as lines from end to end."""
    year = days.astype("datetime64[Y]")
    month = (days.astype("datetime64[M]") - year.astype("datetime64[M]")).astype(int)
    begin = days.astype("datetime64[M]").astype(days.dtype)
    end = (days.astype("datetime64[M]") + 1).astype(days.dtype)
    place = month + (days - begin) / (end - begin)
    axes.axhline(0.0, color=GREY, linewidth=1.0)
    axes.plot(place[:cut], left[:cut], ".", color=GREY, markersize=2.5, alpha=0.6)
    axes.plot(place[cut:], left[cut:], ".", color=BLUE, markersize=3.0, alpha=0.7)
    for number in range(12):
        own = left[month == number]
        if len(own) >= _LEAST:
            error = 2 * own.std(ddof=1) / np.sqrt(len(own))
            axes.fill_between([number, number + 1], own.mean() - error, own.mean() + error, color=VERMILION, alpha=0.35)
            axes.plot([number, number + 1], [own.mean()] * 2, color=VERMILION, linewidth=2.0)
    axes.set_xlim(0, 12)
    axes.set_xticks(np.arange(12) + 0.5, list(_MONTHS))
    axes.tick_params(axis="x", length=0)


def _against_forecast(axes: Axes, said: np.ndarray, left: np.ndarray) -> None:
    axes.axhline(0.0, color=GREY, linewidth=1.0)
    axes.plot(said, left, ".", color=BLUE, markersize=3.5, alpha=0.7)
    order = np.argsort(said, kind="stable")
    groups = [group for group in np.array_split(order, _GROUPS) if len(group) >= _LEAST]
    if groups:
        at, mean, error = (
            np.array([statistic(group) for group in groups])
            for statistic in (
                lambda group: said[group].mean(),
                lambda group: left[group].mean(),
                lambda group: 2 * left[group].std(ddof=1) / np.sqrt(len(group)),
            )
        )
        axes.errorbar(at, mean, error, color=VERMILION, linewidth=1.6, marker="o", markersize=4, capsize=2)
