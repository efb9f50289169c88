import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.maths import linear_algebra as la

pytestmark = pytest.mark.usefixtures("quick_compilation")

_compiled = jax.jit(la.gradient_descent_least_squares, static_argnames=("steps", "intercept"))


def descend(x, y, **settings):
    with jax.numpy_dtype_promotion("strict"):
        return _compiled(x, y, **settings)


def numpy_answer(x, y, intercept=True):
    x, y = np.asarray(x), np.asarray(y)
    if intercept:
        x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    answer = np.linalg.pinv(x) @ y
    return (answer[:-1], answer[-1]) if intercept else (answer, np.zeros(y.shape[1:]))


@pytest.mark.slow
@pytest.mark.parametrize("intercept", [True, False])
def test_reaches_the_answer_of_the_solvers(intercept, rng, x64):
    x, y = jnp.asarray(rng.normal(size=(30, 3))), jnp.asarray(rng.normal(size=(30, 2)) + 3)
    for targets in (y, y[:, 0]) if intercept else (y,):
        found = descend(x, targets, steps=800, intercept=intercept)
        weights, constant = numpy_answer(x, targets, intercept)
        np.testing.assert_allclose(found.fit.weights, weights, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.fit.intercept, constant, rtol=1e-9, atol=1e-12)
        assert found.path.weights.shape == (801, *weights.shape)
        assert found.path.intercept.shape == (801, *constant.shape)
        np.testing.assert_array_equal(found.path.weights[-1], found.fit.weights)
        np.testing.assert_array_equal(found.path.weights[0], 0)
        assert np.all(np.diff(found.losses) <= 1e-14)


def test_two_steps_by_hand(x64):
    # x = (1, 3), y = (1, 5), no intercept: L = ((w - 1)^2 + (3w - 5)^2) / 4, dL/dw = (10 w - 16) / 2, h = 5
    x, y = jnp.array([[1.0], [3]]), jnp.array([1.0, 5])
    found = descend(x, y, steps=2, learning_rate=0.1, intercept=False)
    np.testing.assert_allclose(found.path.weights[:, 0], [0, 0.8, 1.2], rtol=1e-14)
    np.testing.assert_allclose(found.losses, [26 / 4, (0.04 + 6.76) / 4, (0.04 + 1.96) / 4], rtol=1e-13)
    at_once = descend(x, y, steps=1, intercept=False)
    np.testing.assert_allclose(at_once.learning_rate, 0.2, rtol=1e-14)
    np.testing.assert_allclose(at_once.fit.weights, [1.6], rtol=1e-14)


@pytest.mark.slow
def test_every_step_is_along_the_gradient(rng, x64):
    x, y = jnp.asarray(rng.normal(size=(7, 2))), jnp.asarray(rng.normal(size=7))

    @jax.jit
    def loss_and_gradient(w, b):
        return jax.value_and_grad(lambda w, b: jnp.mean((x @ w + b - y) ** 2) / 2, argnums=(0, 1))(w, b)

    found = descend(x, y, steps=3)
    loss, (dw, db) = loss_and_gradient(found.path.weights[1], found.path.intercept[1])
    np.testing.assert_allclose(found.path.weights[2], found.path.weights[1] - found.learning_rate * dw, rtol=1e-12)
    np.testing.assert_allclose(found.path.intercept[2], found.path.intercept[1] - found.learning_rate * db, rtol=1e-12)
    np.testing.assert_allclose(found.losses[1], loss, rtol=1e-12)
    design = np.concatenate([x, np.ones((7, 1))], axis=1)
    np.testing.assert_allclose(found.learning_rate, 7 / np.linalg.norm(design, 2) ** 2, rtol=1e-12)


@pytest.mark.slow
def test_too_large_a_step_diverges_and_the_limit_is_two_over_the_curvature(rng, x64):
    x, y = jnp.asarray(rng.normal(size=(20, 2))), jnp.asarray(rng.normal(size=20))
    largest = np.linalg.norm(np.concatenate([x, np.ones((20, 1))], axis=1), 2) ** 2 / 20
    losses = [descend(x, y, steps=500, learning_rate=factor / largest).losses for factor in (1.99, 2.01)]
    assert losses[0][-1] < losses[0][0]
    assert losses[1][-1] > losses[1][0]


def test_dependent_columns_lead_to_the_smallest_weights(rng, x64):
    x = jnp.asarray(rng.normal(size=(20, 1)))
    y = jnp.asarray(rng.normal(size=20))
    both = jnp.concatenate([x, 2 * x], axis=1)
    found = descend(both, y, steps=200, intercept=False)
    np.testing.assert_allclose(found.fit.weights, numpy_answer(both, y, False)[0], rtol=1e-10)


def test_degenerate_and_bad_input():
    x, y = np.eye(3, dtype=np.float32), np.arange(3, dtype=np.float32)
    none = descend(x, y, steps=0)
    np.testing.assert_array_equal(none.fit.weights, 0)
    assert none.losses.shape == (1,)
    assert none.losses.dtype == jnp.float32
    zero = descend(0 * x, y, steps=2)
    np.testing.assert_allclose(zero.learning_rate, 1)  # the ones of the intercept alone
    np.testing.assert_array_equal(zero.fit.weights, 0)
    assert np.isnan(descend(x * np.nan, y, steps=2).losses[-1])
    where = "^gradient_descent_least_squares: "
    with pytest.raises(ValueError, match=where + "steps must be a whole number, at least 0, got -1"):
        la.gradient_descent_least_squares(x, y, steps=-1)
    for rate in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=where + "learning_rate must be a positive number, got"):
            la.gradient_descent_least_squares(x, y, learning_rate=rate)
    with pytest.raises(ValueError, match=where + r"learning_rate must be one number, got float32\[2\]"):
        la.gradient_descent_least_squares(x, y, learning_rate=y[:2])
    with pytest.raises(ValueError, match=where + r"targets must be \[3\]"):
        la.gradient_descent_least_squares(x, y[:2])
