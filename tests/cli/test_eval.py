from __future__ import annotations

import json

import pytest

from chainrule.recipes import fit_table, write_run

pytestmark = pytest.mark.slow  # a whole training before the first of them


@pytest.fixture(scope="module")
def towns(tmp_path_factory):
    """The folder of a model that tells two towns apart, and the lines of the table that it has learnt from."""
    folder = tmp_path_factory.mktemp("towns")
    lines = ["height;town", *(f"{10 + i % 7 + 50 * (i % 2)},5;{'Ulm' if i % 2 else 'Bonn'}" for i in range(60))]
    (folder / "towns.csv").write_text("\n".join(lines) + "\n")
    result = fit_table(folder / "towns.csv", target="town", model="linear", epochs=40, progress=False)
    return write_run(result, folder / "run"), lines


@pytest.mark.slow
def test_scores_are_printed_with_their_intervals(run, towns, tmp_path):
    folder, lines = towns
    (tmp_path / "held.csv").write_text("\n".join(lines[:21]) + "\n")
    code, out, err = run("eval", folder, "held.csv")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"model   linear of {folder}"
    assert out.splitlines()[1] == "target  'town', classification"
    assert "20 rows of held.csv [95 %]" in out
    rows = {line.rsplit("  ", 1)[0].strip(): line.split()[-3:] for line in out.splitlines()[5:]}
    assert rows["accuracy"] == ["1.000", "[1.000,", "1.000]"]

    code, out, _ = run("eval", folder, "held.csv", "--json")
    found = json.loads(out)
    assert (found["target"], found["task"], found["rows"]) == ("town", "classification", 20)
    assert set(found["scores"]) == {"accuracy", "balanced_accuracy", "log_loss", "roc_auc"}
    assert found["scores"]["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}


@pytest.mark.slow
def test_what_the_rows_do_not_determine_is_null(run, towns, tmp_path):
    folder, lines = towns
    (tmp_path / "one.csv").write_text("\n".join([lines[0], *lines[2::2]]) + "\n")
    _, out, _ = run("eval", folder, "one.csv", "--json")
    assert json.loads(out)["scores"]["roc_auc"] is None
    assert "–" in run("eval", folder, "one.csv")[1].splitlines()[-1]


@pytest.mark.slow
def test_one_row_is_scored_without_an_interval(run, towns, tmp_path):
    folder, lines = towns
    (tmp_path / "one.csv").write_text("\n".join(lines[:2]) + "\n")
    _, out, _ = run("eval", folder, "one.csv")
    assert "1 row of one.csv" in out
    assert "1.00 [too few rows]" in out
    found = json.loads(run("eval", folder, "one.csv", "--json")[1])
    assert found["scores"]["accuracy"] == {"value": 1.0, "low": None, "high": None}


@pytest.mark.slow
def test_what_cannot_be_scored_is_one_line(fails, towns, tmp_path):
    folder, _ = towns
    for name, text, words in (
        ("new.csv", "height;town\n1;Ulm\n2;Rom\n", "must be one of the classes 'Bonn', 'Ulm'; row 2 holds 'Rom'"),
        ("none.csv", "height;town\n1;\n2;\n", "the target 'town' is missing in all 2 rows"),
        ("less.csv", "town\nUlm\n", "no column 'height'; it has 'town'"),
        ("empty.csv", "", "the file is empty"),
    ):
        (tmp_path / name).write_text(text)
        assert words in fails("eval", folder, name)[1]
    assert "No such file" in fails("eval", folder, "nowhere.csv")[1]


def test_a_run_of_another_kind_is_refused(fails, digits_run):
    assert "is a run of images, and one of table is needed" in fails("eval", digits_run, "held.csv")[1]
