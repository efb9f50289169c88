import csv
import datetime
import gzip
import string
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.data.tables import Table, read_csv, read_table, write_csv
from chainrule.data.tables.cells import MISSING_WORDS, is_missing, number_of

WORDS = frozenset(MISSING_WORDS)


def same(left: Table, right: Table) -> None:
    assert left.names == right.names
    assert left.kinds == right.kinds
    for name in left.names:
        if left.kinds[name] == "number":  # the same bits, but for the bits of NaN
            np.testing.assert_array_equal(np.isnan(left[name]), np.isnan(right[name]))
            known = ~np.isnan(left[name])
            assert left[name][known].tobytes() == right[name][known].tobytes()
        else:
            np.testing.assert_array_equal(left[name], right[name])


# Text as it may stand in a cell: no blanks at its ends, no surrogates, no NUL, and none of the words of missing cells.
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
marks = st.text(st.sampled_from(",;\"\n\r\t| ab'é🙂"), min_size=1, max_size=8)
words = (text | marks).map(str.strip).filter(lambda word: word and not is_missing(word, WORDS))
names = words.filter(lambda name: number_of(name) is None and not name.startswith("\ufeff"))
numbers = st.floats(allow_infinity=False) | st.integers(-(2**60), 2**60).map(float)
seconds = st.integers(-(2**35), 2**37)  # the years 881 to 6325


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 6))
    columns = {}
    for name in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from(["number", "category", "date"]))
        if kind == "number":
            column = np.array(draw(st.lists(numbers, min_size=rows, max_size=rows)), np.float64)
        elif kind == "category":
            column = np.array([None] * rows, object)
            column[:] = draw(st.lists(words | st.none(), min_size=rows, max_size=rows))
        else:
            cells = draw(st.lists(seconds | st.none(), min_size=rows, max_size=rows))
            column = np.array([np.datetime64("NaT") if cell is None else cell for cell in cells], "datetime64[s]")
        columns[name] = column
    return Table(columns)


@given(table=tables())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back(table, tmp_path):
    path = tmp_path / "table.csv"
    write_csv(table, path, overwrite=True)
    # A delimiter in a name would be found instead of the comma in a table of one column.
    same(read_csv(path, kinds=table.kinds, delimiter=","), table)


def test_other_readers_read_what_is_written(tmp_path, rng):
    table = Table(
        {
            "x": np.where(rng.random(50) < 0.1, np.nan, rng.standard_normal(50) * 10.0 ** rng.integers(-300, 300, 50)),
            "word": np.array([None, 'say "x"', "a,b", "two\nlines", "Köln"] * 10, object),
            "day": np.array(["2023-01-31", "NaT"] * 25, "datetime64[s]"),
            "time": np.array(["2023-01-31T13:45:01", "NaT"] * 25, "datetime64[s]"),
        }
    )
    path = tmp_path / "table.csv"
    write_csv(table, path)
    frame = pd.read_csv(path, parse_dates=["day", "time"])
    np.testing.assert_array_equal(frame["x"], table["x"])
    assert frame["word"].astype(object).where(frame["word"].notna(), None).tolist() == table["word"].tolist()
    for name in ("day", "time"):
        np.testing.assert_array_equal(frame[name].to_numpy("datetime64[s]"), table[name])
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["x", "word", "day", "time"]
    assert rows[1][2:] == ["2023-01-31", "2023-01-31T13:45:01"]
    assert path.read_bytes().count(b"\r\n") == 51
    same(read_table(path), table)


def test_reading_agrees_with_pandas(tmp_path, rng):
    n = 500
    frame = pd.DataFrame(
        {
            "normal": rng.standard_normal(n),
            "whole": rng.integers(-1000, 1000, n),
            "large": rng.standard_normal(n) * 10.0 ** rng.integers(-200, 200, n),
            "gaps": np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
            "empty": np.full(n, np.nan),
            "word": rng.choice(["red", "green, dark", 'blue "sky"', "Grün", None], n),
            "digits": rng.choice(["a1", "2", "3"], n),
            "day": pd.date_range("2019-12-25", periods=n),
            "hour": pd.date_range("2019-12-25 07:30:00", periods=n, freq="h"),
        }
    )
    for separator, na, suffix in [
        (",", "", ".csv"),
        (";", "NA", ".csv"),
        ("\t", "nan", ".tsv"),
        ("|", "null", ".txt.gz"),
    ]:
        path = tmp_path / f"table{suffix}"
        frame.to_csv(path, sep=separator, na_rep=na, index=False, date_format="%Y-%m-%d %H:%M:%S")
        ours = read_table(path)
        theirs = pd.read_csv(path, sep=separator, parse_dates=["day", "hour"])
        for name in ("normal", "whole", "large", "gaps", "empty"):
            assert ours[name].dtype == np.float64
            np.testing.assert_array_equal(ours[name], theirs[name].to_numpy(np.float64))
        for name in ("word", "digits"):
            column = theirs[name].astype(object)
            assert ours[name].tolist() == column.where(column.notna(), None).tolist()
        for name in ("day", "hour"):
            np.testing.assert_array_equal(ours[name], theirs[name].to_numpy("datetime64[s]"))


@given(rows=st.integers(1, 400), width=st.integers(1, 6), seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_size_of_a_chunk_changes_nothing(rows, width, seed, tmp_path, monkeypatch):
    draw = np.random.default_rng(seed)
    cells = draw.choice(["1", "2.5", "", "NA", "word", "2023-01-31"], (rows, width), p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1])
    late = draw.integers(0, rows)
    cells[:late, 0] = "7"  # numbers first, words later
    path = tmp_path / "table.csv"
    path.write_text("\n".join([",".join(f"c{i}" for i in range(width)), *map(",".join, cells)]) + "\n")

    def read(size):
        with monkeypatch.context() as patch:
            patch.setattr("chainrule.data.tables.csv_file._CELLS", size * width)
            try:
                return read_csv(path, delimiter=",")
            except ValueError as error:
                return str(error)

    whole, parts = read(1000), read(16)
    if isinstance(whole, str):
        assert parts == whole
    else:
        same(parts, whole)


def test_words_that_stood_for_missing_cells_are_said(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x,c,d,e,f\n1,u,2023-01-31,,1\n-,none,none,, \n NA , ?,null,1,2\n")
    table = read_csv(path)
    assert table.missing_words == {"x": ("-", "NA"), "c": ("?",), "d": ("none", "null")}
    assert table["c"].tolist() == ["u", "none", None]
    assert table.rows(np.array([0])).select(["c", "e"]).missing_words == {"c": ("?",)}
    path.write_text("x\n1\n-999\n unknown\n")
    assert read_csv(path, missing=["-999", "unknown"]).missing_words == {"x": ("-999", "unknown")}


def test_categories_share_their_strings(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x\n" + "a long name of a category\nanother one\n" * 1000)
    column = read_csv(path)["x"]
    assert len({id(word) for word in column}) == 2


def test_numbers_are_never_held_as_text(tmp_path, rng, monkeypatch):
    monkeypatch.setattr("chainrule.data.tables.csv_file._CELLS", 3_000)
    path = tmp_path / "table.csv"
    np.savetxt(path, rng.standard_normal((10_000, 10)), delimiter=",", header=",".join("abcdefghij"), comments="")
    tracemalloc.start()
    table = read_csv(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    values = sum(table[name].nbytes for name in table.names)
    assert values == 10_000 * 10 * 8
    # The values twice over, as chunks and whole, and a chunk of text; held as text, the cells would take 7 MB.
    assert values < peak < 3 * values


def test_decimal_commas_go_on_over_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.data.tables.csv_file._CELLS", 2 * 16)
    path = tmp_path / "table.csv"
    path.write_text("x;y\n" + "1;2\n" * 40 + "1,5;2\n" + "2;2\n" * 40)
    table = read_csv(path)
    assert table["x"].tolist() == [1.0] * 40 + [1.5] + [2.0] * 40
    assert table.notes == {"x": "decimal comma"}
    for before, after in (("1.5;2\n", "1,5;2\n"), ("1,5;2\n", "1.5;2\n")):
        path.write_text("x;y\n" + before * 40 + after + before * 40)
        with pytest.raises(ValueError, match=r"column 'x' has decimal commas and decimal points"):
            read_csv(path)


def test_gzip_is_read_and_written_alike(tmp_path):
    table = Table({"x": np.array([1.0, np.nan]), "w": np.array(["a", None], object)})
    write_csv(table, tmp_path / "a.csv.gz")
    write_csv(table, tmp_path / "b.csv.gz")
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == b"x,w\r\n1,a\r\n,\r\n"
    same(read_table(tmp_path / "a.csv.gz"), table)


def test_whole_numbers_are_written_without_a_point(tmp_path):
    columns = {
        "whole": np.array([127.0, np.nan, -0.0, -(2.0**53 - 1)]),
        "some": np.array([1.0, 0.5, np.nan, 2.0]),
        "long": np.array([2.0**53, 1.0, 2.0, 3.0]),
        "none": np.full(4, np.nan),
    }
    path = tmp_path / "t.csv"
    write_csv(Table(columns), path)
    assert path.read_text().splitlines() == [
        "whole,some,long,none",
        "127,1.0,9007199254740992.0,",
        ",0.5,1.0,",
        "-0,,2.0,",
        "-9007199254740991,2.0,3.0,",
    ]
    same(read_csv(path), Table(columns))


def test_one_missing_cell_alone_is_no_blank_line(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(Table({"x": np.array([1.0, np.nan, 2.0])}), path)
    np.testing.assert_array_equal(read_csv(path)["x"], [1.0, np.nan, 2.0])


def test_nothing_is_overwritten_unless_asked(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("precious")
    table = Table({"x": np.array([1.0])})
    with pytest.raises(FileExistsError):
        write_csv(table, path)
    assert path.read_text() == "precious"
    write_csv(table, path, overwrite=True)
    assert read_csv(path)["x"].tolist() == [1.0]
    assert [each.name for each in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.array([1.0, np.inf]), r"column 'x' must be of finite numbers or NaN, got inf in row 1"),
        (np.array(["a", 5], object), r"column 'x' must be of str or None, got 5 in row 1"),
        (np.array(["a", "\ud800"], object), r"table.csv: a cell cannot be written in UTF-8"),
        (np.array(["12000-01-01"], "datetime64[s]"), r"column 'x' must be of dates in the years 0 to 9999"),
    ],
)
def test_what_cannot_be_written_leaves_nothing_behind(column, message, overwrite, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_csv(Table({"x": column}), tmp_path / "table.csv", overwrite=overwrite)
    assert not list(tmp_path.iterdir())


def test_only_tables_are_written(tmp_path):
    with pytest.raises(ValueError, match="table must be a Table, got dict"):
        write_csv({"x": np.array([1.0])}, tmp_path / "table.csv")


def test_a_table_keeps_the_notes_of_its_columns():
    table = Table({"x": np.array([1.5]), "y": np.array([2.0])}, "t.csv", {"x": "decimal comma"})
    assert table.select(["x"]).notes == table.rows(np.array([0])).notes == {"x": "decimal comma"}
    assert table.without("x").notes == table.select(["y"]).notes == {}


@given(text=st.text(st.sampled_from(string.digits + "+-.,eE_ infaNx"), max_size=8).map(str.strip))
@settings(max_examples=100, deadline=None)
def test_numbers_are_those_of_float_without_underscores(text):
    try:
        expected = float(text)
    except ValueError:
        expected = None
    if "_" in text or (expected is not None and np.isnan(expected)):
        expected = None
    assert number_of(text) == expected
    if "." not in text:
        assert number_of(text, comma=True) == number_of(text.replace(",", "."))


def test_dates_before_the_epoch_and_of_leap_years(tmp_path):
    path = tmp_path / "table.csv"
    days = [
        datetime.date(1969, 12, 31),
        datetime.date(1900, 2, 28),
        datetime.date(2000, 2, 29),
        datetime.date(9999, 12, 31),
    ]
    path.write_text("d\n" + "".join(f"{day}\n" for day in days))
    assert read_csv(path)["d"].astype("datetime64[D]").astype(object).tolist() == days
