import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.maths.statistics import one_sample_t_test, paired_t_test, student_t_test, welch_t_test
from chainrule.maths.statistics.student_tail import student_quantile, student_tail

pytestmark = pytest.mark.usefixtures("quick_compilation")

TWO_SAMPLES = [(student_t_test, True), (welch_t_test, False)]
NAMES = ["Student", "Welch"]


def compare(ours, theirs):
    interval = theirs.confidence_interval(0.9)
    expected = (theirs.statistic, theirs.df, theirs.pvalue, interval.low, interval.high)
    found = (ours.statistic, ours.degrees, ours.p_value, ours.low, ours.high)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-10, atol=1e-13)
    assert all(number.dtype == jnp.float64 for number in ours)


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
@pytest.mark.parametrize(("test", "equal"), TWO_SAMPLES, ids=NAMES)
def test_two_samples_agree_with_scipy(x64, rng, test, equal, alternative):
    x, y = 3 * rng.normal(size=7) + 1, rng.normal(size=12)
    # One program serves all of these samples.
    for shift, scale in ((0, 1), (2.5, 1e-3), (-40, 1e3)):
        ours = test(jnp.asarray(scale * x + shift), jnp.asarray(y), alternative=alternative, level=0.9)
        compare(ours, scipy.stats.ttest_ind(scale * x + shift, y, equal_var=equal, alternative=alternative))


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_one_sample_and_pairs_agree_with_scipy(x64, rng, alternative):
    x, y = rng.normal(size=7), rng.normal(size=7)
    ours = paired_t_test(jnp.asarray(x), jnp.asarray(y), alternative=alternative, level=0.9)
    compare(ours, scipy.stats.ttest_rel(x, y, alternative=alternative))
    theirs = scipy.stats.ttest_1samp(x, 0.3, alternative=alternative)
    ours = one_sample_t_test(jnp.asarray(x), 0.3, alternative=alternative, level=0.9)
    low, high = theirs.confidence_interval(0.9)  # of the mean; ours is of its distance from 0.3
    expected = [theirs.statistic, theirs.df, theirs.pvalue, x.mean() - 0.3, low - 0.3, high - 0.3]
    np.testing.assert_allclose(np.asarray(ours), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.slow
def test_student_s_own_example_of_two_draughts(x64):
    x = jnp.asarray([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    y = jnp.asarray([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    answer = paired_t_test(x, y)
    assert round(float(answer.statistic), 4) == -4.0621  # as R's help page of t.test has it
    assert round(float(answer.p_value), 6) == 0.002833
    assert (round(float(answer.low), 7), round(float(answer.high), 7)) == (-2.4598858, -0.7001142)


@settings(max_examples=25, deadline=None)
@given(
    t=st.floats(-1e6, 1e6),
    degrees=st.floats(1, 1e7),
)
def test_the_tail_agrees_with_scipy(t, degrees):
    with jax.enable_x64(True):
        tail = float(TAIL(jnp.asarray(t, jnp.float64), jnp.asarray(degrees, jnp.float64)))
    np.testing.assert_allclose(tail, scipy.special.stdtr(degrees, -t), atol=1e-11)


TAIL = jax.jit(student_tail)


@pytest.mark.slow
def test_quantiles_and_both_derivatives_of_the_tail(x64):
    degrees = jnp.asarray(4.3)
    for tail in (0.3, 0.001, 0.5, 0.8):
        expected = scipy.stats.t.isf(tail, 4.3)
        np.testing.assert_allclose(student_quantile(tail, degrees), expected, rtol=1e-12, atol=1e-15)
    t = jnp.asarray([-30.0, -1.2, 0.0, 0.4, 3.0, 1e9])
    by_t, by_degrees = jax.jit(jax.vmap(jax.grad(student_tail, (0, 1)), (0, None)))(t, degrees)
    np.testing.assert_allclose(by_t, -scipy.stats.t.pdf(t, 4.3), rtol=1e-9)
    h = 1e-4
    up, down = (scipy.special.stdtr(4.3 + step, -np.asarray(t)) for step in (h, -h))
    np.testing.assert_allclose(by_degrees, (up - down) / (2 * h), atol=1e-9)


@pytest.mark.slow
def test_every_field_is_differentiable_by_the_data(x64, rng):
    x, y = jnp.asarray(3 * rng.normal(size=4)), jnp.asarray(rng.normal(size=6))
    slopes = jax.jacrev(lambda x: jnp.stack(welch_t_test(x, y)))(x)
    for i, step in ((0, 1e-5), (3, 1e-5)):
        up, down = (np.asarray(welch_t_test(x.at[i].add(sign * step), y)) for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, i], (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize(("test", "equal"), TWO_SAMPLES, ids=NAMES)
def test_constant_samples_have_documented_answers(test, equal):
    ones, tenths = jnp.full(3, 1.0), jnp.full(4, 0.1)  # 0.1 four times: a plain mean of them is rounded
    same = test(tenths[:3], tenths)
    assert np.isnan(same.statistic)
    assert np.isnan(same.p_value)
    assert (float(same.difference), float(same.low), float(same.high)) == (0, 0, 0)
    apart = test(ones, tenths)
    assert float(apart.statistic) == np.inf
    assert float(apart.p_value) == 0
    assert float(apart.low) == float(apart.high) == float(apart.difference) == np.float32(1) - np.float32(0.1)
    assert float(apart.degrees) == (5 if equal else 1)
    assert float(test(ones, tenths, alternative="less").p_value) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert scipy.stats.ttest_ind(np.ones(3), np.full(4, 2.0), equal_var=equal).statistic == -np.inf


@pytest.mark.slow
def test_single_observations(x64):
    ours = student_t_test(jnp.asarray([4.0]), jnp.asarray([1.0, 2.0, 2.5]), level=0.9)
    compare(ours, scipy.stats.ttest_ind([4.0], [1.0, 2.0, 2.5]))


@pytest.mark.slow
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_gives_nan(bad):
    answer = student_t_test(jnp.asarray([bad, 1.0, 2.0]), jnp.asarray([1.0, 3.0, 2.0, 0.0]))
    assert np.isnan([answer.statistic, answer.p_value, answer.difference, answer.low, answer.high]).all()


@pytest.mark.slow
@pytest.mark.parametrize("test", [student_t_test, welch_t_test], ids=NAMES)
@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_squares_that_leave_the_range_do_not_change_the_answer(test, scale):
    x, y = np.asarray([1.0, 2, 4], np.float32), np.asarray([2.0, 7, 5, 6], np.float32)
    small, large = (test(jnp.asarray(s * x), jnp.asarray(s * y)) for s in (np.float32(1), np.float32(scale)))
    np.testing.assert_allclose(large[:3], small[:3], rtol=1e-5)
    assert np.isfinite(np.asarray(large)).all()


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_short_formats_are_kept_and_computed_in_float32(dtype):
    x, y = np.asarray([1.0, 2, 4]), np.asarray([2.0, 7, 5, 6])
    answer = student_t_test(jnp.asarray(x, dtype), jnp.asarray(y, dtype))
    assert all(number.dtype == dtype for number in answer)
    expected = scipy.stats.ttest_ind(x, y)
    np.testing.assert_allclose(
        [float(answer.statistic), float(answer.p_value)], [expected.statistic, expected.pvalue], rtol=5e-3
    )


@pytest.mark.slow
def test_samples_are_mapped_by_vmap():
    x, y = jnp.asarray([[1.0, 2, 4], [5.0, 5, 1]]), jnp.asarray([2.0, 7, 5, 6])
    mapped = jax.vmap(lambda x: student_t_test(x, y))(x)
    alone = [student_t_test(row, y) for row in x]
    for field in ("statistic", "p_value", "low"):
        expected = [float(getattr(answer, field)) for answer in alone]
        np.testing.assert_allclose(getattr(mapped, field), expected, rtol=1e-5)


ONE, TWO = np.ones(1, np.float32), np.ones(2, np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: student_t_test(ONE, ONE), "student_t_test: x and y must have 3 observations or more"),
        (lambda: student_t_test(TWO, np.ones(0, np.float32)), "student_t_test: y must not be empty, got float32"),
        (lambda: student_t_test(np.ones((2, 2), np.float32), TWO), r"student_t_test: x must be a sample, \(n,\)"),
        (lambda: student_t_test([1.0, 2.0], TWO), "student_t_test: x must be a sample.*got list"),
        (lambda: student_t_test(np.ones(2, int), TWO), "student_t_test: x must be of floating-point numbers"),
        (lambda: student_t_test(TWO.astype(np.float16), TWO), "student_t_test: dtypes must be equal"),
        (lambda: student_t_test(TWO, TWO, alternative="more"), "student_t_test: alternative must be one of.*'more'"),
        (lambda: student_t_test(TWO, TWO, level=1.0), "student_t_test: level must be between 0 and 1, got 1.0"),
        (lambda: welch_t_test(ONE, TWO), "welch_t_test: x must have 2 observations or more, got 1"),
        (lambda: one_sample_t_test(ONE), "one_sample_t_test: x must have 2 observations or more, got 1"),
        (lambda: one_sample_t_test(TWO, TWO), r"one_sample_t_test: mean must be a number, got float32\[2\]"),
        (lambda: paired_t_test(TWO, ONE), "paired_t_test: x and y must be of one length, got 2 and 1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
