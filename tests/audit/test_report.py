"""A report in words and as data."""

import json
import math

import pytest

from chainrule.audit import Check, Place, Report

RIGHT = Check("adjoint identity", "given", True, 1e-16, 1e-12)
WRONG = Check(
    "hand against autodiff",
    "given",
    False,
    0.5,
    1e-12,
    "at argument 1['w'][2, 0]: expected 1, found 1.5",
    Place(1, "['w']", (2, 0), 1.0, 1.5),
    "off by a constant factor, 3/2",
    also=(3,),
)
OUTPUT = Check("primal", "given", False, math.inf, 1e-12, "at the output", Place(None))
LATER = Check("scan", "given", False, 1.0, 1e-12, "", Place(0), "the sign is wrong")


def test_the_verdict():
    assert Report("f", (RIGHT,)).ok
    assert not Report("f", (RIGHT, WRONG)).ok
    assert not Report("nothing", ()).ok, "a report without checks proves nothing"
    assert Report("f", (RIGHT, WRONG, OUTPUT)).failures == (WRONG, OUTPUT)


def test_arguments_and_diagnosis_are_those_of_the_failures():
    report = Report("f", (RIGHT, OUTPUT, WRONG, LATER))
    assert report.arguments == (0, 1, 3)
    assert report.diagnosis == "off by a constant factor, 3/2"
    assert Report("f", (RIGHT,)).arguments == ()
    assert Report("f", (RIGHT, OUTPUT)).diagnosis == ""


def test_the_worst_figure_of_a_name():
    report = Report("f", (RIGHT, Check(RIGHT.name, "again", True, 2e-15, 1e-12)))
    assert report.worst("adjoint identity") == 2e-15
    assert report.worst("primal") is None


def test_places_in_words():
    assert WRONG.place.where == "argument 1['w'][2, 0]"
    assert str(WRONG.place) == "at argument 1['w'][2, 0]: expected 1, found 1.5"
    assert str(Place(None)) == "at the output"
    assert str(Place(None, "['y']", (3,), 0.0, math.nan)) == "at the output['y'][3]: expected 0, found nan"


@pytest.mark.parametrize(
    ("figure", "tolerance", "unit", "ok", "words"),
    [
        (1.23e-16, 1e-12, "relative", True, "1.2e-16 <= 1e-12"),
        (0.5, 1e-12, "relative", False, "5.0e-01 > 1e-12"),
        (math.inf, 1e-12, "relative", False, "inf > 1e-12"),
        (1.98, 1.5, "order", True, "order 2 >= 1.5"),
        (1.02, 1.5, "order", False, "order 1 < 1.5"),
        (3.2, 64.0, "ulp", True, "3.2 ulp <= 64"),
        (900.0, 64.0, "ulp", False, "900 ulp > 64"),
        (2.0, 1.0, "times", False, "2 times > 1"),
        (2.0, math.inf, "times", True, "2 times"),
        (0.0, 0.0, "faults", True, "none"),
        (1.0, 0.0, "faults", False, "1 fault"),
        (7.0, 0.0, "faults", False, "7 faults"),
    ],
)
def test_figures_in_words(figure, tolerance, unit, ok, words):
    assert Check("c", "given", ok, figure, tolerance, unit=unit).in_words == words


def test_the_text():
    assert str(Report("f", (RIGHT,))).splitlines() == [
        "f passes",
        "  ok   adjoint identity          1.0e-16 <= 1e-12    given",
    ]
    lines = str(Report("f", (RIGHT, WRONG))).splitlines()
    assert lines[0] == "f fails 1 of 2 checks"
    assert lines[2].startswith("  FAIL hand against autodiff")
    assert lines[3].strip() == WRONG.detail
    assert lines[4] == "  looks like: off by a constant factor, 3/2"


def test_json_carries_all_of_it_and_nothing_that_json_cannot_read():
    report = Report("f", (RIGHT, WRONG, OUTPUT))
    data = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert (data["subject"], data["ok"], data["diagnosis"]) == ("f", False, WRONG.diagnosis)
    assert [check["ok"] for check in data["checks"]] == [True, False, False]
    assert data["checks"][1]["place"] == {
        "argument": 1,
        "path": "['w']",
        "index": [2, 0],
        "expected": 1.0,
        "found": 1.5,
    }
    assert data["checks"][1]["also"] == [3]
    assert data["checks"][2]["figure"] == "inf"
    assert data["checks"][2]["place"]["expected"] == "nan"
