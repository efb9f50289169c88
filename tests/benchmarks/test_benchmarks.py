import dataclasses
import json
from typing import ClassVar

import numpy as np
import pytest
from benchmarks.contenders import CONTENDERS, REFERENCE, Entry

from benchmarks import cold_start, machine, measure, picture, problems, report, summary

TINY = problems.Problem("tiny", (4, 8, 3), train_size=50, batch_size=16, epochs=2, band=(0.0, 1.0))


def tiny_data():
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 70).astype(np.int32)
    x = random.standard_normal((70, 4)).astype(np.float32) + 2 * np.eye(3, 4, dtype=np.float32)[y]
    return problems.Data(x[:50], y[:50], x[50:], y[50:])


class StandIn:
    """In the place of a child process: the seconds of a run depend on its name and on how many runs went before."""

    log: ClassVar[list[tuple[str, int]]] = []
    steps = TINY.steps

    def __init__(self, name, problem, data_file):
        self.name = name
        assert np.array_equal(problems.read(data_file).y, tiny_data().y)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ready(self):
        return {"import_seconds": 0.1, "threads": "1", "versions": {"jax": "0"}}

    def run(self, seed):
        self.log.append((self.name, seed))
        seconds = (0.2 if self.name == REFERENCE else 0.4) * (1 + len(self.log) // 100)
        times = {
            "seconds": seconds,
            "call_seconds": 9.0,
            "cpu_seconds": 0.0,
            "idle_seconds": 1.0,
            "idle_cpu_seconds": 0.0,
        }
        return times | {"steps": self.steps, "accuracy": 0.5}


NAMES = [REFERENCE, "chainrule-autodiff", "pytorch"]


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(measure, "Child", StandIn)
    monkeypatch.setattr(measure, "SETTLE", 0.0)
    monkeypatch.setattr(StandIn, "log", [])


@pytest.fixture
def results(stand_in):
    measured = measure.measure(TINY, tiny_data(), NAMES, rounds=2, pairs=2, say=lambda text: None)
    return {"machine": machine.machine(), "problems": {"tiny": measured}, "skipped": []}


def test_a_round_counts_by_the_median_of_its_runs():
    # medians of the rounds: 2, 4, 9; of the reference: 1, 4, 3; paired ratios 2, 1, 3
    summarised = summary.summarise([[1.0, 2.0, 30.0], [4.0], [8.0, 10.0]], [[1.0], [4.0], [3.0]])
    assert summarised == {
        "median": 4.0,
        "min": 1.0,
        "max": 30.0,
        "runs": 6,
        "ratio_of_medians": 4 / 3,
        "median_paired_ratio": 2.0,
    }


def test_without_a_reference_there_are_no_ratios():
    summarised = summary.summarise([[1.0], [2.0]], None)
    assert summarised["median"] == 1.5
    assert summarised["ratio_of_medians"] is summarised["median_paired_ratio"] is None


def test_paired_ratios_cancel_a_drift():
    pairs = summary.summarise_pairs([1.0, 10.0, 100.0, 9.0], [2.0, 20.0, 200.0, 6.0])
    assert pairs["median_paired_ratio"] == 0.5
    assert pairs["pairs"] == 4
    assert pairs["first_quicker"] == 3
    assert (pairs["lower_quartile"], pairs["upper_quartile"]) == (0.5, 0.75)
    assert summary.summarise_pairs([1.0], [2.0])["upper_quartile"] == 0.5


@pytest.mark.parametrize("rounds", [[], [[]], [[1.0], []]])
def test_a_contender_without_runs_is_refused(rounds):
    with pytest.raises(ValueError, match="at least one run"):
        summary.summarise(rounds, None)


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [1.0, 2.0])])
def test_pairs_must_be_pairs(first, second):
    with pytest.raises(ValueError, match="same length"):
        summary.paired_ratios(first, second)


def test_the_order_rotates_and_pairs_alternate():
    orders = [measure.rotated("abc", index) for index in range(4)]
    assert orders == [list("abc"), list("bca"), list("cab"), list("abc")]
    assert measure.abba("a", "b", 3) == [("a", "b"), ("b", "a"), ("a", "b")]


def test_initial_weights_have_the_stated_variances():
    problem = dataclasses.replace(TINY, widths=(300, 200, 100))
    (first, bias), (last, _) = problems.initial_weights(problem, 0)
    assert first.dtype == last.dtype == bias.dtype == np.float32
    assert not bias.any()
    # the standard error of a variance from n normal numbers is sqrt(2 / n) of it: 0.6 % and 1 %
    assert np.var(first) == pytest.approx(2 / 300, rel=0.03)
    assert np.var(last) == pytest.approx(1 / 200, rel=0.05)
    assert not np.array_equal(problems.initial_weights(problem, 1)[0][0], first)


def test_accuracy_is_that_of_a_relu_network():
    identity, zero = np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
    x = np.array([[1.0, 0.5], [-3.0, -2.0], [0.1, 0.2]], np.float32)
    # hidden units -x, relu: rows 0 and 2 become zeros, whose argmax is 0; row 1 stays (3, 2)
    weights = [(-identity, zero), (identity, np.array([0.0, 0.5], np.float32))]
    assert problems.accuracy(weights, x, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="layer 0 are not finite"):
        problems.accuracy([(identity * np.nan, zero)], x, np.array([0, 0, 0]))


@pytest.mark.slow
def test_chainrule_runs_a_round_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(measure, "TURN", 0.0)
    measured = measure.measure(TINY, tiny_data(), [REFERENCE], rounds=1, pairs=2, say=lambda text: None)
    hand = measured["contenders"][REFERENCE]
    assert [len(round_) for round_ in hand["samples"]] == [1]
    assert hand["ratio_of_medians"] == hand["median_paired_ratio"] == 1.0
    assert 0 <= hand["accuracy"] <= 1
    assert hand["learned"]
    assert "jax" in hand["versions"]
    assert "hand_against_autodiff" not in measured


def test_all_take_turns_and_hand_meets_autodiff_in_pairs(results):
    hand, autodiff, torch = NAMES
    warm_up = [(name, seed) for name in NAMES for seed in (0, 1)]
    # a turn fills 0.3 seconds: two runs of 0.2, one of 0.4
    first = [(hand, 100), (hand, 101), (autodiff, 100), (torch, 100)]
    second = [(autodiff, 200), (torch, 200), (hand, 200), (hand, 201)]
    pairs = [[(hand, s), (autodiff, s), (autodiff, s + 1), (hand, s + 1)] for s in (100, 200)]
    assert StandIn.log == [*warm_up, *first, *pairs[0], *second, *pairs[1]]
    measured = results["problems"]["tiny"]
    assert [c["ratio_of_medians"] for c in measured["contenders"].values()] == [1.0, 2.0, 2.0]
    assert measured["hand_against_autodiff"]["pairs"] == 4
    assert measured["hand_against_autodiff"]["median_paired_ratio"] == 0.5


def test_a_contender_that_skips_steps_is_caught(stand_in, monkeypatch):
    monkeypatch.setattr(StandIn, "steps", 7)
    assert TINY.steps == 8
    with pytest.raises(RuntimeError, match="pytorch took 7 steps; tiny asks for 8"):
        measure.measure(TINY, tiny_data(), ["pytorch"], rounds=1, pairs=0, say=lambda text: None)


def test_the_report_shows_every_contender(results, tmp_path, capsys):
    report.show(results)
    printed = capsys.readouterr().out
    markdown = report.markdown(results)
    for text in (printed, markdown):
        assert "chainrule, by hand" in text
        assert "chainrule, autodiff" in text
        assert "jax" in text
    path = report.write(results, tmp_path / "new")
    assert json.loads(path.read_text()) == json.loads(json.dumps(results))
    assert picture.save(results, tmp_path).read_bytes()[:4] == b"\x89PNG"


def test_accuracy_out_of_the_band_is_shown(results, capsys):
    tiny = results["problems"]["tiny"]
    hand = tiny["contenders"][REFERENCE] | {"learned": False}
    report.show(results | {"problems": {"tiny": tiny | {"contenders": {REFERENCE: hand}}}})
    assert "OUT OF BAND" in capsys.readouterr().out


@pytest.mark.parametrize("empty", [{}, {"problems": {}}, {"problems": {"tiny": {"contenders": {}}}}])
def test_the_report_refuses_empty_results(empty, tmp_path):
    for refused in (report.show, report.markdown, lambda results: report.write(results, tmp_path)):
        with pytest.raises(ValueError, match="at least one contender"):
            refused(empty)
    assert not list(tmp_path.iterdir())


def test_the_report_of_the_cold_start_refuses_empty_results(tmp_path):
    with pytest.raises(ValueError, match="at least one job"):
        report.show_cold_start({"jobs": []})
    with pytest.raises(ValueError, match="at least one job"):
        report.write_cold_start({"jobs": []}, tmp_path)


def test_the_report_tells_of_company(results, capsys):
    tiny = results["problems"]["tiny"]
    for load, told in ((None, False), (0.02, False), (0.4, True)):
        report.show(results | {"problems": {"tiny": tiny | {"foreign_load": load}}})
        assert ("Other programs kept the machine busy (40% during tiny)" in capsys.readouterr().out) == told


def test_the_table_of_whole_processes_names_what_was_skipped(capsys):
    job = {"title": "job", "does": "learns", "median": 1.5, "min": 1.0, "max": 2.0, "accuracy": 0.9}
    results = {"jobs": [job | {"ratio_to_second_run": 0.75}], "machine": machine.machine(), "foreign_load": 0.0}
    report.show_cold_start(results | {"skipped": [{"name": "x", "line": "X is skipped"}]})
    printed = capsys.readouterr().out
    for text in ("job", "1.50", "1.00 .. 2.00", "0.75", "0.900", "X is skipped"):
        assert text in printed


def test_nothing_to_measure_is_refused():
    with pytest.raises(ValueError, match="nothing to measure"):
        measure.measure(TINY, tiny_data(), [], rounds=1, pairs=0, say=print)
    with pytest.raises(ValueError, match="at least one round"):
        cold_start.measure_cold_start(0, print)


def test_the_picture_needs_the_reference(results):
    tiny = results["problems"]["tiny"]
    alone = {"chainrule-autodiff": tiny["contenders"]["chainrule-autodiff"]}
    with pytest.raises(ValueError, match="chainrule-hand, which was not measured"):
        picture.bars({"problems": {"tiny": tiny | {"contenders": alone}}})


def test_what_is_not_installed_says_how_to_install_it():
    entry = Entry("other", "Other", "other", "Other", ("json", "no_such_library"))
    assert entry.missing() == 'Other is skipped: no_such_library not installed: pip install "chainrule[benchmarks]"'
    assert CONTENDERS[REFERENCE].missing() is None


def test_the_whole_programs_train_the_network_of_the_recipe():
    """Their files say 64-64-10, batch 64, Adam at 1e-2, labels smoothed by 0.1: so must the recipe."""
    from chainrule.recipes import RECIPES

    recipe = RECIPES["digits"]["mlp"]
    assert (recipe.hidden, recipe.batch_size, recipe.optimizer) == ((64,), 64, "adam")
    assert (recipe.learning_rate, recipe.label_smoothing, recipe.schedule) == (1e-2, 0.1, "constant")
    assert recipe.weight_decay == 0
    assert cold_start.EPOCHS == 20


def test_the_accuracy_is_found_in_what_a_program_prints():
    assert cold_start.found_accuracy("accuracy 0.9472\n") == [0.9472]
    assert cold_start.found_accuracy("      accuracy  loss\n│ training   0.99 0.1\n│ test │ 0.9500 │ 0.2\n") == [0.95]
    assert cold_start.found_accuracy("nothing") == []
