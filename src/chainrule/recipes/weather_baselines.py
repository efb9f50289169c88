"""Forecasts of the weather that fit nothing: tomorrow is as today, and tomorrow is as the season is."""

from __future__ import annotations

import numpy as np

__all__ = ["HALF_WINDOW", "climatology"]

HALF_WINDOW = 15  # days to either side: a month in all
_DAYS_A_YEAR = 365.25


def climatology(
    dates: np.ndarray, temperatures: np.ndarray, wanted: np.ndarray, half_window: int = HALF_WINDOW
) -> np.ndarray:
    """Forecast what is usual at the time of the year: float64[m].

    ::

        c(d) = mean of the temperatures of all known days that are at most 15 days of the year from d

    The distance goes around the year: the first of January is next to the last of December. The mean of the same day
    alone, over three or four years, would be noise for the most part; the mean of 31 days in each year is smooth.

    Args:
        dates: datetime64[D][n], the days that are known.
        temperatures: float64[n].
        wanted: datetime64[D][m].
        half_window: how many days to either side are taken in.

    Raises:
        ValueError: where no known day is near enough.
    """
    apart = np.abs(_day_of_year(wanted)[:, None] - _day_of_year(dates)[None, :])
    near = np.minimum(apart, _DAYS_A_YEAR - apart) <= half_window
    count = near.sum(axis=1)
    if not np.all(count):
        day = wanted[int(np.argmin(count))]
        raise ValueError(f"climatology: no day that is fitted to is within {half_window} days of the year of {day}")
    usual: np.ndarray = (near @ temperatures) / count
    return usual


def _day_of_year(dates: np.ndarray) -> np.ndarray:
    return (dates - dates.astype("datetime64[Y]")).astype(np.float64)
