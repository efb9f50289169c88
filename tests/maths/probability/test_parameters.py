"""What is refused, what becomes NaN under jit, and what stays finite at the extremes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.maths import probability as p

pytestmark = pytest.mark.usefixtures("quick_compilation")

BAD = [
    (p.Uniform, (1.0, 1.0), "Uniform: low must be less than high, got 1.0 and 1.0"),
    (p.Uniform, (0.0, np.inf), "Uniform: high must be finite, got inf"),
    (p.Normal, (0.0, 0.0), "Normal: scale must be positive and finite, got 0"),
    (p.Normal, (np.nan, 1.0), "Normal: mean must be finite, got nan"),
    (p.Gamma, (-1.0, 1.0), "Gamma: shape must be positive and finite, got -1"),
    (p.Gamma, (1.0, 0.0), "Gamma: rate must be positive and finite, got 0"),
    (p.Exponential, (-2.0,), "Exponential: rate must be positive and finite, got -2"),
    (p.Beta, (1.0, 0.0), "Beta: b must be positive and finite, got 0"),
    (p.StudentT, (0.0, 0.0, 1.0), "StudentT: degrees must be positive and finite, got 0"),
    (p.StudentT, (1.0, 0.0, -1.0), "StudentT: scale must be positive and finite, got -1"),
    (p.Bernoulli, (1.5,), "Bernoulli: probability must be between 0 and 1, got 1.5"),
    (p.Binomial, (2.5, 0.5), "Binomial: trials must be a non-negative whole number, got 2.5"),
    (p.Binomial, (2.0, -0.5), "Binomial: probability must be between 0 and 1, got -0.5"),
    (p.Poisson, (-1.0,), "Poisson: rate must be non-negative and finite, got -1"),
]


@pytest.mark.parametrize(("family", "numbers", "message"), BAD)
def test_a_parameter_outside_of_its_domain(family, numbers, message):
    """A ValueError, where it can be looked at."""
    bad = family(*numbers)
    for use in (lambda: bad.log_density(1.0), lambda: bad.variance, lambda: bad.sample(jax.random.key(0))):
        with pytest.raises(ValueError, match=f"^{message}"):
            use()


@pytest.mark.slow
@pytest.mark.parametrize(("family", "numbers"), [pair[:2] for pair in BAD])
def test_a_parameter_outside_of_its_domain_under_jit(family, numbers):
    """Every result is NaN, and a draw of an integer -1."""
    results = jax.jit(lambda d, x, key: (d.log_density(x), d.cdf(x), d.variance, d.sample(key)))(
        family(*(jnp.float32(number) for number in numbers)), jnp.float32(1.0), jax.random.key(0)
    )
    *numbers, draw = results
    assert np.all(np.isnan(numbers))
    assert np.isnan(draw) or draw == -1


def test_one_bad_parameter_in_a_batch_spoils_only_its_own_result():
    values = jax.jit(lambda scale: p.Normal(0.0, scale).log_density(0.0))(jnp.array([1.0, -1.0, 2.0]))
    np.testing.assert_array_equal(np.isnan(values), [False, True, False])
    with pytest.raises(ValueError, match=r"scale must be positive and finite, got float32\[3\] from -1 to 2"):
        p.Normal(0.0, jnp.array([1.0, -1.0, 2.0])).log_density(0.0)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: p.Normal(jnp.arange(3), 1.0).variance, r"mean must be of floating-point numbers, got int32\[3\]"),
        (lambda: p.Normal("0", 1.0).variance, "mean must be an array of floating-point numbers, got str"),
        (lambda: p.Normal(jnp.ones(2, jnp.float16), jnp.ones(2)).variance, "dtypes must be equal"),
        (
            lambda: p.Normal(0.0, 1.0).log_density(jnp.ones(2, jnp.float16)),
            r"x must have the parameters' dtype float32",
        ),
        (lambda: p.Normal(0.0, 1.0).cdf(jnp.arange(2)), r"x must be of floating-point numbers, got int32\[2\]"),
        (lambda: p.Bernoulli().mean, "one of probability and logits must be given"),
        (lambda: p.Bernoulli(0.5, 0.0).log_density(1), "one of probability and logits must be given"),
        (lambda: p.Bernoulli(logits=np.nan).log_density(1), "logits must be numbers"),
        (lambda: p.Categorical().mean, "one of probabilities and logits must be given"),
        (lambda: p.Categorical(0.5).mean, r"probabilities must be an array of shape \(\.\.\., C\)"),
        (lambda: p.Categorical(jnp.zeros((2, 0))).mean, r"C >= 1, got float32\[2, 0\]"),
        (lambda: p.Categorical(jnp.array([0.5, 0.6])).mean, "probabilities must be non-negative and of sum 1"),
        (lambda: p.Categorical(jnp.array([-0.5, 1.5])).mean, "probabilities must be non-negative and of sum 1"),
        (lambda: p.Categorical(logits=jnp.full(2, -jnp.inf)).mean, "-inf for an impossible class, of which not all"),
        (lambda: p.Categorical(logits=jnp.zeros(2)).log_density(1.0), "x must be of integers"),
        (lambda: p.Categorical(logits=jnp.zeros(2)).cdf(1.0), "x must be of integers"),
    ],
)
def test_wrong_types(use, message):
    with pytest.raises(ValueError, match=message):
        use()


def test_a_categorical_that_is_none_gives_nan_under_jit():
    results = jax.jit(lambda q: (p.Categorical(q).log_density(0), p.Categorical(q).cdf(0), p.Categorical(q).mean))
    assert np.all(np.isnan(results(jnp.array([0.5, 0.6]))))
    assert jax.jit(lambda q, key: p.Categorical(q).sample(key))(jnp.array([0.5, 0.6]), jax.random.key(0)) == -1


@pytest.mark.slow
def test_nan_goes_through():
    for d in (p.Normal(0.0, 1.0), p.StudentT(3.0), p.Uniform(0.0, 1.0), p.Gamma(2.0, 1.0), p.Beta(2.0, 1.0)):
        assert np.isnan(d.log_density(jnp.nan))
        assert np.isnan(d.cdf(jnp.nan))
    for d in (p.Exponential(1.0), p.Poisson(2.0), p.Binomial(3, 0.5), p.Bernoulli(0.5)):
        assert np.isnan(d.log_density(jnp.nan))
        assert np.isnan(d.cdf(jnp.nan))


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_finite_at_extreme_scales_in_float32(unit):
    """In units that are 1e30 times as large or small, all is as in plain ones: compiled, with derivatives."""
    unit = np.float32(unit)
    families = [
        (lambda u: p.Normal(u, 2 * u), 1),
        (lambda u: p.StudentT(3.0 + 0 * u, u, 2 * u), 1),
        (lambda u: p.Gamma(2.0 + 0 * u, 1 / u), 1),
        (lambda u: p.Exponential(1 / u), 1),
        (lambda u: p.Uniform(-u, 7 * u), 1),
    ]

    def values(u):
        results = []
        for make, x in families:
            d = make(lax_stop(u))
            log_density, slope = jax.value_and_grad(lambda x, d=d: d.log_density(x))(x * 3 * u)
            score = jax.grad(lambda d, x=x: d.log_density(x * 3 * u))(d)
            results.append((log_density + jnp.log(u), d.cdf(x * 3 * u), slope * u, jax.tree.leaves(score)))
        return results

    lax_stop = jax.lax.stop_gradient
    extreme, plain = jax.jit(values)(unit), jax.jit(values)(np.float32(1))
    for (log_density, cdf, slope, score), (*expected, expected_score) in zip(extreme, plain, strict=True):
        np.testing.assert_allclose([log_density, cdf, slope], expected, rtol=1e-4, atol=1e-5)
        assert np.all(np.isfinite(score))
        assert np.all(np.isfinite(expected_score))


@pytest.mark.slow
@pytest.mark.parametrize("size", [1e-30, 1e6, 1e30])
def test_finite_at_extreme_shapes_in_float32(size):
    def values(s):
        distributions = (p.StudentT(s), p.Gamma(s, 1.0), p.Beta(s, s), p.Poisson(s), p.Beta(s, 1.0), p.Gamma(1.0, s))
        return [
            (d.log_density(0.5 if d[0] is s else 0.5 / s), d.cdf(0.5), d.sample(jax.random.key(0)).astype(float))
            for d in distributions
            if not isinstance(d, p.Poisson)
        ] + [(p.Poisson(s).log_density(3), p.Poisson(s).cdf(3), p.Poisson(s).mean)]

    results = np.asarray(jax.jit(values)(jnp.float32(size)))
    assert not np.any(np.isnan(results))
    assert np.all(np.isfinite(results[:, 0]))
    assert np.all((results[:, 1] >= 0) & (results[:, 1] <= 1))


@pytest.mark.slow
def test_many_degrees_of_freedom_are_the_normal_distribution():
    x = jnp.linspace(-5, 5, 11)
    for size in (1e8, 1e30):
        np.testing.assert_allclose(p.StudentT(size).cdf(x), p.Normal(0.0, 1.0).cdf(x), rtol=1e-5)
        np.testing.assert_allclose(p.StudentT(size).log_density(x), p.Normal(0.0, 1.0).log_density(x), rtol=1e-5)


@pytest.mark.slow
def test_large_shapes_keep_their_digits_in_float32():
    """At a mean of 1e6, log Gamma is about 1e7 and float32 is exact to 1: the mode's log mass is -7.83 all the same."""
    expected = -0.5 * np.log(2 * np.pi * 1e6)
    np.testing.assert_allclose(p.Poisson(1e6).log_density(1_000_000), expected, rtol=1e-6)
    np.testing.assert_allclose(p.Gamma(1e6, 1.0).log_density(1e6), expected, rtol=1e-6)
    assert abs(float(jax.scipy.stats.poisson.logpmf(1e6, 1e6)) - expected) > 0.1  # why it is not JAX's own


def test_jax_squares_the_scale_and_this_does_not():
    assert not np.isfinite(jax.scipy.stats.norm.logpdf(0.0, 0.0, jnp.float32(1e-30)))
    np.testing.assert_allclose(p.Normal(0.0, 1e-30).log_density(0.0), 30 * np.log(10) - 0.5 * np.log(2 * np.pi), 1e-6)


def test_there_is_no_derivative_by_the_degrees_of_freedom():
    with pytest.raises(ValueError, match=r"StudentT\.cdf: the derivative with respect to degrees is not known"):
        jax.grad(lambda n: p.StudentT(n).cdf(1.0))(3.0)


@pytest.mark.slow
def test_a_distribution_is_a_pytree_that_crosses_vmap():
    batch = p.Normal(jnp.arange(3.0), jnp.ones(3))
    mapped = jax.vmap(lambda d, x: d.log_density(x), in_axes=(0, None))(batch, 1.0)
    np.testing.assert_allclose(mapped, batch.log_density(1.0))
    assert jax.tree.structure(jax.jit(lambda d: d)(batch)) == jax.tree.structure(batch)
    assert len(jax.tree.leaves(p.Bernoulli(logits=0.3))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept_in_both_precisions(dtype, x64):
    one = jnp.ones((), dtype)
    for d in (p.Normal(one, one), p.StudentT(one), p.Gamma(one, one), p.Beta(one, one), p.Uniform(-one, one)):
        for result in (d.log_density(0.5), d.cdf(one / 2), d.variance, d.sample(jax.random.key(0))):
            assert result.dtype == dtype
    for d in (p.Poisson(one), p.Bernoulli(one), p.Binomial(3, one), p.Bernoulli(logits=one)):
        for result in (d.log_density(1), d.cdf(1), d.variance):
            assert result.dtype == dtype
        assert d.sample(jax.random.key(0)).dtype == np.int32
