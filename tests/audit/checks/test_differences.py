"""Differences in float64: along directions, along every coordinate, and by the order of the remainder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.audit.checks import run_checks
from chainrule.audit.checks.differences import check_coordinates, check_differences, check_taylor, points, slope_of
from chainrule.audit.checks.names import COORDINATES, DIFFERENCES, TAYLOR
from chainrule.audit.run import inputs_for
from chainrule.audit.trees import flat
from tests.audit.helpers import (
    PARAMS,
    RIGHT,
    RIGHT_SINE,
    X,
    Y,
    by_name,
    cosine_pullback,
    dense,
    dense_pullback,
    failures,
    hand,
    product,
    sine,
)

ALL = (check_differences, check_coordinates, check_taylor)


def judged(f, *args, checks=ALL, **options):
    return by_name(run_checks(inputs_for(f, *args, **options), checks))


def assert_right(f, *args, **options):
    checks = judged(f, *args, **options)
    assert set(checks) == {DIFFERENCES, COORDINATES, TAYLOR}
    assert not failures(checks.values()), [check.detail for check in checks.values()]
    return checks


@pytest.mark.parametrize(
    ("f", "args"),
    [(RIGHT, (X, Y)), (hand(dense, dense_pullback), (PARAMS, X)), (jnp.sin, (X,))],
    ids=["product", "dense", "JAX's own"],
)
def test_a_right_derivative_passes(f, args):
    checks = assert_right(f, *args)
    assert checks[DIFFERENCES].figure < 1e-9
    assert checks[COORDINATES].figure < 1e-9
    assert checks[TAYLOR].figure == pytest.approx(2.0, abs=0.05)
    assert checks[TAYLOR].unit == "order"


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (lambda d, p, x: ({**dense_pullback(d, p, x)[0], "bias": d.sum(0)}, dense_pullback(d, p, x)[1]), "0['bias']"),
        (lambda d, p, x: (dense_pullback(d, p, x)[0], 1.001 * dense_pullback(d, p, x)[1]), "1"),
    ],
    ids=["a leaf", "an argument by a thousandth"],
)
def test_a_wrong_derivative_fails_all_three_and_is_named(wrong, place):
    checks = judged(hand(dense, wrong), PARAMS, X)
    assert set(failures(checks.values())) == {DIFFERENCES, COORDINATES, TAYLOR}
    assert checks[DIFFERENCES].place.where == f"argument {place}"
    assert checks[COORDINATES].place.where.startswith(f"argument {place}[")
    assert checks[TAYLOR].figure == pytest.approx(1.0, abs=0.1)
    assert "shrinks by 2" in checks[TAYLOR].detail


def test_one_wrong_number_among_thousands_is_found_by_its_index():
    x = np.random.default_rng(1).normal(size=(40, 25))
    wrong = hand(sine, lambda d, x: ((d * jnp.cos(x)).at[31, 7].multiply(1 + 1e-4),))
    check = judged(wrong, x, checks=(check_coordinates,))[COORDINATES]
    assert not check.ok
    assert (check.place.argument, check.place.index) == (0, (31, 7))
    assert check.detail.startswith("1 of 1000 numbers are wrong")
    assert check.place.found / check.place.expected == pytest.approx(1 + 1e-4, abs=1e-7)
    assert judged(RIGHT_SINE, x, checks=(check_coordinates,))[COORDINATES].ok


def test_nan_in_a_cotangent_is_no_excuse():
    wrong = hand(sine, lambda d, x: ((d * jnp.cos(x)).at[1, 1].set(jnp.nan),))
    checks = judged(wrong, X, checks=(check_differences, check_coordinates))
    assert set(failures(checks.values())) == {DIFFERENCES, COORDINATES}
    assert checks[COORDINATES].place.index == (1, 1)


def outside(x):
    """A function that JAX cannot look into."""
    return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="sequential")


def test_a_primal_outside_of_jax_is_judged_by_differences():
    inputs = inputs_for(hand(outside, cosine_pullback), X)
    assert not inputs.has_referee
    assert_right(hand(outside, cosine_pullback), X)
    wrong = judged(hand(outside, lambda d, x: ((d * jnp.cos(x)).at[2, 2].multiply(1.1),)), X)
    assert wrong[COORDINATES].place.index == (2, 2)
    assert set(failures(wrong.values())) == {DIFFERENCES, COORDINATES, TAYLOR}


def narrow(x):
    """sin in float32, whatever the arguments are."""
    return jnp.sin(x.astype(jnp.float32)).astype(x.dtype)


def test_a_primal_in_float32_is_given_what_float32_leaves():
    assert_right(hand(narrow, cosine_pullback), X)
    wrong = judged(hand(narrow, lambda d, x: (1.1 * d * jnp.cos(x),)), X)
    assert {DIFFERENCES, COORDINATES} <= set(failures(wrong.values()))


def solve_pullback(d, a, b):
    back = jnp.linalg.solve(a.T, d)
    return -jnp.outer(back, jnp.linalg.solve(a, b)), back


def test_an_ill_conditioned_problem_raises_no_alarm():
    rng = np.random.default_rng(3)
    left, right = (np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(2))
    a, b = left * [1.0, 1e-3, 1e-6] @ right, rng.normal(size=3)
    assert np.linalg.cond(a) == pytest.approx(1e6, rel=1e-3)
    for seed in range(3):
        assert_right(hand(jnp.linalg.solve, solve_pullback), a, b, seed=seed)
    wrong = hand(jnp.linalg.solve, lambda d, a, b: (solve_pullback(d, a, b)[0], 1.01 * solve_pullback(d, a, b)[1]))
    assert judged(wrong, a, b)[DIFFERENCES].place.argument == 1


def shifted_softmax(x, b):
    return jax.nn.softmax(x + b)


def shifted_softmax_pullback(d, x, b):
    p = jax.nn.softmax(x + b)
    d = p * (d - (p * d).sum(-1, keepdims=True))
    return d, d.sum()


def test_a_gradient_that_cancels_to_zero_raises_no_alarm():
    assert_right(hand(shifted_softmax, shifted_softmax_pullback), X, 0.3)
    off = hand(shifted_softmax, lambda d, x, b: (shifted_softmax_pullback(d, x, b)[0], 1e-3 * d[0, 0]))
    assert judged(off, X, 0.3)[COORDINATES].place.argument == 1


def test_steps_across_a_kink_condemn_nobody():
    """Numbers a thousandth from the kink of |x|: the larger steps straddle it."""
    x = np.array([1e-3, -1e-3, 0.7, -1.2])
    assert_right(hand(jnp.abs, lambda d, x: (d * jnp.sign(x),)), x)
    wrong = judged(hand(jnp.abs, lambda d, x: (d * jnp.where(x > 0, 1.0, -0.5),)), x)
    assert wrong[COORDINATES].place.index in {(1,), (3,)}


def test_nothing_to_differentiate_yields_nothing():
    empty = inputs_for(lambda x: x * 2.0, np.zeros((0, 3)))
    assert not list(run_checks(empty, ALL))


def test_points_are_those_of_the_moves():
    inputs = inputs_for(product, X, Y)
    directions = np.random.default_rng(0).normal(size=(2, 24))
    moves = [(0, 0.0, 0, 0.0), (0, 0.5, 0, 0.0), (1, -2.0, 3, 0.25)]
    with jax.enable_x64(True):
        outputs = points(inputs, directions, moves)
    start = flat((X, Y))
    for output, (i, a, j, b) in zip(outputs, moves, strict=True):
        moved = start + a * directions[i] + b * np.eye(24)[j]
        np.testing.assert_allclose(output, moved[:12] * moved[12:], rtol=1e-14)


STEPS = 0.25 * 0.5 ** np.arange(20)


def slopes_at(function, x):
    """The estimates at x, given what rounding leaves of the values around."""
    here, ahead, behind = function(x), function(x + STEPS), function(x - STEPS)
    size = 2.0**-52 * max(abs(here), np.abs(ahead).max(), np.abs(behind).max())
    return slope_of(STEPS, here, ahead, behind, size)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=7), st.floats(-3, 3))
def test_the_slope_of_a_polynomial_is_as_sure_as_it_says(coefficients, x):
    coefficients = np.array(coefficients) / 100
    polynomial = np.polynomial.Polynomial(coefficients)
    sizes = np.polynomial.Polynomial(np.abs(coefficients))
    here, ahead, behind = polynomial(x), polynomial(x + STEPS), polynomial(x - STEPS)
    slopes = slope_of(STEPS, here, ahead, behind, 2.0**-52 * float(sizes(abs(x) + STEPS[0])))
    truth = polynomial.deriv()(x)
    assert all(abs(slope.value - truth) <= 20 * slope.uncertainty for slope in slopes)
    assert slopes
    assert slopes[0].uncertainty <= 1e-6 * max(1.0, float(sizes(abs(x) + 1)))


@settings(max_examples=100, deadline=None)
@given(st.floats(-4, 4), st.floats(-3, 3))
def test_the_slope_of_an_exponential_is_as_sure_as_it_says(rate, x):
    slopes = slopes_at(lambda x: np.exp(rate * x), x)
    truth = rate * np.exp(rate * x)
    assert slopes
    assert all(abs(slope.value - truth) <= 20 * slope.uncertainty for slope in slopes)


def test_a_kink_has_no_slope_and_a_kink_nearby_has_one():
    assert slopes_at(np.abs, 0.0) == []
    near = slopes_at(np.abs, 1e-3)
    assert near[0].value == pytest.approx(1.0, abs=1e-6)
