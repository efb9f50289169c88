import json
import subprocess
import sys
from pathlib import Path

import benchmarks.architectures.picture
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from benchmarks.architectures import __main__ as command
from benchmarks.architectures import report, worker
from benchmarks.architectures.measure import MALLOCS, measure, run_worker, summarise, verdict
from benchmarks.architectures.memory import KEEP
from benchmarks.architectures.problem import Limits, Problem, Sides, Twin, require_agreement, versus
from benchmarks.architectures.problems import PROBLEMS
from benchmarks.architectures.worker import measure_here

from chainrule import ops
from chainrule.audit import cases
from chainrule.audit.registry import REGISTER

ROOT = Path(__file__).resolve().parents[2]

NOT_MEASURED = {
    "reduce": "the end of every loss",
    "perceptron": "of the first lesson: a step is a few dozen products",
    "perceptron_loss": "likewise",
}


def sides(plain=jnp.tanh):
    return versus(ops.tanh, plain, jnp.linspace(-1.0, 1.0, 6).reshape(2, 3))


TINY = Problem("tiny", "ops", "2x3", sides)


def answer(hand=1.0, autodiff=2.0, torch=None, temporary=(50, 100), faults=3.0):
    """What a worker would print."""
    pairs = {"autodiff": {"hand": [hand] * 4, "autodiff": [autodiff] * 4, "faults": [1.0] * 4}}
    if torch is not None:
        pairs["eager"] = {"hand": [hand] * 4, "eager": [torch] * 4, "faults": [1.0] * 4}
    about = {
        side: {
            "trace_seconds": 0.25,
            "compile_seconds": 0.5,
            "temporary_bytes": size,
            "argument_bytes": 1000,
            "output_bytes": 1000,
        }
        for side, size in zip(("hand", "autodiff"), temporary, strict=True)
    }
    return {"about": about, "differences": {"autodiff": 0.0}, "pairs": pairs, "hand_faults": [faults] * 4, "calls": {}}


def summary(problem=TINY, **changes):
    return summarise(problem, {malloc: [answer(**changes), answer(**changes)] for malloc in MALLOCS})


def results(**problems):
    return {
        "machine": {"processor": "a processor", "cores": 4, "used_cores": 2, "system": "Linux", "python": "3"},
        "settings": {"rounds": 1, "processes": 2},
        "problems": problems,
        "foreign_load": 0.0,
    }


def test_a_problem_is_measured_in_this_process(monkeypatch):
    monkeypatch.setattr(worker, "TURN", 0.0)
    monkeypatch.setattr(worker, "SETTLE", 0.0)
    calls = []

    def twin():
        y, pullback = ops.tanh.vjp(jnp.linspace(-1.0, 1.0, 6).reshape(2, 3))
        cotangent = sides().arguments[0]
        return Twin(lambda: calls.append(1), lambda: (y, pullback(cotangent)))

    def build():
        made = sides()
        return Sides(made.hand, made.autodiff, made.arguments, twins={"eager": twin})

    found = measure_here(Problem("tiny", "ops", "2x3", build), rounds=2)
    assert set(found["pairs"]) == {"autodiff", "eager"}
    assert [len(found["pairs"]["eager"][side]) for side in ("hand", "eager", "faults")] == [4, 4, 4]
    assert len(found["hand_faults"]) == 8
    assert calls
    assert found["differences"]["autodiff"] < 1e-6
    assert found["about"]["hand"]["argument_bytes"] == 48
    json.dumps(found)


def test_sides_that_differ_are_not_timed():
    with pytest.raises(ValueError, match="tiny, hand against autodiff: array 0 of 2"):
        measure_here(Problem("tiny", "ops", "2x3", lambda: sides(lambda x: jnp.tanh(1.001 * x))), rounds=1)


def test_a_wrong_gradient_is_not_timed():
    @jax.custom_jvp
    def wrong(x):
        return jnp.tanh(x)

    wrong.defjvps(lambda dx, y, x: 0.999 * dx * (1 - y * y))
    with pytest.raises(ValueError, match="array 1 of 2"):
        measure_here(Problem("tiny", "ops", "2x3", lambda: sides(wrong)), rounds=1)


def test_agreement_is_judged_by_the_largest_entry():
    large = np.array([1000.0, 0.0])
    assert require_agreement("pair", large, large + np.array([0.0, 0.05])) == pytest.approx(5e-5)
    with pytest.raises(ValueError, match="pair: array 0"):
        require_agreement("pair", large, large + np.array([0.0, 0.2]))
    with pytest.raises(ValueError, match="pair: array 0"):
        require_agreement("pair", np.array([np.nan]), np.array([np.nan]))
    with pytest.raises(ValueError, match="shapes"):
        require_agreement("pair", [large], [large, large])


def test_integers_have_no_gradient():
    made = versus(ops.embedding, lambda tokens, table: table[tokens], jnp.array([1, 0, 1]), jnp.eye(2, 3))
    (y, gradients), (plain, plain_gradients) = made.hand(*made.arguments), made.autodiff(*made.arguments)
    assert [gradient.shape for gradient in gradients] == [gradient.shape for gradient in plain_gradients] == [(2, 3)]
    assert np.array_equal(y, plain)


def test_a_limit_of_one_is_kept_within_noise_and_no_other():
    pairs = {"median_paired_ratio": 1.05, "lower_quartile": 0.98, "upper_quartile": 1.2}
    assert verdict(pairs, 1.0, least=False) == "noise"
    assert verdict(pairs, 1.1, least=False) == "ok"
    assert verdict(pairs | {"lower_quartile": 1.01}, 1.0, least=False) == "over"
    assert (
        verdict({"median_paired_ratio": 0.55, "lower_quartile": 0.4, "upper_quartile": 0.7}, 0.5, least=False) == "over"
    )
    assert verdict(pairs, 1.0, least=True) == "ok"
    slow = {"median_paired_ratio": 0.95, "lower_quartile": 0.8, "upper_quartile": 1.02}
    assert verdict(slow, 1.0, least=True) == "noise"
    assert verdict(slow | {"upper_quartile": 0.99}, 1.0, least=True) == "over"
    assert verdict(slow, 2.0, least=True) == "over"


def test_the_summary_holds_ratios_and_verdicts():
    found = summary(Problem("tiny", "ops", "2x3", sides, Limits(torch={"eager": 2.0})), torch=3.0)
    assert found["verdict"] == "ok"
    times = found["mallocs"]["as it comes"]
    assert times["against"]["autodiff"]["median_paired_ratio"] == 0.5  # hand / autodiff
    assert times["against"]["eager"]["median_paired_ratio"] == 3.0  # PyTorch / hand
    assert (times["hand_seconds"], times["hand_faults"]) == (1.0, 3.0)
    assert found["memory"] == {"hand": 50, "autodiff": 100, "ratio": 0.5, "verdict": "ok"}
    assert found["compile_seconds"] == {"hand": 0.75, "autodiff": 0.75}


@pytest.mark.parametrize(
    ("limits", "changes"),
    [
        (Limits(time=0.4), {}),
        (Limits(memory=0.25), {}),
        (Limits(torch={"eager": 4.0}), {"torch": 3.0}),
        (Limits(), {"hand": 2.5}),
        (Limits(), {"temporary": (103, 100)}),
    ],
    ids=["time", "memory", "PyTorch", "slower than autodiff", "hungrier than autodiff"],
)
def test_what_is_over_a_limit_is_told(limits, changes):
    assert summary(Problem("tiny", "ops", "2x3", sides, limits), **changes)["verdict"] == "over"


def test_a_thousandth_of_the_arrays_is_no_difference_in_memory():
    assert summary(temporary=(2, 0))["memory"] == {"hand": 2, "autodiff": 0, "ratio": None, "verdict": "ok"}
    assert summary(temporary=(3, 0))["verdict"] == "over"


def test_a_failure_is_reported_and_the_rest_measured():
    asked = []

    def run(problem, rounds, cores, variables):
        asked.append((problem.name, variables))
        return {"error": "Traceback\nValueError: no"} if problem.name == "broken" else answer()

    ticks = []
    problems = [Problem("broken", "ops", "", sides), TINY]
    found = measure(problems, rounds=1, processes=2, cores=2, tick=lambda *done: ticks.append(done), run=run)
    assert [found["problems"][name]["verdict"] for name in ("broken", "tiny")] == ["failed", "ok"]
    assert [variables for name, variables in asked if name == "tiny"] == [{}, KEEP, {}, KEEP]
    assert ticks[-1] == (7, 8)
    shown = report.markdown(results(**found["problems"]))
    assert "ValueError: no" in shown
    with pytest.raises(ValueError, match="nothing to measure"):
        measure([], rounds=1, processes=1, cores=2, tick=lambda *done: None)


def test_the_report_has_a_line_a_problem_and_marks_what_is_over(capsys):
    found = results(tiny=summary(torch=3.0), slow=summary(hand=2.5) | {"room": "layers"})
    text = report.markdown(found)
    assert "| tiny | 2x3 | 1000 | 0.50 (0.50..0.50) | 3 |" in text
    assert "eager 3.00, kept 3.00" in text
    assert "1.25 (1.25..1.25)!" in text
    assert text.index("**ops**") < text.index("**layers**")
    report.show(found)
    assert "tiny" in capsys.readouterr().out


def test_company_is_warned_of():
    assert "do not trust" not in report.markdown(results(tiny=summary()))
    assert "40% of the machine" in report.markdown(results(tiny=summary()) | {"foreign_load": 0.4})


def test_the_picture_has_a_point_a_ratio_and_one_line_a_problem(tmp_path):
    found = results(tiny=summary(), small=summary(temporary=(0, 0)), vast=summary(hand=50.0))
    figure = benchmarks.architectures.picture.draw(found)
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["tiny", "small", "vast"]
    points = [line for line in left.lines if line.get_linestyle() == "None"]
    assert [line.get_xdata()[0] for line in points] == [0.5, 0.5, 0.5, 0.5, 4.0, 4.0]
    assert [line.get_marker() for line in points][-1] == ">"
    assert len([line for line in right.lines if line.get_linestyle() == "None"]) == 2  # none has none
    path = benchmarks.architectures.picture.save(found, tmp_path / "deep" / "ratios.png")
    assert path.stat().st_size > 1000
    with pytest.raises(ValueError, match="at least one problem"):
        benchmarks.architectures.picture.draw(results())


def test_the_command_writes_and_tells_by_its_exit_status(monkeypatch, tmp_path, capsys):
    found = {"tiny": summary()}
    monkeypatch.setattr(command, "measure", lambda *_, **__: {"problems": found, "foreign_load": 0.0})
    words = ["benchmarks.architectures", "--only", "relu", "--markdown", "--json", str(tmp_path / "found.json")]
    monkeypatch.setattr(sys, "argv", words)
    assert command.main() == 0
    assert "| tiny |" in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text())["problems"]["tiny"]["verdict"] == "ok"
    found["tiny"] = summary(hand=2.5)
    assert command.main() == 1


@pytest.mark.slow
def test_a_worker_measures_in_a_process_of_its_own():
    found = run_worker(PROBLEMS["SinusoidalPositions"], 1, 2, KEEP)
    assert "error" not in found, found["error"]
    assert found["about"]["hand"]["argument_bytes"] == 2 * 64 * 64 * 128 * 4


def test_a_worker_that_dies_is_told(monkeypatch):
    done = subprocess.CompletedProcess([], -9, stdout="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert run_worker(TINY, 1, 2, {}) == {"error": "the process ended without an answer, exit status -9"}


def test_every_registered_rule_is_measured():
    assert cases is not None
    measured = {name for problem in PROBLEMS.values() for name in problem.rules}
    entries = [entry.name for entry in REGISTER.values() if entry.room != "optim"]
    kinds = {name.split(",")[0].split(" ")[0] for name in entries}
    assert kinds - measured - set(NOT_MEASURED) == set()
    assert measured - kinds == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_both_sides_of_every_problem_agree(name):
    pytest.importorskip("torch")
    made = PROBLEMS[name].build()
    hand, autodiff = made.values or (made.hand, made.autodiff)
    ours = jax.jit(hand)(*made.arguments)
    require_agreement(name, ours, jax.jit(autodiff)(*made.arguments))
    for twin, make in made.twins.items():
        require_agreement(f"{name}, {twin}", ours, make().values())
