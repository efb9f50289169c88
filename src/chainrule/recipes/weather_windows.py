"""The weather as examples: the last days, and by how much tomorrow's highest temperature will differ from today's.

::

    x_t = the measurements of the days t - N + 1 ... t, standardised          y_t = (max_{t+1} - max_t - m) / s

A network whose output is near 0 then forecasts what persistence does, tomorrow is as today, and has to learn only what is
beyond. Means and deviations are those of the days that are fitted to: no number of a later day enters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from chainrule.data.weather import Weather

__all__ = [
    "MEASUREMENTS",
    "Scale",
    "Windows",
    "cut_windows",
    "held_out_part",
    "inputs",
    "measurements",
    "require_finite_days",
]

MEASUREMENTS = ("temp_max", "temp_min", "log(1 + precipitation)", "wind", "sin(season)", "cos(season)")
_DAYS_A_YEAR = 365.25


def measurements(weather: Weather) -> np.ndarray:
    """The measurements of each day, float64[days, 6]: ``MEASUREMENTS``.

    Rain is skewed, most days have none and a few have very much, so its logarithm is taken. The season is the angle of the
    day in the year, as a point on the circle: the last of December is beside the first of January.
    """
    day = (weather.dates - weather.dates.astype("datetime64[Y]")).astype(np.float64)
    season = 2 * np.pi * day / _DAYS_A_YEAR
    rain = np.log1p(weather.precipitation)
    return np.stack([weather.temp_max, weather.temp_min, rain, weather.wind, np.sin(season), np.cos(season)], axis=1)


@dataclass(frozen=True, eq=False)
class Scale:
    """Means and deviations of the days that are fitted to, by which all are standardised.

    Attributes:
        mean: float64[k], of the measurements.
        deviation: float64[k], of the measurements.
        change_mean: of max_{t+1} - max_t, in degrees Celsius.
        change_deviation: of the same.
    """

    mean: np.ndarray
    deviation: np.ndarray
    change_mean: float
    change_deviation: float

    @classmethod
    def of(cls, days: np.ndarray, changes: np.ndarray) -> Self:
        """Those of the measurements and changes of some days.

        Raises:
            ValueError: where a number is the same on all days, so that it cannot be standardised.
        """
        deviation, change_deviation = days.std(axis=0), float(changes.std())
        if not (np.all(deviation > 0) and change_deviation > 0):
            raise ValueError("weather: every measurement must vary over the days that are fitted to")
        return cls(days.mean(axis=0), deviation, float(changes.mean()), change_deviation)

    def record(self) -> dict[str, Any]:
        """The numbers, for config.json."""
        return {
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "change_mean": self.change_mean,
            "change_deviation": self.change_deviation,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """What ``record`` wrote."""
        mean, deviation = (np.array(record[name], np.float64) for name in ("mean", "deviation"))
        return cls(mean, deviation, float(record["change_mean"]), float(record["change_deviation"]))

    def forecast(self, outputs: np.ndarray, today: np.ndarray) -> np.ndarray:
        """The temperatures that a network's outputs [n, 1] stand for, float64[n], in degrees Celsius."""
        return today + self.change_mean + self.change_deviation * outputs[:, 0].astype(np.float64)


@dataclass(frozen=True, eq=False)
class Windows:
    """Examples in the order of time, the first ``fitted`` of them to fit to, the others to forecast.

    Attributes:
        x: float32[n, window, 6], standardised.
        y: float32[n, 1], the standardised change.
        dates: datetime64[D][n], the day that is forecast.
        today: float64[n], the highest temperature of the day before it.
        truth: float64[n], that of the day itself.
        fitted: how many are fitted to.
        scale: by which they are standardised.
    """

    x: np.ndarray
    y: np.ndarray
    dates: np.ndarray
    today: np.ndarray
    truth: np.ndarray
    fitted: int
    scale: Scale


def inputs(weather: Weather, window: int, scale: Scale) -> np.ndarray:
    """The windows that end on each day from the ``window``-th on: float32[days - window + 1, window, 6].

    Raises:
        ValueError: for fewer days than a window has.
    """
    if len(weather) < window:
        raise ValueError(f"weather: a window of {window} days needs as many, got {len(weather)}")
    days = (measurements(weather) - scale.mean) / scale.deviation
    windows = np.lib.stride_tricks.sliding_window_view(days, window, axis=0)  # [n, 6, window]
    return np.ascontiguousarray(windows.swapaxes(1, 2), np.float32)


def held_out_part(weather: Weather, held_out: str) -> tuple[int, int]:
    """Which of the days that have a tomorrow are held out: from the first up to, and without, the last.

    Of n days n - 1 have a tomorrow. The test days are the last fifth of these, and the validation days the fifth before.
    """
    tomorrows = len(weather) - 1
    fifth = tomorrows // 5
    last = tomorrows if held_out == "test" else tomorrows - fifth
    return last - fifth, last


def require_finite_days(weather: Weather) -> None:
    """Refuse a measurement that is not finite, and say of which day it is."""
    for name in ("temp_max", "temp_min", "precipitation", "wind"):
        bad = np.flatnonzero(~np.isfinite(getattr(weather, name)))
        if bad.size:
            raise ValueError(
                f"weather: {name} must be finite, got {getattr(weather, name)[bad[0]]} on {weather.dates[bad[0]]}"
            )


def cut_windows(weather: Weather, window: int, held_out: str) -> Windows:
    """Cut a series of days into examples, and hold out a fifth of the days that are forecast, as ``held_out_part`` says.

    Args:
        weather: days that follow one another.
        window: how many days an example has.
        held_out: ``"test"`` or ``"validation"``; then the test days are left out.

    Raises:
        ValueError: for so few days that nothing is left to fit to, and for measurements that are not finite.
    """
    require_finite_days(weather)
    first, last = held_out_part(weather, held_out)
    if last == first or first - window < 1:
        raise ValueError(f"weather: {len(weather)} days are too few for windows of {window} and five parts")
    changes = np.diff(weather.temp_max)
    scale = Scale.of(measurements(weather)[:first], changes[:first])
    ends = slice(window - 1, last)  # the days that windows end on; the last of these has a tomorrow
    return Windows(
        x=inputs(weather, window, scale)[: last - window + 1],
        y=((changes[ends] - scale.change_mean) / scale.change_deviation).astype(np.float32)[:, None],
        dates=weather.dates[1:][ends],
        today=weather.temp_max[:-1][ends],
        truth=weather.temp_max[1:][ends],
        fitted=first - window + 1,
        scale=scale,
    )
