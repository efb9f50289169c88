"""Activations: against PyTorch's stored values, at their kinks, at the extremes, and with input they refuse."""

from __future__ import annotations

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import ops

from ..helpers import TORCH

pytestmark = pytest.mark.usefixtures("quick_compilation")

SIGMOIDS = ["sigmoid", "tanh", "silu", "softplus", "hard_swish"]
ACTIVATIONS = [*SIGMOIDS, "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh"]
ALL = [*ACTIVATIONS, "softmax", "log_softmax"]


@functools.cache
def by_hand():
    """Outputs and gradients of all stored cases, from one compiled program."""

    def run():
        found = []
        for case in TORCH["activations"]:
            y, pullback = getattr(ops, case["name"]).vjp(jnp.asarray(case["inputs"][0]), **case["static"])
            found.append((y, pullback(jnp.asarray(case["cotangent"]))[0]))
        return found

    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, jax.jit(run)())


def named(case):
    return " ".join([case["name"], *(f"{key}={value}" for key, value in case["static"].items())])


@pytest.mark.parametrize("number", range(len(TORCH["activations"])), ids=map(named, TORCH["activations"]))
def test_values_and_gradients_are_those_of_pytorch(number):
    case = TORCH["activations"][number]
    y, d_x = by_hand()[number]
    if case["static"].keys() != {"axis"}:
        assert {0.0, -3.0, 3.0} <= set(case["inputs"][0])  # every kink is there, and PyTorch's conventions are ours
    np.testing.assert_allclose(y, case["output"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(d_x, case["gradients"][0], rtol=1e-12, atol=1e-15)


def test_every_activation_has_stored_values():
    stored = {case["name"] for case in TORCH["activations"]}
    files = (importlib.import_module(f"chainrule.ops.{name}") for name in ("sigmoids", "rectifiers", "gelu", "softmax"))
    assert stored == {name for file in files for name in file.__all__} == set(ALL)


# ----------------------------------------------------------------------------------------------------------------------
# The extremes in float32, and the naive forms that break there
# ----------------------------------------------------------------------------------------------------------------------

EXTREMES = np.array([-1e4, -1e3, -100, -88.8, -20, -1e-4, 0, 1e-30, 1e-4, 20, 88.8, 100, 1e3, 1e4], np.float32)


@functools.cache
def at_the_extremes():
    def run(x):
        found = {}
        for name in ALL:
            y, pullback = getattr(ops, name).vjp(x)
            found[name] = y, pullback(jnp.ones_like(x))[0], pullback(jnp.linspace(-2, 3, x.size, dtype=x.dtype))[0]
        return found

    return jax.tree.map(np.asarray, jax.jit(run)(EXTREMES))


@pytest.mark.parametrize("name", ALL)
def test_finite_at_the_extremes(name):
    for array in at_the_extremes()[name]:
        assert array.dtype == np.float32
        assert np.isfinite(array).all()


# The slopes of the asymptotes on the left and on the right: 0 and 1 unless said here.
ASYMPTOTES = {"sigmoid": (0, 0), "tanh": (0, 0), "leaky_relu": (0.01, 1), "selu": (0, 1.0507009873554805)}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_far_out_are_those_of_the_asymptotes(name):
    left, right = ASYMPTOTES.get(name, (0, 1))
    slopes = at_the_extremes()[name][1]
    np.testing.assert_allclose(slopes[[0, 1]], np.float32(left))
    np.testing.assert_allclose(slopes[[-2, -1]], np.float32(right))


NAIVE = {
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(),
    "log_softmax": lambda x: np.log(np.exp(x) / np.exp(x).sum()),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "silu": lambda x: x * np.exp(x) / (1 + np.exp(x)),
    "sigmoid": lambda x: np.exp(x) / (1 + np.exp(x)),
    "tanh": lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
}


@pytest.mark.parametrize("name", NAIVE)
def test_naive_forms_break_where_ours_do_not(name):
    with np.errstate(all="ignore"):
        naive = NAIVE[name](EXTREMES)
    assert not np.isfinite(naive).all()
    assert np.isfinite(at_the_extremes()[name][0]).all()


def test_naive_gelu_loses_its_left_tail_and_ours_does_not():
    x = np.float32(-6.5)
    naive = x * np.float32(0.5) * (1 + np.asarray(jax.lax.erf(x / np.float32(np.sqrt(2)))))
    assert naive == 0
    # -6.5 times the normal distribution's mass below -6.5, 4.016e-11
    np.testing.assert_allclose(ops.gelu(jnp.asarray(x)), -6.5 * 4.01600058e-11, rtol=1e-4)


def test_naive_elu_has_no_gradient_for_large_x_and_ours_has():
    def naive(x):
        return jnp.where(x <= 0, jnp.exp(x) - 1, x)

    assert np.isnan(jax.grad(naive)(100.0))  # 0 times the infinite slope of the branch that is not taken
    assert jax.grad(ops.elu)(100.0) == 1
    assert ops.elu.vjp(100.0)[1](1.0)[0] == 1


def test_elu_keeps_its_digits_near_zero():
    x = jnp.float32(-1e-6)
    assert np.exp(np.float32(x)) - 1 != np.float32(-1e-6 + 5e-13)  # exp(x) - 1 has one digit left
    np.testing.assert_allclose(ops.elu(x), np.float32(-1e-6 + 5e-13), rtol=1e-6)


# ----------------------------------------------------------------------------------------------------------------------
# NaN, kinks and ties
# ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def at_nan():
    x = jnp.array([1.0, jnp.nan, -2.0])

    @jax.jit
    def run(x):
        found = {}
        for name in ALL:
            y, pullback = getattr(ops, name).vjp(x)
            found[name] = y, pullback(jnp.full_like(x, 2))[0]
        return found

    return run(x)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_passes_through_and_touches_nothing_else(name, at_nan):
    y, d_x = map(np.asarray, at_nan[name])
    np.testing.assert_array_equal(np.isnan(y), [False, True, False])
    assert np.isfinite(d_x[[0, 2]]).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_nan_anywhere_makes_a_distribution_nan(name, at_nan):
    assert np.isnan(at_nan[name][0]).all()


def test_slopes_at_the_kinks_are_as_documented():
    def slope(rule, x, **static):
        return float(rule.vjp(x, **static)[1](1.0)[0])

    assert slope(ops.relu, 0.0) == 0
    assert slope(ops.relu, -0.0) == 0
    assert slope(ops.leaky_relu, 0.0, negative_slope=0.25) == 0.25
    assert slope(ops.elu, 0.0, alpha=0.5) == 0.5
    assert slope(ops.hard_swish, -3.0) == 0
    assert slope(ops.hard_swish, 3.0) == 1
    assert slope(ops.softplus, 0.0) == 0.5  # no kink, but abs has one, of which softplus is made


def test_relu_keeps_one_byte_a_number():
    _, pullback = ops.relu.vjp(jnp.array([-1.0, 2.0]))
    (residual,) = jax.tree.leaves(pullback)
    assert residual.dtype == jnp.bool_
    np.testing.assert_array_equal(residual, [True, False])


# ----------------------------------------------------------------------------------------------------------------------
# Properties
# ----------------------------------------------------------------------------------------------------------------------

few = settings(max_examples=12, deadline=None, derandomize=True, database=None)
# Few shapes, so that few programs are compiled; any values.
shapes = st.sampled_from([((5,), 0), ((2, 3), 0), ((2, 3), 1), ((2, 3), -1), ((2, 1), -1)])
seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([1e-3, 1.0, 30.0, 3000.0])


@functools.partial(jax.jit, static_argnums=2)
def distributions(x, g, axis):
    p, pull_p = ops.softmax.vjp(x, axis=axis)
    log_p, pull_log = ops.log_softmax.vjp(x, axis=axis)
    return p, log_p, pull_p(g)[0], pull_log(g)[0]


@few
@given(shapes, seeds, scales)
def test_softmax_is_a_distribution_that_does_not_see_a_shift(shape_and_axis, seed, scale):
    shape, axis = shape_and_axis
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        x, g = scale * rng.normal(size=shape), rng.normal(size=shape)
        p, log_p, d_p, d_log = map(np.asarray, distributions(x, g, axis))
        np.testing.assert_allclose(p.sum(axis), 1, rtol=1e-13)
        assert (p >= 0).all()
        assert (log_p <= 0).all()
        np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-10, atol=1e-300)
        # Both do not see a shift along the axis, so their gradients have no part along it.
        shifted, *_ = distributions(x + 1024.0, g, axis)
        np.testing.assert_allclose(shifted, p, rtol=1e-9, atol=1e-300)
        np.testing.assert_allclose(d_p.sum(axis), 0, atol=1e-12)
        np.testing.assert_allclose(d_log.sum(axis), 0, atol=1e-12 * max(1, np.abs(g).sum()))


@few
@given(seeds, scales)
def test_identities_between_activations(seed, scale):
    with jax.enable_x64(True):
        x = scale * np.random.default_rng(seed).normal(size=7)
        sigmoid, tanh, silu, softplus, gelu = map(np.asarray, identities(x))
        np.testing.assert_allclose(sigmoid[0] + sigmoid[1], 1, rtol=1e-13)
        np.testing.assert_allclose(tanh[0], -tanh[1], rtol=1e-13)
        np.testing.assert_allclose(tanh[0], 2 * sigmoid[2] - 1, atol=1e-13)
        for f in (silu, softplus, gelu):
            np.testing.assert_allclose(f[0] - f[1], x, rtol=1e-12, atol=1e-12)  # x P(x) - (-x) P(-x) = x


@jax.jit
def identities(x):
    both = jnp.stack([x, -x, 2 * x])
    return tuple(f(both) for f in (ops.sigmoid, ops.tanh, ops.silu, ops.softplus, ops.gelu))


# ----------------------------------------------------------------------------------------------------------------------
# Bad input
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_integers_are_refused(name):
    message = rf"{name}: x must be of floating-point numbers, got int32\[3\]; cast it, x.astype\(jnp.float32\)"
    for way in (getattr(ops, name), getattr(ops, name).vjp, getattr(ops, name).by_hand):
        with pytest.raises(ValueError, match=message):
            way(jnp.arange(3))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("x", ["1.0", [1.0, 2.0], None], ids=repr)
def test_what_is_no_array_is_refused(name, x):
    with pytest.raises(ValueError, match=f"{name}: x must be an array of floating-point numbers, got"):
        getattr(ops, name)(x)


def test_booleans_and_complex_numbers_are_refused():
    with pytest.raises(ValueError, match=r"relu: x must be of floating-point numbers, got bool\[2\]"):
        ops.relu(jnp.array([True, False]))
    with pytest.raises(ValueError, match=r"tanh: x must be of floating-point numbers, got complex64\[2\]"):
        ops.tanh(jnp.array([1j, 2.0]))
