import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.maths.calculus import directional_derivative, taylor_coefficients

pytestmark = pytest.mark.usefixtures("quick_compilation")


def surface(v):
    return v[0] ** 2 * v[1] + jnp.sin(v[1])


@pytest.mark.slow
def test_partial_derivatives_jacobian_and_hessian_against_closed_forms(x64):
    x, y = 1.5, -0.7
    point = jnp.array([x, y])
    gradient, hessian = jax.grad(surface)(point), jax.hessian(surface)(point)
    np.testing.assert_allclose(gradient, [2 * x * y, x**2 + math.cos(y)], rtol=1e-14)
    np.testing.assert_allclose(hessian, [[2 * y, 2 * x], [2 * x, -math.sin(y)]], rtol=1e-14)
    polar = jax.jacobian(lambda p: p[0] * jnp.stack([jnp.cos(p[1]), jnp.sin(p[1])]))(jnp.array([2.0, 0.3]))
    expected = [[math.cos(0.3), -2 * math.sin(0.3)], [math.sin(0.3), 2 * math.cos(0.3)]]
    np.testing.assert_allclose(polar, expected, rtol=1e-14)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(angle=st.floats(0, 2 * math.pi), length=st.sampled_from([1e-200, 1.0, 1e200]))
def test_slope_along_a_direction_is_the_cosine_of_the_steepest(angle, length):
    with jax.enable_x64(True):
        point = jnp.array([1.5, -0.7])
        gradient = np.array([-2.1, 2.25 + math.cos(-0.7)])
        direction = np.array([math.cos(angle), math.sin(angle)])
        slope = directional_derivative(surface, point, jnp.asarray(length * direction))
        np.testing.assert_allclose(slope, gradient @ direction, rtol=1e-12, atol=1e-14)
        assert slope <= np.linalg.norm(gradient) * (1 + 1e-14)
        np.testing.assert_allclose(
            directional_derivative(surface, point, jnp.asarray(gradient)), np.linalg.norm(gradient)
        )


def test_directional_derivative_of_many_outputs_jit_grad_and_bad_input():
    x, v = jnp.array([[1.0, 2.0, 3.0]]), jnp.array([[0.0, 3.0, 4.0]])
    np.testing.assert_allclose(directional_derivative(jnp.square, x, v), [[0, 2.4, 4.8]], rtol=1e-6)
    slope = jax.jit(lambda x, v: directional_derivative(lambda x: jnp.sum(x**3), x, v))
    assert jnp.isnan(slope(x, 0 * v))
    np.testing.assert_allclose(jax.grad(slope)(x, v), [[0, 7.2, 14.4]], rtol=1e-6)
    for arguments, message in [
        ((x, 0 * v), "direction must not be zero everywhere"),
        ((x, v[0]), r"shapes must be equal, got x \[1, 3\], direction \[3\]"),
        ((x, v.astype(jnp.bfloat16)), "dtypes must be equal"),
        ((x, jnp.ones((1, 3), int)), "direction must be of floating-point numbers"),
    ]:
        with pytest.raises(ValueError, match=f"^directional_derivative: {message}"):
            directional_derivative(jnp.sum, *arguments)


def test_taylor_coefficients_of_known_series(x64):
    k = np.arange(7)
    factorials = np.array([math.factorial(n) for n in k])
    for f, at, expected in [
        (jnp.exp, 1.0, math.e / factorials),
        (jnp.sin, 0.0, np.array([0, 1, 0, -1, 0, 1, 0]) / factorials),
        (lambda x: 1 / (1 - x), 0.0, np.ones(7)),
        (jnp.arctan, 0.0, [0, 1, 0, -1 / 3, 0, 1 / 5, 0]),
    ]:
        coefficients = jax.jit(functools.partial(taylor_coefficients, f, order=6))(at)
        np.testing.assert_allclose(coefficients, expected, rtol=1e-12, atol=1e-16)


@pytest.mark.slow
def test_taylor_polynomial_comes_near(x64):
    for order in (1, 3, 6):
        c = taylor_coefficients(jnp.exp, 1.0, order=order)
        ratio = [(np.exp(1 + h) - jnp.polyval(c[::-1], h)) / h ** (order + 1) for h in (0.1, 0.05)]
        np.testing.assert_allclose(ratio, np.e / math.factorial(order + 1), rtol=0.06)


@pytest.mark.slow
def test_taylor_along_a_direction_has_the_hessian(x64):
    point, v = jnp.array([1.5, -0.7]), jnp.array([0.3, -2.0])
    c = jax.jit(lambda p, v: taylor_coefficients(surface, p, order=2, direction=v))(point, v)
    gradient = np.array([2 * 1.5 * -0.7, 2.25 + math.cos(-0.7)])
    hessian = np.array([[-1.4, 3], [3, math.sin(0.7)]])
    np.testing.assert_allclose(c, [float(surface(point)), gradient @ v, v @ hessian @ v / 2], rtol=1e-13)
    slope = jax.grad(lambda a: taylor_coefficients(lambda x: jnp.exp(a * x), 0.0, order=3)[3])(2.0)
    np.testing.assert_allclose(slope, 2.0, rtol=1e-13)  # d/da a^3 / 6


def test_taylor_extremes_and_bad_input():
    assert taylor_coefficients(jnp.exp, jnp.float32(0), order=0).dtype == jnp.float32
    assert taylor_coefficients(lambda x: jnp.stack([x, x**2]), 1.0, order=2).tolist() == [[1, 1], [1, 2], [0, 1]]
    assert not np.isfinite(taylor_coefficients(jnp.log, 0.0, order=2)).any()
    for arguments, options, message in [
        ((jnp.exp, 0.0), {"order": -1}, "order must be 0 to 16, got -1"),
        ((jnp.exp, 0.0), {"order": 17}, "order must be 0 to 16, got 17"),
        ((jnp.sum, jnp.ones(2)), {"order": 1}, r"direction must be given where at is an array, got None for \[2\]"),
        ((jnp.sum, jnp.ones(2)), {"order": 1, "direction": jnp.ones(3)}, "shapes must be equal"),
        ((jnp.exp, jnp.int32(0)), {"order": 1}, "at must be of floating-point numbers"),
    ]:
        with pytest.raises(ValueError, match=f"^taylor_coefficients: {message}"):
            taylor_coefficients(*arguments, **options)
