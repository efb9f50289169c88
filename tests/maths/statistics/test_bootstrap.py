import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from chainrule.maths.statistics import bootstrap, bootstrap_interval

pytestmark = pytest.mark.usefixtures("quick_compilation")


def both_means(x):
    return jnp.stack([jnp.mean(x), jnp.mean(x**2)])


def spread(x):
    return jnp.std(x)


def pair_difference(x, y):
    return jnp.max(jnp.abs(x - y))


def column_means(x):
    return jnp.mean(x, axis=0)


@pytest.mark.slow
def test_interval_of_a_mean_is_the_normal_one_for_many_rows(rng):
    x = rng.normal(2.0, 3.0, size=400).astype(np.float32)
    answer = bootstrap_interval(both_means, x, key=jax.random.key(0), resamples=4000, level=0.9)
    error = x.std() / np.sqrt(len(x))  # what theory says the bootstrap must find, ddof 0
    np.testing.assert_allclose(answer.estimate[0], x.mean(), rtol=1e-5)
    np.testing.assert_allclose(answer.standard_error[0], error, rtol=0.05)
    expected = x.mean() + error * np.asarray(scipy.stats.norm.ppf([0.05, 0.95]))
    np.testing.assert_allclose([answer.low[0], answer.high[0]], expected, atol=0.12 * error)
    theirs = scipy.stats.bootstrap(
        (x,),
        lambda x: np.mean(x**2),
        vectorized=False,
        n_resamples=2000,
        confidence_level=0.9,
        method="percentile",
        rng=rng,
    )
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    np.testing.assert_allclose([answer.low[1], answer.high[1]], theirs.confidence_interval, atol=0.08 * width)


@pytest.mark.slow
def test_rows_stay_together(rng):
    x = rng.normal(size=(30, 2)).astype(np.float32)
    answer = bootstrap_interval(pair_difference, x, x + 1, key=jax.random.key(0), resamples=50)
    np.testing.assert_allclose(answer.high, 1, atol=1e-5)  # were rows drawn apart, differences would be larger


@pytest.mark.slow
def test_the_answer_does_not_depend_on_the_chunks(rng):
    x = rng.normal(size=40).astype(np.float32)
    whole = bootstrap_interval(spread, x, key=jax.random.key(3), resamples=101)
    options = {"resamples": 101, "level": 0.95}
    parts = bootstrap._interval(spread, (x,), jax.random.key(3), chunk=8, **options)  # 12 times 8, and 5
    np.testing.assert_allclose(np.asarray(parts), whole, rtol=1e-5)
    other = bootstrap_interval(spread, x, key=jax.random.key(4), resamples=101)
    assert float(other.low) != float(whole.low)


@pytest.mark.slow
def test_memory_is_that_of_the_replicates_and_not_of_the_resamples():
    x = jnp.ones((1000, 8))
    answer = jax.jit(lambda key: bootstrap_interval(column_means, x, key=key, resamples=20_000))
    needed = answer.lower(jax.random.key(0)).compile().memory_analysis().temp_size_in_bytes
    replicates = 20_000 * 8 * 4
    assert needed < 4e6 + 8 * replicates < 20_000 * x.nbytes / 50


@pytest.mark.slow
def test_a_single_row_and_a_constant_sample_give_no_width():
    for x in (jnp.asarray([1.5]), jnp.full(7, 0.1)):
        answer = bootstrap_interval(jnp.mean, x, key=jax.random.key(0), resamples=20)
        np.testing.assert_allclose(answer.low, answer.estimate, rtol=1e-6)
        np.testing.assert_allclose(answer.high, answer.estimate, rtol=1e-6)
        assert float(answer.standard_error) < 1e-8


def test_nan_comes_through():
    answer = bootstrap_interval(jnp.mean, jnp.asarray([1.0, np.nan]), key=jax.random.key(0), resamples=20)
    assert np.isnan(np.asarray(answer)).all()


@pytest.mark.slow
def test_float64_is_kept(x64):
    answer = bootstrap_interval(jnp.mean, jnp.asarray([1.0, 2.0]), key=jax.random.key(0), resamples=20)
    assert all(field.dtype == jnp.float64 for field in answer)


@pytest.mark.parametrize(
    ("samples", "changes", "message"),
    [
        ((), {}, "samples must be one array or more, got none"),
        ((np.ones(0),), {}, r"samples\[0\] must have rows, \(n, ...\) with n >= 1, got float64\[0\]"),
        ((np.ones(2), np.float32(1)), {}, r"samples\[1\] must have rows"),
        ((np.ones(2), np.ones(3)), {}, r"samples must have equally many rows, got \[2, 3\]"),
        ((np.ones(2),), {"resamples": 1}, "resamples must be at least 2, got 1"),
        ((np.ones(2),), {"level": 0.0}, "level must be between 0 and 1, got 0.0"),
        ((np.ones(2),), {"key": 0}, "key must be a single random key, .*, got int"),
    ],
)
def test_bad_input_is_named(samples, changes, message):
    with pytest.raises(ValueError, match=f"^bootstrap_interval: {message}"):
        bootstrap_interval(jnp.mean, *samples, **({"key": jax.random.key(0)} | changes))


def test_a_statistic_must_return_floating_point_numbers():
    with pytest.raises(ValueError, match=r"statistic must return floating-point numbers, it returns int32\[\]"):
        bootstrap_interval(jnp.argmax, jnp.ones(3), key=jax.random.key(0))
