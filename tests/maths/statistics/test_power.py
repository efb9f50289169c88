import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from chainrule.maths.statistics import rejection_rate, simulated_power

pytestmark = pytest.mark.usefixtures("quick_compilation")


def uniform_p_value(key):
    return jax.random.uniform(key)


def sometimes_nan(key):
    p = jax.random.uniform(key)
    return jnp.where(p < 0.5, jnp.nan, 0.0 * p)


def two_numbers(key):
    return jax.random.uniform(key, (2,))


def closed_form(difference, n, m, significance=0.05):
    """The power of Student's two-sided test, by the noncentral t distribution."""
    degrees, shift = n + m - 2, difference / np.sqrt(1 / n + 1 / m)
    edge = scipy.stats.t.isf(significance / 2, degrees)
    return scipy.stats.nct.sf(edge, degrees, shift) + scipy.stats.nct.cdf(-edge, degrees, shift)


@pytest.mark.slow
def test_power_agrees_with_the_noncentral_t_distribution():
    for difference in (0.0, 0.5, 1.2):
        answer = simulated_power(difference, key=jax.random.key(0), sizes=(20, 20), simulations=8000)
        expected = closed_form(difference, 20, 20)
        spread = np.sqrt(expected * (1 - expected) / 8000)
        assert abs(float(answer.rate) - expected) < 4 * spread
        np.testing.assert_allclose(answer.standard_error, spread, rtol=0.1)


@pytest.mark.slow
def test_the_unseeded_conclusion_comes_out_in_one_draw_of_three():
    """Two samples of 20, means half a standard deviation apart: 0.34 of the draws say "different", 0.66 "not shown"."""
    expected = closed_form(0.5, 20, 20)
    assert round(expected, 2) == 0.34
    answer = simulated_power(0.5, key=jax.random.key(5), sizes=(20, 20), simulations=8000)
    assert abs(float(answer.rate) - expected) < 4 * float(answer.standard_error)
    assert bool(jnp.any(answer.p_values < 0.001))
    assert bool(jnp.any(answer.p_values > 0.9))


@pytest.mark.slow
def test_welch_keeps_its_size_where_student_does_not():
    sizes, scales, key = (5, 40), (4.0, 1.0), jax.random.key(2)
    student, welch = (
        simulated_power(0.0, key=key, sizes=sizes, scales=scales, equal_variances=equal, simulations=4000)
        for equal in (True, False)
    )
    assert float(student.rate) > 0.3  # six times the 0.05 that it promises
    assert abs(float(welch.rate) - 0.05) < 0.02


@pytest.mark.slow
def test_rejection_rate_of_uniform_p_values_is_the_significance():
    answer = rejection_rate(uniform_p_value, key=jax.random.key(0), simulations=20_001, significance=0.2)
    assert answer.p_values.shape == (20_001,)
    np.testing.assert_allclose(answer.rate, np.mean(np.asarray(answer.p_values) < 0.2), rtol=1e-6)
    np.testing.assert_allclose(answer.standard_error, np.sqrt(0.2 * 0.8 / 20_001), rtol=0.02)
    assert abs(float(answer.rate) - 0.2) < 4 * float(answer.standard_error)
    assert scipy.stats.kstest(np.asarray(answer.p_values), "uniform").pvalue > 0.01


def test_nan_is_no_rejection():
    answer = rejection_rate(sometimes_nan, key=jax.random.key(0), simulations=400)
    nan = np.isnan(np.asarray(answer.p_values))
    assert 0 < nan.mean() < 1
    np.testing.assert_allclose(answer.rate, 1 - nan.mean(), rtol=1e-6)


KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rejection_rate(uniform_p_value, key=0), "rejection_rate: key must be a single random key"),
        (
            lambda: rejection_rate(uniform_p_value, key=KEY, simulations=0),
            "rejection_rate: simulations must be at least 1",
        ),
        (
            lambda: rejection_rate(uniform_p_value, key=KEY, significance=2.0),
            "rejection_rate: significance must be between",
        ),
        (lambda: rejection_rate(two_numbers, key=KEY), "rejection_rate: experiment must return a p-value"),
        (lambda: simulated_power(jnp.ones(2), key=KEY, sizes=(3, 3)), "simulated_power: difference must be a number"),
        (lambda: simulated_power(1.0, key=KEY, sizes=(1, 1)), "simulated_power: sizes must be those of two samples"),
        (
            lambda: simulated_power(1.0, key=KEY, sizes=(1, 9), equal_variances=False),
            "simulated_power: sizes must be those of two samples",
        ),
        (
            lambda: simulated_power(1.0, key=KEY, sizes=(3, 3), scales=(0, 1)),
            "simulated_power: scales must be two positive",
        ),
        (
            lambda: simulated_power(1.0, key=KEY, sizes=(3, 3), alternative="other"),
            "simulated_power: alternative must be one of",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
