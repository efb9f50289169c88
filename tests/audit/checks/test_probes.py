"""Values that break formulas, and kinks: the subgradient lies between the one-sided slopes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.audit import diagnosis
from chainrule.audit.checks.names import EXTREMES, KINKS, VALUES
from chainrule.audit.checks.probes import check_extremes, check_kinks, check_probes, probes
from chainrule.audit.checks.values import check_values
from chainrule.audit.run import inputs_for
from tests.audit.helpers import PARAMS, X, by_name, checked, failures, hand, sine

AT_ZERO = np.array([0.0, -0.0, 0.7, -1.2])
TIES = np.array([[2.0, 2.0, -1.0], [0.5, 0.5, 0.5], [1.0, 3.0, 2.0]])


def kinked(f, pullback, x):
    (check,) = checked(check_kinks, hand(f, pullback), x)
    assert check.name == KINKS
    return check


def relu(x):
    return jnp.maximum(x, 0)


def relu_pullback(slope):
    return lambda d, x: (d * jnp.where(x > 0, 1.0, jnp.where(x < 0, 0.0, slope)),)


@pytest.mark.parametrize(("slope", "ok"), [(0.0, True), (0.5, True), (1.0, True), (1.5, False), (-0.1, False)])
def test_relu_at_zero(slope, ok):
    check = kinked(relu, relu_pullback(slope), AT_ZERO)
    assert check.ok == ok
    if not ok:
        assert (check.place.argument, check.place.index) == (0, (0,))
        assert check.place.found == slope
        assert "expected a number from 0 to 1" in check.detail


@pytest.mark.parametrize(("slope", "ok"), [(0.0, True), (1.0, True), (-1.0, True), (3.0, False)])
def test_abs_at_zero(slope, ok):
    check = kinked(jnp.abs, lambda d, x: (d * jnp.where(x == 0, slope, jnp.sign(x)),), AT_ZERO)
    assert check.ok == ok
    assert ok or check.place.index == (0,)


def test_a_wrong_slope_beside_the_kink_is_found_as_well():
    check = kinked(relu, lambda d, x: (d * jnp.where(x > 0, 1.0, 0.01),), AT_ZERO)
    assert (check.ok, check.place.index) == (False, (3,))
    assert check.place.expected == pytest.approx(0.0, abs=1e-12)


def largest(x):
    return x.max(-1)


def shared(d, x):
    ties = x == x.max(-1, keepdims=True)
    return (d[:, None] * ties / ties.sum(-1, keepdims=True),)


def picked(d, x):
    return (d[:, None] * jax.nn.one_hot(x.argmax(-1), 3, dtype=x.dtype),)


@pytest.mark.parametrize(
    ("pullback", "ok"),
    [
        (shared, True),
        (picked, True),
        (lambda d, x: (picked(d, x[:, ::-1])[0][:, ::-1],), True),
        (lambda d, x: (d[:, None] * (x == x.max(-1, keepdims=True)),), False),
        (lambda d, x: (d[:, None] * (x > jnp.sort(x, -1)[:, -2:-1]),), False),
        (lambda d, x: (3 * shared(d, x)[0] - 2 * picked(d, x)[0],), False),
    ],
    ids=["shared", "the first", "the last", "all to each", "none", "negative"],
)
def test_ties_in_a_maximum(pullback, ok):
    assert not failures(checked(check_values, hand(largest, pullback), X)), "right where there is no tie"
    assert kinked(largest, pullback, TIES).ok == ok


def softplus(x):
    return jnp.logaddexp(x, 0.0)


def test_a_backward_that_overflows_where_the_derivative_is_one():
    overflows = hand(softplus, lambda d, x: (d * jnp.exp(x) / (1 + jnp.exp(x)),))
    x = np.array([[0.5, 100.0], [-3.0, 2.0]])
    assert not failures(checked(check_values, overflows, x)), "in float64 e^100 is a number"
    (check,) = checked(check_extremes, overflows, x)
    assert (check.name, check.ok, check.figure) == (EXTREMES, False, 1)
    assert (check.place.argument, check.place.index) == (0, (0, 1))
    assert check.diagnosis == diagnosis.FLOAT32
    stable = hand(softplus, lambda d, x: (d / (1 + jnp.exp(-x)),))
    assert not failures(checked(check_extremes, stable, x))


def test_probes_are_of_the_shapes_given_and_hold_what_breaks_formulas():
    inputs = inputs_for(lambda params, x, n: (x @ params["weight"] + params["bias"])[:, n], PARAMS, X, np.arange(2))
    found = {probe.case: probe for probe in probes(inputs)}
    assert {"all zero", "all equal", "ties: -1, 0 and 1", "extremes"} <= set(found)
    for probe in found.values():
        shapes = [[np.shape(leaf) for leaf in jax.tree.leaves(args)] for args in (probe.args, inputs.args)]
        assert shapes[0] == shapes[1]
        assert np.array_equal(probe.args[2], inputs.args[2]), "indices are left as they are"
    assert not np.any(found["all zero"].args[1])
    assert np.isneginf(found["one of minus infinity, leaf 0"].args[0]["bias"][0])
    assert np.isfinite(found["extremes"].args[1]).all()


def test_no_infinity_goes_into_an_iterative_decomposition():
    """LAPACK's dgesdd does not return for some of them."""
    singular_values = inputs_for(lambda x: jnp.linalg.svd(x @ x.T, compute_uv=False), X)
    assert singular_values.decomposes
    assert not any("infinity" in probe.case for probe in probes(singular_values))
    assert not inputs_for(jnp.sin, X).decomposes


def test_a_primal_that_loses_itself_in_float32_is_no_fault_of_its_derivative():
    """Least squares with a matrix of equal numbers, which has no rank: in float64 rounding makes it one by chance."""

    def least_squares(a, b):
        q, r = jnp.linalg.qr(a)
        return jax.scipy.linalg.solve_triangular(r, q.T @ b)

    rng = np.random.default_rng(1)
    assert not failures(checked(check_probes, least_squares, rng.normal(size=(6, 5)), rng.normal(size=6)))
    loses = hand(softplus, lambda d, x: (d * jnp.exp(x) / (1 + jnp.exp(x)),))
    assert EXTREMES in failures(checked(check_probes, loses, X)), "the primal is what it is: the derivative overflows"


def test_right_derivatives_pass_the_probes():
    for f in (hand(softplus, lambda d, x: (d * jax.nn.sigmoid(x),)), hand(relu, relu_pullback(0.0))):
        checks = by_name(checked(check_probes, f, X))
        assert set(checks) == {EXTREMES, KINKS, VALUES}
        assert not failures(checks.values()), checks
    assert set(by_name(checked(check_probes, jnp.sin, X))) == {EXTREMES, KINKS}


@pytest.mark.parametrize(
    ("f", "wrong", "name", "case"),
    [
        (softplus, lambda d, x: (d * jnp.exp(x) / (1 + jnp.exp(x)),), EXTREMES, "extremes"),
        (lambda x: x**2, lambda d, x: (2 * d * x**2 / x,), EXTREMES, "all zero"),
        (relu, relu_pullback(2.0), KINKS, "all zero"),
        (sine, lambda d, x: (d * jnp.where(jnp.abs(x) > 3, 0.5, 1) * jnp.cos(x),), VALUES, "four times the arguments"),
    ],
    ids=["e^x overflows", "0/0 at zero", "relu at 0", "right near zero alone"],
)
def test_a_mistake_that_the_given_arguments_do_not_show(f, wrong, name, case):
    assert np.abs(X).max() < 3
    assert not failures(checked(check_values, hand(f, wrong), X))
    checks = by_name(checked(check_probes, hand(f, wrong), X))
    assert name in failures(checks.values())
    assert checks[name].case == case
    assert checks[name].place.argument == 0


def test_a_mask_that_is_true_everywhere_hides_nothing():
    def masked(x, mask):
        return jnp.where(mask, jnp.sin(x), 0.0)

    everywhere = np.ones_like(X, bool)
    forgets = hand(masked, lambda d, x, mask: (d * jnp.cos(x), None))
    assert not failures(checked(check_values, forgets, X, everywhere))
    checks = by_name(checked(check_probes, forgets, X, everywhere))
    assert VALUES in failures(checks.values())
    assert (checks[VALUES].case, checks[VALUES].place.argument) == ("flags drawn anew", 0)
    heeds = hand(masked, lambda d, x, mask: (jnp.where(mask, d * jnp.cos(x), 0.0), None))
    assert not failures(checked(check_probes, heeds, X, everywhere))


def test_what_the_primal_cannot_do_is_not_held_against_its_derivative():
    """log of zeros and of negative numbers."""
    assert not failures(checked(check_probes, hand(jnp.log, lambda d, x: (d / x,)), np.abs(X) + 0.1))
