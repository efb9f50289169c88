from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from chainrule.course import errata
from chainrule.course.errata import ERRATA

PAGE = Path(__file__).resolve().parents[2] / "notebooks" / "errata.md"
IDS = [erratum.id for erratum in ERRATA]


@pytest.fixture
def planted(monkeypatch):
    """A book of errata two of which are none: a printed figure that is right, and one that cannot be decided."""
    covariance, product = errata.find("C3-covariance"), errata.find("A5-product")
    right = dataclasses.replace(covariance, id="C3-right", printed=covariance.correct)
    open_ = dataclasses.replace(product, id="A5-open", correct="[[4600, 2800], [11800, 7301]]")
    monkeypatch.setattr(errata, "ERRATA", (product, right, open_))


@pytest.mark.slow
def test_the_table(run):
    code, out, err = run("errata")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["erratum", "source", "printed", "correct", "decided", "by", "found"]
    assert [line.split()[0] for line in lines if line.startswith(tuple(IDS))] == IDS
    for erratum in ERRATA:
        (line,) = (line for line in lines if line.startswith(erratum.id))
        assert f"  {erratum.printed}{'' if erratum.quoted else ' *'}  " in line
        assert f"  {erratum.correct}  " in line
        assert line.rstrip().endswith("printed figure is wrong")
    assert lines[-1] == f"{len(IDS)} of {len(IDS)} printed figures are wrong, as the errata say"


def test_one_in_detail(run):
    code, out, err = run("errata", "c3-covariance")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("C3-covariance: the first entry of the covariance matrix")
    facts = [" ".join(line.split()) for line in lines]
    for fact in ("printed 145.3", "correct 148.3", "found printed figure is wrong", "jnp.cov 148.3", "fractions 148.3"):
        assert fact in facts
    assert "def covariance" not in out


def test_the_code_that_decides(run):
    code, out, _ = run("errata", "C3-covariance", "--code")
    assert code == 0
    shown = out.partition("The code that decides\n")[2]
    assert "".join(line.removeprefix("  ") for line in shown.splitlines(keepends=True)).rstrip() == (
        errata.find("C3-covariance").code
    )


def test_the_code_of_all(run):
    code, out, _ = run("errata", "--code")
    assert code == 0
    for erratum in ERRATA:
        assert f"def {erratum.decide.__name__}() -> Evidence:" in out


def test_json(run):
    code, out, _ = run("errata", "--json")
    assert code == 0
    data = json.loads(out)
    assert data["ok"] is True
    assert [found["id"] for found in data["errata"]] == IDS
    assert all(found["stands"] and "code" not in found for found in data["errata"])
    one = json.loads(run("errata", "C3-covariance", "--json", "--code")[1])["errata"]
    assert [found["code"] for found in one] == [errata.find("C3-covariance").code]


def test_markdown_is_the_page_of_the_course(run):
    code, out, err = run("errata", "--markdown")
    assert (code, err) == (0, "")
    assert out == PAGE.read_text(encoding="utf-8")
    assert "](errata.md)" in (PAGE.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("planted")
def test_an_erratum_that_is_none_fails(run):
    code, out, err = run("errata")
    assert (code, err) == (1, "")
    verdicts = {line.split()[0]: line for line in out.splitlines() if line.startswith(("A5", "C3"))}
    assert verdicts["A5-product"].rstrip().endswith("printed figure is wrong")
    assert verdicts["C3-right"].rstrip().endswith("printed figure is right")
    assert "undecided: the figure that is said to be correct is not that of: sum over k" in verdicts["A5-open"]
    assert out.splitlines()[-1] == "1 of 3 printed figures are wrong, as the errata say"


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("form", [(), ("--json",), ("--markdown",), ("--code",)])
@pytest.mark.parametrize(("id", "expected"), [("A5-product", 0), ("C3-right", 1), ("A5-open", 1)])
def test_the_exit_status_in_every_form(run, id, expected, form):
    code, out, err = run("errata", id, *form)
    assert (code, err) == (expected, "")
    assert id in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["B3"], 1, "there is no erratum 'B3'; there are A5-product, B1-limit,"),
        (["--json", "--markdown"], 2, "--json and --markdown are two forms of the same, give one of them."),
        (["A5-product", "B1-limit"], 2, "unexpected extra argument"),
    ],
)
def test_bad_input_is_one_line(fails, arguments, code, words):
    found, err = fails("errata", *arguments)
    assert found == code
    assert words in err
