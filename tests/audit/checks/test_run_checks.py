"""Running checks: what they raise is a finding, and no configuration leaks out of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.audit.checks import CHECKS, TOLERANCES, of_kind, run_checks
from chainrule.audit.checks.names import AUTODIFF, STRUCTURE, fault, verdict
from chainrule.audit.checks.structure import check_structure
from chainrule.audit.checks.values import check_values
from chainrule.audit.compare import Difference
from chainrule.audit.report import Check, Place
from chainrule.audit.run import inputs_for
from tests.audit.helpers import RIGHT, RIGHT_SINE, X, Y, hand, ruled


def test_the_configuration_of_the_caller_holds_between_checks():
    inputs = inputs_for(RIGHT, X, Y)
    within = []

    def spy(inputs):
        within.append(jax.config.jax_enable_x64)
        yield Check("spy", inputs.case, True, 0.0, 0.0)
        within.append(jax.config.jax_enable_x64)

    running = run_checks(inputs, (spy, check_structure, spy))
    assert not jax.config.jax_enable_x64
    for _ in running:
        assert not jax.config.jax_enable_x64, "the generator is paused here"
        assert jnp.ones(1).dtype == np.float32
    assert within == [True] * 4
    assert not jax.config.jax_enable_x64
    next(run_checks(inputs, (check_structure,)))  # given up half-way
    assert not jax.config.jax_enable_x64


def test_the_configuration_of_a_caller_in_float64_is_kept_as_well():
    with jax.enable_x64(True):
        for _ in run_checks(inputs_for(RIGHT, X, Y), (check_structure, check_structure)):
            assert jax.config.jax_enable_x64
        assert jax.config.jax_enable_x64


def boom(*_):
    raise RuntimeError("no forward today\nand no second line")


@pytest.mark.parametrize(
    "f",
    [ruled(lambda x: boom(), lambda d, x: (d,)), ruled(lambda x: x * 1.0, lambda d, x: boom()), hand(jnp.sin, boom)],
    ids=["forward", "backward", "custom_vjp"],
)
def test_what_a_rule_raises_is_a_finding_of_every_check(f):
    checks = list(run_checks(inputs_for(f, X), (check_structure, check_values)))
    assert [check.name for check in checks] == [STRUCTURE, AUTODIFF]
    assert all(check.detail == "RuntimeError: no forward today" for check in checks)
    assert all(not check.ok and check.figure == np.inf and check.place == Place(0) for check in checks)


def test_only_one_argument_can_be_at_fault_to_be_named():
    (check,) = run_checks(inputs_for(hand(jnp.multiply, boom), X, Y), (check_structure,))
    assert check.place is None


def test_a_verdict_is_excused_by_rounding_and_by_nothing_else():
    inputs = inputs_for(RIGHT_SINE, X)
    place = Place(0, "", (1,), 1.0, 2.0)

    def compare(first, second):
        return lambda slack: Difference(first if slack is None else second, place)

    with jax.enable_x64(True):
        assert verdict(AUTODIFF, inputs, compare(1e-13, np.inf)).ok
        assert verdict(AUTODIFF, inputs, compare(1e-11, 1e-13)).ok
        assert verdict(AUTODIFF, inputs, compare(1e-11, 1e-13)).figure == 1e-13
        bad = verdict(AUTODIFF, inputs, compare(1e-3, 1e-3), "a pattern")
        assert (bad.ok, bad.figure, bad.place, bad.diagnosis) == (False, 1e-3, place, "a pattern")
        assert not verdict(AUTODIFF, inputs, compare(np.inf, 0.0)).ok, "another tree is no matter of rounding"
    assert (fault(STRUCTURE, inputs, 0, "x", place).detail, fault(STRUCTURE, inputs, 2, "x", place).detail) == ("", "x")


def test_every_kind_of_case_has_checks_and_every_check_a_tolerance():
    assert set(of_kind("typical")) == set(CHECKS)
    for kind in ("more", "degenerate", "kink", "extreme"):
        assert check_structure in of_kind(kind)
    found = list(run_checks(inputs_for(RIGHT_SINE, X), CHECKS))
    assert {check.name for check in found} <= set(TOLERANCES)
    assert all(check.ok for check in found)
