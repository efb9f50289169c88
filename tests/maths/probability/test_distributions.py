"""Each family against SciPy, over generated parameters and far into the tails; draws against the cdf; derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.maths import probability as p

from .families import FAMILIES, arrays, points

pytestmark = pytest.mark.usefixtures("quick_compilation")
quick = settings(max_examples=25, deadline=None)


@functools.cache
def compiled():
    return jax.jit(lambda d, x: (d.log_density(x), d.cdf(x), d.mean, d.variance))


@pytest.mark.parametrize("name", FAMILIES)
def test_agrees_with_scipy(name):
    family = FAMILIES[name]

    @quick
    @given(numbers=family.parameters)
    def check(numbers):
        x = points(family, numbers)
        with jax.enable_x64(True):
            log_density, cdf, mean, variance = compiled()(family.make(*arrays(numbers)), jnp.asarray(x))
        theirs = family.scipy(*numbers)
        with np.errstate(all="ignore"):
            expected = theirs.logpmf(x) if family.discrete else theirs.logpdf(x)
            below = theirs.cdf(x)
        assert log_density.dtype == np.float64
        np.testing.assert_allclose(log_density, expected, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(cdf, below, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(cdf, below, rtol=0, atol=1e-10)
        if name == "student_t" and numbers[0] <= 1:
            assert np.isnan(mean)  # SciPy says inf; the integral does not exist
            assert np.isnan(variance)
        else:
            np.testing.assert_allclose(mean, theirs.mean(), rtol=1e-10)
            np.testing.assert_allclose(variance, theirs.var(), rtol=1e-10)

    check()


@pytest.mark.slow
def test_lower_tails_are_accurate_relative_to_their_size(x64):
    t = -np.array([1.5, 5.0, 30.0, 1e3, 1e8])
    for degrees in (0.3, 2.0, 17.0, 900.0):
        ours = p.StudentT(degrees).cdf(jnp.asarray(t))
        np.testing.assert_allclose(ours, scipy.stats.t.cdf(t, degrees), rtol=1e-10)
    # ppf inverts, so that the compared numbers do not come from the same incomplete beta function
    np.testing.assert_allclose(p.StudentT(4.0).cdf(scipy.stats.t.ppf(1e-12, 4.0)), 1e-12, rtol=1e-9)
    np.testing.assert_allclose(p.Normal(0.0, 1.0).cdf(-37.0), scipy.stats.norm.cdf(-37.0), rtol=1e-10)


@pytest.mark.slow
def test_cdfs_at_large_shapes(x64):
    """Where JAX's incomplete gamma and beta functions lose digits: 1e-10 in float64, all of them in float32."""
    z = np.linspace(-4, 4, 9)
    for size in (50.0, 3e5):
        x, y = size + z * np.sqrt(size), 0.5 + z / np.sqrt(12 * size)
        expected_gamma, expected_beta = scipy.stats.gamma(size).cdf(x), scipy.stats.beta(size, 2 * size).cdf(y - 1 / 6)
        for dtype, rtol, atol in ((np.float64, 1e-10, 0), (np.float32, 0, 1e-4)):
            n, points, fractions = (jnp.asarray(v, dtype) for v in (size, x, y - 1 / 6))
            np.testing.assert_allclose(compiled()(p.Gamma(n, n / n), points)[1], expected_gamma, rtol, atol)
            np.testing.assert_allclose(compiled()(p.Beta(n, 2 * n), fractions)[1], expected_beta, rtol, atol)
        poisson = p.Poisson(size).cdf(np.floor(x))
        np.testing.assert_allclose(poisson, scipy.stats.poisson(size).cdf(np.floor(x)), rtol=1e-10)
    wrong = jax.scipy.special.gammainc(jnp.float32(1e5), jnp.float32(1e5))
    assert abs(wrong - scipy.stats.gamma(1e5).cdf(1e5)) > 1e-3  # why it is not JAX's own


@pytest.mark.slow
def test_student_s_critical_values():
    """The table at the end of every textbook: two-sided 5 per cent."""
    for degrees, critical in ((1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)):
        assert float(2 * p.StudentT(float(degrees)).cdf(-critical)) == pytest.approx(0.05, abs=1e-4)


DRAWN = {
    "uniform": (-2.0, 3.0),
    "normal": (1.0, 2.5),
    "gamma": (0.7, 3.0),
    "beta": (0.6, 2.5),
    "exponential": (4.0,),
    "student_t": (2.5, 1.0, 0.3),
    "bernoulli": (0.3,),
    "binomial": (12.0, 0.35),
    "poisson": (4.2,),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_draws_follow_the_distribution(name):
    """Kolmogorov-Smirnov, or chi-square over values of which ten are expected at the least; 4,000 draws, fixed key."""
    family, numbers = FAMILIES[name], DRAWN[name]
    d, theirs = family.make(*numbers), family.scipy(*numbers)
    draws = np.asarray(jax.jit(lambda key: d.sample(key, (40, 100)))(jax.random.key(11))).ravel()
    if not family.discrete:
        assert draws.dtype == np.float32
        assert scipy.stats.kstest(draws, theirs.cdf).pvalue > 0.01
        return
    assert draws.dtype == np.int32
    values = np.arange(draws.max() + 1)
    expected = draws.size * theirs.pmf(values)
    often = expected >= 10
    counted = np.array([np.sum(draws == value) for value in values[often]])
    rest = draws.size - counted.sum()
    observed, wanted = np.append(counted, rest), np.append(expected[often], draws.size - expected[often].sum())
    kept = wanted > 1e-9
    assert scipy.stats.chisquare(observed[kept], wanted[kept]).pvalue > 0.01


def test_the_same_key_gives_the_same_draws_and_another_one_others():
    d = p.Normal(0.0, 1.0)
    first, again, other = (d.sample(jax.random.key(seed), (5,)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.any(np.asarray(first) == np.asarray(other))


@pytest.mark.slow
def test_shape_of_draws_is_that_asked_for_before_the_batch():
    d = p.Gamma(jnp.ones((3, 1)), jnp.ones(4))
    assert d.sample(jax.random.key(0), (2,)).shape == (2, 3, 4)
    assert p.Normal(0.0, 1.0).sample(jax.random.key(0)).shape == ()


def central(f, x, step=1e-5):
    return (f(x + step) - f(x - step)) / (2 * step)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAMILIES if not FAMILIES[name].discrete])
def test_derivatives_of_the_log_density_and_of_the_cdf(name, x64):
    """By x: the cdf's is SciPy's density, the log density's a difference. By each parameter: differences of SciPy's."""
    family, numbers = FAMILIES[name], DRAWN[name]
    x = float(family.scipy(*numbers).ppf(0.37))
    make = family.make
    gradients = jax.grad(lambda x, *n: make(*n).log_density(x), tuple(range(len(numbers) + 1)))(x, *numbers)
    np.testing.assert_allclose(gradients[0], central(family.scipy(*numbers).logpdf, x), rtol=1e-6, atol=1e-8)
    for i in range(len(numbers)):
        moved = lambda v, i=i: family.scipy(*(*numbers[:i], v, *numbers[i + 1 :])).logpdf(x)  # noqa: E731
        np.testing.assert_allclose(gradients[1 + i], central(moved, numbers[i]), rtol=1e-6, atol=1e-8)
    slope = jax.grad(lambda x: make(*numbers).cdf(x))(x)
    np.testing.assert_allclose(slope, family.scipy(*numbers).pdf(x), rtol=1e-10)


@pytest.mark.slow
def test_closed_forms_of_the_score(x64):
    """d log f / d parameter, as derived by hand."""
    score = lambda make, x, *n: np.array(jax.grad(lambda n: make(*n).log_density(x))(n))  # noqa: E731
    np.testing.assert_allclose(score(p.Normal, 3.0, 1.0, 2.0), [2 / 4, (4 - 4) / 8 + 1 / 2 - 1 / 2], atol=1e-14)
    np.testing.assert_allclose(score(p.Normal, 4.0, 1.0, 2.0), [3 / 4, 9 / 8 - 1 / 2], rtol=1e-13)
    np.testing.assert_allclose(score(p.Exponential, 3.0, 0.5), [2.0 - 3.0], rtol=1e-13)
    np.testing.assert_allclose(score(p.Poisson, 7.0, 4.0), [7 / 4 - 1], rtol=1e-13)
    np.testing.assert_allclose(score(p.Bernoulli, 1.0, 0.2), [5.0], rtol=1e-13)
    np.testing.assert_allclose(score(p.Gamma, 2.0, 3.0, 1.5)[1], 3 / 1.5 - 2.0, rtol=1e-12)
    binomial = jax.grad(lambda q: p.Binomial(10, q).log_density(3))(0.2)
    np.testing.assert_allclose(binomial, 3 / 0.2 - 7 / 0.8, rtol=1e-12)


@pytest.mark.slow
def test_the_derivative_of_the_cdf_of_counts_by_the_parameter(x64):
    """dP(X <= k)/dm = -P(k) of a Poisson variable; of a binomial one -n P(k; n - 1, p)."""
    poisson = jax.grad(lambda m: p.Poisson(m).cdf(3))(2.5)
    np.testing.assert_allclose(poisson, -scipy.stats.poisson.pmf(3, 2.5), rtol=1e-10)
    binomial = jax.grad(lambda q: p.Binomial(10, q).cdf(3))(0.3)
    np.testing.assert_allclose(binomial, -10 * scipy.stats.binom.pmf(3, 9, 0.3), rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "x", "value", "slope"),
    [
        (lambda: p.Gamma(1.0, 2.0), 0.0, np.log(2.0), -2.0),
        (lambda: p.Gamma(3.0, 2.0), 0.0, -np.inf, 0.0),
        (lambda: p.Gamma(0.5, 2.0), 0.0, np.inf, 0.0),
        (lambda: p.Gamma(3.0, 2.0), -1.0, -np.inf, 0.0),
        (lambda: p.Exponential(2.0), 0.0, np.log(2.0), -2.0),
        (lambda: p.Exponential(2.0), -1.0, -np.inf, 0.0),
        (lambda: p.Beta(1.0, 3.0), 0.0, np.log(3.0), -2.0),
        (lambda: p.Beta(3.0, 1.0), 1.0, np.log(3.0), 2.0),
        (lambda: p.Beta(0.5, 0.5), 0.0, np.inf, 0.0),
        (lambda: p.Beta(2.0, 2.0), 1.0, -np.inf, 0.0),
        (lambda: p.Beta(2.0, 2.0), 1.5, -np.inf, 0.0),
        (lambda: p.Uniform(0.0, 2.0), 0.0, -np.log(2.0), 0.0),
        (lambda: p.Uniform(0.0, 2.0), 2.1, -np.inf, 0.0),
        (lambda: p.StudentT(3.0), 0.0, scipy.stats.t.logpdf(0, 3), 0.0),
        (lambda: p.Normal(0.0, 1.0), np.inf, -np.inf, -np.inf),
    ],
)
def test_at_the_edge_of_the_support_and_beyond(make, x, value, slope, x64):
    """No NaN from a branch that is not taken, in the value or in any derivative."""
    d = make()
    got, got_slope = jax.value_and_grad(d.log_density)(x)
    np.testing.assert_allclose(got, value, rtol=1e-13)
    np.testing.assert_allclose(got_slope, slope, rtol=1e-12)
    if np.isfinite(x):
        by_parameters = jax.grad(lambda d: d.log_density(x))(jax.tree.map(jnp.asarray, d))
        assert np.all(np.isfinite(jax.tree.leaves(by_parameters)))


@pytest.mark.slow
def test_certain_outcomes(x64):
    """p = 0 and p = 1: log mass 0 for what happens, -inf for what cannot, and the slopes of the logarithms there."""
    bernoulli = jax.vmap(jax.value_and_grad(lambda q, x: p.Bernoulli(q).log_density(x)))
    value, slope = bernoulli(jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([0.0, 1.0, 0.0, 1.0]))
    np.testing.assert_array_equal(value, [0, -np.inf, -np.inf, 0])
    np.testing.assert_array_equal(slope, [-1, np.inf, -np.inf, 1])
    binomial = jax.vmap(jax.value_and_grad(lambda q, x: p.Binomial(5, q).log_density(x)))
    value, slope = binomial(jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([0.0, 5.0, 4.0, 5.0]))
    np.testing.assert_array_equal(value, [0, -np.inf, -np.inf, 0])
    np.testing.assert_array_equal(slope, [-5, np.inf, -np.inf, 5])
    assert float(p.Binomial(0, 0.3).log_density(0)) == 0
    assert float(p.Poisson(0.0).log_density(0)) == 0
    assert float(p.Poisson(0.0).log_density(1)) == -np.inf


@pytest.mark.slow
def test_logits_keep_what_probabilities_round_away():
    z = jnp.array([-200.0, 200.0])
    np.testing.assert_allclose(p.Bernoulli(logits=z).log_density(jnp.array([1, 0])), [-200, -200])
    assert np.all(np.isneginf(p.Bernoulli(jax.nn.sigmoid(z)).log_density(jnp.array([1, 0]))))
    infinite = p.Bernoulli(logits=jnp.array([-jnp.inf, jnp.inf]))
    np.testing.assert_array_equal(infinite.log_density(jnp.array([1, 1])), [-np.inf, 0])
    for z in (-3.0, 0.4):
        mean, variance = scipy.stats.bernoulli(1 / (1 + np.exp(-z))).stats()
        np.testing.assert_allclose([p.Bernoulli(logits=z).mean, p.Bernoulli(logits=z).variance], [mean, variance], 1e-6)


@quick
@given(weights=st.lists(st.floats(1e-3, 1.0), min_size=4, max_size=4))
def test_categorical_agrees_with_scipy(weights):
    probabilities = np.array(weights) / np.sum(weights)
    probabilities[-1] = 1 - probabilities[:-1].sum()
    theirs = scipy.stats.rv_discrete(values=(np.arange(len(weights)), probabilities))
    x = np.arange(-1, len(weights) + 1)
    with jax.enable_x64(True):
        for d in (
            p.Categorical(jnp.asarray(probabilities)),
            p.Categorical(logits=jnp.asarray(np.log(probabilities) + 3)),
        ):
            log_density, cdf, mean, variance = compiled()(d, jnp.asarray(x))
            with np.errstate(divide="ignore"):
                np.testing.assert_allclose(log_density, theirs.logpmf(x), rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(cdf, theirs.cdf(x), rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(mean, theirs.mean(), rtol=1e-10)
            np.testing.assert_allclose(variance, theirs.var(), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_categorical_draws_and_batches():
    probabilities = jnp.array([[0.2, 0.5, 0.3], [0.0, 0.1, 0.9]])
    draws = np.asarray(p.Categorical(probabilities).sample(jax.random.key(3), (3000,)))
    assert draws.shape == (3000, 2)
    assert draws.dtype == np.int32
    assert not np.any(draws[:, 1] == 0)
    for column, row in zip(draws.T, np.asarray(probabilities, np.float64), strict=True):
        kept = row > 0
        assert (
            scipy.stats.chisquare(np.bincount(column, minlength=3)[kept], column.size * row[kept] / row.sum()).pvalue
            > 0.01
        )


@pytest.mark.slow
def test_an_impossible_class_leaves_the_gradient_finite():
    logits = jnp.array([0.0, -jnp.inf, 2.0])
    gradient = jax.grad(lambda z: p.Categorical(logits=z).log_density(2))(logits)
    share = 1 / (1 + np.exp(2.0))
    np.testing.assert_allclose(gradient, [-share, 0, share], rtol=1e-6)
    gradient = jax.grad(lambda q: p.Categorical(q).log_density(2))(jnp.array([0.0, 0.25, 0.75]))
    np.testing.assert_allclose(gradient, [0, 0, 4 / 3], rtol=1e-6)
