"""Power iteration and principal components."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA

from chainrule.maths import linear_algebra as la

pytestmark = pytest.mark.usefixtures("quick_compilation")
power_iteration = jax.jit(la.power_iteration, static_argnames="max_steps")
pca = jax.jit(la.pca, static_argnames="components")
HALF = 0.5**0.5


def test_the_syllabus_matrix(x64):
    a = jnp.array([[-1.0, 2], [2, -1]])
    found = power_iteration(a)
    np.testing.assert_allclose(found.value, -3, rtol=1e-14)
    np.testing.assert_allclose(np.abs(found.vector), [HALF, HALF], rtol=1e-13)
    assert found.vector[0] * found.vector[1] < 0
    assert found.converged
    assert 0 < found.steps < 60
    assert found.residual < 1e-14
    # a start without a part along the vector sought finds the other
    other = power_iteration(a, jnp.array([1.0, 1]))
    np.testing.assert_allclose(other.value, 1, rtol=1e-14)
    assert other.steps == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_agrees_with_numpy_on_symmetric_matrices(seed):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    values = np.array([-3.0, 2, 1, 0.5]) * 10.0 ** rng.integers(-20, 20)
    a = (q * values) @ q.T
    with jax.enable_x64(True):
        found = power_iteration(jnp.asarray((a + a.T) / 2))
    np.testing.assert_allclose(found.value, values[0], rtol=1e-12)
    np.testing.assert_allclose(np.abs(found.vector), np.abs(q[:, 0]), atol=1e-12)
    assert np.asarray(found.vector)[np.argmax(np.abs(found.vector))] > 0
    assert found.converged
    np.testing.assert_allclose(found.residual, 0, atol=1e-14 * abs(values[0]))


def test_a_matrix_that_is_not_symmetric_and_the_rate(x64):
    # eigenvalues 2 and 1: the residual halves at each step
    a = jnp.array([[2.0, 1], [0, 1]])
    steps = [int(power_iteration(a, tolerance=tolerance).steps) for tolerance in (1e-3, 1e-6, 1e-9)]
    assert 9 <= steps[1] - steps[0] <= 11  # 2^10 = 1024
    assert 9 <= steps[2] - steps[1] <= 11
    np.testing.assert_allclose(power_iteration(a).vector, [1, 0], atol=1e-14)


@pytest.mark.slow
def test_ties_as_documented(x64):
    opposite = power_iteration(jnp.array([[1.0, 2], [0, -1]]), max_steps=50)
    assert not opposite.converged
    assert opposite.steps == 50
    assert opposite.residual > 0.1
    complex_pair = power_iteration(jnp.array([[0.0, -1], [1, 0]]), max_steps=50)
    assert not complex_pair.converged
    np.testing.assert_allclose(complex_pair.residual, 1, rtol=1e-12)
    equal = power_iteration(2 * jnp.eye(2), jnp.array([3.0, -4]))
    assert equal.converged
    np.testing.assert_allclose(equal.value, 2, rtol=1e-15)
    np.testing.assert_allclose(equal.vector, [-0.6, 0.8], rtol=1e-15)


@pytest.mark.slow
def test_degenerate_matrices():
    zero = power_iteration(jnp.zeros((2, 2)))
    assert (float(zero.value), int(zero.steps), bool(zero.converged)) == (0, 0, True)
    nilpotent = power_iteration(jnp.array([[0.0, 1], [0, 0]]))
    assert (float(nilpotent.value), bool(nilpotent.converged)) == (0, True)
    for bad in (jnp.nan, jnp.inf):
        found = power_iteration(jnp.array([[bad, 1], [0, 0]]))
        assert np.isnan(found.value)
        assert not found.converged
    no_start = power_iteration(jnp.eye(2), jnp.zeros(2))
    assert np.isnan(no_start.value)
    assert not no_start.converged
    huge = power_iteration(jnp.array([[1e38, 0], [0, 1e30]]))
    np.testing.assert_allclose(huge.value, 1e38, rtol=1e-6)
    assert huge.converged
    with jax.numpy_dtype_promotion("strict"):
        one = jax.jit(la.power_iteration)(jnp.array([[-5.0]]))
    assert (float(one.value), float(one.vector[0])) == (-5, 1)
    assert one.value.dtype == one.residual.dtype == jnp.float32


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((np.ones((2, 3), np.float32),), {}, r"matrix must be square, \[n, n\], got float32\[2, 3\]"),
        ((np.ones((0, 0), np.float32),), {}, "matrix must be a matrix"),
        ((np.eye(2, dtype=np.float32), np.ones(3, np.float32)), {}, r"start must be \[2\], got float32\[3\]"),
        ((np.eye(2, dtype=np.float32), np.ones(2, np.float16)), {}, "dtypes must be equal"),
        ((np.eye(2, dtype=np.float32),), {"max_steps": 0}, "max_steps must be a whole number, at least 1, got 0"),
    ],
)
def test_power_iteration_names_bad_input(arguments, settings, message):
    with pytest.raises(ValueError, match="^power_iteration: " + message):
        la.power_iteration(*arguments, **settings)


@pytest.mark.parametrize("shape", [(20, 4), (4, 7)])
def test_agrees_with_scikit_learn(shape, rng, x64):
    x = rng.normal(size=shape) @ rng.normal(size=(shape[1], shape[1])) + 5
    fit, reference = pca(jnp.asarray(x)), PCA().fit(x)
    sound = min(shape[0] - 1, shape[1])  # with n <= d the last direction is rounding
    np.testing.assert_allclose(fit.mean, reference.mean_, atol=1e-12)
    np.testing.assert_allclose(fit.components[:sound], reference.components_[:sound], atol=1e-8)
    np.testing.assert_allclose(fit.explained_variance, reference.explained_variance_, atol=1e-8)
    np.testing.assert_allclose(fit.explained_variance_ratio, reference.explained_variance_ratio_, atol=1e-8)
    scores = la.pca_transform(fit, jnp.asarray(x))
    np.testing.assert_allclose(scores[:, :sound], reference.transform(x)[:, :sound], atol=1e-8)
    np.testing.assert_allclose(la.pca_inverse(fit, scores), x, atol=1e-10)
    assert fit.components.shape == (min(shape), shape[1])


@pytest.mark.slow
def test_components_are_eigenvectors_of_the_covariance_of_iris(x64):
    x = jnp.asarray(load_iris().data)
    fit = pca(x, components=2)
    covariance = np.asarray(jnp.cov(x, rowvar=False))
    np.testing.assert_allclose(covariance, np.cov(x, rowvar=False), rtol=1e-12)
    np.testing.assert_allclose(
        covariance @ np.asarray(fit.components).T,
        np.asarray(fit.components).T * np.asarray(fit.explained_variance),
        atol=1e-12,
    )
    np.testing.assert_allclose(fit.explained_variance_ratio, [0.92461872, 0.05306648], atol=1e-8)
    # what is lost is the variance of the directions left out
    lost = np.asarray(x) - np.asarray(la.pca_inverse(fit, la.pca_transform(fit, x)))
    np.testing.assert_allclose(np.sum(lost**2) / 149, np.trace(covariance) - np.sum(fit.explained_variance), rtol=1e-10)
    power = power_iteration(jnp.asarray(covariance))
    np.testing.assert_allclose(power.value, fit.explained_variance[0], rtol=1e-12)
    np.testing.assert_allclose(power.vector, fit.components[0], atol=1e-12)


def test_the_sign_is_fixed(rng, x64):
    x = rng.normal(size=(20, 4))
    fit, mirrored = pca(jnp.asarray(x)), pca(jnp.asarray(-x))
    np.testing.assert_allclose(fit.components, mirrored.components, atol=1e-12)
    rows = np.asarray(fit.components)
    assert np.all(rows[np.arange(4), np.argmax(np.abs(rows), axis=1)] > 0)


def test_the_gradient_of_a_variance_is_its_projection(rng, x64):
    # d lambda_1 / dX = 2 (X - mean) v v^T / (n - 1)
    x = rng.normal(size=(20, 4))
    gradient = jax.jit(jax.grad(lambda x: la.pca(x).explained_variance[0]))(jnp.asarray(x))
    v = np.linalg.eigh(np.cov(x, rowvar=False))[1][:, -1]
    np.testing.assert_allclose(gradient, 2 * np.outer((x - x.mean(0)) @ v, v) / 19, atol=1e-12)


@pytest.mark.slow
def test_degenerate_samples():
    equal = pca(jnp.full((3, 2), 7.0))
    np.testing.assert_array_equal(equal.explained_variance, 0)
    np.testing.assert_array_equal(equal.explained_variance_ratio, 0)
    assert equal.components.dtype == jnp.float32
    spoilt = pca(jnp.full((3, 2), 7.0).at[0, 0].set(jnp.nan))
    assert np.all(np.isnan(spoilt.explained_variance))
    assert np.all(np.isnan(spoilt.components))
    assert la.pca_transform(equal, jnp.ones((0, 2))).shape == (0, 2)
    np.testing.assert_allclose(la.pca_transform(equal, jnp.array([7.0, 7])), 0)


@pytest.mark.parametrize(
    ("samples", "settings", "message"),
    [
        (np.ones(3, np.float32), {}, "samples must be a matrix"),
        (np.ones((1, 3), np.float32), {}, r"samples must have at least 2 rows for a variance, got float32\[1, 3\]"),
        (np.ones((2, 0), np.float32), {}, "samples must be a matrix"),
        (np.ones((5, 3), np.float16), {}, "samples must be of float32 or float64"),
        (np.ones((5, 3), int), {}, "samples must be of floating-point numbers"),
        (np.ones((5, 3), np.float32), {"components": 4}, "components must be a whole number from 1 to 3, got 4"),
        (np.ones((5, 3), np.float32), {"components": 0}, "components must be a whole number from 1 to 3, got 0"),
    ],
)
def test_pca_names_bad_input(samples, settings, message):
    with pytest.raises(ValueError, match="^pca: " + message):
        la.pca(samples, **settings)


def test_pca_transform_and_inverse_name_bad_input():
    fit = la.PCA(
        np.zeros(3, np.float32), np.eye(3, dtype=np.float32)[:2], np.ones(2, np.float32), np.ones(2, np.float32)
    )
    with pytest.raises(ValueError, match=r"pca_transform: samples must be \[n, 3\] or \[3\], got float32\[4, 2\]"):
        la.pca_transform(fit, jnp.ones((4, 2)))
    with pytest.raises(ValueError, match=r"pca_inverse: scores must be \[n, 2\] or \[2\], got float32\[4, 3\]"):
        la.pca_inverse(fit, jnp.ones((4, 3)))
    with pytest.raises(ValueError, match="pca_transform: dtypes must be equal"):
        la.pca_transform(fit, jnp.ones((4, 3), jnp.bfloat16))
