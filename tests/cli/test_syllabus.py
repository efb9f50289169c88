from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from chainrule.course import syllabus
from chainrule.course.syllabus import Row
from chainrule.plot.style import new_figure

ROWS = (
    Row(
        id="A3",
        title="Norms",
        functions=("jax.numpy.linalg.norm", "chainrule.plot.save"),
        tests=("tests/cli/test_syllabus.py::test_the_table",),
    ),
    Row(
        id="B3",
        title="Sampled | derivative",
        functions=("jax.numpy.gradient",),
        tests=("tests/cli/test_syllabus.py::test_one_row", "tests/cli/test_syllabus.py::test_json"),
        figures=("planted.blank",),
        errata=("B3-sampled-derivative",),
    ),
    Row(
        id="B4",
        title="Product rule",
        functions=("jax.grad",),
        tests=("tests/cli/test_syllabus.py::test_json",),
        figures=("planted.blank", "planted.other"),
    ),
)


@pytest.fixture(autouse=True)
def planted(monkeypatch):
    """A syllabus of three rows, and a room of two figures."""
    module = ModuleType("chainrule.course.figures.planted")

    def blank():
        """Draw nothing."""
        return new_figure(1.0)

    module.blank = module.other = blank
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(syllabus, "ROWS", ROWS)
    return module


def test_the_table(run):
    code, out, err = run("syllabus")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["row", "title", "functions", "tests", "figures", "errata"]
    assert [line.split()[0] for line in lines if line[:1] in ("A", "B")] == ["A3", "B3", "B4"]
    for words in ("jax.numpy.linalg.norm", "plot.save", "cli/test_syllabus.py::test_one_row", "planted.other"):
        assert words in out
    assert lines[-1] == "3 rows; 4 functions, 3 tests, 2 figures, 1 errata"


def test_one_row(run):
    code, out, err = run("syllabus", "b3")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "B3: Sampled | derivative"
    assert any(line.startswith("  jax.numpy.gradient  Compute the numerical gradient") for line in lines)
    assert "  tests/cli/test_syllabus.py::test_json" in lines
    assert "  planted.blank  Draw nothing." in lines
    (erratum,) = (line for line in lines if line.startswith("  B3-sampled-derivative"))
    assert erratum.endswith("[10, 20, 40, 60, 70], not [3, 432, 27, 48, 675]")


def test_a_row_without_figures_and_errata(run):
    _, out, _ = run("syllabus", "A3")
    assert (
        "  chainrule.plot.save    Write a figure to a PNG file at 150 dots an inch, and return its path."
        in out.splitlines()
    )
    assert "Figures" not in out
    assert "Errata" not in out


def test_json(run):
    code, out, _ = run("syllabus", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps([dataclasses.asdict(row) for row in ROWS]))
    assert [row["id"] for row in json.loads(run("syllabus", "A3", "--json")[1])] == ["A3"]


def test_markdown(run):
    code, out, _ = run("syllabus", "--markdown")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert {line.replace("\\|", "").count("|") for line in lines} == {7}
    assert lines[3].startswith(
        "| B3 | Sampled \\| derivative | `jax.numpy.gradient` | `tests/cli/test_syllabus.py::test_one_row`<br>"
    )


@pytest.mark.parametrize(
    ("arguments", "names"),
    [((), ["planted.blank.png", "planted.other.png"]), (("B3",), ["planted.blank.png"])],
)
@pytest.mark.parametrize("exists", [False, True], ids=["new", "empty"])
def test_figures(run, arguments, names, exists):
    folder = Path("drawn")
    if exists:
        folder.mkdir()
    code, out, err = run("syllabus", *arguments, "--figures", folder)
    assert (code, err) == (0, "")
    assert out == f"{len(names)} figure{'s' * (len(names) > 1)} in drawn\n"
    assert sorted(path.name for path in folder.iterdir()) == names
    for path in folder.iterdir():
        with Image.open(path) as picture:
            assert picture.size == (1200, 150)


def test_figures_and_json(run):
    code, out, _ = run("syllabus", "B3", "--figures", "above/drawn", "--json")
    assert code == 0
    assert json.loads(out)[0]["id"] == "B3"
    assert os.listdir("above/drawn") == ["planted.blank.png"]


@pytest.mark.parametrize("exists", [False, True], ids=["new", "empty"])
def test_when_a_figure_fails_nothing_is_left(fails, run, planted, exists):
    def broken():
        raise ValueError("no such data")

    planted.other = broken
    if exists:
        Path("drawn").mkdir()
    code, err = fails("syllabus", "--figures", "drawn")
    assert code == 1
    assert "no such data" in err
    assert os.listdir() == ["drawn"] * exists
    assert not exists or not os.listdir("drawn")


def test_nothing_is_overwritten(fails):
    folder = Path("drawn")
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    code, err = fails("syllabus", "--figures", folder)
    assert code == 1
    assert "drawn exists already, and nothing is overwritten" in err
    assert os.listdir(folder) == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["E1"], 1, "there is no row 'E1' in the syllabus; there are A3, B3, B4"),
        (["--json", "--markdown"], 2, "--json and --markdown are two forms of the same, give one of them."),
        (["A3", "--figures", "drawn"], 1, "A3 of the syllabus has no figure"),
    ],
)
def test_bad_input_is_one_line(fails, arguments, code, words):
    found, err = fails("syllabus", *arguments)
    assert found == code
    assert words in err
    assert not os.listdir()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("chainrule.plot.svae", "there is no chainrule.plot.svae, which the syllabus names"),
        ("chainrule.plot.save.more", "there is no chainrule.plot.save.more, which the syllabus names"),
        ("chianrule.plot.save", "there is no chianrule, which the syllabus names"),
    ],
)
def test_a_function_that_is_not_there_is_one_line(fails, monkeypatch, name, words):
    row = dataclasses.replace(ROWS[0], functions=(name,))
    monkeypatch.setattr(syllabus, "ROWS", (row,))
    code, err = fails("syllabus", "A3")
    assert code == 1
    assert words in err


def test_the_real_syllabus_is_shown(run, monkeypatch):
    monkeypatch.undo()
    code, out, err = run("syllabus", "--json")
    assert (code, err) == (0, "")
    assert [row["id"] for row in json.loads(out)] == [row.id for row in syllabus.ROWS]
