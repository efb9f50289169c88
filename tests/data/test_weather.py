import csv
import datetime
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from chainrule import data

FOLDER = Path(importlib.util.find_spec("vega_datasets").submodule_search_locations[0])
FILE = FOLDER / "_data" / "seattle-weather.csv"


@pytest.fixture(scope="module")
def weather():
    return data.weather()


def test_the_days_are_those_of_the_file(weather):
    with FILE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(weather) == len(rows) == 1461
    assert [str(day) for day in weather.dates] == [row["date"].replace("/", "-") for row in rows]
    for name in ("precipitation", "temp_max", "temp_min", "wind"):
        values = getattr(weather, name)
        assert values.dtype == np.float64
        assert values.tolist() == [float(row[name]) for row in rows]
    assert weather.kind.dtype == np.int32
    assert [weather.kinds[kind] for kind in weather.kind] == [row["weather"] for row in rows]
    assert repr(weather) == "Weather(1461 days, 2012-01-01 to 2015-12-31)"
    assert "NOAA" in weather.source


def test_units_are_those_of_seattle(weather):
    july = weather.dates.astype("datetime64[M]").astype(int) % 12 == 6
    assert 23 < weather.temp_max[july].mean() < 29  # degrees Celsius
    assert 700 < weather.precipitation.sum() / 4 < 1300  # millimetres a year
    assert 2 < weather.wind.mean() < 5  # metres a second


def test_the_split_is_by_time(weather):
    before, since = weather.split()
    assert (len(before), len(since)) == (1096, 365)
    assert str(before.dates[-1]) == "2014-12-31"
    assert str(since.dates[0]) == "2015-01-01"
    for name in ("dates", "precipitation", "temp_max", "temp_min", "wind", "kind"):
        both = np.concatenate([getattr(before, name), getattr(since, name)])
        np.testing.assert_array_equal(both, getattr(weather, name))
    early, late = before.split(datetime.date(2012, 1, 2))
    assert (len(early), len(late)) == (1, 1095)
    assert len(before.split(np.datetime64("2014-12-31"))[1]) == 1


@pytest.mark.parametrize(
    ("date", "message"),
    [
        ("tomorrow", "date must be a date, such as '2015-01-01', got 'tomorrow'"),
        (None, "date must be "),
        ("2012-01-01", "date must be after 2012-01-01 and up to 2015-12-31, got 2012-01-01"),
        ("2016-01-01", "date must be after 2012-01-01 and up to 2015-12-31, got 2016-01-01"),
    ],
)
def test_a_bad_date_is_named(weather, date, message):
    with pytest.raises(ValueError, match=f"^split: {message}"):
        weather.split(date)


def test_features_are_columns(weather):
    table = weather.features()
    assert (table.shape, table.dtype) == ((1461, 4), np.float32)
    np.testing.assert_allclose(table[:, 1], weather.temp_max, rtol=1e-6)
    np.testing.assert_array_equal(weather.features("wind", "temp_max"), table[:, [3, 1]])
    data.check_supervised(table[:-1], table[1:])
    with pytest.raises(ValueError, match=r"^features: names must be among precipitation, .*, got 'snow'"):
        weather.features("snow")


def test_pandas_is_not_imported():
    code = "import sys; from chainrule import data; data.weather(); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    expected = r'carried by vega_datasets, which is not installed: pip install "chainrule\[data\]"$'
    with pytest.raises(ModuleNotFoundError, match=expected):
        data.weather()


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FileNotFoundError, match=r"^vega_datasets holds no seattle-weather.csv: looked for "):
        data.weather()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("date,", "day,", "expected the header date,precipitation,temp_max,temp_min,wind,weather, got day,prec"),
        ("2013/02/03,", "2013/02/04,", r"line 401: expected 2013-02-03, four numbers and one of .*, got 2013/02/04"),
        ("2015/12/31,0.0,", "2015/12/31,", "line 1462: expected 2015-12-31, four numbers"),
        ("2012/01/02,10.9", "2012/01/02,much", "line 3: expected four numbers, but could not convert"),
        ("2012/01/02,10.9", "2012/01/02,nan", "line 3: expected rain and wind of 0 or more"),
        ("2012/01/02,10.9", "2012/01/02,-1", "line 3: expected rain and wind of 0 or more"),
        ("2012/01/02,10.9,10.6,", "2012/01/02,10.9,2.7,", r"line 3: .* temp_min <= temp_max, got 2012/01/02,10.9,2.7"),
        ("4.7,drizzle", "4.7,hail", r"line 2: expected 2012-01-01, .* one of drizzle, .*, got 2012/01/01,.*hail"),
        ("2012/01/01,0.0,12.8,5.0,4.7,drizzle\n", "", "expected 1461 days, got 1460"),
        ("drizzle", "\xe9", "expected rows of text separated by commas, but 'ascii' codec"),
    ],
)
def test_a_damaged_file_is_named(monkeypatch, tmp_path, old, new, message):
    content = FILE.read_text(encoding="ascii")
    assert old in content
    (tmp_path / "_data").mkdir()
    (tmp_path / "_data" / FILE.name).write_text(content.replace(old, new, 1), encoding="utf-8")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ValueError, match=rf"seattle-weather\.csv(: |, ).*{message}"):
        data.weather()


def test_an_empty_file_is_named(monkeypatch, tmp_path):
    (tmp_path / "_data").mkdir()
    (tmp_path / "_data" / FILE.name).write_bytes(b"")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ValueError, match=r"expected the header .*, got none"):
        data.weather()
