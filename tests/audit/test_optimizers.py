"""The audit of optimisers: right ones pass, wrong ones are caught where they should be."""

import dataclasses
import inspect
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from chainrule import audit, optim
from chainrule.audit import diagnosis
from chainrule.audit.cases import formulas
from chainrule.audit.mutants import MUTANTS, OPTIMIZER_MUTANTS, check_mutants, first_failure, report_on
from chainrule.audit.mutants.steps import RIGHT_OPTIMIZERS
from chainrule.audit.optimizers import TOLERANCES, Formula, check_optimizer, diagnose_optimizer, leafwise
from chainrule.audit.report import Report

pytestmark = pytest.mark.usefixtures("quick_compilation")

SMALL = {"w": np.random.default_rng(0).normal(size=(2, 3)), "scale": np.array(2.0)}
SGD = formulas.sgd(0.1)
ENTRIES = audit.entries(room="optim")
MORE = ["tree, shape, dtype", "update against formula", "zero gradient", "jit", "no retrace"]


def report(optimizer, formula, params=SMALL, **options):
    return Report("it", tuple(check_optimizer("it", optimizer, formula, params, **options)))


def mutant(name):
    return next(each for each in OPTIMIZER_MUTANTS if each.name == name)


# --- Right ones pass ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thorough", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES])
def test_optimizers_of_the_package_pass(name, thorough):
    (entry,) = audit.entries(name)
    found = audit.check_entry(entry, thorough=thorough)
    assert found.ok, str(found)
    assert found.subject == name
    assert list(dict.fromkeys(check.case for check in found.checks)) == [case.title for case in entry.cases]
    for case in entry.cases:
        names = [check.name for check in found.checks if check.case == case.title]
        whole = list(TOLERANCES) if case.kind == "typical" else MORE
        assert names == [each for each in whole if thorough or each != "jit"]


def test_every_optimizer_of_the_package_has_an_entry():
    schedules = {"constant", "step", "exponential", "cosine", "one_cycle"}
    others = {"clip_by_value", "clip_by_global_norm", "chain of updates", "ema"}
    names = [entry.name for entry in ENTRIES]
    assert set(names) == {*optim.OPTIMIZERS, *others, *(f"{name} schedule" for name in schedules)}
    factories = {name for name, value in vars(optim).items() if name in optim.__all__ and inspect.isfunction(value)}
    assert factories - {"apply_updates", "by_name", "global_norm"} == {name.split()[0] for name in names}
    for entry in ENTRIES:
        titles = [case.title for case in entry.cases]
        assert len(set(titles)) == len(titles)
        assert [case.kind for case in entry.cases] == ["typical"] + ["more"] * (len(titles) - 1)


def test_a_wrong_formula_in_a_further_setting_fails_the_entry():
    (entry,) = audit.entries("rmsprop")
    wrong = dataclasses.replace(entry.cases[1], formula=formulas.rmsprop(0.05, 0.5))
    found = audit.check_entry(dataclasses.replace(entry, cases=(entry.cases[0], wrong)))
    assert {(check.name, check.case) for check in found.failures} == {("update against formula", wrong.title)}


# The settings that make the definitions agree: RMSProp with ε outside the root; momentum at a constant rate, where it does
# not matter whether η is inside the velocity; NAdam with constant momentum; weight decay given, for its defaults differ.
OPTAX = {
    "adam": (optax.adam(0.1), formulas.adam(0.1)),
    "adamw": (optax.adamw(0.1, weight_decay=0.3), formulas.adam(0.1, weight_decay=0.3)),
    "momentum": (optax.sgd(0.1, momentum=0.9), formulas.momentum(0.1)),
    "rmsprop": (optax.rmsprop(0.1, decay=0.9, eps_in_sqrt=False), formulas.rmsprop(0.1)),
    "lion": (optax.lion(0.1, weight_decay=0.1), formulas.lion(0.1, weight_decay=0.1)),
    "nadam": (optax.nadam(0.1), formulas.nadam(0.1, momentum_decay=None)),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optimizers_of_optax_pass_against_the_same_formulas(name):
    found = report(*OPTAX[name], kind="typical" if name in ("adam", "lion") else "more")
    assert found.ok, str(found)


def test_optax_with_epsilon_inside_the_root_does_not_pass():
    checks = check_optimizer("rmsprop", optax.rmsprop(0.1, decay=0.9), formulas.rmsprop(0.1), SMALL)
    assert next(check.name for check in checks if not check.ok) == "update against formula"


@pytest.mark.parametrize("name", RIGHT_OPTIMIZERS)
def test_what_the_wrong_ones_are_made_of_passes(name):
    # The mistakes that other checks than the formula find are all planted in plain Adam.
    found = report(*RIGHT_OPTIMIZERS[name], kind="typical" if name == "adam" else "more")
    assert found.ok, str(found)


# --- Wrong ones are caught ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mutant", OPTIMIZER_MUTANTS, ids=lambda mutant: mutant.name)
def test_wrong_optimizer_is_caught(mutant):
    failure = first_failure(mutant)
    assert failure is not None, "an audit that passes this optimiser proves nothing"
    assert failure.name == mutant.caught_by
    assert failure.detail, "a failure must say what it is"
    assert (failure.place.argument if failure.place else None) == mutant.argument
    if mutant.pattern:
        assert failure.diagnosis == mutant.pattern


def test_the_gallery_is_large_enough_and_names_are_unique():
    assert len(OPTIMIZER_MUTANTS) >= 40
    assert len({mutant.name for mutant in OPTIMIZER_MUTANTS}) == len(OPTIMIZER_MUTANTS)
    assert {mutant.room for mutant in OPTIMIZER_MUTANTS} == {"optimizers"}
    steps = (diagnosis.STEP_AHEAD, diagnosis.STEP_BEHIND, diagnosis.STEP_STANDS, diagnosis.STATE_LOST)
    assert set(steps) <= {mutant.pattern for mutant in OPTIMIZER_MUTANTS} <= {"", *diagnosis.PATTERNS}


def test_rules_and_optimizers_go_through_the_checks_side_by_side():
    rule = next(each for each in MUTANTS if each.caught_by == "tree, shape, dtype")
    wrong = mutant("adam: the sign")
    caught = list(check_mutants([rule, wrong]))
    assert [(each, failure.name) for each, failure in caught] == [(rule, rule.caught_by), (wrong, wrong.caught_by)]


def test_the_whole_report_on_a_wrong_optimizer():
    found = report_on(mutant("momentum: dampened"))
    assert len(found.checks) == len(TOLERANCES)
    assert not found.ok
    assert found.diagnosis == diagnosis.FACTOR
    assert found.arguments == (0,)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("adam: the count is a Python number", "jit"),
        ("momentum: the state begins without a velocity", "scan"),
        ("clip_by_global_norm: divided by a norm of 0", "zero gradient"),
    ],
)
def test_checks_that_no_mutant_meets_first_can_fail_too(name, check):
    found = report_on(mutant(name))
    assert check in [failure.name for failure in found.failures]


def test_every_check_is_met_by_a_wrong_optimizer():
    met = {mutant.caught_by for mutant in OPTIMIZER_MUTANTS} | {"jit", "scan", "zero gradient"}
    assert met == set(TOLERANCES)


@pytest.mark.parametrize("seed", [2, 7])
def test_what_a_sign_hides_shows_where_gradients_are_of_one_magnitude(seed):
    failure = first_failure(mutant("lion: the interpolation of the sign is carried"), seed)
    assert failure.name == "update against formula"


def test_a_failure_names_the_step_the_leaf_and_the_factor():
    failure = first_failure(mutant("momentum: dampened"))
    assert failure.place.argument == 0
    assert failure.place.path == "['scale']"
    assert failure.place.found == pytest.approx(0.1 * failure.place.expected)
    assert re.search(r"at step \d, leaf \['scale'\]: expected", failure.detail)
    assert "0.1 times" in failure.detail
    assert failure.figure > failure.tolerance == TOLERANCES["update against formula"]


def test_an_exception_is_a_finding_and_not_a_crash():
    def broken(grads, state, params):
        raise RuntimeError("no update today\nnor tomorrow")

    found = report((lambda params: (), broken), SGD)
    assert len(found.checks) == len(TOLERANCES)
    assert {check.detail for check in found.failures} == {"RuntimeError: no update today"}


def test_an_update_of_another_tree_or_shape_is_said_in_words():
    def bare(grads, state, params):
        return grads["w"], state

    def wide(grads, state, params):
        return jax.tree.map(lambda g: g + jnp.zeros((2, 3), g.dtype), grads), state

    lost, broadcast = (report((lambda params: (), update), SGD).failures[0] for update in (bare, wide))
    assert "updates for float64 params: expected the tree PyTreeDef" in lost.detail
    assert "updates['scale'] for float64 params: expected float64[], found float64[2, 3]" in broadcast.detail
    assert broadcast.place.path == "['scale']"


def test_a_wrong_formula_is_found_as_well():
    shapes = leafwise(lambda w: (), lambda g, state, w, t: (np.zeros(7), state))
    failure = next(check for check in check_optimizer("sgd", optim.sgd(0.1), shapes, SMALL) if not check.ok)
    assert "expected the shape [7], found []" in failure.detail


def test_an_optimizer_that_is_given_away_or_branches_on_its_numbers():
    class Branches:
        """A pytree whose number decides a branch: it can be closed over, but not be an argument."""

        def __init__(self, rate):
            self.rate = rate

        def init(self, params):
            return ()

        def update(self, grads, state, params):
            rate = self.rate if self.rate > 0 else 0.0
            return jax.tree.map(lambda g: -rate * g, grads), state

    jax.tree_util.register_pytree_node(Branches, lambda it: ((it.rate,), None), lambda _, rates: Branches(*rates))
    assert report(Branches(0.1), SGD).ok


def test_configuration_is_as_before_between_checks():
    for _ in check_optimizer("sgd", optim.sgd(0.1), SGD, SMALL):
        assert not jax.config.jax_enable_x64


def test_diagnosis_of_numbers_alone():
    grads = [{"w": np.array([1.0, -2.0])}, {"w": np.array([0.5, 3.0])}, {"w": np.array([-1.0, 0.1])}]
    params = [{"w": np.zeros(2)}] * 3
    falling = formulas.sgd(lambda n: 0.1 / (n + 1))

    def updates(factors):
        return [jax.tree.map(lambda g, f=f: f * g, g) for f, g in zip(factors, grads, strict=True)]

    def diagnosed(*factors):
        return diagnose_optimizer(updates(factors), falling, grads, params)

    assert diagnosed(0.1, 0.05, 0.1 / 3)[0] == diagnosis.SIGN
    assert diagnosed(0.0, 0.0, 0.0)[0] == diagnosis.ZERO
    assert diagnosed(-0.3, -0.15, -0.1) == (diagnosis.FACTOR, "every update is 3 times what it should be")
    assert diagnosed(-0.05, -0.1 / 3, -0.025)[0] == diagnosis.STEP_AHEAD
    assert diagnosed(np.nan, np.nan, np.nan) == ("", "")
    assert diagnosed(1.0, 2.0, -3.0) == ("", "")
    assert diagnose_optimizer([{"v": np.zeros(2)}] * 3, falling, grads, params) == ("", "")


# --- Errors at the door ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"optimizer": object()},
            r"it: optimizer must have init and update, or be a pair \(init, update\), got <object",
        ),
        ({"optimizer": (np.sin, 3)}, "it: optimizer must have init and update"),
        ({"formula": np.sin}, "it: formula must have init and update"),
        ({"params": {}}, "it: params must hold at least one floating-point number, got {}"),
        ({"params": {"w": np.zeros((0, 3))}}, "it: params must hold at least one floating-point number"),
        ({"params": {"w": np.arange(3)}}, r"it: params\['w'\] must be of floating-point numbers, got int64\[3\]"),
        ({"params": {"w": "three"}}, r"it: params\['w'\] must be of floating-point numbers, got str"),
        ({"kind": "kink"}, "it: kind must be one of typical, more, got 'kink'"),
        ({"steps": 1}, "it: steps must be a whole number of at least 2, got 1"),
        ({"steps": 2.5}, "it: steps must be a whole number of at least 2, got 2.5"),
        ({"steps": True}, "it: steps must be a whole number of at least 2, got True"),
    ],
)
def test_bad_input_is_refused_at_once(arguments, message):
    given = {"optimizer": optim.sgd(0.1), "formula": SGD, "params": SMALL, **arguments}
    with pytest.raises(ValueError, match=message):
        check_optimizer("it", **given)


def test_two_steps_and_any_object_with_init_and_update_will_do():
    class Descent:
        def init(self, params):
            return ()

        def update(self, grads, state, params, t):
            return jax.tree.map(lambda g: -0.1 * g, grads), state

    assert report(optim.sgd(0.1), Descent(), steps=2, seed=3).ok
    assert report(tuple(optim.sgd(0.1)), tuple(Formula(*SGD)), steps=2).ok
