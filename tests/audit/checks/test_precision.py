"""Float32 and bfloat16: dtypes are kept, and errors are counted in units in the last place."""

import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.audit import diagnosis
from chainrule.audit.checks.names import BFLOAT16, FLOAT32
from chainrule.audit.checks.precision import check_precision
from chainrule.audit.checks.values import check_values
from tests.audit.helpers import (
    PARAMS,
    RIGHT,
    X,
    Y,
    by_name,
    checked,
    cosine_pullback,
    dense,
    dense_pullback,
    failures,
    hand,
    product,
    ruled,
    sine,
)


@pytest.mark.parametrize(
    ("f", "args"), [(RIGHT, (X, Y)), (hand(dense, dense_pullback), (PARAMS, X))], ids=["product", "dense"]
)
def test_a_right_derivative_is_a_few_units_off(f, args):
    checks = by_name(checked(check_precision, f, *args))
    assert set(checks) == {FLOAT32, BFLOAT16}
    assert not failures(checks.values())
    assert all(check.unit == "ulp" and check.figure <= 8 for check in checks.values())
    assert "ulp <= 64" in checks[FLOAT32].in_words


def off_by(units, dtype):
    """A right derivative but in one dtype, where it is off by some units in the last place."""
    epsilon = float(jnp.finfo(dtype).eps)

    def pullback(d, x, y):
        factor = 1 + units * epsilon if x.dtype == dtype else 1.0
        return d * y, (d * x * jnp.asarray(factor, jnp.float32 if x.dtype == dtype else x.dtype)).astype(x.dtype)

    return hand(product, pullback)


@pytest.mark.parametrize(
    ("units", "dtype", "name"), [(40, np.float32, FLOAT32), (100, np.float32, FLOAT32), (40, jnp.bfloat16, BFLOAT16)]
)
def test_the_figure_counts_units_in_the_last_place(units, dtype, name):
    f = off_by(units, dtype)
    assert not failures(checked(check_values, f, X, Y)), "in float64 it is right"
    checks = by_name(checked(check_precision, f, X, Y))
    assert checks[name].figure == pytest.approx(units, abs=2)
    fails = units > 64 or name == BFLOAT16
    assert failures(checks.values()) == ([name] if fails else [])
    if fails:
        assert checks[name].place.argument == 1
        assert checks[name].diagnosis == diagnosis.FLOAT32
        assert "autodiff is off by" in checks[name].detail


def softplus(x):
    return jnp.logaddexp(x, 0.0)


def test_a_cancellation_shows_in_float32():
    """1 - 1 / (1 + e^x) for the sigmoid: right in float64, without a digit left in float32 for large negative x."""
    x = np.array([-16.5, -17.2, -18.9])
    stable = hand(softplus, lambda d, x: (d / (1 + jnp.exp(-x)),))
    cancelled = hand(softplus, lambda d, x: (d * (1 - 1 / (1 + jnp.exp(x))),))
    assert not failures(checked(check_precision, stable, x))
    checks = by_name(checked(check_precision, cancelled, x))
    assert FLOAT32 in failures(checks.values())
    assert checks[FLOAT32].place.argument == 0
    assert checks[FLOAT32].diagnosis == diagnosis.FLOAT32


def test_a_promoted_dtype_is_a_fault_of_structure():
    f = ruled(product, lambda d, x, y: (d * y, d * x * np.ones(3)))
    assert not failures(checked(check_values, f, X, Y))
    checks = by_name(checked(check_precision, f, X, Y))
    assert checks[FLOAT32].detail == "at argument 1: expected float32[4, 3], found float64[4, 3]"
    assert checks[FLOAT32].figure == np.inf
    assert checks[BFLOAT16].place.argument == 1


def test_a_primal_that_fixes_its_own_precision_is_passed_over():
    narrow = hand(lambda x: jnp.sin(x.astype(jnp.float32)).astype(x.dtype), cosine_pullback)
    assert not checked(check_precision, narrow, X)


def test_what_does_not_take_bfloat16_is_judged_in_float32_alone():
    matrix = np.eye(3) * 2 + 0.1 * X[:3]
    checks = by_name(checked(check_precision, jnp.linalg.inv, matrix))
    assert set(checks) == {FLOAT32}
    assert checks[FLOAT32].ok


def test_an_ill_conditioned_problem_is_allowed_what_rounding_its_arguments_does():
    """sin at 1000: its slope moves by hundreds of units when the argument is rounded."""
    x = 1000.0 * X
    assert not failures(checked(check_precision, hand(sine, cosine_pullback), x))
    wrong = hand(sine, lambda d, x: (d * jnp.cos(x) * (1.0 if x.dtype == jnp.float64 else 1.5),))
    assert FLOAT32 in failures(checked(check_precision, wrong, X))


def test_bfloat16_is_told_and_not_judged_where_autodiff_itself_is_on_trial():
    """1000 and 999 are one number in bfloat16: the derivative, 1, is lost to rounding, and no one else would keep it."""

    def cancels(x):
        return 1000.0 * x - 999.0 * x

    told = by_name(checked(check_precision, cancels, X))[BFLOAT16]
    assert told.ok
    assert told.figure > 100
    judged = by_name(checked(check_precision, hand(lambda x: x, lambda d, x: (1000.0 * d - 999.0 * d,)), X))[BFLOAT16]
    assert not judged.ok
