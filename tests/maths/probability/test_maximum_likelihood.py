import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from chainrule import losses
from chainrule.maths import probability as p

fit_compiled = jax.jit(p.maximum_likelihood, static_argnums=0)
pytestmark = pytest.mark.usefixtures("quick_compilation")

DATA = {  # the family, data, what is fixed, and the parameters that SciPy or the closed form finds
    "normal": (p.Normal, scipy.stats.norm(3, 2).rvs(60, random_state=1), {}, scipy.stats.norm.fit),
    "bernoulli": (p.Bernoulli, np.array([0.0, 1, 1, 0, 1]), {}, lambda x: (0.6,)),
    "binomial": (p.Binomial, np.array([2.0, 3, 7]), {"trials": 8}, lambda x: (8, 0.5)),
    "categorical": (p.Categorical, np.array([0, 2, 2, 1, 2]), {"classes": 4}, lambda x: ((0.2, 0.2, 0.6, 0.0),)),
    "poisson": (p.Poisson, np.array([2.0, 0, 7, 3]), {}, lambda x: (3.0,)),
    "exponential": (p.Exponential, np.array([0.5, 1.5, 4.0]), {}, lambda x: (1 / scipy.stats.expon.fit(x, floc=0)[1],)),
    "uniform": (p.Uniform, np.array([0.5, -1.5, 4.0]), {}, lambda x: (-1.5, 4.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
def test_closed_forms(name, x64):
    family, x, fixed, expected = DATA[name]
    fitted = p.maximum_likelihood(family, jnp.asarray(x), **fixed)
    assert isinstance(fitted, family)
    for ours, theirs in zip([leaf for leaf in fitted if leaf is not None], expected(x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6 if name == "categorical" else 1e-12)


@pytest.mark.slow
def test_multivariate_normal(rng, x64):
    x = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 3)) + [1, 2, 3]
    fitted = p.maximum_likelihood(p.MultivariateNormal, jnp.asarray(x))
    np.testing.assert_allclose(fitted.mean, np.mean(x, 0), rtol=1e-12)
    np.testing.assert_allclose(fitted.covariance, np.cov(x.T, ddof=0), rtol=1e-10)


def mean_log_likelihood(family, fixed, x):
    return lambda fitted: jnp.mean(family(**fixed, **fitted).log_density(x))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "x", "fixed", "free"),
    [
        (p.Normal, DATA["normal"][1], {}, ("mean", "scale")),
        (p.Poisson, DATA["poisson"][1], {}, ("rate",)),
        (p.Exponential, DATA["exponential"][1], {}, ("rate",)),
        (p.Gamma, scipy.stats.gamma(3.7).rvs(80, random_state=2), {}, ("shape", "rate")),
        (p.Gamma, scipy.stats.gamma(0.02).rvs(80, random_state=2) + 1e-200, {}, ("shape", "rate")),
        (p.Gamma, scipy.stats.gamma(1e5).rvs(80, random_state=2), {}, ("shape", "rate")),
        (p.StudentT, scipy.stats.t(3).rvs(80, random_state=3) * 1e-3 + 7, {"degrees": 3.0}, ("location", "scale")),
        (p.StudentT, scipy.stats.t(1).rvs(80, random_state=4) * 1e3, {"degrees": 1.0}, ("location", "scale")),
        (p.StudentT, scipy.stats.t(9).rvs(80, random_state=4), {"degrees": 1e5}, ("location", "scale")),
    ],
)
def test_the_gradient_of_the_likelihood_is_zero_there_and_no_neighbour_is_better(family, x, fixed, free, x64):
    x = jnp.asarray(x)
    fitted = fit_compiled(family, x, **fixed)._asdict()
    found = {name: fitted[name] for name in free}
    likelihood = jax.jit(mean_log_likelihood(family, fixed, x))
    best, gradient = jax.value_and_grad(likelihood)(found)
    scale = jnp.std(x) if family is p.StudentT else None
    for name in free:
        unit = abs(found[name]) if scale is None or name == "scale" else found["scale"]
        assert abs(gradient[name] * unit) < 1e-9
        for step in (-1e-2, 1e-2):
            assert likelihood({**found, name: found[name] + step * unit}) < best


def test_gamma_and_student_t_agree_with_scipy(x64):
    x = scipy.stats.gamma(2.5, scale=3).rvs(80, random_state=5)
    shape, _, scale = scipy.stats.gamma.fit(x, floc=0)
    np.testing.assert_allclose(fit_compiled(p.Gamma, jnp.asarray(x)), [shape, 1 / scale], rtol=1e-6)
    x = scipy.stats.t(4, 2, 0.5).rvs(80, random_state=6)
    theirs = scipy.stats.t.fit(x, f0=4)
    np.testing.assert_allclose(fit_compiled(p.StudentT, jnp.asarray(x), degrees=4.0), theirs, rtol=1e-3)


@pytest.mark.slow
def test_newton_s_limit_is_differentiable_in_the_data(x64):
    x = scipy.stats.gamma(2.5).rvs(15, random_state=7)
    for plain in (
        lambda x: p.maximum_likelihood(p.Gamma, x).shape,
        lambda x: p.maximum_likelihood(p.StudentT, x, degrees=3.0).scale,
    ):
        fit = jax.jit(plain)
        step = np.zeros(15)
        step[4] = 1e-5
        expected = (fit(jnp.asarray(x + step)) - fit(jnp.asarray(x - step))) / 2e-5
        np.testing.assert_allclose(jax.grad(fit)(jnp.asarray(x))[4], expected, rtol=1e-5)


@pytest.mark.slow
def test_a_batch_is_fitted_column_by_column(rng):
    x = jnp.asarray(rng.gamma(2.0, size=(30, 3)), jnp.float32)
    for family, fixed in ((p.Gamma, {}), (p.StudentT, {"degrees": 4.0})):
        together = fit_compiled(family, x, **fixed)
        second = fit_compiled(family, x[:, 1], **fixed)
        for a, b in zip(together, second, strict=True):
            np.testing.assert_allclose(np.broadcast_to(a, 3)[1], b, rtol=1e-3)


def test_normal_neither_over_nor_underflows():
    for unit in (1e-30, 1e30):
        fitted = jax.jit(lambda x: p.maximum_likelihood(p.Normal, x))(jnp.array([-unit, unit], jnp.float32))
        np.testing.assert_allclose(fitted.scale, unit, rtol=1e-6)


@pytest.mark.slow
def test_cross_entropy_is_the_negative_log_likelihood_of_a_categorical(rng, x64):
    logits, labels = jnp.asarray(rng.normal(size=(6, 4))), jnp.asarray(rng.integers(0, 4, 6))
    log_likelihood = jnp.mean(p.Categorical(logits=logits).log_density(labels))
    np.testing.assert_allclose(losses.cross_entropy(logits, labels), -log_likelihood, rtol=1e-13)
    # of all constant predictions the frequencies cost least
    fitted = p.maximum_likelihood(p.Categorical, labels, classes=4).probabilities
    constant = lambda z: losses.cross_entropy(jnp.broadcast_to(z, (6, 4)), labels)  # noqa: E731
    np.testing.assert_allclose(jax.grad(constant)(jnp.log(fitted.astype(logits.dtype) + 1e-300)), 0, atol=1e-7)


@pytest.mark.slow
def test_binary_cross_entropy_is_that_of_a_bernoulli(rng, x64):
    logits, labels = jnp.asarray(rng.normal(size=7)), jnp.asarray(rng.integers(0, 2, 7), jnp.float64)
    log_likelihood = jnp.mean(p.Bernoulli(logits=logits).log_density(labels))
    np.testing.assert_allclose(losses.binary_cross_entropy(logits, labels), -log_likelihood, rtol=1e-13)


@pytest.mark.slow
def test_squared_error_is_that_of_a_normal_of_fixed_scale(rng, x64):
    """-log f = e^2 / (2 s^2) + a constant: the same minimum, and gradients that differ by 1/(2 s^2)."""
    predictions, targets, scale = jnp.asarray(rng.normal(size=9)), jnp.asarray(rng.normal(size=9)), 0.8
    nll = lambda m: -jnp.mean(p.Normal(m, scale).log_density(targets))  # noqa: E731
    mse = lambda m: losses.mean_squared_error(m, targets)  # noqa: E731
    constant = np.log(scale) + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(nll(predictions), mse(predictions) / (2 * scale**2) + constant, rtol=1e-12)
    np.testing.assert_allclose(
        jax.grad(nll)(predictions), jax.grad(mse)(predictions) / (2 * scale**2), rtol=1e-10, atol=1e-14
    )


@pytest.mark.parametrize(
    ("family", "x", "fixed", "message"),
    [
        (p.Beta, np.ones(3), {}, "family must be one of .*'Bernoulli'.* got <class .*Beta'>"),
        (p.Normal, np.zeros(0), {}, r"x must have shape \(n, \.\.\.\), n >= 1, got float32\[0\]"),
        (p.Normal, np.arange(3), {}, "x must be of floating-point numbers, got int32"),
        (p.Normal, np.ones(3), {}, "Normal has no maximum for x all alike"),
        (p.Normal, np.array([1.0, np.inf]), {}, "x must be finite for Normal"),
        (p.Gamma, np.ones(3), {}, "Gamma has no maximum for x all alike"),
        (p.Gamma, np.array([0.0, 1.0]), {}, "x must be finite and positive for Gamma"),
        (p.Exponential, np.zeros(3), {}, "Exponential has no maximum for x all zero"),
        (p.Exponential, -np.ones(3), {}, "x must be finite and not negative for Exponential"),
        (p.Uniform, np.ones(3), {}, "Uniform has no maximum for x all alike"),
        (p.StudentT, np.array([1.0, 1.0, 1.0, 2.0]), {"degrees": 2.0}, "StudentT has no maximum for x half of which"),
        (p.StudentT, np.arange(4.0), {}, r"StudentT needs \['degrees'\] fixed, got \[\]"),
        (p.Bernoulli, np.array([0, 2]), {}, "x must be 0s and 1s for Bernoulli"),
        (p.Poisson, np.array([0.5]), {}, "x must be whole and not negative for Poisson"),
        (p.Binomial, np.array([9]), {"trials": 8}, "x must be at most trials, got 9 of 8"),
        (p.Categorical, np.array([0, 4]), {"classes": 4}, "x must be classes 0 to 3 for Categorical"),
        (p.Categorical, np.array([0.0]), {"classes": 4}, "x must be of integers for Categorical"),
        (p.MultivariateNormal, np.ones(3), {}, r"x must have shape \(n, d\) for MultivariateNormal"),
        (p.MultivariateNormal, np.ones((3, 2)), {}, "covariance must be positive definite"),
    ],
)
def test_what_has_no_answer_is_refused(family, x, fixed, message):
    x = jnp.asarray(x)
    with pytest.raises(ValueError, match=message):
        p.maximum_likelihood(family, x, **fixed)


@pytest.mark.slow
def test_nan_under_jit_and_for_nan():
    fit = fit_compiled
    assert np.isnan(fit(p.Normal, jnp.ones(3)).scale)
    assert np.all(np.isnan(fit(p.Gamma, jnp.array([-1.0, 1.0]))))
    assert np.isnan(fit(p.Exponential, jnp.zeros(3)).rate)
    assert np.isnan(p.maximum_likelihood(p.Normal, jnp.array([1.0, jnp.nan])).mean)
