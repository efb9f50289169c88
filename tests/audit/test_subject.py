"""What is audited: every way in which people write derivatives is told apart, and wrong uses are refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import layers, models, ops
from chainrule.audit.subject import static_positions, subject_of
from chainrule.rule import Static
from tests.audit.helpers import RIGHT, X, Y, cosine_pullback, hand, product, product_pullback, sine

JVP = jax.custom_jvp(product)
JVP.defjvp(lambda args, tangents: (product(*args), tangents[0] * args[1] + args[0] * tangents[1]))
SCALED = hand(lambda n, x: n * x, lambda d, n, x: (n * d,), nondiff_argnums=(0,))


@pytest.mark.parametrize(
    ("f", "options", "kind", "referee", "residuals"),
    [
        (ops.tanh, {}, "rule", True, True),
        (layers.Dense(5), {}, "rule", True, True),
        (models.mlp((4, 3)), {}, "rule", True, True),
        (RIGHT, {}, "custom_vjp", True, True),
        (jax.jit(RIGHT), {}, "custom_vjp", True, True),
        (jax.jit(functools.partial(product)), {}, "function", False, False),
        (JVP, {}, "custom_jvp", True, False),
        (jax.jit(JVP), {}, "custom_jvp", True, False),
        (product, {}, "function", False, False),
        (jnp.sin, {}, "function", False, False),
        (product, {"pullback": product_pullback}, "pullback", True, False),
        (product, {"vjp": functools.partial(jax.vjp, product)}, "pullback", True, False),
    ],
)
def test_kinds_are_told_apart(f, options, kind, referee, residuals):
    subject = subject_of(f, **options)
    assert (subject.kind, subject.has_referee, subject.has_residuals) == (kind, referee, residuals)
    assert subject.is_rule == (kind == "rule")
    again = subject_of(f, **options)
    assert subject == again
    assert hash(subject) == hash(again)
    assert subject.name


def test_the_referee_differentiates_the_function_within():
    wrong = hand(product, lambda d, x, y: (7 * d, 7 * d))
    subject = subject_of(jax.jit(wrong))
    judged = jax.vjp(subject.primal, 2.0, 3.0)[1](1.0)
    assert tuple(map(float, judged)) == (3.0, 2.0)
    assert tuple(map(float, subject.vjp(2.0, 3.0)[1](1.0))) == (7.0, 7.0)


def test_static_keywords_reach_function_and_pullback():
    def power(x, *, n):
        return x**n

    subject = subject_of(power, pullback=lambda d, x, n: n * x ** (n - 1) * d, static={"n": 3})
    output, pullback = subject.vjp(jnp.float32(2.0))
    assert (float(output), float(pullback(jnp.float32(1.0))[0])) == (8.0, 12.0)
    assert subject_of(power, static={"n": 3}) != subject_of(power, static={"n": 2})
    assert subject_of(ops.softmax, static={"axis": 0}).vjp(X)[0].shape == X.shape


def test_static_arguments_come_out_of_their_wrapping():
    subject = subject_of(SCALED)
    assert static_positions(SCALED) == static_positions(jax.jit(SCALED, static_argnums=0)) == (0,)
    assert static_positions(product) == ()
    np.testing.assert_allclose(subject.primal(Static(3), X), 3 * X)
    output, pullback = subject.vjp(Static(3), jnp.asarray(X))
    np.testing.assert_allclose(pullback(jnp.ones_like(output))[1], 3.0)


def test_a_pullback_as_people_write_it():
    integers = jnp.arange(3)

    def gathered(x, n):
        return x[:, n]

    subject = subject_of(gathered, pullback=lambda d, x, n: (jnp.zeros_like(x).at[:, n].add(d), None))
    d_x, d_n = subject.vjp(jnp.asarray(X), integers)[1](jnp.ones((4, 3)))
    assert d_x.shape == X.shape
    assert (d_n.dtype, d_n.shape) == (jax.dtypes.float0, (3,))
    bare = subject_of(sine, pullback=lambda d, x: cosine_pullback(d, x)[0])
    assert bare.vjp(jnp.asarray(X))[1](jnp.asarray(X))[0].shape == X.shape
    short = subject_of(product, pullback=lambda d, x, y: (d * y,))
    with pytest.raises(TypeError, match="must return 2 cotangents, one an argument, got 1"):
        short.vjp(jnp.asarray(X), jnp.asarray(Y))[1](jnp.asarray(X))


def test_a_pullback_crosses_jit():
    subject = subject_of(product, pullback=product_pullback)
    output, pullback = jax.jit(subject.vjp)(X, Y)
    d_x, d_y = jax.jit(lambda pullback, d: pullback(d))(pullback, jnp.ones_like(output))
    np.testing.assert_allclose(d_x, Y, rtol=1e-6)
    np.testing.assert_allclose(d_y, X, rtol=1e-6)


@pytest.mark.parametrize(
    ("f", "options", "words"),
    [
        (3, {}, "f must be a chainrule rule, layer or model, or a function of JAX arrays, got 3"),
        (product, {"static": {"axes": [1]}}, "axes is a static argument and must be hashable"),
        (product, {"vjp": product, "pullback": product}, "give vjp or pullback, not both"),
        (ops.tanh, {"pullback": cosine_pullback}, "tanh brings its derivative with it"),
        (RIGHT, {"pullback": product_pullback}, "product brings its derivative with it"),
        (jax.jit(JVP), {"vjp": product}, "product brings its derivative with it"),
    ],
)
def test_wrong_uses_are_refused(f, options, words):
    with pytest.raises(TypeError, match=words):
        subject_of(f, **options)
