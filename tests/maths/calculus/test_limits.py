import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.maths.calculus import limit

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.mark.slow
@pytest.mark.parametrize("f", [lambda x: jnp.sin(x) / x, lambda x: x / jnp.sin(x)], ids=["sin x / x", "x / sin x"])
def test_sine_over_x_is_one_either_way_up(x64, f):
    for side in ("both", "left", "right"):
        found = limit(f, 0.0, side=side)
        np.testing.assert_allclose(found.value, 1, rtol=1e-14)
        assert found.error < 1e-13


@pytest.mark.slow
def test_the_largest_value_nearby_is_not_the_limit():
    x = np.linspace(-1, 1, 1000)
    np.testing.assert_allclose(np.abs(x / np.sin(x)).max(), 1 / np.sin(1), rtol=1e-12)
    assert f"{1 / np.sin(1):.4f}" == "1.1884"
    found = limit(lambda x: x / jnp.sin(x), 0.0)
    np.testing.assert_allclose(found.value, 1, atol=1e-6)
    assert found.value.dtype == found.error.dtype == jnp.float32


FINITE = [
    ("removable", lambda x: (jnp.tan(x) - jnp.sin(x)) / x**3, 0.0, "both", 0.5),
    ("cancelling", lambda x: (1 - jnp.cos(x)) / x**2, 0.0, "both", 0.5),
    ("a root", lambda x: 3 * jnp.sqrt(x) + x + 1, 0.0, "right", 1.0),
    ("x^x", lambda x: x**x, 0.0, "right", 1.0),
    ("squeezed", lambda x: x * jnp.sin(1 / x), 0.0, "both", 0.0),
    ("step", lambda x: jnp.sign(x - 2), 2.0, "left", -1.0),
    ("quotient", lambda x: (x * x - 9) / (x + 3), -3.0, "both", -6.0),
    ("e", lambda x: (1 + 1 / x) ** x, math.inf, "both", math.e),
    ("arctan", jnp.arctan, -math.inf, "both", -math.pi / 2),
]


@pytest.mark.parametrize(
    ("f", "at", "side", "expected"), [case[1:] for case in FINITE], ids=[case[0] for case in FINITE]
)
def test_limits_that_are_known(x64, f, at, side, expected):
    found = limit(f, at, side=side)
    assert abs(found.value - expected) <= 3 * found.error
    assert found.error < 1e-6


NONE = [
    ("sides differ", jnp.sign, 0.0, "both", math.nan),
    ("oscillates", lambda x: jnp.sin(1 / x), 0.0, "both", math.nan),
    ("oscillates with the samples", lambda x: jnp.sin(2 * math.pi * jnp.log2(jnp.abs(x))), 0.0, "both", math.nan),
    ("pole of both signs", lambda x: 1 / x, 0.0, "both", math.nan),
    ("pole", lambda x: 1 / x**2, 0.0, "both", math.inf),
    ("pole, one side", lambda x: 1 / x, 0.0, "left", -math.inf),
    ("overflows", lambda x: jnp.exp(1 / x), 0.0, "right", math.inf),
    ("too slow", lambda x: 1 / jnp.log(x), 0.0, "right", math.nan),
    ("nowhere defined", jnp.log, 0.0, "left", math.nan),
    ("oscillates at infinity", jnp.sin, math.inf, "both", math.nan),
]


@pytest.mark.parametrize(("f", "at", "side", "expected"), [case[1:] for case in NONE], ids=[case[0] for case in NONE])
def test_no_finite_limit(x64, f, at, side, expected):
    found = limit(f, at, side=side)
    np.testing.assert_array_equal(found.value, expected)
    assert found.error == math.inf


def test_under_transformations_and_differentiable(x64):
    def ratio(scale, at):
        return limit(lambda x: jnp.sin(scale * (x - at)) / (x - at), at).value

    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(ratio), (0, None)))(jnp.array([0.5, 1.3]), 1.0)
    np.testing.assert_allclose(values, [0.5, 1.3], rtol=1e-10)
    np.testing.assert_allclose(slopes, 1, rtol=1e-8)


@pytest.mark.slow
def test_the_point_itself_does_not_matter_and_nan_is_documented():
    assert limit(lambda x: jnp.where(x == 1, 100.0, 2 * x), 1.0).value == pytest.approx(2, abs=1e-5)
    assert jnp.isnan(jax.jit(lambda at: limit(jnp.sin, at).value)(jnp.nan))
    assert jnp.isnan(limit(jnp.sqrt, 0.0).value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((jnp.sin, jnp.nan), "at must be a number or infinite, got nan"),
        ((jnp.sin, jnp.ones(2)), r"at must be one number, got float32\[2\]"),
        ((jnp.sin, jnp.int32(1)), "at must be of floating-point numbers"),
        ((jnp.sin, jnp.bfloat16(1)), r"at must be float32 or float64, got bfloat16\[\]"),
        (
            (lambda x: jnp.stack([x, x]), 0.0),
            r"f must give one floating-point number for float32\[\], got float32\[2\]",
        ),
        (("sin", 0.0), "f must be a function, got str"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=f"^limit: {message}"):
        limit(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": "up"}, "side must be 'both', 'left' or 'right', got 'up'"),
        ({"radius": 0.0}, "radius must be positive, got 0.0"),
        ({"tolerance": -1.0}, "tolerance must be positive, got -1.0"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=f"^limit: {message}"):
        limit(jnp.sin, 0.0, **options)
