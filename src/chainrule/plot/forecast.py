"""A forecast beside what came, day by day, and what is left between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.style import BLUE, GREY, INK, SMALL, TEXT, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["forecast", "require_numbers", "write_dates"]


def forecast(dates: ArrayLike, truth: ArrayLike, predicted: ArrayLike, *, name: str, quantity: str) -> Figure:
    """Draw what was forecast and what came over time; below it the residuals, truth less forecast, with their spread.

    The band around zero is one root mean square wide to each side: forecasts whose errors were normal would leave a third
    of the days outside of it.

    Args:
        dates: datetime64[n], rising.
        truth: float[n].
        predicted: float[n].
        name: whose forecast it is.
        quantity: what was forecast, with its unit in brackets: ``"highest temperature (°C)"``.

    Raises:
        ValueError: for dates that are none or do not rise, other numbers than there are dates, or numbers that are not
            finite.
    """
    days = np.asarray(dates)
    if days.ndim != 1 or days.dtype.kind != "M" or len(days) < 2 or not np.all(np.diff(days) > np.timedelta64(0)):
        raise ValueError(
            f"forecast: dates must be at least two of datetime64, rising, got {days.dtype}{list(days.shape)}"
        )
    came, said = (
        require_numbers("forecast", what, value, len(days))
        for what, value in (("truth", truth), ("predicted", predicted))
    )
    residuals = came - said
    spread = float(np.sqrt(np.mean(residuals**2)))
    unit = quantity[quantity.rfind("(") + 1 : -1] if quantity.endswith(")") else ""

    figure = new_figure(5.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    above.plot(days, came, color=INK, linewidth=1.1, label="truth")
    above.plot(days, said, color=BLUE, linewidth=1.4, label=name)
    plain_axes(above, title="Forecast a day ahead", y=quantity)
    above.legend(loc="upper right", ncols=2, frameon=False, fontsize=TEXT, labelcolor=INK)
    above.margins(x=0.01, y=0.18)

    below.axhspan(-spread, spread, color=BLUE, alpha=0.12, linewidth=0)
    below.axhline(0.0, color=GREY, linewidth=1.0)
    below.vlines(days, 0.0, residuals, color=VERMILION, linewidth=1.3)
    mean = float(np.mean(np.abs(residuals)))
    title = f"What is left: root mean square {spread:.2f} {unit}, mean absolute {mean:.2f} {unit}"
    plain_axes(below, title=title, y=f"truth − forecast{f' ({unit})' if unit else ''}")
    write_dates(below)
    return figure


def write_dates(axes: Axes) -> None:
    """Months along the axis, the year where it begins."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=12)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.xaxis.get_offset_text().set_fontsize(SMALL)


def require_numbers(where: str, what: str, values: ArrayLike, count: int) -> np.ndarray:
    """Numbers that belong to so many dates, float64[count]; others are refused."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (count,):
        raise ValueError(f"{where}: {what} must be [{count}], one a date, got {list(numbers.shape)}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{where}: {what} must be finite, got NaN or infinity")
    return numbers
