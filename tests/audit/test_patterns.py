"""What a wrong cotangent looks like: each pattern on the smallest function that shows it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.audit import diagnosis
from chainrule.audit.patterns import factor_in_words, pattern_of
from chainrule.audit.report import Place
from chainrule.audit.run import inputs_for
from tests.audit.helpers import RIGHT, WEIGHT, X, Y, hand, product

SQUARE = np.random.default_rng(5).normal(size=(3, 3))


def pattern(f, *args, argument=0, path=""):
    with jax.enable_x64(True):
        return pattern_of(inputs_for(f, *args), Place(argument, path))


def in_y(change):
    """The product with its second cotangent changed."""
    return hand(product, lambda d, x, y: (d * y, change(d, x, y)))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d, x, y: 2 * d * x, f"{diagnosis.FACTOR}, 2"),
        (lambda d, x, y: d * x / 4, f"{diagnosis.FACTOR}, 1/4, one over a size"),
        (lambda d, x, y: 3 * d * x, f"{diagnosis.FACTOR}, 3, a size of the arguments"),
        (lambda d, x, y: 1.001 * d * x, f"{diagnosis.FACTOR}, 1.001"),
        (lambda d, x, y: -d * x, diagnosis.SIGN),
        (lambda d, x, y: 0 * d * x, diagnosis.ZERO),
        (lambda d, x, y: d * y, diagnosis.SWAPPED),
        (lambda d, x, y: (d * x)[::-1], diagnosis.PERMUTED),
        (lambda d, x, y: d * d * x, diagnosis.NONLINEAR),
        (lambda d, x, y: (d * x).astype(jnp.float32).astype(d.dtype), diagnosis.ROUNDED),
        (lambda d, x, y: (d * x).at[1, 2].multiply(2), f"{diagnosis.FEW}, 1 of 12"),
        (lambda d, x, y: d * x * jnp.where(y > 0, 1, 2), f"{diagnosis.REGION}, where the input is below 0"),
        (lambda d, x, y: d * x * jnp.where(y > 0.5, jnp.inf, 1), f"{diagnosis.REGION}, where the input is above"),
        (lambda d, x, y: d * jnp.cos(x + y), ""),
    ],
    ids=[
        "2",
        "1/batch",
        "3",
        "1.001",
        "sign",
        "zero",
        "swapped",
        "permuted",
        "squared",
        "rounded",
        *["few", "region", "infinite", "none"],
    ],
)
def test_patterns_of_a_product(change, expected):
    found = pattern(in_y(change), X, Y, argument=1)
    assert found.startswith(expected)
    assert expected or not found


def test_without_a_place_there_is_no_pattern():
    assert pattern_of(inputs_for(RIGHT, X, Y), None) == ""
    assert pattern_of(inputs_for(RIGHT, X, Y), Place(None)) == ""


def test_a_missing_transpose():
    f = hand(lambda x, w: x @ w, lambda d, x, w: (d @ w, x.T @ d))
    assert pattern(f, X, SQUARE) == diagnosis.TRANSPOSED
    turned = hand(lambda x, w: x @ w, lambda d, x, w: (d @ w.T, (x.T @ d).T))
    assert pattern(turned, X, SQUARE, argument=1) == diagnosis.TRANSPOSED
    pushed = hand(lambda x: x @ SQUARE, lambda d, x: (d @ SQUARE,))
    assert pattern(pushed, X) == diagnosis.TRANSPOSED, "J d for J^T d"


def softmax(x):
    return jax.nn.softmax(x)


def test_a_term_that_vanishes_for_constant_cotangents():
    f = hand(softmax, lambda d, x: (jax.nn.softmax(x) * (d - d.mean(-1, keepdims=True)),))
    assert pattern(f, X) == diagnosis.CONSTANT


def test_a_leaf_of_a_tree():
    f = hand(
        lambda p: p["a"] * p["b"],
        lambda d, p: ({"a": d * p["b"], "b": -d * p["a"]},),
    )
    assert pattern(f, {"a": X, "b": Y}, path="['b']") == diagnosis.SIGN


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (5.0, "5, a size of the arguments: a sum for a mean?"),
        (0.2, "1/5, one over a size of the arguments: a mean for a sum?"),
        (-15.0, "-15, a size of the arguments: a sum for a mean?"),
        (4 / 5, "4/5, two sizes of the arguments: a mean over another axis?"),
        (7.0, "7"),
        (-1 / 7, "-1/7"),
        (2.0, "2"),
        (0.5, "1/2"),
        (1.0000123, "1.0000123"),
    ],
)
def test_factors_in_words(factor, words):
    with jax.enable_x64(True):
        inputs = inputs_for(jnp.matmul, X, WEIGHT, vjp=lambda x, w: jax.vjp(jnp.matmul, x, w))
        assert factor_in_words(factor, inputs) == words
