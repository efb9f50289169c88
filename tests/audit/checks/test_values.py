"""The numbers in float64: against autodiff, against a reference, as a linear map and as the adjoint of one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from chainrule.audit import diagnosis
from chainrule.audit.checks.names import ADJOINT, AUTODIFF, BY_HAND, FORWARD, INFORMATIVE, LINEARITY, PRIMAL, SECOND
from chainrule.audit.checks.values import check_informative, check_primal, check_second_order, check_values
from chainrule.audit.report import Place
from tests.audit.helpers import (
    PARAMS,
    RIGHT,
    RIGHT_RULE,
    RIGHT_SINE,
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


def test_the_primal_is_that_of_the_reference():
    (check,) = checked(check_primal, RIGHT, X, Y, reference=np.multiply)
    assert (check.name, check.ok, check.figure) == (PRIMAL, True, 0)
    assert not checked(check_primal, RIGHT, X, Y)


def test_a_primal_that_is_not_the_reference_is_named_by_element():
    def elsewhere(x, y):
        out = x * y
        out[3, 1] += 0.5
        return out

    (check,) = checked(check_primal, RIGHT, X, Y, reference=elsewhere)
    assert not check.ok
    assert (check.place.argument, check.place.index) == (None, (3, 1))
    assert check.place.found == X[3, 1] * Y[3, 1]
    assert check.place.expected == check.place.found + 0.5
    assert "the output[3, 1]" in check.detail


@pytest.mark.parametrize(("f", "rows"), [(RIGHT, 4), (RIGHT_RULE, 5)], ids=["custom_vjp", "rule"])
def test_a_right_derivative_passes_each_comparison(f, rows):
    checks = by_name(checked(check_values, f, X, Y))
    assert set(checks) == {FORWARD, AUTODIFF, LINEARITY, ADJOINT, *([BY_HAND] if rows == 5 else [])}
    assert all(check.ok and check.figure <= 1e-12 and check.place is None for check in checks.values())


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (lambda d, x, y: (d * y, (d * x).at[2, 1].multiply(1.5)), (1, "", (2, 1))),
        (lambda d, x, y: ((d * y).at[0, 2].add(1e-9), d * x), (0, "", (0, 2))),
        (lambda d, x, y: (d * y * (1 + 1e-9), d * x), (0, "", None)),
        (lambda d, x, y: ((d * y).at[3, 0].set(jnp.nan), d * x), (0, "", (3, 0))),
    ],
    ids=["one element", "one element by 1e-9", "all by 1e-9", "NaN"],
)
def test_a_wrong_number_is_named_by_argument_and_index(wrong, place):
    checks = by_name(checked(check_values, hand(product, wrong), X, Y))
    assert checks[FORWARD].ok
    check = checks[AUTODIFF]
    assert not check.ok
    assert (check.place.argument, check.place.path) == place[:2]
    assert place[2] is None or check.place.index == place[2]
    assert check.also == ()


@pytest.mark.parametrize("leaf", ["bias", "weight"])
def test_a_wrong_leaf_is_named_and_so_is_another_argument(leaf):
    def wrong(d, params, x):
        d_params, d_x = dense_pullback(d, params, x)
        return d_params | {leaf: 3 * d_params[leaf]}, d_x.at[1, 1].add(1)

    check = by_name(checked(check_values, hand(dense, wrong), PARAMS, X))[AUTODIFF]
    worst = {check.place.argument, *check.also}
    assert worst == {0, 1}
    assert check.place.path == f"['{leaf}']" or check.place.argument == 1
    other = by_name(
        checked(check_values, hand(dense, lambda d, p, x: (wrong(d, p, x)[0], dense_pullback(d, p, x)[1])), PARAMS, X)
    )
    assert other[AUTODIFF].place.where.startswith(f"argument 0['{leaf}']")
    assert other[AUTODIFF].diagnosis.startswith(f"{diagnosis.FACTOR}, 3")


def test_a_small_leaf_does_not_hide_behind_a_large_one():
    def both(p):
        return 1e9 * p["large"].sum() + 1e-9 * p["small"].sum()

    def pullback(factor):
        return lambda d, p: ({"large": jnp.full(3, 1e9 * d), "small": jnp.full(2, factor * 1e-9 * d)},)

    params = {"large": X[0], "small": Y[0, :2]}
    assert not failures(checked(check_values, hand(both, pullback(1.0)), params))
    check = by_name(checked(check_values, hand(both, pullback(1.001)), params))[AUTODIFF]
    assert (check.ok, check.place.path) == (False, "['small']")


@pytest.mark.parametrize(
    ("wrong", "pattern"),
    [
        (lambda d, x: (jnp.clip(d, -1, 1) * jnp.cos(x),), diagnosis.NONLINEAR),
        (lambda d, x: (jnp.clip(d, -100, 100) * jnp.cos(x),), diagnosis.NONLINEAR),
        (lambda d, x: (d * d * jnp.cos(x),), diagnosis.NONLINEAR),
        (lambda d, x: (jnp.maximum(d, 0) * jnp.cos(x),), diagnosis.NONLINEAR),
        (lambda d, x: (jnp.abs(d) * jnp.cos(x),), diagnosis.NONLINEAR),
        (lambda d, x: (jnp.round(d, 2) * jnp.cos(x),), diagnosis.NONLINEAR),
        (lambda d, x: (jnp.where(jnp.abs(d) < 1e-3, 0, d) * jnp.cos(x),), diagnosis.NONLINEAR),
        (lambda d, x: (d * jnp.cos(x) + 1e-3,), diagnosis.NONLINEAR),
        (lambda d, x: ((d * jnp.cos(x)).astype(jnp.bfloat16).astype(d.dtype),), diagnosis.ROUNDED),
    ],
    ids=["clips", "clips at 100", "squares", "rectifies", "abs", "rounds", "flushes", "adds", "bfloat16"],
)
def test_a_pullback_that_is_not_linear(wrong, pattern):
    checks = by_name(checked(check_values, hand(sine, wrong), X))
    assert {AUTODIFF, LINEARITY} <= set(failures(checks.values()))
    assert checks[LINEARITY].place.argument == 0
    assert checks[AUTODIFF].diagnosis.startswith(pattern)


def test_linearity_needs_no_referee():
    """A function that calls a custom_vjp brings no other derivative to compare with, and JAX cannot push forward."""
    assert failures(checked(check_values, lambda x: RIGHT_SINE(2 * x), X)) == []
    squares = hand(sine, lambda d, x: (d * d * jnp.cos(x),))
    assert failures(checked(check_values, lambda x: squares(2 * x), X)) == [LINEARITY]


def test_a_custom_vjp_that_calls_another():
    double = hand(lambda x: RIGHT_SINE(2 * x), lambda d, x: (2 * d * jnp.cos(2 * x),))
    assert failures(checked(check_values, double, X)) == []


def test_a_forward_pass_that_is_not_the_primal():
    wrong = jax.custom_vjp(sine)
    wrong.defvjp(lambda x: (jnp.sin(x).at[1, 2].add(1e-6), x), lambda x, d: cosine_pullback(d, x))
    checks = checked(check_values, wrong, X)
    assert failures(checks) == [FORWARD]
    assert (checks[0].place.argument, checks[0].place.index) == (None, (1, 2))


def test_another_derivative_under_jax_grad():
    right = ruled(sine, cosine_pullback)

    class Other(type(right)):
        def by_hand(self, *args, **kwargs):
            return 2 * super().by_hand(*args, **kwargs)

    checks = checked(check_values, Other(right._forward), X)
    assert failures(checks), "no backward is a finding"
    other = Other(right._forward)
    other.defbackward(right._backward)
    assert failures(checked(check_values, other, X)) == [BY_HAND]


def halved(x):
    """x divided by 2 until all is below 1: JAX differentiates a while loop in forward mode alone."""
    return lax.while_loop(lambda x: jnp.max(jnp.abs(x)) > 1, lambda x: x / 2, x)


def test_the_adjoint_identity_judges_where_reverse_mode_cannot():
    halvings = np.ceil(np.log2(np.abs(X).max()))
    right = checked(check_values, hand(halved, lambda d, x: (d / 2**halvings,)), X)
    assert {check.name for check in right} == {FORWARD, LINEARITY, ADJOINT}
    assert not failures(right)
    wrong = checked(check_values, hand(halved, lambda d, x: ((d / 2**halvings).at[0, 1].multiply(1.1),)), X)
    assert failures(wrong) == [ADJOINT]
    check = by_name(wrong)[ADJOINT]
    assert check.place == Place(0)
    assert check.detail.startswith("<dy, J dx> is ")


def cubed(x):
    return x**3


def test_second_order_passes_for_right_derivatives():
    for f, args in ((RIGHT_SINE, (X,)), (RIGHT_RULE, (X, Y)), (hand(cubed, lambda d, x: (3 * x * x * d,)), (X,))):
        (check,) = checked(check_second_order, f, *args)
        assert check.name == SECOND
        assert check.ok, check.detail


HALF_SLOPE = hand(jnp.square, lambda d, x: (d * x,))  # its own derivative is half of what it should be


@pytest.mark.parametrize(
    ("pullback", "argument"),
    [
        (lambda d, x: (3 * d * lax.stop_gradient(x * x),), 0),
        (lambda d, x: (3 * d * HALF_SLOPE(x),), 0),
        (lambda d, x: (3 * lax.stop_gradient(d) * x * x,), None),
    ],
    ids=["stop_gradient", "a wrong custom_vjp within", "the cotangent is stopped"],
)
def test_second_order_catches_a_backward_that_is_right_with_a_derivative_that_is_not(pullback, argument):
    f = hand(cubed, pullback)
    assert not failures(checked(check_values, f, X))
    (check,) = checked(check_second_order, f, X)
    assert not check.ok
    assert check.place.argument == argument


def test_second_order_of_integers_and_of_what_has_no_referee():
    labels = np.arange(3, dtype=np.int32)
    (check,) = checked(check_second_order, hand(lambda x, n: x[:, n] ** 2, _gathered), X, labels)
    assert check.ok, check.detail
    assert not checked(check_second_order, jnp.sin, X)


def _gathered(d, x, n):
    return jnp.zeros_like(x).at[:, n].add(2 * x[:, n] * d), np.zeros(n.shape, jax.dtypes.float0)


@pytest.mark.parametrize(
    ("x", "told"),
    [(X, True), (np.zeros(3), False), (np.full(3, np.nan), False), (np.zeros((0, 3)), False)],
    ids=["real", "0", "NaN", "empty"],
)
def test_arguments_that_tell_nothing_prove_nothing(x, told):
    (check,) = checked(check_informative, ruled(lambda x: x * x, lambda d, x: (7 * x * d,)), x)
    assert (check.name, check.ok) == (INFORMATIVE, told)
    assert told or "nothing is proved" in check.detail
