import numpy as np
import pytest

from chainrule.data.tables import read_csv, read_parquet, read_table, summarise
from chainrule.data.tables.remarks import remarks, spellings

DATES = "dates not of the form YYYY-MM-DD or YYYY-MM-DD HH:MM:SS such as {!r}: read as words"
UNIT = "numbers with a unit such as {!r}: strip it to have them read as numbers"
TWICE = "words that differ only by case or blanks such as {!r} and {!r}: kept apart"
CODES = (
    "codes with leading zeros such as {!r}: read as words; "
    "for numbers strip the zeros, or in Python kinds={{'x': 'number'}}"
)
FEW = "a few leading zeros such as {!r}: read as numbers; for words --categorical x"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["70.1 kg", "3 kg", "-8.5e3 kg"], UNIT.format("70.1 kg")),
        (["12 %", "1%", "2,5%"], UNIT.format("12 %")),
        (["$1,234.50", "-$6", "$ 7"], UNIT.format("$1,234.50")),
        (["5EUR", "6EUR", "7.5EUR"], UNIT.format("5EUR")),
        (["CHF 5", "CHF6", "CHF 7"], UNIT.format("CHF 5")),
        (["12 fl oz", "16 fl oz", "5 fl oz"], UNIT.format("12 fl oz")),
        (["3 km/h", "4 km/h", "5 km/h"], UNIT.format("3 km/h")),
        (["20 °C", "4 °C", "5 °C"], UNIT.format("20 °C")),
        (
            ["5 kg", "6 kg", "9 lb", "8 lb"],
            "numbers with a unit such as '5 kg': bring all to one (kg, lb) and strip it to have them read as numbers",
        ),
        ([*(f"{i} kg" for i in range(9)), "heavy"], UNIT.format("0 kg")),
        ([*(f"{i} kg" for i in range(8)), "heavy", "light"], ""),
        (["5 kg", "6 kg", "heavy"], ""),
        (["5 kg", "6 kg"], ""),
        (["31.12.2024", "1.1.2023", "30.4.22"], DATES.format("31.12.2024")),
        (["12/31/2024", "1/2/2024 1:05 PM", "3/4/24"], DATES.format("12/31/2024")),
        (["Dec 31, 2024", "January 1, 2023", "Feb 2nd, 2022"], DATES.format("Dec 31, 2024")),
        (["31 December 2024", "1-Jan-24", "2. Mai 2024"], DATES.format("31 December 2024")),
        (["Mon, 30 Dec 2024 10:00", "Tue, 31 Dec 2024 09:30", "1 Jan 2025"], DATES.format("Mon, 30 Dec 2024 10:00")),
        (["2024-12-31", "2024-12-31T10:00:00Z", "2024-12-31 10:00:00.5+01:00"], DATES.format("2024-12-31T10:00:00Z")),
        (["2024-1-5", "2024.12.31", "2024-12"], DATES.format("2024-1-5")),
        (["31/12/2024", "13/13/2024", "1/1/2024"], ""),
        (["true", "True"], TWICE.format("true", "True")),
        (["blue", "New York", "new  york"], TWICE.format("New York", "new  york")),
        (["5kg", "5 kg", "6 kg"], UNIT.format("5kg") + "; " + TWICE.format("5kg", "5 kg")),
        *(
            (texts, "")
            for texts in [
                [],
                ["1A", "1B", "2A", "2B", "3A", "3B"],
                ["1st", "2nd", "3rd"],
                ["12 Main", "3 Elm", "5 Oak", "7 Pine", "8 Fir"],
                ["A1", "B2", "C3"],
                ["Marathon 2022", "Marathon 2023", "Janet 2024"],
                ["1.2.3", "2.4.1", "1.99.15"],
                ["10-20", "20-30", "30-40"],
                ["12:30", "10:00", "11:00"],
                ["2019-20", "2018-19", "2017-18"],
                ["800x600", "640x480", "1024x768"],
                ["1e3", "2e3", "inf"],
                ["Maße", "Masse"],
                ["1 23", "12 3", "x"],
            ]
        ),
    ],
)
def test_what_is_remarked(texts, expected):
    assert remarks(texts) == expected


def test_of_many_cells_some_are_looked_at_and_compared():
    many = [f"{i / 8} kg" for i in range(30_000)]
    assert remarks(many) == UNIT.format("0.0 kg")
    assert spellings([*many[:9_000], "0.0 KG"]) == TWICE.format("0.0 kg", "0.0 KG")
    assert spellings([*many, "0.0 KG"]) == ""


def write(tmp_path, cells):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells)))
    return path


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["00123", "01067", "99999"] * 5, CODES.format("00123")),
        (["10115"] * 300 + ["01067"], CODES.format("01067")),  # few zeros, but all of one length
        (["7", "007", "12"], CODES.format("007")),
        ([" 01", "02 ", "11"], CODES.format("01")),
        (["00", "0", "1"], CODES.format("00")),
        (["\u00a007", "\u00a008", "\u00a011"], CODES.format("07")),
    ],
)
def test_codes_with_leading_zeros_are_words(tmp_path, cells, note):
    path = write(tmp_path, cells)
    table = read_csv(path)
    assert table["x"].tolist() == [cell.strip() for cell in cells]
    assert table.notes == {"x": note}
    assert [each.note for each in summarise(table)] == [note, ""]
    numbers = read_csv(path, kinds={"x": "number"})
    assert numbers["x"].tolist() == [float(cell) for cell in cells]
    assert numbers.notes == read_csv(path, kinds={"x": "category"}).notes == {}


@pytest.mark.parametrize(
    "cells",
    [
        ["0", "1", "10", "100"],
        ["0.5", "-0.5", "00.5"],
        ["-01", "02", "03"],
        ["01.0", "02", "03"],
        ["0e3", "1", "0"],
        ["01", "2.5", "3"],
        ["+01", "1", "2"],
        [" 0", "0 ", "7"],
    ],
)
def test_other_zeros_are_numbers(tmp_path, cells):
    table = read_csv(write(tmp_path, cells))
    assert table["x"].tolist() == [float(cell) for cell in cells]
    assert table.notes == {}


def test_a_few_leading_zeros_among_numbers_are_noted(tmp_path):
    cells = [str(i) for i in range(100)] + ["007"]
    table = read_csv(write(tmp_path, cells))
    assert table["x"].tolist() == [*range(100), 7.0]
    assert table.notes == {"x": FEW.format("007")}
    assert read_csv(write(tmp_path, cells), kinds={"x": "category"})["x"].tolist() == cells


@pytest.mark.parametrize(
    ("late", "kind"), [("00042", "category"), ("", "category"), ("42000.5", "number"), ("-4200", "number")]
)
def test_codes_may_come_late_and_cells_may_be_missing(tmp_path, monkeypatch, late, kind):
    monkeypatch.setattr("chainrule.data.tables.csv_file._CELLS", 32)
    cells = [*(str(10_000 + i) for i in range(50)), "", "NA", "-", "00007", *(str(20_000 + i) for i in range(50)), late]
    table = read_csv(write(tmp_path, cells))
    assert table.kinds["x"] == kind
    assert table.missing_words == {"x": ("-", "NA")}
    missing = [cell in ("", "NA", "-") for cell in cells]
    assert table.missing("x").tolist() == missing
    if kind == "category":
        assert table["x"].tolist() == [None if gone else cell for cell, gone in zip(cells, missing, strict=True)]
    else:
        assert table["x"][53] == 7.0
        assert table.notes == {}


def test_categories_that_are_asked_for_are_compared_alone(tmp_path):
    path = write(tmp_path, ["5 kg", "6 kg", "7 kg"])
    assert read_csv(path, kinds={"x": "category"}).notes == {}
    path = write(tmp_path, ["A", "a", "b"])
    assert read_csv(path, kinds={"x": "category"}).notes == {"x": TWICE.format("A", "a")}


def test_strings_of_parquet_are_remarked_on(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    columns = {"w": ["5 kg", None, "6 kg", "7 kg"], "c": ["a", "A", "b", None], "z": ["01", "02", "03", "04"]}
    pyarrow.parquet.write_table(pa.table({**columns, "yes": [True, None, False, True]}), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.notes == {"w": UNIT.format("5 kg"), "c": TWICE.format("a", "A")}
    assert table["z"].tolist() == columns["z"]
    assert read_parquet(tmp_path / "t.parquet", rest="category").notes == {"c": TWICE.format("a", "A")}
    numbers = read_parquet(tmp_path / "t.parquet", kinds={"z": "number"})
    np.testing.assert_array_equal(numbers["z"], [1.0, 2.0, 3.0, 4.0])
