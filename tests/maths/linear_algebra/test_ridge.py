import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from chainrule.maths import linear_algebra as la

pytestmark = pytest.mark.usefixtures("quick_compilation")

_compiled = jax.jit(la.ridge, static_argnames="intercept")


def compiled(x, y, strength, intercept=True):
    with jax.numpy_dtype_promotion("strict"):
        return _compiled(x, y, jnp.asarray(strength, x.dtype), intercept=intercept)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", [(12, 3), (5, 8)])
def test_agrees_with_scikit_learn(shape, intercept, rng, x64):
    x, y = jnp.asarray(rng.normal(size=shape) * 3 + 2), jnp.asarray(rng.normal(size=(shape[0], 2)) + 7)
    for strength in (1e-3, 1.0, 250.0):
        for targets in (y, y[:, 0]) if intercept else (y[:, 0],):
            fit = compiled(x, targets, strength, intercept=intercept)
            reference = Ridge(alpha=strength, fit_intercept=intercept, solver="svd").fit(x, targets)
            np.testing.assert_allclose(fit.weights, reference.coef_.T, rtol=1e-8, atol=1e-8)
            np.testing.assert_allclose(fit.intercept, reference.intercept_, rtol=1e-8, atol=1e-8)
            assert fit.intercept.shape == targets.shape[1:]


def test_agrees_with_the_augmented_system(rng, x64):
    """Ridge is least squares with rows sqrt(strength) I added to the centred features, and zeros to the targets."""
    x, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    rows = np.concatenate([x - x.mean(0), np.sqrt(0.7) * np.eye(3)])
    expected = np.linalg.lstsq(rows, np.concatenate([y - y.mean(), np.zeros(3)]), rcond=None)[0]
    np.testing.assert_allclose(compiled(jnp.asarray(x), jnp.asarray(y), 0.7).weights, expected, rtol=1e-11)


@pytest.mark.slow
def test_no_strength_is_least_squares_and_dependent_columns_do_no_harm(rng, x64):
    x, y = jnp.asarray(rng.normal(size=(12, 3))), jnp.asarray(rng.normal(size=12))
    np.testing.assert_allclose(
        compiled(x, y, 0.0).weights, np.linalg.lstsq(x - x.mean(0), y - y.mean(), rcond=None)[0], rtol=1e-10
    )
    twice = x[:, jnp.array([0, 1, 0])]
    smallest = np.linalg.pinv(twice - np.mean(twice, axis=0)) @ np.asarray(y)
    np.testing.assert_allclose(compiled(twice, y, 0.0).weights, smallest, rtol=1e-10)
    weights = compiled(twice, y, 1e-6).weights  # a penalty shares equally between equal columns
    np.testing.assert_allclose(weights[0], weights[2], rtol=1e-6)


def test_the_intercept_is_not_penalised(rng, x64):
    x, y = jnp.asarray(rng.normal(size=(12, 3))), jnp.asarray(rng.normal(size=12))
    fit, moved = compiled(x, y, 5.0), compiled(x, y + 1000, 5.0)
    np.testing.assert_allclose(moved.weights, fit.weights, rtol=1e-9)
    np.testing.assert_allclose(moved.intercept, fit.intercept + 1000, rtol=1e-12)
    endless = compiled(x, y, 1e300)
    np.testing.assert_allclose(endless.weights, 0, atol=1e-290)
    np.testing.assert_allclose(endless.intercept, jnp.mean(y), rtol=1e-12)


@pytest.mark.slow
def test_the_derivative_by_the_strength_is_that_of_the_closed_form(rng, x64):
    # w = (X'X + s I)^-1 X'y, so dw/ds = -(X'X + s I)^-1 w
    x, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    slope = jax.jit(jax.jacfwd(lambda s: la.ridge(jnp.asarray(x), jnp.asarray(y), s).weights))(2.0)
    centred = x - x.mean(0)
    inverse = np.linalg.inv(centred.T @ centred + 2 * np.eye(3))
    np.testing.assert_allclose(slope, -inverse @ inverse @ centred.T @ y, rtol=1e-9)
    by_features = jax.jit(jax.grad(lambda x: jnp.sum(la.ridge(x, jnp.asarray(y), 2.0).weights)))(jnp.asarray(x))
    step = 1e-6
    ends = [
        Ridge(alpha=2.0).fit(x + sign * step * (np.arange(36) == 4).reshape(12, 3), y).coef_.sum() for sign in (1, -1)
    ]
    np.testing.assert_allclose(by_features[1, 1], (ends[0] - ends[1]) / (2 * step), rtol=1e-5)


def test_many_strengths_at_once(rng, x64):
    x, y = jnp.asarray(rng.normal(size=(12, 3))), jnp.asarray(rng.normal(size=12))
    strengths = jnp.array([0.0, 0.1, 10.0])
    many = jax.jit(jax.vmap(la.ridge, in_axes=(None, None, 0)))(x, y, strengths)
    for strength, weights in zip(strengths, many.weights, strict=True):
        np.testing.assert_allclose(weights, compiled(x, y, strength).weights, rtol=1e-12)
    lengths = np.linalg.norm(many.weights, axis=1)
    assert np.all(np.diff(lengths) < 0)


def test_extremes_are_finite_in_float32(rng):
    x, y = rng.normal(size=(12, 3)).astype(np.float32), rng.normal(size=12).astype(np.float32)
    for scale, strength in ((1e25, 1.0), (1e-25, 1.0), (1.0, 1e38), (0.0, 1.0), (0.0, 0.0), (1.0, 1e-38)):
        fit = compiled(jnp.asarray(x * np.float32(scale)), jnp.asarray(y), strength)
        assert fit.weights.dtype == jnp.float32
        assert np.all(np.isfinite(fit.weights)), (scale, strength)


def test_bad_input_is_named_or_nan():
    x, y = jnp.zeros((12, 3)), jnp.ones(12)
    for strength in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="ridge: strength must be at least 0, got"):
            la.ridge(x, y, strength)
        assert np.all(np.isnan(compiled(x, y, strength).weights))
    with pytest.raises(ValueError, match=r"ridge: strength must be one number, got float32\[2\]"):
        la.ridge(x, y, jnp.ones(2))
    with pytest.raises(ValueError, match=r"ridge: targets must be \[12\] or \[12, m\]"):
        la.ridge(x, jnp.ones(2), 1.0)
    assert np.all(np.isnan(compiled(x.at[0, 0].set(jnp.nan), y, 1.0).weights))
