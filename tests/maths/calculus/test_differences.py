import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.maths.calculus import (
    central_difference,
    complex_step,
    extrapolated_difference,
    forward_difference,
    optimal_step,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

SCHEMES = {
    "forward": forward_difference,
    "central": central_difference,
    "extrapolated": extrapolated_difference,
    "complex": complex_step,
}
BY_STEP = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)


@pytest.mark.slow
def test_parabola_has_the_slope_2x(x64):
    x = jnp.array([-3.0, 0.0, 0.5, 20.0])
    for scheme, tolerance in zip(SCHEMES.values(), (1e-6, 1e-9, 1e-11, 1e-15), strict=True):
        np.testing.assert_allclose(scheme(lambda x: x**2, x).value, 2 * x, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("scheme", "order"), [(forward_difference, 1), (central_difference, 2)])
def test_the_error_falls_with_the_order_of_the_scheme(x64, scheme, order):
    steps = 2.0 ** -np.arange(3, 9)
    errors = np.array([scheme(jnp.sin, 1.0, step=h).value - np.cos(1) for h in steps])
    np.testing.assert_allclose(np.polyfit(np.log(steps), np.log(np.abs(errors)), 1)[0], order, atol=0.05)


def test_complex_step_is_exact_at_any_small_step(x64):
    for step in (1e-8, 1e-50, 1e-200):
        np.testing.assert_allclose(complex_step(jnp.sin, 1.0, step=step).value, np.cos(1), rtol=4e-16)


@pytest.mark.slow
@BY_STEP
@settings(max_examples=25, deadline=None)
@given(x=st.floats(-30, 30))
def test_the_error_estimate_holds(scheme, x):
    with jax.enable_x64(True):
        found = scheme(jnp.sin, x)
        assert abs(found.value - np.cos(x)) <= 3 * found.error + 1e-15
        assert found.error < {forward_difference: 1e-5, extrapolated_difference: 1e-5}.get(scheme, 1e-8)


@pytest.mark.slow
def test_extrapolation_gains_digits(x64):
    plain, extrapolated = (abs(s(jnp.exp, 1.0).value - np.e) for s in (central_difference, extrapolated_difference))
    assert extrapolated < 1e-12
    assert plain > 10 * extrapolated


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_step_is_near_the_best(x64, dtype):
    eps = np.finfo(dtype).eps
    for order in (1, 2):
        steps = optimal_step(jnp.array([0.0, 1.0, -1000.0], dtype), order=order)
        assert steps.dtype == dtype
        np.testing.assert_allclose(np.log2(steps / eps ** (1 / (order + 1))), [0, 0, np.log2(512)], atol=0.51)
        assert np.all(np.frexp(np.asarray(steps))[0] == 0.5)
    assert jnp.isnan(optimal_step(jnp.inf))


@pytest.mark.slow
@BY_STEP
def test_dtype_jit_vmap_empty_and_nan(scheme):
    x = jnp.array([0.5, jnp.nan, 2.0])
    found = jax.jit(jax.vmap(lambda x: scheme(jnp.tanh, x)))(x)
    assert found.value.dtype == found.error.dtype == jnp.float32
    np.testing.assert_allclose(found.value, 1 - np.tanh(x) ** 2, rtol=5e-3)
    assert scheme(jnp.tanh, jnp.zeros((0, 2))).value.shape == (0, 2)
    assert jnp.isnan(jax.jit(lambda h: scheme(jnp.tanh, 1.0, step=h).value)(0.0))


@pytest.mark.slow
@BY_STEP
def test_differentiable(x64, scheme):
    slope = jax.grad(
        lambda a: scheme(lambda x: jnp.sin(a * x), 1.0, step=0.01 if scheme != complex_step else None).value
    )
    np.testing.assert_allclose(slope(2.0), np.cos(2) - 2 * np.sin(2), rtol=0.02)


@pytest.mark.parametrize("function", [jax.vmap(jax.grad(lambda x: x**2 * jnp.sin(x))), None], ids=["grad", "complex"])
def test_product_rule(x64, function):
    x = jnp.array([2.0, 3.0, 1.0])
    value = complex_step(lambda x: x**2 * jnp.sin(x), x).value if function is None else function(x)
    assert [round(float(v), 8) for v in value] == [1.97260236, -8.06321242, 2.22324428]
    np.testing.assert_allclose(value, 2 * x * np.sin(x) + x**2 * np.cos(x), rtol=1e-14)


@pytest.mark.parametrize("function", [jax.vmap(jax.grad(lambda x: jnp.sin(x**6))), None], ids=["grad", "complex"])
def test_chain_rule(x64, function):
    x = jnp.array([1.0, 2.0, 3.0])
    value = complex_step(lambda x: jnp.sin(x**6), x).value if function is None else function(x)
    assert [round(float(v), 8) for v in value] == [3.24181384, 75.23658824, 1441.51815635]
    np.testing.assert_allclose(value, 6 * x**5 * np.cos(x**6), rtol=1e-12)


def test_derivative_of_samples():
    y = np.array([0.0, 10, 40, 90, 160])
    expected = [10, 20, 40, 60, 70]
    np.testing.assert_array_equal(jnp.gradient(jnp.asarray(y), jnp.arange(5.0)), expected)
    np.testing.assert_array_equal(np.gradient(y, np.arange(5.0)), expected)
    assert expected != [3, 432, 27, 48, 675]


@BY_STEP
@pytest.mark.parametrize(
    ("f", "x", "step", "message"),
    [
        (jnp.sin, jnp.int32(1), None, "x must be of floating-point numbers"),
        (jnp.sin, jnp.float16(1), None, r"x must be float32 or float64, got float16\[\]"),
        (jnp.sin, 1.0, 0.0, "step must be positive, got 0.0"),
        (jnp.sin, 1.0, np.nan, "step must be positive, got nan"),
        (jnp.sin, jnp.ones(3), jnp.ones(2), r"step must be a number or of the shape of x, \[3\], got float32\[2\]"),
        (jnp.sum, jnp.ones(3), None, r"f must be elementwise, (float32|complex64)\[3\] to the same, got"),
    ],
)
def test_bad_input_is_named(scheme, f, x, step, message):
    with pytest.raises(ValueError, match=f"^{scheme.__name__}: {message}"):
        scheme(f, x, step=step)


def test_other_bad_input_is_named():
    with pytest.raises(
        ValueError, match=r"complex_step: f must be elementwise, complex64\[\] to the same, got float32"
    ):
        complex_step(jnp.abs, 1.0)
    with pytest.raises(ValueError, match=r"^extrapolated_difference: levels must be at least 2, got 1"):
        extrapolated_difference(jnp.sin, 1.0, levels=1)
    with pytest.raises(ValueError, match=r"^optimal_step: order must be at least 1, got 0"):
        optimal_step(1.0, order=0)
