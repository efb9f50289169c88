import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import sklearn.linear_model
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.maths import probability as p

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_a_positive_test_of_a_rare_disease(x64):
    """1 in 100 is ill; the test finds 90 of 100 ill, and calls 5 of 100 healthy ill. Ill, if called so: 2 in 13."""
    prior, likelihood = np.array([0.01, 0.99]), np.array([0.90, 0.05])
    posterior = p.bayes(jnp.log(prior), jnp.log(likelihood))
    np.testing.assert_allclose(np.exp(posterior.log_posterior), [2 / 13, 11 / 13], rtol=1e-12)
    np.testing.assert_allclose(np.exp(posterior.log_evidence), 0.0585, rtol=1e-12)


def test_a_thousand_factors_do_not_underflow():
    """Two coins, 600 heads in 1,000: each likelihood is below 1e-290, and 0 in float32."""
    heads = jnp.array([0.5, 0.6])
    log_likelihood = 600 * jnp.log(heads) + 400 * jnp.log(1 - heads)
    posterior = p.bayes(jnp.log(jnp.array([0.5, 0.5])), log_likelihood)
    odds = 600 * np.log(0.5 / 0.6) + 400 * np.log(0.5 / 0.4)
    np.testing.assert_allclose(posterior.log_posterior[0] - posterior.log_posterior[1], odds, rtol=1e-4)
    assert np.all(np.exp(log_likelihood) == 0)


@pytest.mark.slow
def test_evidence_of_probability_zero():
    prior = jnp.log(jnp.array([0.5, 0.5, 0.0]))
    posterior = jax.jit(p.bayes)(prior, jnp.array([-jnp.inf, -jnp.inf, 0.0]))
    assert posterior.log_evidence == -np.inf
    assert np.all(np.isnan(posterior.log_posterior))
    one_left = p.bayes(prior, jnp.array([-jnp.inf, -3.0, 0.0]))
    np.testing.assert_array_equal(np.exp(one_left.log_posterior), [0, 1, 0])


def test_bayes_refuses():
    with pytest.raises(ValueError, match=r"bayes: log_prior must be of probabilities that sum to 1, got sum 1\.1"):
        p.bayes(jnp.log(jnp.array([0.5, 0.6])), jnp.zeros(2))
    with pytest.raises(ValueError, match=r"shapes \(\.\.\., H\), with one H >= 1, got float32\[2\] and float32\[3\]"):
        p.bayes(jnp.log(jnp.full(2, 0.5)), jnp.zeros(3))
    with pytest.raises(ValueError, match="H >= 1"):
        p.bayes(jnp.zeros(0), jnp.zeros(0))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(x=st.lists(st.integers(0, 1), max_size=12), cut=st.integers(0, 12), a=st.floats(0.1, 9), b=st.floats(0.1, 9))
def test_beta_bernoulli_batch_is_one_after_the_other(x, cut, a, b):
    data = np.array(x, np.int32)
    prior = p.Beta(a, b)
    batch = p.beta_bernoulli(prior, data)
    np.testing.assert_allclose([batch.a, batch.b], [a + sum(x), b + len(x) - sum(x)], rtol=1e-6)
    sequential = p.beta_bernoulli(p.beta_bernoulli(prior, data[:cut]), data[cut:])
    np.testing.assert_allclose(sequential, batch, rtol=1e-6)


@pytest.mark.slow
def test_beta_bernoulli_is_bayes_theorem_on_a_fine_grid(x64):
    """The posterior density by the theorem over 2,000 hypotheses, against the beta density."""
    q = (jnp.arange(2000) + 0.5) / 2000
    prior, x = p.Beta(2.0, 3.0), jnp.array([1, 1, 0, 1, 0, 1, 1])
    log_prior = prior.log_density(q)
    log_prior = log_prior - jax.nn.logsumexp(log_prior)
    log_likelihood = jnp.sum(p.Bernoulli(q).log_density(x[:, None]), 0)
    expected = p.bayes(log_prior, log_likelihood).log_posterior + jnp.log(2000.0)
    np.testing.assert_allclose(p.beta_bernoulli(prior, x).log_density(q), expected, atol=1e-5)


def test_beta_bernoulli_refuses_other_than_0_and_1():
    with pytest.raises(ValueError, match="beta_bernoulli: x must be of 0s and 1s"):
        p.beta_bernoulli(p.Beta(1.0, 1.0), jnp.array([0, 2]))
    assert np.all(np.isnan(jax.jit(lambda x: p.beta_bernoulli(p.Beta(1.0, 1.0), x))(jnp.array([0, 2]))))
    with pytest.raises(ValueError, match=r"x must have shape \(n, \.\.\.\), got int32\[\]"):
        p.beta_bernoulli(p.Beta(1.0, 1.0), jnp.array(1))


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    x=st.lists(st.floats(-50, 50), min_size=4, max_size=4),
    mean=st.floats(-20, 20),
    prior_scale=st.floats(1e-2, 1e2),
    scale=st.floats(1e-2, 1e2),
)
def test_normal_normal_by_precisions_and_one_after_the_other(x, mean, prior_scale, scale):
    with jax.enable_x64(True):
        update = jax.jit(lambda prior, x, scale: p.normal_normal(prior, x, scale=scale))
        prior, data = p.Normal(jnp.asarray(mean), jnp.asarray(prior_scale)), jnp.asarray(x)
        batch = update(prior, data, scale)
        sequential = update(update(prior, data[:2], scale), data[2:], scale)
    precision = 1 / prior_scale**2 + len(x) / scale**2
    expected = (mean / prior_scale**2 + sum(x) / scale**2) / precision
    np.testing.assert_allclose(batch, [expected, precision**-0.5], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(sequential, batch, rtol=1e-9, atol=1e-10)


def test_normal_normal_at_the_extremes():
    """A prior that knows nothing, one that knows all, and no data at all."""
    x = jnp.array([1.0, 3.0])
    vague = p.normal_normal(p.Normal(0.0, 1e30), x, scale=1.0)
    np.testing.assert_allclose(vague, [2.0, 0.5**0.5], rtol=1e-6)
    certain = p.normal_normal(p.Normal(5.0, 1e-30), x, scale=1.0)
    np.testing.assert_allclose(certain, [5.0, 1e-30], rtol=1e-6)
    np.testing.assert_allclose(p.normal_normal(p.Normal(5.0, 2.0), jnp.zeros(0), scale=1.0), [5.0, 2.0])
    with pytest.raises(ValueError, match="normal_normal: scale must be positive and finite, got 0"):
        p.normal_normal(p.Normal(0.0, 1.0), x, scale=0.0)


@pytest.fixture
def design(rng):
    X = rng.normal(size=(12, 3))
    return X, X @ [1.0, -2.0, 0.5] + 0.3 * rng.normal(size=12)


@pytest.fixture
def prior(rng):
    a = rng.normal(size=(3, 4))
    return rng.normal(size=3), a @ a.T


def regression(mean, covariance, X, y, noise):
    weights = p.MultivariateNormal.from_covariance(jnp.asarray(mean), jnp.asarray(covariance))
    return p.bayesian_regression(weights, jnp.asarray(X), jnp.asarray(y), noise_scale=noise)


@pytest.mark.slow
def test_posterior_predictive_and_evidence_by_inverses(design, prior, x64):
    """The textbook's formulas with matrix inverses, and the evidence as one normal density of n dimensions."""
    (X, y), (mean, covariance), noise = design, prior, 0.3
    posterior = regression(mean, covariance, X, y, noise)
    S = np.linalg.inv(np.linalg.inv(covariance) + X.T @ X / noise**2)
    m = S @ (np.linalg.solve(covariance, mean) + X.T @ y / noise**2)
    np.testing.assert_allclose(posterior.weights.mean, m, rtol=1e-9)
    np.testing.assert_allclose(posterior.weights.covariance, S, rtol=1e-8)
    assert np.all(np.diagonal(posterior.weights.cholesky) > 0)
    marginal = scipy.stats.multivariate_normal(X @ mean, noise**2 * np.eye(12) + X @ covariance @ X.T)
    np.testing.assert_allclose(posterior.log_evidence, marginal.logpdf(y), rtol=1e-9)
    new = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    foretold = p.predictive(posterior, jnp.asarray(new))
    np.testing.assert_allclose(foretold.mean, new @ m, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(foretold.variance, noise**2 + np.sum(new @ S * new, 1), rtol=1e-9)


@pytest.mark.slow
def test_its_mean_is_ridge_regression(design, x64):
    X, y = design
    noise, spread = 0.7, 1.9
    posterior = regression(np.zeros(3), spread**2 * np.eye(3), X, y, noise)
    ridge = sklearn.linear_model.Ridge(alpha=noise**2 / spread**2, fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(posterior.weights.mean, ridge.coef_, rtol=1e-9)


@pytest.mark.slow
def test_regression_batch_is_one_after_the_other(design, prior, x64):
    (X, y), (mean, covariance) = design, prior
    batch = regression(mean, covariance, X, y, 0.3)
    first = regression(mean, covariance, X[:5], y[:5], 0.3)
    second = p.bayesian_regression(first.weights, jnp.asarray(X[5:]), jnp.asarray(y[5:]), noise_scale=0.3)
    np.testing.assert_allclose(second.weights.mean, batch.weights.mean, rtol=1e-9)
    np.testing.assert_allclose(second.weights.cholesky, batch.weights.cholesky, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(first.log_evidence + second.log_evidence, batch.log_evidence, rtol=1e-9)


@pytest.mark.slow
def test_no_data_and_dependent_columns(prior, x64):
    mean, covariance = prior
    none = regression(mean, covariance, np.zeros((0, 3)), np.zeros(0), 1.0)
    np.testing.assert_allclose(none.weights.covariance, covariance, rtol=1e-10)
    np.testing.assert_allclose([*none.weights.mean, none.log_evidence], [*mean, 0], rtol=1e-12)
    x = np.linspace(-1, 1, 9)
    twice = regression(np.zeros(2), np.eye(2), np.stack([x, x], 1), 3 * x, 0.1)
    shrunk = 3 * np.sum(x * x) / (2 * np.sum(x * x) + 0.01)
    np.testing.assert_allclose(twice.weights.mean, [shrunk, shrunk], rtol=1e-9)


@pytest.mark.slow
def test_the_gradient_of_the_evidence_by_the_noise(design, prior, x64):
    (X, y), (mean, covariance) = design, prior
    slope = jax.grad(lambda s: regression(mean, covariance, X, y, s).log_evidence)(0.4)
    marginal = lambda s: scipy.stats.multivariate_normal(  # noqa: E731
        X @ mean, s**2 * np.eye(12) + X @ covariance @ X.T
    ).logpdf(y)
    np.testing.assert_allclose(slope, (marginal(0.4 + 1e-5) - marginal(0.4 - 1e-5)) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize(
    ("X", "y", "noise", "message"),
    [
        (np.zeros((4, 2)), np.zeros(4), 1.0, r"a column for each of 3 weights, got float64\[4, 2\]"),
        (np.zeros((4, 3)), np.zeros(5), 1.0, "a row for each of 5 targets"),
        (np.zeros((4, 3)), np.zeros((4, 1)), 1.0, r"shapes \(d,\), \(n, d\) and \(n,\)"),
        (np.zeros((4, 3)), np.zeros(4), 0.0, "noise_scale must be positive and finite, got 0"),
        (np.zeros((4, 3)), np.zeros(4, np.float32), 1.0, "dtypes must be equal"),
    ],
)
def test_regression_refuses(X, y, noise, message, x64):
    with pytest.raises(ValueError, match=f"^bayesian_regression: .*{message}"):
        regression(np.zeros(3), np.eye(3), X, y, noise)


def test_predictive_refuses_another_width(design, x64):
    posterior = regression(np.zeros(3), np.eye(3), *design, 1.0)
    with pytest.raises(ValueError, match=r"predictive: X must have shape \(m, 3\), got float64\[2, 4\]"):
        p.predictive(posterior, jnp.zeros((2, 4)))
