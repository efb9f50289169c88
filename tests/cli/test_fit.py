from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from chainrule.data.tables import Table, write_csv

from ..data.tables.malformed import CASES


@pytest.fixture(scope="module")
def flowers():
    """Two kinds of flowers, which two columns tell apart."""
    random = np.random.default_rng(0)
    kind = np.empty(60, dtype=object)
    kind[:] = ["rose", "daisy"] * 30
    width = random.normal(size=60) + 3 * (kind == "rose")
    colour = np.where(random.random(60) < 0.8, np.where(kind == "rose", "red", "white"), "blue").astype(object)
    price = 2 * width + 5 + 0.1 * random.normal(size=60)
    return Table({"width": width, "colour": colour, "price": price, "kind": kind}, "flowers.csv")


@pytest.fixture
def file(flowers, tmp_path):
    write_csv(flowers, tmp_path / "flowers.csv")
    return tmp_path / "flowers.csv"


@pytest.mark.filterwarnings("always::UserWarning")  # as the command line has them
def test_from_a_file_to_predictions_and_scores(run, fails, file, tmp_path):
    code, out, err = run("fit", file, "--target", "price", "--model", "linear", "--drop", "kind")
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    assert "data flowers.csv: 60 rows of 4 columns" in words
    assert "task regression (the target holds numbers)" in words
    assert "width number 0 60 number, scaled" in words
    assert "colour category 0 3 one-hot of 3" in words
    assert "12 test rows [95 %] linear mean" in words
    assert "run folder runs/flowers-price-seed0" in words
    folder = tmp_path / "runs" / "flowers-price-seed0"
    record = json.loads((folder / "config.json").read_text())
    assert (record["kind"], record["config"]["drop"]) == ("table", ["kind"])

    code, out, err = run("predict", folder, file, "--out", "predictions.csv")
    assert (code, err) == (0, "")
    assert out.split() == ["rows", "60", "predictions", "predictions.csv"]
    with open("predictions.csv", newline="") as opened:
        head, *rows = csv.reader(opened)
    assert head == ["row", "prediction"]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 61)]
    with file.open(newline="") as opened:
        truth = [float(row["price"]) for row in csv.DictReader(opened)]
    assert np.abs(np.array([float(row[1]) for row in rows]) - truth).max() < 1
    assert "predictions.csv exists already" in fails("predict", folder, file, "--out", "predictions.csv")[1]
    assert run("predict", folder, file)[1] == (tmp_path / "predictions.csv").read_text()

    code, out, _ = run("eval", folder, file)
    assert code == 0
    assert "60 rows of flowers.csv [95 %]" in out
    assert "RMSE" in out
    code, out, _ = run("eval", folder, file, "--json")
    scores = json.loads(out)["scores"]
    expected = np.sqrt(np.mean((np.array([float(row[1]) for row in rows]) - truth) ** 2))
    assert scores["rmse"]["value"] == pytest.approx(expected, rel=1e-5)

    (tmp_path / "less.csv").write_text("colour,price\nred,3\n")
    assert (
        fails("eval", folder, "less.csv")[1]
        == "chainrule: error: less.csv: no column 'width'; it has 'colour', 'price'\n"
    )
    assert "no column 'width'" in fails("predict", folder, "less.csv")[1]
    (tmp_path / "more.csv").write_text("extra,width,colour\n1,2,red\n")
    code, out, err = run("predict", folder, "more.csv")
    assert code == 0
    assert err == "chainrule: warning: more.csv: not used, for the model was trained without: 'extra'\n"
    assert out.splitlines()[0] == "row,prediction"
    (tmp_path / "word.csv").write_text("width,colour\n2,red\nwide,red\n")
    assert "word.csv, line 3: column 'width' must be of numbers, got 'wide'" in fails("predict", folder, "word.csv")[1]
    code, out, _ = run("predict", folder, file, "--json")
    objects = [json.loads(line) for line in out.splitlines()]
    assert [list(each) for each in objects] == [["row", "prediction"]] * 60
    assert [each["row"] for each in objects] == list(range(1, 61))
    np.testing.assert_allclose([each["prediction"] for each in objects], [float(row[1]) for row in rows], rtol=1e-8)
    assert run("predict", folder, file, "--json", "--out", "predictions.jsonl")[0] == 0
    assert (tmp_path / "predictions.jsonl").read_text() == out
    assert "exists already, and nothing is overwritten" in fails("fit", file, "--target", "price", "--out", folder)[1]
    assert "no such file" in fails("eval", folder, "none.csv")[1].lower()


def test_a_backslash_and_a_t_are_a_tab(fails, run, tmp_path):
    lines = ["a,b\ty", *(f"{i},1\t{i % 5}" for i in range(30))]  # found out, it would be the comma or nothing
    (tmp_path / "tabs.txt").write_text("\n".join(lines) + "\n")
    _, err = fails("fit", "tabs.txt", "--delimiter", r"\t", "--target", "z")
    assert "no column 'z'; it has 'a,b', 'y'" in err
    assert "delimiter must be one character" in fails("fit", "tabs.txt", "--delimiter", r"\n", "--target", "y")[1]
    assert "above 0, at most 0.5" in " ".join(run("fit", "--help")[1].split())


@pytest.mark.slow
def test_classes_have_probabilities(run, file):
    code, out, err = run("fit", file, "--target", "kind", "--hidden", "8", "--epochs", "30", "--seed", "3")
    assert (code, err) == (0, "")
    assert "best epoch" in out
    assert "majority class" in out
    folder = "runs/flowers-kind-seed3"
    for name in ("curves.png", "confusion.png", "roc.png", "importance.png"):
        assert os.path.exists(f"{folder}/{name}")
    _, out, _ = run("predict", folder, file)
    head, *rows = csv.reader(out.splitlines())
    assert head == ["row", "prediction", "probability daisy", "probability rose"]
    for row in rows:
        assert float(row[2]) + float(row[3]) == pytest.approx(1, abs=1e-5)
        assert row[1] == ("daisy" if float(row[2]) > 0.5 else "rose")
    objects = [json.loads(line) for line in run("predict", folder, file, "--json")[1].splitlines()]
    for number, (each, row) in enumerate(zip(objects, rows, strict=True), start=1):
        assert (each["row"], each["prediction"]) == (number, row[1])
        assert list(each["probabilities"]) == ["daisy", "rose"]
        assert list(each["probabilities"].values()) == pytest.approx([float(row[2]), float(row[3])], rel=1e-5)
    code, out, _ = run("eval", folder, file, "--json")
    assert json.loads(out)["scores"]["accuracy"]["value"] > 0.8
    run("fit", file, "--target", "kind", "--hidden", "8", "--epochs", "30", "--seed", "3")
    assert os.path.isdir("runs/flowers-kind-seed3-2")
    first, second = (Path(name, "params.safetensors").read_bytes() for name in (folder, f"{folder}-2"))
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "Missing option '--target'"),
        (["--target", "colour2"], 1, "no column 'colour2'; it has 'width', 'colour', 'price', 'kind'"),
        (["--target", "kind", "--task", "regression"], 1, "a regression needs a target of numbers"),
        (["--target", "price", "--time", "kind"], 1, "time must be a column of dates or numbers, 'kind' holds 'rose'"),
        (["--target", "price", "--task", "classification"], 1, "every class of 'price' needs at least 3 rows"),
        (["--target", "price", "--hidden", "8,x"], 2, "must be widths such as 64 or 64,32, got '8,x'"),
        (["--target", "price", "--model", "linear", "--hidden", "8"], 1, "hidden is for mlp"),
        (["--target", "price", "--test-share", "0.9"], 1, "test_share must be above 0 and at most 0.5, got 0.9"),
        (["--target", "price", "--epochs", "0"], 1, "epochs must be a positive integer"),
        (["--target", "price", "--seed", "-1"], 1, "seed must be a whole number"),
        (["--target", "price", "--drop", "size"], 1, "no column 'size'"),
        (["--target", "price", "--delimiter", ";;"], 1, "delimiter must be one character"),
        (["--target", "price", "--encoding", "utf-99"], 1, "encoding must be one that Python knows"),
        (
            ["--target", "price", "--drop", "width", "--drop", "colour", "--drop", "kind"],
            1,
            "no column is left to predict 'price' from",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(fails, file, arguments, status, words):
    code, err = fails("fit", file, *arguments)
    assert code == status
    assert words in err
    assert not os.path.exists("runs")


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.error is not None and not case.options], ids=lambda case: case.name[:60]
)
def test_a_malformed_file_is_one_line(fails, tmp_path, case):
    if not case.for_root and os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    (tmp_path / "files").mkdir()
    code, _ = fails("fit", case.write(tmp_path / "files"), "--target", "y")
    assert code == 1
