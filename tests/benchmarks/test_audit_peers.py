import dataclasses
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from benchmarks.audit import __main__ as command
from benchmarks.audit import contest, false_alarms, mechanical, tables
from benchmarks.audit.contest import DERIVATIVE, OTHER, RIGHT, Trial
from benchmarks.audit.judges import JUDGES, OURS, Judge

from chainrule import audit
from chainrule.audit import diagnosis
from chainrule.audit.mutants import MUTANTS
from chainrule.audit.mutants.mechanical import mutations
from chainrule.rule import rule
from tests.audit.correct_functions import CORRECT, Correct

INSTALLED = [judge for judge in JUDGES.values() if "torch" not in judge.needs]  # PyTorch is not in the test extra


def made_of(forward, backward):
    made = rule(forward)
    made.defbackward(backward)
    return made


def pick(params, labels):
    return (params["a"] * params["b"])[labels], (params, labels)


def pick_backward(residuals, d_output):
    params, labels = residuals
    d_product = jnp.zeros_like(params["a"]).at[labels].add(d_output)
    return {"a": d_product * params["b"], "b": d_product * params["a"]}, None


def pick_wrong(residuals, d_output):
    d_params, d_labels = pick_backward(residuals, d_output)
    return d_params | {"b": 3 * d_params["b"]}, d_labels


def centre(x):
    return x - x.mean(), None


def shifted(x, *, by=0.0):
    return 1.0 * x, None


RIGHT_RULE, WRONG_RULE = made_of(pick, pick_backward), made_of(pick, pick_wrong)
NO_GRADIENT = made_of(centre, lambda _, d: (jnp.zeros_like(d),))
SHIFTED = made_of(shifted, lambda _, d, *, by: (d + by,))
BROKEN = made_of(centre, lambda _, d: 1 / 0)
ARGS = (
    {"a": np.array([0.5, 1.5, -2.0, 1.0]), "b": np.array([3.0, -0.7, 1.1, 2.0])},
    np.array([2, 0, 2, 1, 1], np.int32),
)
X = np.array([0.3, -1.2, 2.0])


def says(name, rule, *args, static=None, reference=None):
    return JUDGES[name].load()(rule, args, static or {}, reference)


@pytest.mark.parametrize("judge", INSTALLED, ids=lambda judge: judge.name)
def test_a_judge_alarms_on_a_wrong_rule_and_not_on_a_right_one(judge):
    assert not says(judge.name, RIGHT_RULE, *ARGS)
    assert says(judge.name, WRONG_RULE, *ARGS)


def test_judges_keep_to_their_own_cotangents():
    # The derivative of x - mean(x) maps ones to zeros, so zeros look right to a cotangent of ones.
    assert not says("assert-allclose", NO_GRADIENT, X)
    assert not says("llm.c", NO_GRADIENT, X)
    assert says("check-grads", NO_GRADIENT, X)
    assert says("check-grads-x64", NO_GRADIENT, X)


def test_judges_keep_to_their_tolerances():
    def alarms(by):
        names = ("llm.c", "assert-allclose", "check-grads", "check-grads-x64")
        return [name for name in names if says(name, SHIFTED, X, static={"by": by})]

    assert alarms(0.03) == ["llm.c", "assert-allclose", "check-grads", "check-grads-x64"]
    assert alarms(0.01) == ["assert-allclose", "check-grads", "check-grads-x64"]
    assert alarms(2e-4) == ["check-grads-x64"]
    assert alarms(0.0) == []


def test_llm_c_compares_outputs_where_there_is_an_answer():
    right, wrong = (lambda x: x + 0.005), (lambda x: x + 0.02)
    assert not says("llm.c", SHIFTED, X, reference=right)
    assert says("llm.c", SHIFTED, X, reference=wrong)
    assert says("llm.c", SHIFTED, X, static={"by": float("nan")})


def test_an_error_is_an_alarm_and_noted():
    found = contest.verdict(JUDGES["llm.c"], Trial("broken", "room", DERIVATIVE, BROKEN, (X,)))
    assert found["alarm"]
    assert found["error"] == "ZeroDivisionError: division by zero"
    assert contest.verdict(JUDGES["llm.c"], Trial("right", "room", RIGHT, RIGHT_RULE, ARGS))["error"] == ""


class StandIn(Judge):
    """Says no to every rule but the right one."""

    def load(self):
        return lambda rule, args, static, reference: rule is not RIGHT_RULE and 1 / len(static)


@pytest.fixture
def results(monkeypatch):
    monkeypatch.setattr(contest.jax, "clear_caches", lambda: None)  # the other tests want theirs
    wrong = [
        Trial("caught", "one", DERIVATIVE, WRONG_RULE, ARGS, {"by": 0}),
        Trial("stopped at", "two", DERIVATIVE, WRONG_RULE, ARGS),
        Trial("let through", "two", DERIVATIVE, RIGHT_RULE, ARGS),
        Trial("not for all", "two", OTHER, RIGHT_RULE, ARGS),
    ]
    right = [Trial("fine", "ops", RIGHT, RIGHT_RULE, ARGS), Trial("refused", "ops", RIGHT, WRONG_RULE, ARGS, {"by": 0})]
    judges = [StandIn(OURS, "the stand-in", "none", "", ""), StandIn("other", "the other", "none", "", "")]
    return contest.contest(judges, wrong, right, lambda text: None)


def test_alarms_are_counted_by_kind_and_room(results):
    counts = results["judges"]["other"]["counts"]
    assert counts == {
        "kinds": {DERIVATIVE: [2, 3], OTHER: [0, 1], RIGHT: [1, 2]},
        "rooms": {"one": [1, 1], "two": [1, 2]},
        "errors": 1,
    }
    assert len(results["judges"]["other"]["verdicts"]) == 6


def test_the_tables_show_every_judge(results, capsys, tmp_path):
    tables.show(results, verbose=True)
    printed = capsys.readouterr().out
    text = tables.markdown(results)
    for shown in (printed, text):
        for part in ("of 3 wrong derivatives", "of 1 other faults", "of 2 right rules", "the stand-in", "the other"):
            assert part in shown
    assert "| the other | 2 | 0 | 1 | 1 |" in text
    assert "| two | 2 | 1 | 1 |" in text
    assert "the other lets through the wrong derivative two / let through" in printed
    tables.write(results, tmp_path / "new" / "results.json")
    assert json.loads((tmp_path / "new" / "results.json").read_text()) == json.loads(json.dumps(results))


def test_what_is_let_through_refused_or_stopped_at_is_listed(results):
    assert [line for line in tables.missed(results) if line.startswith("the other")] == [
        "the other stops at two / stopped at: ZeroDivisionError: division by zero",
        "the other lets through the wrong derivative two / let through",
        "the other lets through the other fault two / not for all",
        "the other refuses the right rule ops / refused",
    ]


def test_company_is_told_of(results, capsys):
    for load, told in ((None, False), (0.02, False), (0.4, True)):
        tables.show(results | {"foreign_load": load})
        assert ("Other programs kept the machine busy (40%)" in capsys.readouterr().out) == told


def test_the_gallery_and_the_register_are_put_on_trial():
    wrong, right = contest.wrong_rules(), contest.right_rules()
    assert [trial.name for trial in wrong] == [mutant.name for mutant in MUTANTS]
    for trial, mutant in zip(wrong, MUTANTS, strict=True):
        assert trial.rule is mutant.rule
        assert (trial.kind == OTHER) == (mutant.argument is None or mutant.pattern == diagnosis.VMAP)
    assert {trial.rule.name for trial in right} == {entry.rule.name for entry in audit.rules()}
    assert {trial.kind for trial in right} == {RIGHT}


def test_all_draws_are_those_of_the_seed():
    for seed in (0, 1):
        (first, *_), (second, *_) = contest.wrong_rules(seed)[0].args, contest.wrong_rules(seed)[0].args
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(contest.wrong_rules(0)[0].args[0], contest.wrong_rules(1)[0].args[0])


def test_a_contest_of_nobody_is_refused():
    trial = Trial("fine", "ops", RIGHT, RIGHT_RULE, ARGS)
    for judges, wrong, right in (([], [trial], [trial]), (INSTALLED, [], [trial]), (INSTALLED, [trial], [])):
        with pytest.raises(ValueError, match="at least one judge, one wrong and one right rule, got"):
            contest.contest(judges, wrong, right, print)


def test_a_judge_that_is_not_installed_says_how_to_install_it():
    absent = dataclasses.replace(JUDGES["llm.c"], needs=("json", "no_such_library"))
    line = 'llm.c\'s check_tensor is skipped: no_such_library not installed: pip install "chainrule[benchmarks]"'
    assert absent.missing() == line
    assert all(judge.missing() is None for judge in INSTALLED)


def test_the_command_prints_and_writes(monkeypatch, capsys, tmp_path):
    path = tmp_path / "results.json"
    monkeypatch.setattr(contest.jax, "clear_caches", lambda: None)
    monkeypatch.setattr(command, "wrong_rules", lambda seed: [Trial("w", "room", DERIVATIVE, WRONG_RULE, ARGS)])
    monkeypatch.setattr(command, "right_rules", lambda seed: [Trial("r", "room", RIGHT, RIGHT_RULE, ARGS)])
    monkeypatch.setattr("sys.argv", ["audit", "--only", "llm.c", "--markdown", "--verbose", "--json", str(path)])
    assert command.main() == 0
    assert "| llm.c's check_tensor | 1 | 0 | 0 | 0 |" in capsys.readouterr().out
    assert json.loads(path.read_text())["judges"]["llm.c"]["counts"]["kinds"][DERIVATIVE] == [1, 1]


def test_the_command_fails_without_a_judge(monkeypatch, capsys):
    absent = dataclasses.replace(JUDGES["llm.c"], needs=("no_such_library",))
    monkeypatch.setitem(command.JUDGES, "llm.c", absent)
    monkeypatch.setattr("sys.argv", ["audit", "--only", "llm.c"])
    assert command.main() == 1
    assert "no_such_library not installed" in capsys.readouterr().err


# --- The mechanical mutants, and false alarms ----------------------------------------------------------------------------


def run(monkeypatch, *options):
    monkeypatch.setattr("sys.argv", ["audit", *map(str, options)])
    return command.main()


@pytest.fixture
def one_rule(monkeypatch):
    (entry,) = audit.entries("flatten")
    monkeypatch.setattr(mechanical, "surveyed", lambda: [entry])


def test_mechanical_mutants_are_counted(monkeypatch, capsys, tmp_path, one_rule):
    path = tmp_path / "mutants.json"
    assert run(monkeypatch, "--mechanical", "--rooms", "ops", "--json", path) == 0
    printed, results = capsys.readouterr(), json.loads(path.read_text())
    assert "18 of 18 mutants caught, 100.00 %" in printed.out
    assert "survives" not in printed.out
    assert printed.err == f"written: {path}\n"  # no bar where there is no terminal
    assert results["rules"] == {"flatten": [18, 18]}
    assert sum(total for _, total in results["operators"].values()) == results["total"] == results["caught"] == 18
    assert results["survivors"] == []


def test_a_survivor_that_is_not_explained_fails_the_command(monkeypatch, capsys, one_rule):
    monkeypatch.setattr(mechanical, "Battery", lambda entry, seed: lambda mutated, numbers: None)
    assert run(monkeypatch, "--mechanical") == 1
    title = "flatten: the cotangent of argument 0 is clipped to 1"
    assert f"survives, unexplained: {title}" in capsys.readouterr().out
    listed = [mutation.title for entry in mechanical.surveyed() for mutation in mutations(entry)]
    monkeypatch.setattr(mechanical, "explained", lambda: listed)
    assert run(monkeypatch, "--mechanical") == 0
    assert f"survives: {title}" in capsys.readouterr().out


def sine(x):
    return jnp.sin(x)


@jax.custom_jvp
def wrong_sine(x):
    return jnp.sin(x)


wrong_sine.defjvp(lambda primals, tangents: (jnp.sin(primals[0]), 2 * jnp.cos(primals[0]) * tangents[0]))


def refuses(x):
    raise RuntimeError("not today")


def draw(rng):
    return (rng.normal(size=int(rng.integers(1, 5))),)


@pytest.mark.slow
def test_false_alarms_are_counted_and_shown(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(false_alarms.jax, "clear_caches", lambda: None)  # the other tests want theirs
    functions = [Correct("sine", sine, draw), Correct("wrong sine", wrong_sine, draw)]
    monkeypatch.setattr(false_alarms, "correct_functions", lambda: functions)
    path = tmp_path / "alarms.json"
    assert run(monkeypatch, "--false-alarms", "--cases", 3, "--json", path) == 1
    printed, results = capsys.readouterr().out, json.loads(path.read_text())
    assert "1 false alarms in 3 cases of 2 functions" in printed
    (line,) = results["alarms"]
    assert line.startswith("wrong sine, seed 0, float64[")
    assert "hand against autodiff" in line
    assert f"false alarm: {line}" in printed
    assert run(monkeypatch, "--false-alarms", "--cases", 1) == 0
    assert "0 false alarms in 1 cases of 1 functions" in capsys.readouterr().out


def test_an_audit_that_stops_is_a_false_alarm():
    drawn = Correct("labels", sine, lambda rng: (np.array([1, 2]),))  # nothing to differentiate
    assert "ValueError" in false_alarms.alarm(drawn, 0)
    assert "not today" in false_alarms.alarm(Correct("refuses", refuses, draw), 0)


def test_the_functions_of_the_tests_are_found_at_the_top_of_the_repository(monkeypatch, capsys):
    assert false_alarms.correct_functions() is CORRECT
    monkeypatch.setitem(sys.modules, "tests.audit.correct_functions", None)
    assert run(monkeypatch, "--false-alarms") == 1
    assert "run the command from the top of the repository" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cases", "3"), "--cases is for --false-alarms"),
        (("--false-alarms", "--seed", "1"), "--seed is for the judges and --mechanical"),
        (("--false-alarms", "--cases", "0"), "must be at least 1, got 0"),
        (("--mechanical", "--only", "llm.c"), "--only is for the judges"),
        (("--mechanical", "--rooms", "cellar"), "invalid choice: 'cellar'"),
        (("--mechanical", "--false-alarms"), "not allowed with argument"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_options_that_do_not_fit_are_refused(monkeypatch, capsys, options, message):
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, *options)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
