import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from chainrule.maths import linear_algebra as la

pytestmark = pytest.mark.usefixtures("quick_compilation")

FULL_RANK = [la.least_squares_normal, la.least_squares_cholesky, la.least_squares_qr]
SOLVERS = [*FULL_RANK, la.least_squares_svd]
solvers = pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.__name__)
full_rank = pytest.mark.parametrize("solver", FULL_RANK, ids=lambda solver: solver.__name__)
_compiled = functools.cache(lambda solver: jax.jit(solver, static_argnames="intercept"))


def fitted(solver, x, y, intercept=True):
    """Fit in a compiled program; the tests keep to few shapes, so that they share it."""
    with jax.numpy_dtype_promotion("strict"):
        return _compiled(solver)(x, y, intercept=intercept)


def data(rng, n=30, k=3, m=2, dtype=jnp.float64):
    x = rng.normal(size=(n, k)) * 10.0 ** rng.uniform(-3, 3, size=k) + rng.normal(size=k)
    return jnp.asarray(x, dtype), jnp.asarray(rng.normal(size=(n, m)) + 5, dtype)


def numpy_answer(x, y, intercept):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if not intercept:
        return np.linalg.lstsq(x, y, rcond=None)[0], np.zeros(y.shape[1:])
    answer = np.linalg.lstsq(np.concatenate([x, np.ones((len(x), 1))], axis=1), y, rcond=None)[0]
    return answer[:-1], answer[-1]


@solvers
@pytest.mark.parametrize("intercept", [True, False])
def test_agrees_with_numpy(solver, intercept, rng, x64):
    x, y = data(rng)
    for targets in (y, y[:, 0]) if intercept else (y[:, 0],):
        fit = fitted(solver, x, targets, intercept=intercept)
        weights, constant = numpy_answer(x, targets, intercept)
        np.testing.assert_allclose(fit.weights, weights, rtol=1e-9)
        np.testing.assert_allclose(fit.intercept, constant, rtol=1e-9)
        assert fit.weights.shape == (3, *targets.shape[1:])
        assert fit.intercept.shape == targets.shape[1:]
        assert fit.weights.dtype == jnp.float64
        assert (fit.rank is None) == (solver is not la.least_squares_svd)


@pytest.mark.slow
@solvers
def test_float32_stays_and_is_near(solver, rng):
    x, y = data(rng, dtype=jnp.float32)
    fit = fitted(solver, x, y[:, 0])
    assert fit.weights.dtype == fit.intercept.dtype == jnp.float32
    assert not fit.weights.weak_type
    np.testing.assert_allclose(fit.weights, numpy_answer(x, y[:, 0], True)[0], rtol=2e-4)


def test_normal_equation_of_a_line_by_hand(x64):
    # y = 2x + 1 at x = 0, 1, 2, 3, moved by residuals (1, -1, -1, 1), which are orthogonal to 1 and to x
    x = jnp.array([[0.0], [1], [2], [3]])
    y = jnp.array([2.0, 2, 4, 8])
    fit = fitted(la.least_squares_normal, x, y)
    np.testing.assert_allclose(fit.weights, [2], rtol=1e-14)
    np.testing.assert_allclose(fit.intercept, 1, rtol=1e-14)
    np.testing.assert_allclose(y - la.predict(fit, x), [1, -1, -1, 1], atol=1e-13)


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(st.integers(0, 2**32 - 1))
def test_the_residual_is_orthogonal_to_every_column(seed):
    with jax.enable_x64(True):
        x, y = data(np.random.default_rng(seed))
        fits = [fitted(solver, x, y) for solver in SOLVERS]
    x, y = np.asarray(x), np.asarray(y)
    for fit in fits:
        residual = y - x @ np.asarray(fit.weights) - np.asarray(fit.intercept)
        lengths = np.linalg.norm(x, axis=0)[:, None] * np.linalg.norm(y, axis=0)
        assert np.max(np.abs(x.T @ residual) / lengths) < 1e-10
        assert np.max(np.abs(np.mean(residual, axis=0))) < 1e-10


@pytest.mark.slow
@solvers
def test_the_gradient_is_that_of_the_closed_form(solver, rng, x64):
    x, y = jnp.asarray(rng.normal(size=(9, 2))), jnp.asarray(rng.normal(size=9))
    cotangent = rng.normal(size=2)

    def scalar(x, y):
        return cotangent @ solver(x, y).weights

    dx, dy = jax.jit(jax.grad(scalar, argnums=(0, 1)))(x, y)
    centred = np.asarray(x) - np.mean(np.asarray(x), axis=0)
    np.testing.assert_allclose(dy, cotangent @ np.linalg.pinv(centred), rtol=1e-7, atol=1e-10)
    step = 1e-6
    for place in ((0, 0), (4, 1)):
        nudge = np.zeros((9, 2))
        nudge[place] = step
        moved = [numpy_answer(np.asarray(x) + sign * nudge, y, True)[0] for sign in (1, -1)]
        np.testing.assert_allclose(dx[place], cotangent @ (moved[0] - moved[1]) / (2 * step), rtol=1e-5, atol=1e-7)


def with_fahrenheit(rng, dtype, n=30):
    celsius = rng.normal(16, 7, size=n)
    x = np.stack([celsius, rng.gamma(1, 3, size=n), 1.8 * celsius + 32], axis=1)
    return jnp.asarray(x, dtype), jnp.asarray(0.8 * celsius + rng.normal(size=n), dtype)


@pytest.mark.slow
@full_rank
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dependent_columns_give_nan_not_nonsense(solver, dtype, rng, x64):
    x, y = with_fahrenheit(rng, dtype)
    fit = fitted(solver, x, y)
    assert np.all(np.isnan(fit.weights))
    assert np.isnan(fit.intercept)


@full_rank
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constant_column_gives_nan_with_an_intercept_only(solver, dtype, rng, x64):
    x = rng.normal(size=(30, 3))
    x[:, 1] = 1e6 / 3
    x, y = jnp.asarray(x, dtype), jnp.asarray(x[:, 0], dtype)
    assert np.all(np.isnan(fitted(solver, x, y).weights))
    if dtype == "float64":
        np.testing.assert_allclose(fitted(solver, x, y, intercept=False).weights, [1, 0, 0], atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_svd_takes_the_smallest_weights_of_dependent_columns(dtype, rng, x64):
    x, y = with_fahrenheit(rng, dtype)
    fit = fitted(la.least_squares_svd, x, y)
    assert fit.rank == 2
    assert fit.rank.dtype == jnp.int32
    exact, _ = with_fahrenheit(np.random.default_rng(20), np.float64)  # the same draws
    centred = np.asarray(x, np.float64) - np.mean(np.asarray(x, np.float64), axis=0)
    expected = np.linalg.pinv(centred, rcond=1e-4) @ np.asarray(y, np.float64)
    np.testing.assert_allclose(fit.weights, expected, rtol=1e-3 if dtype == "float32" else 1e-9)
    # the fit is that of the two independent columns
    two = LinearRegression().fit(exact[:, :2], np.asarray(y, np.float64))
    predicted = np.asarray(x) @ np.asarray(fit.weights) + np.asarray(fit.intercept)
    np.testing.assert_allclose(predicted, two.predict(exact[:, :2]), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(fit.weights[2] / fit.weights[0], 1.8, rtol=1e-3)


def test_svd_with_fewer_samples_than_features_agrees_with_scikit_learn(rng, x64):
    x, y = jnp.asarray(rng.normal(size=(4, 6))), jnp.asarray(rng.normal(size=(4, 2)))
    fit = fitted(la.least_squares_svd, x, y)
    reference = LinearRegression().fit(x, y)
    assert fit.rank == 3
    np.testing.assert_allclose(fit.weights, reference.coef_.T, atol=1e-10)
    np.testing.assert_allclose(fit.intercept, reference.intercept_, atol=1e-10)
    one = fitted(la.least_squares_svd, x[:1], y[:1])
    assert one.rank == 0
    np.testing.assert_array_equal(one.weights, 0)
    np.testing.assert_array_equal(one.intercept, y[0])


def test_rcond_leaves_out_small_directions(x64):
    x = jnp.diag(jnp.array([1.0, 1e-3, 1e-6]))
    y = jnp.array([1.0, 1e-3, 1e-6])
    fit_with = jax.jit(lambda rcond: la.least_squares_svd(x, y, intercept=False, rcond=rcond))
    for rcond, expected in ((0.0, [1, 1, 1]), (1e-4, [1, 1, 0]), (1e-2, [1, 0, 0])):
        fit = fit_with(rcond)
        np.testing.assert_allclose(fit.weights, expected, rtol=1e-9)
        assert fit.rank == sum(expected)


def test_qr_keeps_digits_that_the_normal_equation_has_lost(x64):
    # Läuchli's matrix: columns that differ by e; 1 + e^2 is 1 in float64 for e = 1e-9
    e = 1e-9
    x = np.zeros((30, 3))  # and a third column that is orthogonal to both
    x[:4] = [[1, 1, 0], [e, 0, 0], [0, e, 0], [0, 0, 1]]
    x, y = jnp.asarray(x), jnp.asarray(x @ [1, 2, 3])
    assert np.all(np.isnan(fitted(la.least_squares_normal, x, y, intercept=False).weights))
    assert np.all(np.isnan(fitted(la.least_squares_cholesky, x, y, intercept=False).weights))
    np.testing.assert_allclose(fitted(la.least_squares_qr, x, y, intercept=False).weights, [1, 2, 3], rtol=1e-6)
    np.testing.assert_allclose(fitted(la.least_squares_svd, x, y, intercept=False).weights, [1, 2, 3], rtol=1e-6)
    # the inverse, as the warning: X^T X is singular to the last digit
    assert float(jnp.linalg.cond(x)) == pytest.approx(np.sqrt(2) / e, rel=1e-6)
    assert np.linalg.det(np.asarray(x.T @ x)) == 0


@solvers
def test_nearly_dependent_columns_give_a_right_answer_or_none(solver, rng):
    """From well apart to equal in float32: whatever is returned as a full fit is right to a tenth."""
    a, b, c, noise = rng.normal(size=(4, 30))
    refused = []
    for apart in 10.0 ** -np.arange(1, 8.0, 0.5):
        x = np.stack([a + 3, a + 3 + apart * b, c], axis=1).astype(np.float32)
        y = (x.sum(axis=1) + noise).astype(np.float32)
        weights, _ = numpy_answer(x, y, True)
        fit = fitted(solver, jnp.asarray(x), jnp.asarray(y))
        refused.append(np.isnan(fit.weights[0]) if fit.rank is None else fit.rank < 3)
        if not refused[-1]:
            np.testing.assert_allclose(fit.weights, weights, atol=0.1 * np.abs(weights).max())
    assert not any(refused[:4])  # 0.1 to 0.003
    assert all(refused[-2:])  # 1e-7
    assert refused == sorted(refused)


@solvers
def test_units_do_not_matter(solver, rng):
    """Columns of 1e20 and 1e-20 in float32: their squares overflow and vanish."""
    x, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    units = np.array([1e20, 1, 1e-20]) if solver is not la.least_squares_svd else np.array([1e20, 1e20, 1e20])
    fit = fitted(solver, jnp.asarray(x * units, jnp.float32), jnp.asarray(y, jnp.float32))
    weights, constant = numpy_answer(x, y, True)
    np.testing.assert_allclose(np.asarray(fit.weights, np.float64) * units, weights, rtol=1e-4)
    np.testing.assert_allclose(fit.intercept, constant, rtol=1e-4)


@solvers
def test_a_nan_gives_nan_in_its_own_column(solver, rng, x64):
    x, y = data(rng)
    hole = np.zeros_like(x)
    hole[3, 1] = np.nan
    assert np.all(np.isnan(fitted(solver, x + hole, y).weights))
    fit = fitted(solver, x, y + hole[:, :2])
    assert np.all(np.isnan(fit.weights[:, 1]))
    assert np.isnan(fit.intercept[1])
    np.testing.assert_allclose(fit.weights[:, 0], numpy_answer(x, y, True)[0][:, 0], rtol=1e-9)


@pytest.mark.slow
def test_many_fits_at_once_by_vmap(rng, x64):
    x, y = jnp.asarray(rng.normal(size=(4, 9, 2))), jnp.asarray(rng.normal(size=(4, 9)))
    for solver in (la.least_squares_normal, la.least_squares_svd):
        many = jax.jit(jax.vmap(solver))(x, y)
        for i in range(4):
            np.testing.assert_allclose(many.weights[i], numpy_answer(x[i], y[i], True)[0], rtol=1e-8)


@solvers
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones(3, np.float32), np.ones(3, np.float32), r"features must be a matrix \[n, k\].*got float32\[3\]"),
        (np.ones((0, 2), np.float32), np.ones(0, np.float32), r"features must be a matrix.*got float32\[0, 2\]"),
        (np.ones((2, 0), np.float32), np.ones(2, np.float32), r"features must be a matrix.*got float32\[2, 0\]"),
        (np.ones((5, 2), int), np.ones(5, np.float32), "features must be of floating-point numbers"),
        (np.ones((5, 2), np.float32), np.ones(4, np.float32), r"targets must be \[5\] or \[5, m\].*got float32\[4\]"),
        (np.ones((5, 2), np.float32), np.ones((5, 0), np.float32), r"targets must be \[5\] or \[5, m\]"),
        (np.ones((5, 2), np.float32), np.ones((5, 1, 1), np.float32), r"targets must be \[5\] or \[5, m\]"),
        (np.ones((5, 2), np.float32), 1.0, r"targets must be \[5\] or \[5, m\].*got float"),
        (np.ones((5, 2), np.float32), np.ones(5, np.float16), "dtypes must be equal"),
        (np.ones((5, 2), np.float16), np.ones(5, np.float16), "features must be of float32 or float64"),
    ],
)
def test_bad_input_is_named(solver, x, y, message):
    with pytest.raises(ValueError, match=f"^{solver.__name__}: {message}"):
        solver(x, y)


@full_rank
def test_too_few_samples_are_refused(solver):
    message = "features must have at least 4 samples to determine 4 unknowns, got 3; least_squares_svd finds"
    with pytest.raises(ValueError, match=f"^{solver.__name__}: {message}"):
        solver(jnp.ones((3, 3)), jnp.ones(3))


def test_rcond_out_of_range_is_refused():
    for rcond in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match=r"least_squares_svd: rcond must be in \[0, 1\), got"):
            la.least_squares_svd(jnp.eye(3), jnp.ones(3), rcond=rcond)


def test_predict_takes_one_sample_none_and_refuses_other_widths():
    fit = la.LinearFit(jnp.array([1.0, 2]), jnp.array(3.0))
    np.testing.assert_array_equal(la.predict(fit, jnp.array([1.0, 1])), 6)
    assert la.predict(fit, jnp.ones((0, 2))).shape == (0,)
    with pytest.raises(ValueError, match=r"predict: features must be \[n, 2\] or \[2\], got float32\[4, 3\]"):
        la.predict(fit, jnp.ones((4, 3)))
    with pytest.raises(ValueError, match="predict: dtypes must be equal"):
        la.predict(fit, jnp.ones((4, 2), jnp.bfloat16))
