import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from chainrule.maths.calculus import gauss_legendre, legendre_nodes, monte_carlo, simpson

pytestmark = pytest.mark.usefixtures("quick_compilation")


def gaussian(x):
    return jnp.exp(-(x**2))


def test_trapezoid_of_the_syllabus(x64):
    x = np.linspace(0, 1, 100)
    assert float(jnp.trapezoid(x**2, x)) == pytest.approx(0.33335033840084355, rel=1e-15)
    assert float(np.trapezoid(x**2, x)) == 0.33335033840084355
    x = np.linspace(-10, 10, 100)
    assert float(np.trapezoid(np.exp(-(x**2)), x)) == 1.7724538509055159
    assert float(jnp.trapezoid(np.exp(-(x**2)), x)) == pytest.approx(1.7724538509055159, rel=1e-15)
    assert abs(math.sqrt(math.pi) - 1.7724538509055159) < 1e-15 < abs(math.sqrt(math.pi) - 1.772453850955159)


@pytest.mark.parametrize("rule", ["trapezoid", "simpson"])
def test_error_falls_with_the_order_of_the_rule(x64, rule):
    exact, counts, errors = math.e - 1, [8, 16, 32, 64], []
    for n in counts:
        x = jnp.linspace(0, 1, n + 1)
        value = jnp.trapezoid(jnp.exp(x), x) if rule == "trapezoid" else simpson(jnp.exp, 0.0, 1.0, intervals=n)
        errors.append(float(value) - exact)
    order = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    np.testing.assert_allclose(order, {"trapezoid": 2, "simpson": 4}[rule], atol=0.01)


def test_simpson_agrees_with_scipy_and_is_exact_for_cubics(x64):
    x = np.linspace(-1, 2, 21)
    ours = simpson(gaussian, -1.0, 2.0, intervals=20)
    np.testing.assert_allclose(ours, integrate.simpson(np.exp(-(x**2)), x=x), rtol=1e-14)
    np.testing.assert_allclose(simpson(lambda x: x**3 + x**2, -1.0, 2.0, intervals=2), 6.75, rtol=1e-14)
    np.testing.assert_allclose(simpson(lambda x: x**2, 2.0, -1.0), -3, rtol=1e-14)


@pytest.mark.parametrize("points", [1, 2, 3, 5, 8])
def test_gauss_legendre_is_exact_to_degree_2n_minus_1(x64, points):
    for degree in (2 * points - 2, 2 * points - 1, 2 * points):
        exact = (2.0 ** (degree + 1) - (-1.0) ** (degree + 1)) / (degree + 1)
        off = abs(gauss_legendre(lambda x, d=degree: x**d, -1.0, 2.0, points=points) - exact) / exact
        assert off > 1e-9 if degree == 2 * points else off < 1e-13


@pytest.mark.parametrize("points", [1, 2, 7, 64, 301])
def test_nodes_and_weights_agree_with_numpy(points):
    nodes, weights = legendre_nodes(points)
    expected_nodes, expected_weights = np.polynomial.legendre.leggauss(points)
    np.testing.assert_allclose(nodes, expected_nodes, rtol=0, atol=2e-15)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-9)
    np.testing.assert_allclose(weights.sum(), 2, rtol=1e-13)


@pytest.mark.slow
def test_gauss_legendre_of_the_gaussian_and_of_a_singular_bound(x64):
    np.testing.assert_allclose(gauss_legendre(gaussian, -10.0, 10.0, points=60), math.sqrt(math.pi), rtol=1e-14)
    off = abs(gauss_legendre(lambda x: 1 / jnp.sqrt(x), 0.0, 1.0, points=200) - 2)
    assert off < 0.01


@pytest.mark.slow
def test_monte_carlo_error_falls_as_the_root_and_is_honest():
    def run(key, samples):
        return monte_carlo(gaussian, 0.0, 1.0, key, samples=samples)

    exact, errors = 0.7468241328124271, {}
    for samples in (100, 6400):
        found = jax.jit(jax.vmap(lambda key, n=samples: run(key, n)))(jax.random.split(jax.random.key(3), 200))
        z = (np.asarray(found.value) - exact) / np.asarray(found.standard_error)
        assert abs(z.mean()) < 0.25
        assert abs(z.std() - 1) < 0.2
        errors[samples] = np.sqrt(np.mean((np.asarray(found.value) - exact) ** 2))
    np.testing.assert_allclose(np.log(errors[100] / errors[6400]) / np.log(64), 0.5, atol=0.05)


@pytest.mark.slow
def test_monte_carlo_in_many_dimensions_and_its_sign():
    low, high = jnp.zeros(6), jnp.array([1.0, 2, 1, 1, 1, 3])
    found = monte_carlo(lambda x: jnp.sum(x**2), low, high, jax.random.key(0), samples=20_000)
    exact = 6 * (1 + 4 + 1 + 1 + 1 + 9) / 3
    assert abs(found.value - exact) < 4 * found.standard_error < 0.02 * exact
    swapped = monte_carlo(lambda x: x**2, 1.0, 0.0, jax.random.key(0))
    assert swapped.value == pytest.approx(-1 / 3, abs=4 * float(swapped.standard_error))
    assert swapped.standard_error > 0


RULES = {
    "simpson": simpson,
    "gauss_legendre": gauss_legendre,
    "monte_carlo": lambda f, low, high: monte_carlo(f, low, high, jax.random.key(1), samples=20_000).value,
}


@pytest.mark.parametrize("name", RULES)
def test_differentiable_in_bounds_and_closure(name):
    rule = RULES[name]

    def integral(low, high, rate):
        return rule(lambda x: jnp.exp(-rate * x), low, high)

    a, b, r = 0.5, 2.0, 0.7
    slopes = jax.jit(jax.grad(integral, argnums=(0, 1, 2)))(a, b, r)
    inner = ((b + 1 / r) * math.exp(-r * b) - (a + 1 / r) * math.exp(-r * a)) / r
    rtol = 0.05 if name == "monte_carlo" else 1e-5
    np.testing.assert_allclose(slopes, [-math.exp(-r * a), math.exp(-r * b), inner], rtol=rtol)


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_shapes_dtypes_and_extremes(name):
    rule = RULES[name]
    assert rule(lambda x: jnp.stack([x, x**2, jnp.ones_like(x)]), 0.0, 1.0).shape == (3,)
    assert rule(jnp.exp, jnp.float16(0), jnp.float16(1)).dtype == jnp.float16
    assert rule(jnp.exp, 1.0, 1.0) == 0
    assert jnp.isnan(jax.jit(lambda high: rule(gaussian, 0.0, high))(jnp.inf))
    assert jnp.isnan(rule(jnp.log, -1.0, 1.0))
    for low, high, message in [
        (0.0, jnp.inf, "high must be finite, got inf"),
        (jnp.nan, 1.0, "low must be finite, got nan"),
        (jnp.int32(0), 1.0, "low must be of floating-point numbers"),
        (jnp.float16(0), jnp.float32(1), "dtypes must be equal, got low float16, high float32"),
    ]:
        with pytest.raises(ValueError, match=f"^{name}: {message}"):
            rule(gaussian, low, high)


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match=r"^simpson: intervals must be even and at least 2, got 7"):
        simpson(jnp.exp, 0.0, 1.0, intervals=7)
    with pytest.raises(ValueError, match=r"^simpson: low must be one number, got float32\[2\]"):
        simpson(jnp.exp, jnp.zeros(2), 1.0)
    with pytest.raises(ValueError, match=r"^legendre_nodes: points must be 1 to 1000, got 0"):
        gauss_legendre(jnp.exp, 0.0, 1.0, points=0)
    with pytest.raises(ValueError, match=r"^monte_carlo: samples must be at least 2, got 1"):
        monte_carlo(jnp.exp, 0.0, 1.0, jax.random.key(0), samples=1)
    with pytest.raises(
        ValueError, match=r"^monte_carlo: low must be a number or \[d\], d at least 1, got float32\[0\]"
    ):
        monte_carlo(jnp.sum, jnp.zeros(0), jnp.zeros(0), jax.random.key(0))
    with pytest.raises(ValueError, match=r"^monte_carlo: shapes must be equal"):
        monte_carlo(jnp.sum, 0.0, jnp.ones(2), jax.random.key(0))
