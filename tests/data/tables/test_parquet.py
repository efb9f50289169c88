import datetime
import decimal
import sys

import numpy as np
import pytest

from chainrule.data.tables import read_parquet, read_table, summarise


@pytest.fixture
def pa():
    return pytest.importorskip("pyarrow")


def written(pa, path, columns, **options):
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.table(columns), path, **options)
    return path


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "table.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "chainrule\[parquet\]"'):
        read_table(path)


def test_columns_are_as_their_types_say(pa, tmp_path):
    day, time = datetime.date(2023, 1, 31), datetime.datetime(2023, 1, 31, 13, 45, 1)
    columns = {
        "whole": pa.array([1, None, 3], pa.int32()),
        "single": pa.array([0.5, None, float("nan")], pa.float32()),
        "money": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")]),
        "word": pa.array(["u", None, "NA"]),
        "shared": pa.array(["u", None, "v"]).dictionary_encode(),
        "yes": pa.array([True, None, False]),
        "day": pa.array([day, None, day]),
        "time": pa.array([time, None, time], pa.timestamp("us")),
        "zone": pa.array([time, None, time], pa.timestamp("ms", "Europe/Berlin")),
        "nothing": pa.nulls(3),
    }
    table = read_table(written(pa, tmp_path / "table.parquet", columns))
    assert list(table.names) == list(columns)
    np.testing.assert_array_equal(table["whole"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(table["single"], [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(table["money"], [1.25, np.nan, -3.5])
    assert table["word"].tolist() == ["u", None, None]
    assert table["shared"].tolist() == ["u", None, "v"]
    assert table["yes"].tolist() == ["True", None, "False"]
    np.testing.assert_array_equal(table["day"], np.array(["2023-01-31", "NaT", "2023-01-31"], "datetime64[s]"))
    moment = "2023-01-31T13:45:01"
    for name in ("time", "zone"):
        np.testing.assert_array_equal(table[name], np.array([moment, "NaT", moment], "datetime64[s]"))
    assert np.isnan(table["nothing"]).all()
    assert table.notes == {"zone": "UTC"}
    assert table.source == "table.parquet"


def test_kinds_change_what_a_column_is(pa, tmp_path):
    columns = {
        "code": [1, None, 3],
        "ratio": [1.0, 2.5, None],
        "text": ["1.5", "", "NA"],
        "day": ["2023-01-31", "", "?"],
    }
    path = written(pa, tmp_path / "table.parquet", columns)
    table = read_parquet(path, kinds={"code": "category", "ratio": "category", "text": "number", "day": "date"})
    assert table["code"].tolist() == ["1", None, "3"]
    assert table["ratio"].tolist() == ["1", "2.5", None]
    np.testing.assert_array_equal(table["text"], [1.5, np.nan, np.nan])
    np.testing.assert_array_equal(table["day"], np.array(["2023-01-31", "NaT", "NaT"], "datetime64[s]"))
    assert read_parquet(path, missing=["1.5"])["text"].tolist() == [None, None, "NA"]


def test_a_column_that_is_of_categories_may_be_of_any_type(pa, tmp_path):
    columns = {
        "x": [1.0, 2.0],
        "list": [[1], None],
        "bytes": [b"u", b"\xff"],
        "lasting": pa.array([1, 1001], pa.duration("ns")),
        "late": pa.array([10**12, None], pa.timestamp("s")),
        "inf": [float("inf"), 0.5],
        "word": ["none", "NA"],
    }
    path = written(pa, tmp_path / "table.parquet", columns)
    table = read_parquet(path, kinds={"x": "number"}, rest="category")
    assert table["x"].tolist() == [1.0, 2.0]
    assert table["list"].tolist() == ["[1]", None]
    assert table["inf"].tolist() == ["inf", "0.5"]
    assert table["word"].tolist() == ["none", None]
    assert table.missing_words == {"word": ("NA",)}
    assert {table.kinds[name] for name in columns if name != "x"} == {"category"}
    assert len(set(table["lasting"])) == len(set(table["bytes"])) == len(set(table["late"])) == 2


def test_fractions_of_a_second_are_noted(pa, tmp_path):
    moments = [datetime.datetime(2023, 1, 31, 1, 2, 3, 500_000), None]
    table = read_parquet(written(pa, tmp_path / "t.parquet", {"t": pa.array(moments, pa.timestamp("us"))}))
    assert str(table["t"][0]) == "2023-01-31T01:02:03"
    assert summarise(table)[0].note == "fractions of a second cut off"


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"x": [1.0, float("inf")]}, {}, r"row 2: column 'x' must be of finite numbers, got inf"),
        ({"x": [[1], [2]]}, {}, r"column 'x' must be of numbers, strings, booleans or dates, got list"),
        ({"x": [b"1"]}, {}, r"column 'x' must be of numbers, strings, booleans or dates, got binary"),
        ({"x": []}, {}, r"expected rows, but there are none"),
        ({"": [1]}, {}, r"every column needs a name"),
        ({"x": ["1", "a"]}, {"kinds": {"x": "number"}}, r"row 2: column 'x' must be of numbers, got 'a'"),
        ({"x": [1]}, {"kinds": {"x": "date"}}, r"row 1: column 'x' must be of dates .* got '1'"),
        ({"x": [1]}, {"kinds": {"y": "date"}}, r"no column 'y', which kinds names; it has 'x'"),
        ({"x": [1]}, {"kinds": {"x": "int"}}, r"kinds\['x'\] must be one of"),
    ],
)
def test_what_is_refused(pa, columns, options, message, tmp_path):
    path = written(pa, tmp_path / "table.parquet", columns)
    with pytest.raises(ValueError, match=message):
        read_parquet(path, **options)


def test_damaged_files_are_one_line(pa, tmp_path):
    whole = written(pa, tmp_path / "whole.parquet", {"x": list(range(1000)), "y": ["a"] * 1000}).read_bytes()
    path = tmp_path / "table.parquet"
    for content in (b"", b"PAR1", b"a,b\n1,2\n", whole[:-1], whole[: len(whole) // 2], b"\0" * 40 + whole[40:]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"table.parquet: expected a complete Parquet file, but .+") as caught:
            read_parquet(path)
        assert "\n" not in str(caught.value)
