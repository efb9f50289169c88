import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.maths.numerics import (
    kahan_sum,
    neumaier_sum,
    pairwise_sum,
    quadratic_roots,
    relative_condition,
    sequential_sum,
    textbook_quadratic_roots,
    textbook_variance,
    two_sum,
    welford_variance,
)

SUMS = [sequential_sum, kahan_sum, neumaier_sum, pairwise_sum]
each_sum = pytest.mark.parametrize("sum_of", SUMS, ids=lambda f: f.__name__)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_the_compiler_leaves_the_compensation_alone(dtype):
    """One and many numbers of a quarter ulp: one after another they are all lost, and together they are 1/4."""
    small = float(jnp.finfo(dtype).eps) / 4
    n = 2048 if dtype == jnp.float32 else 32
    x = jnp.asarray([1.0] + n * [small], dtype)
    exact = float(Fraction(1) + n * Fraction(small))
    rounded = float(np.asarray(exact).astype(dtype))
    assert float(jax.jit(sequential_sum)(x)) == 1 != rounded
    assert float(jax.jit(kahan_sum)(x)) == rounded
    assert float(jax.jit(neumaier_sum)(x)) == rounded


def test_sums_agree_with_an_exact_one(rng):
    x = rng.normal(size=(1001, 2)).astype(np.float32)
    exact = [math.fsum(column) for column in x.T.astype(np.float64)]
    size = np.abs(x).sum(axis=0)
    unit = 2.0**-24
    for sum_of, bound in zip(SUMS, (1000, 3, 3, 11), strict=True):
        error = np.abs(np.asarray(sum_of(jnp.asarray(x)), np.float64) - exact)
        assert np.all(error <= bound * unit * size), sum_of


def test_neumaier_where_kahan_fails(x64):
    x = jnp.asarray([1.0, 1e100, 1.0, -1e100])
    assert float(neumaier_sum(x)) == 2
    assert float(kahan_sum(x)) == 0


@pytest.mark.slow
def test_two_sum_loses_nothing(rng):
    a, b = (rng.normal(size=50) * 10.0 ** rng.integers(-8, 8, size=50)).astype(np.float32).reshape(2, 25)
    s, e = jax.jit(two_sum)(jnp.asarray(a), jnp.asarray(b))
    for parts in zip(s, e, a, b, strict=True):
        s_, e_, a_, b_ = (Fraction(float(part)) for part in parts)
        assert s_ + e_ == a_ + b_
    assert np.any(np.asarray(e) != 0)


@pytest.mark.slow
@each_sum
def test_what_is_not_finite_empty_or_differentiated(sum_of):
    assert float(sum_of(jnp.asarray([1.0, jnp.inf, 2.0]))) == np.inf
    assert np.isnan(sum_of(jnp.asarray([jnp.inf, 1.0, -jnp.inf])))
    assert np.isnan(sum_of(jnp.asarray([1.0, jnp.nan])))
    assert sum_of(jnp.zeros((0, 3))).tolist() == [0, 0, 0]
    np.testing.assert_array_equal(jax.grad(sum_of)(jnp.asarray([1.0, 1e-9, 1e9])), np.ones(3))
    with pytest.raises(ValueError, match=rf"^{sum_of.__name__}: x must have numbers along its first axis"):
        sum_of(jnp.asarray(1.0))
    with pytest.raises(ValueError, match=f"^{sum_of.__name__}: x must be of floating-point numbers"):
        sum_of(jnp.arange(3))


def test_quadratic_formula_both_ways():
    one = jnp.float32(1)
    low, high = quadratic_roots(one, jnp.float32(-1e5), one)
    naive = textbook_quadratic_roots(one, jnp.float32(-1e5), one)
    np.testing.assert_allclose([low, high], sorted(np.roots([1, -1e5, 1])), rtol=1e-6)
    assert float(naive.low) == 0  # every digit of 1e-5 is lost
    np.testing.assert_allclose(naive.high, 1e5)


@pytest.mark.parametrize(
    ("a", "b", "c", "roots"),
    [
        (1, -3, 2, (1, 2)), (1, 3, 2, (-2, -1)), (-2, 0, 8, (-2, 2)), (1, 0, 0, (0, 0)), (2, 6, 0, (-3, 0)),
        (0, 2, -8, (4, np.inf)), (0, -2, -8, (-4, np.inf)), (1, 0, 1, (np.nan, np.nan)), (0, 0, 1, (np.nan, np.nan)),
        (1e30, -3e30, 2e30, (1, 2)), (np.nan, 1, 1, (np.nan, np.nan)),
    ],
)  # fmt: skip
def test_roots(a, b, c, roots):
    found = quadratic_roots(*(jnp.float32(number) for number in (a, b, c)))
    if 0 in (a,) and np.isinf(roots).any():
        assert sorted(map(abs, map(float, found)))[0] == abs(roots[0])
        assert np.isinf(np.asarray(found)).sum() == 1
    else:
        np.testing.assert_allclose(found, roots, rtol=1e-6, atol=1e-30)
    assert not np.isfinite(np.asarray(textbook_quadratic_roots(*map(jnp.float32, (1e30, -3e30, 2e30))))).any()


@pytest.mark.slow
def test_roots_move_as_the_implicit_function_says(x64):
    slopes = jax.jacobian(quadratic_roots, (0, 1, 2))(1.0, -3.0, 2.0)
    for root, by in zip((1.0, 2.0), slopes, strict=True):
        expected = -np.asarray([root**2, root, 1]) / (2 * root - 3)
        np.testing.assert_allclose(np.asarray(by), expected, rtol=1e-12)


@pytest.mark.slow
def test_variance_of_large_numbers():
    x = jnp.asarray([[10000.0, 1], [10001.0, 2], [10002.0, 3]])
    np.testing.assert_allclose(jnp.var(x, axis=0), [2 / 3, 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(welford_variance(x), [2 / 3, 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(welford_variance(x, ddof=1), [1, 1], rtol=1e-6)
    wrong, right = textbook_variance(x)
    assert abs(float(wrong) - 2 / 3) > 0.5
    np.testing.assert_allclose(right, 2 / 3, rtol=1e-5)


def test_variances_agree_with_numpy(x64, rng):
    x = rng.normal(size=(30, 2))
    for variance in (welford_variance, textbook_variance):
        np.testing.assert_allclose(variance(jnp.asarray(x), ddof=1), x.var(axis=0, ddof=1), rtol=1e-12)
    grad = jax.grad(welford_variance)(jnp.asarray(x[:, 0]))
    np.testing.assert_allclose(grad, 2 * (x[:, 0] - x[:, 0].mean()) / 30, rtol=1e-10, atol=1e-15)
    assert np.isnan(welford_variance(jnp.asarray([1.0, jnp.nan])))


@pytest.mark.slow
def test_condition_numbers(x64):
    for x in (1.0001, 5.0):
        np.testing.assert_allclose(relative_condition(lambda x: x - 1, jnp.asarray(x)), x / (x - 1), rtol=1e-9)
    np.testing.assert_allclose(relative_condition(jnp.log1p, jnp.asarray(1e-9)), 1, rtol=1e-8)
    np.testing.assert_allclose(relative_condition(jnp.sqrt, jnp.asarray(7.0)), 0.5, rtol=1e-14)
    matrix = jnp.asarray([[3.0, 0.0], [0.0, 0.1], [0.0, 0.0]])
    found = relative_condition(lambda x: matrix @ x, jnp.asarray([0.0, 2.0]))
    np.testing.assert_allclose(found, 3 * 2 / 0.2, rtol=1e-12)
    assert float(relative_condition(lambda x: x - 1, jnp.asarray(1.0))) == np.inf


@pytest.mark.slow
def test_an_ill_conditioned_problem_loses_digits_to_rounding_its_input():
    """x - 1 near 1: exact arithmetic on a rounded input is off by the condition number times the rounding."""
    x = Fraction(1) + Fraction(1, 10**5)
    rounded = Fraction(float(np.float32(float(x))))
    error = abs((rounded - 1) / (x - 1) - 1)
    bound = float(relative_condition(lambda x: x - 1, jnp.float32(float(x)))) * 2.0**-24
    assert 1e-4 < float(error) <= bound * 1.01


ONE = jnp.float32(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quadratic_roots(ONE, ONE, jnp.bfloat16(1)), "quadratic_roots: dtypes must be equal"),
        (
            lambda: textbook_quadratic_roots(jnp.int32(1), ONE, ONE),
            "textbook_quadratic_roots: a must be of floating-point",
        ),
        (lambda: welford_variance(jnp.ones(1), ddof=1), "welford_variance: x must have more than 1 numbers"),
        (lambda: textbook_variance(jnp.ones(0)), "textbook_variance: x must have more than 0 numbers"),
        (lambda: welford_variance(jnp.ones(3), ddof=-1), "welford_variance: ddof must not be negative, got -1"),
        (lambda: two_sum(ONE, jnp.bfloat16(1)), "two_sum: dtypes must be equal"),
        (lambda: relative_condition(jnp.sin, jnp.arange(3)), "relative_condition: x must be of floating-point"),
        (lambda: relative_condition(jnp.sin, jnp.ones(0)), "relative_condition: x and function.x. must not be empty"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
