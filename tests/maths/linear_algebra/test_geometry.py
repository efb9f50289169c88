"""Angles, projections, orthonormal bases and changes of basis."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.maths import linear_algebra as la

pytestmark = pytest.mark.usefixtures("quick_compilation")
angle, are_orthogonal, project = jax.jit(la.angle), jax.jit(la.are_orthogonal), jax.jit(la.project)
onto_columns, change = jax.jit(la.project_onto_columns), jax.jit(la.change_of_basis)
gram_schmidt = jax.jit(la.gram_schmidt, static_argnames="passes")
EPS32 = float(np.finfo(np.float32).eps)


def vectors(*values):
    return [jnp.array(value, float) for value in values]


def test_angles_of_known_size(x64):
    for x, y, degrees in (
        ([1, 0], [0, 2], 90),
        ([1, 0], [1, 1], 45),
        ([1, 1], [-3, -3], 180),
        ([2, 0], [1, 3**0.5], 60),
        ([1, 0], [5, 0], 0),
    ):
        np.testing.assert_allclose(np.degrees(angle(*vectors(x, y))), degrees, atol=1e-13)


def test_a_tiny_angle_keeps_its_digits_where_the_arc_cosine_has_none(x64):
    x, y = vectors([1, 0], [1, 1e-10])
    assert np.arccos(1 / np.hypot(1, 1e-10)) == 0
    np.testing.assert_allclose(angle(x, y), 1e-10, rtol=1e-5)
    np.testing.assert_allclose(angle(x, -y), np.pi - 1e-10, rtol=1e-15)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_angle_and_projection_make_a_right_triangle(seed):
    x, y = np.random.default_rng(seed).normal(size=(2, 3))
    with jax.enable_x64(True):
        theta, p = angle(jnp.asarray(x), jnp.asarray(y)), np.asarray(project(jnp.asarray(x), jnp.asarray(y)))
    np.testing.assert_allclose(np.cos(theta), x @ y / np.linalg.norm(x) / np.linalg.norm(y), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(p), np.linalg.norm(x) * abs(np.cos(theta)), rtol=1e-9)
    np.testing.assert_allclose((x - p) @ y, 0, atol=1e-12 * np.linalg.norm(x) * np.linalg.norm(y))


def test_the_gradient_of_the_angle_is_orthogonal_to_the_vector(x64):
    # turning x by a small angle changes the angle by as much: |d theta / dx| = 1 / |x|, at a right angle to x
    x, y = vectors([3, 4], [1, 0])
    np.testing.assert_allclose(jax.jit(jax.grad(la.angle))(x, y), np.array([-4, 3]) / 25, rtol=1e-12)


def test_orthogonality():
    (x, y, z), zero = vectors([1, 2, 3], [3, 0, -1], [3, 0, -1.001]), jnp.zeros(3)
    assert are_orthogonal(x, y)
    assert not are_orthogonal(x, z)
    assert are_orthogonal(x, z, tolerance=1e-3)
    assert are_orthogonal(1e30 * x, 1e30 * y)  # their products overflow
    assert not are_orthogonal(1e-30 * x, 1e-30 * z)  # and vanish
    assert are_orthogonal(x, zero)
    assert not are_orthogonal(x, zero + jnp.nan)
    assert are_orthogonal(x, y).dtype == bool


@pytest.mark.slow
def test_projection_by_hand():
    v, u = vectors([3, 4], [2, 0])
    np.testing.assert_array_equal(project(v, u), [3, 0])
    np.testing.assert_allclose(project(v, jnp.array([1e-30, 1e-30])), [3.5, 3.5], rtol=1e-6)
    np.testing.assert_allclose(project(v, jnp.array([1e30, 1e30])), [3.5, 3.5], rtol=1e-6)
    np.testing.assert_array_equal(project(v, jnp.zeros(2)), 0)
    assert np.all(np.isnan(project(v * jnp.nan, u)))
    assert np.all(np.isnan(project(v, u * jnp.nan)))
    with jax.numpy_dtype_promotion("strict"):
        assert la.project(v, u).dtype == jnp.float32
    np.testing.assert_allclose(
        jax.jit(jax.jacobian(la.project))(v, jnp.array([1.0, 1])), np.full((2, 2), 0.5), rtol=1e-6
    )


def test_zero_vectors_have_no_angle():
    x = jnp.array([1.0, 2])
    assert np.isnan(angle(x, jnp.zeros(2)))
    assert np.isnan(angle(x, jnp.array([1, jnp.inf])))
    np.testing.assert_allclose(angle(1e30 * x, 1e-30 * jnp.array([2.0, -1])), np.pi / 2, rtol=1e-6)


def test_projection_onto_columns_agrees_with_least_squares(rng, x64):
    a, v = rng.normal(size=(6, 3)), rng.normal(size=6)
    p = onto_columns(jnp.asarray(v), jnp.asarray(a))
    np.testing.assert_allclose(p, a @ np.linalg.lstsq(a, v, rcond=None)[0], rtol=1e-11)
    np.testing.assert_allclose(onto_columns(p, jnp.asarray(a)), p, rtol=1e-12)  # P^2 = P
    dependent = np.stack([a[:, 0], 2 * a[:, 0], a[:, 1]], axis=1)
    expected = a[:, :2] @ np.linalg.lstsq(a[:, :2], v, rcond=None)[0]
    np.testing.assert_allclose(onto_columns(jnp.asarray(v), jnp.asarray(dependent)), expected, rtol=1e-11)
    jacobian = jax.jit(jax.jacobian(la.project_onto_columns))(jnp.asarray(v), jnp.asarray(a))
    np.testing.assert_allclose(jacobian, a @ np.linalg.pinv(a), atol=1e-12)
    assert np.all(np.isnan(onto_columns(jnp.asarray(v).at[0].set(jnp.nan), jnp.asarray(a))))


@pytest.mark.parametrize("passes", [1, 2])
def test_gram_schmidt_agrees_with_qr(passes, rng, x64):
    a = rng.normal(size=(6, 3))
    found = gram_schmidt(jnp.asarray(a), passes=passes)
    q, r = np.linalg.qr(a)
    signs = np.sign(np.diagonal(r))
    np.testing.assert_allclose(found.q, q * signs, atol=1e-13)
    np.testing.assert_allclose(found.r, r * signs[:, None], atol=1e-13)
    assert found.rank == 3


@pytest.mark.slow
def test_the_second_pass_restores_orthogonality(x64):
    """Hilbert's matrix, of condition number 5e8: each process loses what its theory says."""
    a = scipy.linalg.hilbert(7)[:, :7]

    def loss(q):
        return np.linalg.norm(np.asarray(q).T @ np.asarray(q) - np.eye(q.shape[1]), 2)

    classical = np.zeros_like(a)
    for j in range(7):
        column = a[:, j] - classical @ (classical.T @ a[:, j])
        classical[:, j] = column / np.linalg.norm(column)
    one = gram_schmidt(jnp.asarray(a), passes=1)
    two = gram_schmidt(jnp.asarray(a), passes=2)
    assert loss(classical) > 1e-3
    assert 1e-10 < loss(one.q) < 1e-6
    assert loss(two.q) < 1e-15 * 7
    for found in (one, two):
        np.testing.assert_allclose(np.asarray(found.q) @ np.asarray(found.r), a, atol=1e-15)
        assert found.rank == 7


@pytest.mark.slow
def test_dependent_columns_become_zero():
    a = jnp.array([[1.0, 2, 0, 1, 5], [1, 2, 0, 0, 6]])
    for scale in (1.0, 1e30, 1e-30):
        found = gram_schmidt(a * scale)
        half = 0.5**0.5
        np.testing.assert_allclose(found.q, [[half, 0, 0, half, 0], [half, 0, 0, -half, 0]], atol=4 * EPS32)
        np.testing.assert_allclose(np.asarray(found.q) @ np.asarray(found.r), a * scale, rtol=1e-6, atol=1e-6 * scale)
        assert found.rank == 2
        assert found.q.dtype == found.r.dtype == jnp.float32
        assert np.all(np.tril(found.r, -1) == 0)
    spoilt = gram_schmidt(a.at[0, 3].set(jnp.nan))
    assert spoilt.rank == 1
    np.testing.assert_array_equal(np.isnan(spoilt.q[0]), [False, False, False, True, True])


@pytest.mark.slow
def test_gram_schmidt_is_differentiable_beside_a_dependent_column(x64):
    a = jnp.array([[3.0, 6, 1], [4, 8, 2]])
    jacobian = np.asarray(jax.jit(jax.jacobian(lambda a: la.gram_schmidt(a).q))(a))
    expected = np.zeros((2, 3))
    expected[:, 0] = np.array([16, -12]) / 125  # d(a / sqrt(a^2 + b^2)) = (b^2, -ab) / |.|^3
    np.testing.assert_allclose(jacobian[0, 0], expected, atol=1e-14)
    np.testing.assert_array_equal(jacobian[:, 1], 0)  # the dependent column
    assert np.all(np.isfinite(jacobian))


@pytest.mark.slow
def test_change_of_basis_and_back(rng, x64):
    # 3 e1 + 1 e2 = 2 (1, 1) + 1 (1, -1)
    c, old, new = vectors([3, 1], np.eye(2), [[1, 1], [1, -1]])
    np.testing.assert_allclose(change(c, old, new), [2, 1], rtol=1e-15)
    c, old, new = (jnp.asarray(rng.normal(size=shape)) for shape in ((5, 3), (3, 3), (3, 3)))
    d = change(c, old, new)
    np.testing.assert_allclose(new @ d.T, old @ c.T, atol=1e-12)
    np.testing.assert_allclose(change(d, new, old), c, atol=1e-12)
    slope = jax.jit(jax.grad(lambda new: la.change_of_basis(c, old, new)[0, 0]))(new)
    inverse = np.linalg.inv(new)
    np.testing.assert_allclose(slope, -np.outer(inverse[0], d[0]), rtol=1e-10)


@pytest.mark.slow
def test_dependent_vectors_are_no_basis():
    c, old = jnp.array([3.0, 1]), jnp.eye(2)
    for new in ([[1, 2], [2, 4]], [[1, 0], [0, 0]], [[1, 1 / 3], [3, 1]], [[jnp.nan, 0], [0, 1]]):
        assert np.all(np.isnan(change(c, old, jnp.array(new, float))))
    long_and_short = jnp.array([[1e30, 0], [0, 1e-30]])
    np.testing.assert_allclose(change(c, old, long_and_short), [3e-30, 1e30], rtol=1e-6)


one, two = np.ones(3, np.float32), np.ones((3, 2), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (functools.partial(la.angle, one, one[:2]), "angle: shapes must be equal"),
        (functools.partial(la.angle, two, two), r"angle: x must be a vector \[n\] with n >= 1, got float32\[3, 2\]"),
        (functools.partial(la.angle, 1.0, 2.0), r"angle: x must be a vector \[n\] with n >= 1, got float"),
        (functools.partial(la.angle, one, one.astype(np.float16)), "angle: dtypes must be equal"),
        (functools.partial(la.are_orthogonal, one, one.astype(int)), "are_orthogonal: y must be of floating-point"),
        (functools.partial(la.project, one[:0], one[:0]), r"project: vector must be a vector.*got float32\[0\]"),
        (functools.partial(la.project, one, two), r"project: onto must be a vector"),
        (
            functools.partial(la.project_onto_columns, one[:2], two),
            "project_onto_columns: columns must have the 2 rows",
        ),
        (functools.partial(la.project_onto_columns, one, two[:, :0]), "project_onto_columns: columns must be a matrix"),
        (functools.partial(la.gram_schmidt, one), r"gram_schmidt: columns must be a matrix.*got float32\[3\]"),
        (functools.partial(la.gram_schmidt, two, passes=3), "gram_schmidt: passes must be 1 or 2, got 3"),
        (functools.partial(la.change_of_basis, one, two, two), "change_of_basis: old must be square"),
        (
            functools.partial(la.change_of_basis, one, two[:2], two[:2]),
            r"change_of_basis: coordinates must be \[..., 2\]",
        ),
        (functools.partial(la.change_of_basis, one[:1], two[:2], two[:1, :1]), "change_of_basis: shapes must be equal"),
        (
            functools.partial(la.change_of_basis, *(np.ones(s, np.float16) for s in ((2,), (2, 2), (2, 2)))),
            "change_of_basis: new must be of float32 or float64",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "call",
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match="^" + message):
        call()
