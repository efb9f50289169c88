"""Four years of Seattle's weather, day by day: a short real series to forecast."""

from __future__ import annotations

import csv
import datetime
import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

__all__ = ["Weather", "weather"]

_HEADER = ["date", "precipitation", "temp_max", "temp_min", "wind", "weather"]
_KINDS = ("drizzle", "fog", "rain", "snow", "sun")
_DAYS = np.arange("2012-01-01", "2016-01-01", dtype="datetime64[D]")


@dataclass(frozen=True, eq=False)
class Weather:
    """Days that follow one another without a gap, and what was measured on each.

    Attributes:
        dates: datetime64[D][n].
        precipitation: float64[n], in millimetres a day, rain and melted snow.
        temp_max: float64[n], the highest temperature of the day, in degrees Celsius.
        temp_min: float64[n], the lowest, in degrees Celsius.
        wind: float64[n], the mean wind speed of the day, in metres a second.
        kind: int32[n], the kind of day, an index into ``kinds``.
        kinds: drizzle, fog, rain, snow, sun.
        description: what the series is, in one sentence.
        source: whose data they are, and which package carries them.
    """

    dates: np.ndarray
    precipitation: np.ndarray
    temp_max: np.ndarray
    temp_min: np.ndarray
    wind: np.ndarray
    kind: np.ndarray
    kinds: tuple[str, ...]
    description: str
    source: str

    def split(self, date: str | datetime.date | np.datetime64 = "2015-01-01") -> tuple[Weather, Weather]:
        """Split in two by time: ``(the days before the date, that day and those after it)``.

        A forecast is judged on days later than all that it was fitted to: days drawn at random would each stand between
        two known ones. By default 2012 to 2014 (1,096 days) stand against 2015 (365 days). Means and deviations by which
        the data are scaled are to be those of the first part alone.

        Raises:
            ValueError: for what is no date, or a date that leaves one of the parts empty.
        """
        try:
            day = np.datetime64(str(date), "D")
        except ValueError as error:
            raise ValueError(f"split: date must be a date, such as '2015-01-01', got {date!r}") from error
        if not self.dates[0] < day <= self.dates[-1]:
            raise ValueError(f"split: date must be after {self.dates[0]} and up to {self.dates[-1]}, got {day}")
        cut = int(np.searchsorted(self.dates, day))
        return self._days(slice(0, cut)), self._days(slice(cut, None))

    def features(self, *names: str) -> np.ndarray:
        """Stack measurements as the columns of float32[n, len(names)]; without names all four, in the order above.

        Raises:
            ValueError: for a name that is none of precipitation, temp_max, temp_min and wind.
        """
        names = names or tuple(_HEADER[1:5])
        for name in names:
            if name not in _HEADER[1:5]:
                raise ValueError(f"features: names must be among {', '.join(_HEADER[1:5])}, got {name!r}")
        return np.stack([getattr(self, name) for name in names], axis=1).astype(np.float32)

    def _days(self, days: slice) -> Weather:
        return replace(self, **{name: getattr(self, name)[days] for name in ("dates", *_HEADER[1:5], "kind")})

    def __len__(self) -> int:
        return len(self.dates)

    def __repr__(self) -> str:
        return f"Weather({len(self)} days, {self.dates[0]} to {self.dates[-1]})"


def weather() -> Weather:
    """Load the daily weather of Seattle from 2012 to 2015: 1,461 days without a gap.

    Temperatures run through the year and differ by some degrees from day to day, so persistence (tomorrow is as today)
    and a linear fit are already good forecasts: a network is to be compared with both.

    Raises:
        ModuleNotFoundError: when vega_datasets is not installed.
        FileNotFoundError: when it does not hold the file.
        ValueError: when the file is damaged or holds another table, naming file and line: a wrong header; a row that is
            not a date, four numbers and a kind of day; a day that is missing or out of order; numbers that are not
            finite, negative rain or wind, or a lowest temperature above the highest.

    Source: National Oceanic and Atmospheric Administration (NOAA) of the United States, Global Historical Climatology
    Network, in the public domain; the table that vega_datasets (MIT license) distributes as ``seattle-weather.csv``. It is
    read from the package's folder: the package itself, which loads pandas, is not imported.
    """
    spec = importlib.util.find_spec("vega_datasets")
    if spec is None:
        raise ModuleNotFoundError(
            'this data set is carried by vega_datasets, which is not installed: pip install "chainrule[data]"',
            name="vega_datasets",
        )
    paths = [Path(folder) / "_data" / "seattle-weather.csv" for folder in spec.submodule_search_locations or ()]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"vega_datasets holds no seattle-weather.csv: looked for {', '.join(map(str, paths))}")
    numbers, kind = _read(path)
    precipitation, temp_max, temp_min, wind = numbers.T.copy()
    return Weather(
        dates=_DAYS.copy(),
        precipitation=precipitation,
        temp_max=temp_max,
        temp_min=temp_min,
        wind=wind,
        kind=kind,
        kinds=_KINDS,
        description="Daily weather of Seattle from 2012 to 2015: rain, highest and lowest temperature, wind.",
        source="NOAA, Global Historical Climatology Network (public domain); carried by vega_datasets",
    )


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read float64[days, 4] and int32[days], each row checked."""
    try:
        with path.open(encoding="ascii", newline="") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: expected rows of text separated by commas, but {error}") from error
    if not rows or rows[0] != _HEADER:
        raise ValueError(
            f"{path}: expected the header {','.join(_HEADER)}, got {','.join(rows[0]) if rows else 'none'}"
        )
    if len(rows) - 1 != len(_DAYS):
        raise ValueError(f"{path}: expected {len(_DAYS)} days, got {len(rows) - 1}")
    numbers, kinds = np.empty((len(_DAYS), 4)), np.empty(len(_DAYS), np.int32)
    for index, (row, day) in enumerate(zip(rows[1:], _DAYS, strict=True)):
        where = f"{path}, line {index + 2}"
        date = str(day)
        if len(row) != len(_HEADER) or row[0].replace("/", "-") != date or row[5] not in _KINDS:
            raise ValueError(
                f"{where}: expected {date}, four numbers and one of {', '.join(_KINDS)}, got {','.join(row)}"
            )
        try:
            numbers[index] = [float(cell) for cell in row[1:5]]
        except ValueError as error:
            raise ValueError(f"{where}: expected four numbers, but {error}") from error
        kinds[index] = _KINDS.index(row[5])
        rain, high, low, wind = numbers[index].tolist()
        if not (np.isfinite(numbers[index]).all() and rain >= 0 and wind >= 0 and low <= high):
            raise ValueError(
                f"{where}: expected rain and wind of 0 or more and temp_min <= temp_max, got {','.join(row)}"
            )
    return numbers, kinds
