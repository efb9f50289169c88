import functools
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from chainrule.maths.calculus import bfgs, gradient_descent, newton

pytestmark = pytest.mark.usefixtures("quick_compilation")


def parabola(x):
    return x**2 - 2 * x + 1


def bowl(v):
    return jnp.sum(v**2)


def rosenbrock(v):
    return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2


def saddle(v):
    return v[0] ** 2 - v[1] ** 2 + v[1] ** 4 / 4


METHODS = pytest.mark.parametrize("method", [gradient_descent, newton, bfgs])


def test_gradient_descent_of_the_syllabus(x64):
    way = gradient_descent(parabola, 5.0, rate=0.1, steps=100, tolerance=0.0)
    assert float(way.x) == pytest.approx(1.0000000008148144, rel=1e-15)
    assert way.steps == 100
    assert not way.converged
    x = 5.0
    for _ in range(100):
        x -= 0.1 * (2 * x - 2)
    assert x == pytest.approx(1.0000000008148144, rel=1e-15)
    np.testing.assert_allclose(way.path, 1 + 4 * 0.8 ** np.arange(101), rtol=1e-14)
    np.testing.assert_allclose(way.values, (way.path - 1) ** 2, atol=1e-14)


@pytest.mark.slow
def test_the_bowl_from_1_22_30_as_scipy_does(x64):
    start = np.array([1.0, 22.0, 30.0])
    reference = optimize.minimize(lambda v: v @ v, start)
    assert reference.success
    for method, count in ((functools.partial(gradient_descent, rate=0.1), 100), (newton, 1), (bfgs, 3)):
        way = method(bowl, start)
        assert np.linalg.norm(way.x) <= max(np.linalg.norm(reference.x), 1e-7)
        assert way.converged
        assert way.steps <= count
        np.testing.assert_array_equal(way.path[0], start)
        np.testing.assert_array_equal(way.path[way.steps :], np.broadcast_to(way.x, way.path[way.steps :].shape))


@pytest.mark.slow
@pytest.mark.parametrize("method", [newton, bfgs])
def test_rosenbrock_as_scipy_does(x64, method):
    start = np.array([-1.2, 1.0])
    reference = optimize.minimize(
        lambda v: float(rosenbrock(v)), start, method="BFGS", jac=jax.jit(jax.grad(rosenbrock)), options={"gtol": 1e-9}
    )
    way = method(rosenbrock, start)
    np.testing.assert_allclose(way.x, reference.x, atol=1e-7)
    assert way.converged
    assert way.steps < 50
    assert np.all(np.diff(way.values) <= 0)


@pytest.mark.slow
def test_few_steps_are_the_first_of_many(x64):
    few, many = (gradient_descent(bowl, jnp.ones(2), steps=steps) for steps in (3, 9))
    assert not few.converged
    assert few.steps == 3
    np.testing.assert_array_equal(few.path, many.path[:4])


@pytest.mark.slow
@pytest.mark.parametrize("method", [newton, bfgs])
def test_near_a_saddle_the_way_leads_down(x64, method):
    ways = jax.vmap(lambda start: method(saddle, start))(jnp.array([[1.0, 1e-3], [0, 0]]))
    np.testing.assert_allclose(ways.x, [[0, np.sqrt(2)], [0, 0]], atol=1e-6)
    assert ways.converged.all()
    assert ways.steps[0] > 1
    assert ways.steps[1] == 0  # a saddle that is started from has a gradient of zero


@pytest.mark.slow
def test_newton_doubles_the_digits_and_bfgs_beats_geometric(x64):
    errors = np.abs(newton(lambda x: jnp.exp(x) - 2 * x, 1.5).path - np.log(2))
    for before, after in pairwise(errors[2:5]):
        assert after < before**2
    errors = np.linalg.norm(bfgs(rosenbrock, jnp.array([-1.2, 1.0])).path - 1, axis=1)
    last = np.flatnonzero(errors > 1e-9)[-1]
    assert errors[last] < 0.3 * errors[last - 1] < 0.09 * errors[last - 2]


def test_the_slowest_part_shrinks_by_the_condition_number(x64):
    curvatures = jnp.array([1.0, 9.0])
    way = gradient_descent(lambda v: jnp.sum(curvatures * v**2) / 2, jnp.ones(2), rate=2 / 10, steps=20, tolerance=0.0)
    np.testing.assert_allclose(np.abs(way.path), 0.8 ** np.arange(21)[:, None] * np.ones(2), rtol=1e-12)


@pytest.mark.slow
@METHODS
def test_float32_scalars_jit_vmap_and_a_domain_with_an_edge(method):
    def edged(x):
        return x - jnp.log(x)

    ways = jax.jit(jax.vmap(lambda x: method(edged, x, steps=150)))(jnp.array([0.5, 3.0]))
    assert ways.x.dtype == ways.path.dtype == jnp.float32
    assert ways.path.shape == (2, 151)
    np.testing.assert_allclose(ways.x, 1, atol=2e-3)
    assert ways.converged.all()


@pytest.mark.parametrize(
    "method", [gradient_descent, *(pytest.param(method, marks=pytest.mark.slow) for method in (newton, bfgs))]
)
def test_differentiable_through_the_steps(x64, method):
    def minimum(target):
        def f(v):
            return jnp.sum((v - target * jnp.array([1.0, 2.0])) ** 4 + (v - target) ** 2)

        return method(f, jnp.ones(2) * 3, steps=30).x

    step = 1e-4
    around, forward, reverse = jax.jit(
        lambda t: (jax.vmap(minimum)(t), jax.jacfwd(minimum)(0.5), jax.jacrev(minimum)(0.5))
    )(jnp.array([0.5 - step, 0.5 + step]))
    np.testing.assert_allclose(forward, (around[1] - around[0]) / (2 * step), rtol=1e-3)
    np.testing.assert_allclose(reverse, forward, rtol=1e-8)


@pytest.mark.slow
@METHODS
def test_what_cannot_be_minimised_is_told(method):
    def plunge(x):
        return -jnp.exp(x)

    way = jax.jit(lambda x: method(plunge, x, steps=60))(1.0)
    assert not way.converged
    assert np.isfinite(way.path).all()
    broken = method(plunge, jnp.nan, steps=2)
    assert broken.steps == 0
    assert not broken.converged
    assert not gradient_descent(bowl, jnp.ones(2), rate=2.0, steps=200).converged


@pytest.mark.slow
def test_gradient_descent_takes_half_precision():
    way = gradient_descent(parabola, jnp.bfloat16(5.0), steps=20)
    assert way.x.dtype == jnp.bfloat16
    assert abs(float(way.x) - 1) < 0.1
    assert jax.jit(lambda rate: gradient_descent(parabola, 5.0, rate=rate).steps)(-1.0) == 0


@METHODS
@pytest.mark.parametrize(
    ("f", "start", "options", "message"),
    [
        (bowl, jnp.ones(2, int), {}, "start must be of floating-point numbers"),
        (bowl, jnp.ones(0), {}, r"start must have at least one number, got float32\[0\]"),
        (jnp.square, jnp.ones(2), {}, r"f must give one floating-point number for float32\[2\], got float32\[2\]"),
        (bowl, jnp.ones(2), {"steps": 0}, "steps must be at least 1, got 0"),
        (bowl, jnp.ones(2), {"tolerance": -1.0}, "tolerance must not be negative, got -1.0"),
    ],
)
def test_bad_input_is_named(method, f, start, options, message):
    with pytest.raises(ValueError, match=f"^{method.__name__}: {message}"):
        method(f, start, **options)


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match=r"^gradient_descent: rate must be a positive number, got 0\.0"):
        gradient_descent(bowl, jnp.ones(2), rate=0.0)
    for method in (newton, bfgs):
        with pytest.raises(
            ValueError, match=rf"^{method.__name__}: start must be float32 or float64, got float16\[2\]"
        ):
            method(bowl, jnp.ones(2, jnp.float16))
