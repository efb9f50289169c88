import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from chainrule.maths.probability import MultivariateNormal, Normal

pytestmark = pytest.mark.usefixtures("quick_compilation")


def covariances(rng, size):
    a = rng.normal(size=(size, size + 2))
    return a @ a.T


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 5])
def test_agrees_with_scipy_in_any_dimension(size, rng, x64):
    mean, covariance = rng.normal(size=size), covariances(rng, size)
    x = rng.normal(size=(3, 4, size)) * 10
    d = MultivariateNormal.from_covariance(jnp.asarray(mean), jnp.asarray(covariance))
    expected = scipy.stats.multivariate_normal(mean, covariance).logpdf(x)
    np.testing.assert_allclose(d.log_density(jnp.asarray(x)), np.reshape(expected, (3, 4)), rtol=1e-10)
    np.testing.assert_allclose(d.covariance, covariance, rtol=1e-12)
    np.testing.assert_allclose(d.variance, np.diag(covariance), rtol=1e-12)


@pytest.mark.slow
def test_batches_and_vmap_agree_with_one_by_one(rng, x64):
    mean = jnp.asarray(rng.normal(size=(4, 3)))
    factors = jnp.asarray(np.linalg.cholesky(np.stack([covariances(rng, 3) for _ in range(4)])))
    x = jnp.asarray(rng.normal(size=(4, 3)))
    together = MultivariateNormal(mean, factors).log_density(x)
    apart = [MultivariateNormal(*each).log_density(point) for *each, point in zip(mean, factors, x, strict=True)]
    np.testing.assert_allclose(together, apart, rtol=1e-13)
    mapped = jax.jit(jax.vmap(MultivariateNormal.log_density))(MultivariateNormal(mean, factors), x)
    np.testing.assert_allclose(mapped, apart, rtol=1e-13)


@pytest.mark.slow
def test_draws_have_the_covariance():
    covariance = np.array([[2.0, -0.8], [-0.8, 1.0]], np.float32)
    d = MultivariateNormal.from_covariance(jnp.array([1.0, -2.0]), jnp.asarray(covariance))
    draws = np.asarray(d.sample(jax.random.key(5), (4000,)), np.float64)
    assert draws.shape == (4000, 2)
    # whitened, the squared distance from the mean is chi-square of 2 degrees of freedom, and each direction normal
    white = np.linalg.solve(np.linalg.cholesky(covariance), (draws - [1, -2]).T)
    assert scipy.stats.kstest(np.sum(white**2, 0), scipy.stats.chi2(2).cdf).pvalue > 0.01
    assert scipy.stats.kstest((white[0] + white[1]) / np.sqrt(2), "norm").pvalue > 0.01


@pytest.mark.slow
def test_the_score_is_the_precision_times_the_distance(rng, x64):
    mean, covariance, x = rng.normal(size=3), covariances(rng, 3), rng.normal(size=3)
    d = MultivariateNormal.from_covariance(jnp.asarray(mean), jnp.asarray(covariance))
    gradient = jax.grad(d.log_density)(jnp.asarray(x))
    np.testing.assert_allclose(gradient, -np.linalg.solve(covariance, x - mean), rtol=1e-10)


@pytest.mark.slow
def test_one_dimension_is_the_normal_distribution():
    d = MultivariateNormal(jnp.array([1.0]), jnp.array([[2.0]]))
    np.testing.assert_allclose(d.log_density(jnp.array([4.0])), Normal(1.0, 2.0).log_density(4.0), rtol=1e-6)


def test_what_stands_above_the_diagonal_is_not_read():
    d = MultivariateNormal(jnp.zeros(2), jnp.array([[1.0, 99.0], [0.5, 1.0]]))
    np.testing.assert_allclose(d.covariance, [[1, 0.5], [0.5, 1.25]])


@pytest.mark.parametrize("scale", [1e-15, 1e15])
def test_finite_at_extreme_scales(scale):
    """The covariance is 1e-30 or 1e30 in float32."""
    d = MultivariateNormal(jnp.zeros(2), scale * jnp.eye(2))
    value = jax.jit(MultivariateNormal.log_density)(d, jnp.full(2, scale))
    np.testing.assert_allclose(value, -1 - 2 * np.log(scale) - np.log(2 * np.pi), rtol=1e-6)


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        (np.zeros(2, np.float32), np.eye(3, dtype=np.float32), r"shapes \(\.\.\., n\) and \(\.\.\., n, n\)"),
        (np.zeros(2, np.float32), np.ones((2, 2), np.float32), "positive definite"),
        (np.zeros(2, np.float32), np.array([[1, 2], [0, 1]], np.float32), "symmetric"),
        (np.zeros(2, np.float32), np.full((2, 2), np.nan, np.float32), "symmetric and finite"),
        (np.zeros(2, np.float32), np.eye(2), "dtypes must be equal"),
        (np.zeros(0, np.float32), np.eye(0, dtype=np.float32), "n >= 1"),
    ],
)
def test_bad_covariances(mean, covariance, message, x64):
    with pytest.raises(ValueError, match=message):
        MultivariateNormal.from_covariance(jnp.asarray(mean), jnp.asarray(covariance))


def test_bad_factors_and_points():
    bad = MultivariateNormal(jnp.zeros(2), jnp.diag(jnp.array([1.0, -1.0])))
    with pytest.raises(ValueError, match="cholesky must have a positive diagonal, got -1"):
        bad.log_density(jnp.zeros(2))
    assert np.isnan(jax.jit(MultivariateNormal.log_density)(bad, jnp.zeros(2)))
    good = MultivariateNormal(jnp.zeros(2), jnp.eye(2))
    with pytest.raises(ValueError, match=r"x must have shape \(\.\.\., 2\), got float32\[3\]"):
        good.log_density(jnp.zeros(3))
    assert np.isnan(good.log_density(jnp.array([0.0, jnp.nan])))
    at_zero = jax.jit(lambda c: MultivariateNormal.from_covariance(jnp.zeros(2), c).log_density(jnp.zeros(2)))
    assert np.isnan(at_zero(-jnp.eye(2)))
