"""Mean, variance, covariance and correlation are JAX's own; the figures of the syllabus, to the printed digits."""

from fractions import Fraction

import jax.numpy as jnp
import numpy as np

X, Y = (1, 2, 30, 4, 5), (2, 4, 60, 18, 10)


def covariance(x, y, ddof):
    """In exact fractions."""
    n = len(x)
    mean_x, mean_y = Fraction(sum(x), n), Fraction(sum(y), n)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / (n - ddof)


def test_mean_and_variance_of_one_to_five(x64):
    x = jnp.arange(1.0, 6.0)
    assert float(jnp.mean(x)) == 3
    assert float(jnp.var(x)) == 2 == covariance((1, 2, 3, 4, 5), (1, 2, 3, 4, 5), 0)
    assert float(jnp.var(x, ddof=1)) == 2.5


def test_expectation_is_the_mean_weighted_by_probability(x64):
    faces, p = jnp.arange(1.0, 7.0), jnp.full(6, 1 / 6)
    np.testing.assert_allclose(jnp.dot(p, faces), 3.5, rtol=1e-15)


def test_covariance_of_the_syllabus_is_148_3_and_not_145_3(x64):
    found = np.asarray(jnp.cov(jnp.asarray([X, Y], dtype=float)))
    exact = [[covariance(a, b, 1) for b in (X, Y)] for a in (X, Y)]
    np.testing.assert_allclose(found, np.asarray(exact, float), rtol=1e-14)
    assert found.round(1).tolist() == [[148.3, 285.6], [285.6, 569.2]]
    assert round(float(exact[0][0]), 1) != 145.3


def test_correlation_of_doubled_numbers_is_one(x64):
    x = jnp.arange(1.0, 6.0)
    np.testing.assert_allclose(jnp.corrcoef(jnp.stack([x, 2 * x])), np.ones((2, 2)), rtol=1e-15)
