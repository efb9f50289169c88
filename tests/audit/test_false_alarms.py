"""Right derivatives pass: those of JAX's own functions, and the right twins of the gallery; what JAX has wrong fails."""

import jax
import numpy as np
import pytest
import scipy.special

from chainrule.audit import audit
from chainrule.audit.checks import CHECKS
from chainrule.audit.inputs import Inputs
from chainrule.audit.mutants import MUTANTS
from chainrule.audit.run import report_of
from chainrule.audit.subject import subject_of
from chainrule.layer import Layer
from chainrule.rule import Rule
from tests.audit.correct_functions import CORRECT, KNOWN_WRONG
from tests.audit.helpers import in_parts

SOME = CORRECT[4 :: len(CORRECT) // 10][:10]
RIGHT_TWINS = [mutant for mutant in MUTANTS if mutant.right is not None]
SOME_TWINS = RIGHT_TWINS[3 :: len(RIGHT_TWINS) // 6][:6]


def report_on_correct(correct, seed=0):
    return audit(correct.function, *correct.draw(np.random.default_rng(seed)), seed=seed)


def report_on_twin(mutant):
    """The report on a rule of the gallery with the backward function that it should have."""
    members = {
        "forward": lambda self, *arrays, **static: mutant.rule.forward(*arrays, **static),
        "backward": lambda self, residuals, d, **static: mutant.right(residuals, d, **static),
        "signature": property(lambda self: mutant.rule.signature),
    }
    twin = type("Twin", (Layer if isinstance(mutant.rule, Layer) else Rule,), members)()
    args = mutant.make(np.random.default_rng(0))
    return report_of(Inputs(subject_of(twin, static=mutant.static), args, mutant.reference, "twin"), CHECKS)


def alarms(reports):
    return [str(report) for report in reports if not report.ok]


def test_enough_functions_are_there_and_none_twice():
    names = [correct.name for correct in (*CORRECT, *KNOWN_WRONG)]
    assert len(set(names)) == len(names) >= 60
    assert len(SOME) == 10
    assert len({correct.name.split(",")[0].rsplit(".", 1)[0] for correct in SOME}) >= 5, "spread over the kinds"
    assert len(SOME_TWINS) == 6
    assert len({mutant.room for mutant in SOME_TWINS}) >= 5


@pytest.mark.parametrize("correct", SOME, ids=lambda correct: correct.name)
def test_a_function_of_jax_passes(correct):
    report = report_on_correct(correct)
    assert report.ok, str(report)


@pytest.mark.parametrize("mutant", SOME_TWINS, ids=lambda mutant: mutant.name)
def test_a_right_twin_passes(mutant):
    report = report_on_twin(mutant)
    assert report.ok, str(report)


@pytest.mark.slow
def test_every_function_of_jax_passes():
    assert alarms(in_parts(report_on_correct, CORRECT)) == []


@pytest.mark.slow
def test_every_right_twin_passes():
    assert alarms(in_parts(report_on_twin, RIGHT_TWINS)) == []


def jax_is_wrong(wrong):
    with jax.enable_x64(True):
        slope = float(jax.grad(wrong.function)(*np.asarray(wrong.at, wrong.dtype)))
    return not abs(slope - wrong.slope) <= 0.5 * max(1.0, abs(wrong.slope))


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [pytest.param(wrong, marks=[pytest.mark.slow] if wrong.seed else []) for wrong in KNOWN_WRONG],
    ids=[wrong.name for wrong in KNOWN_WRONG],
)
def test_what_jax_has_wrong_is_found(wrong):
    """A newer version of JAX may have it right: the audit must then say so."""
    report = report_on_correct(wrong, wrong.seed)
    assert [check.name for check in report.failures] == ([wrong.fails] if jax_is_wrong(wrong) else []), wrong.why


SAME_IN_NUMPY = {"i0": scipy.special.i0, "spence": scipy.special.spence, "sinc": np.sinc}
SAME_IN_NUMPY |= {"hypot": np.hypot, "arctan2": np.arctan2}


@pytest.mark.parametrize("wrong", KNOWN_WRONG, ids=lambda wrong: wrong.name)
def test_the_slopes_there_are_those_of_scipy(wrong):
    """By differences of the same function in SciPy or NumPy, at the very numbers where JAX goes wrong."""
    function, (x, *rest) = SAME_IN_NUMPY[wrong.name.rpartition(".")[2]], wrong.at
    size = x if 0 < x < 1 and rest else 1.0
    steps = size * np.array([1e-3, 1e-4])
    slopes = (function(x + steps, *rest) - function(x - steps, *rest)) / (2 * steps)
    np.testing.assert_allclose(slopes, wrong.slope, rtol=1e-6, atol=1e-6)
