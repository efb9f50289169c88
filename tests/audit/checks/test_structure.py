"""What a trace shows: trees, shapes and dtypes of cotangents; residuals; and who differentiates."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import vjp as hidden

from chainrule.audit import diagnosis
from chainrule.audit.checks import run_checks
from chainrule.audit.checks.names import BYTES, PURE, RESIDUALS, STRUCTURE
from chainrule.audit.checks.structure import check_bytes, check_pure, check_residuals, check_structure
from chainrule.audit.inputs import Inputs
from chainrule.audit.report import Place
from chainrule.audit.run import inputs_for
from chainrule.audit.subject import subject_of
from chainrule.rule import rule
from tests.audit.helpers import (
    BIAS,
    PARAMS,
    RIGHT,
    RIGHT_RULE,
    X,
    Y,
    checked,
    dense,
    dense_pullback,
    hand,
    product,
    product_pullback,
    ruled,
    sine,
)

LABELS = np.arange(3, dtype=np.int32)


def pulled(f, pullback, *args):
    """The structure check of a function with a separate pullback, which JAX does not look at."""
    (check,) = checked(check_structure, f, *args, pullback=pullback)
    assert check.name == STRUCTURE
    return check


def added(x, b):
    return x + b


def gathered(x, labels):
    return x[:, labels]


def gathered_pullback(d, x, labels):
    return jnp.zeros_like(x).at[:, labels].add(d), None


def test_right_structures_pass():
    assert pulled(dense, dense_pullback, PARAMS, X).ok
    assert pulled(gathered, gathered_pullback, X, LABELS).ok
    assert pulled(product, product_pullback, X, Y).figure == 0


@pytest.mark.parametrize(
    ("f", "pullback", "args", "place", "words"),
    [
        (added, lambda d, x, b: (d, d), (Y, BIAS[:3]), Place(1), "expected float64[3], found float64[4, 3]"),
        (added, lambda d, x, b: (d, d.sum(0, keepdims=True)), (Y, BIAS[:3]), Place(1), "found float64[1, 3]"),
        (product, lambda d, x, y: (d * y, (d * x).astype(jnp.float32)), (X, Y), Place(1), "found float32[4, 3]"),
        (jnp.sum, lambda d, x: (jnp.full(x.shape, d),), (X,), None, ""),
        (jnp.sum, lambda d, x: (jnp.full(x.shape, 1.0),), (X,), Place(0), "found float64[4, 3] of a weak type"),
        (product, lambda d, x, y: (2.0, d * x), (1.5, X), Place(0), "of a weak type"),
        (
            dense,
            lambda d, p, x: (list(dense_pullback(d, p, x)[0].values()), d @ p["weight"].T),
            (PARAMS, X),
            Place(0),
            "",
        ),
        (dense, lambda d, p, x: ({"weight": x.T @ d}, d @ p["weight"].T), (PARAMS, X), Place(0), "expected the tree"),
        (
            dense,
            lambda d, p, x: ({"bias": d.sum(0), "weight": d.T @ x}, d @ p["weight"].T),
            (PARAMS, X),
            Place(0, "['weight']"),
            "expected float64[3, 5], found float64[5, 3]",
        ),
        (product, lambda d, x, y: (d * y, None), (X, Y), Place(1), "expected the tree"),
        (gathered, lambda d, x, n: (gathered_pullback(d, x, n)[0], n), (X, LABELS), Place(1), "expected float0[3]"),
    ],
    ids=[
        *("sum missing", "keepdims", "float32", "right", "weak array", "weak number", "list"),
        *("leaf missing", "transposed", "None", "integers"),
    ],
)
def test_a_wrong_structure_is_named(f, pullback, args, place, words):
    check = pulled(f, pullback, *args)
    assert check.ok == (place is None)
    assert check.place == place
    assert words in check.detail


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_cotangents_is_that_of_the_arguments(count):
    check = pulled(product, lambda d, x, y: (d * y, d * x, d)[:count], X, Y)
    assert not check.ok
    assert "must return 2 cotangents" in check.detail


def test_a_custom_vjp_that_jax_refuses_is_a_finding():
    (check,) = checked(check_structure, hand(added, lambda d, x, b: (d, d)), Y, BIAS[:3])
    assert not check.ok
    assert "Error" in check.detail


@pytest.mark.parametrize(
    ("backward", "argument"),
    [(lambda args, d: (None, d * args[0]), 0), (lambda args, d: (d * args[1], [d * args[0]]), 1)],
    ids=["None", "another tree"],
)
def test_the_cotangent_that_a_rule_forgets_is_named(backward, argument):
    (check,) = checked(check_structure, ruled(product, lambda d, x, y: backward((x, y), d)), X, Y)
    assert not check.ok
    assert check.place == Place(argument)


def test_shapes_in_reverse_and_in_another_order_are_diagnosed():
    turned = pulled(product, lambda d, x, y: ((d * y).T, d * x), X, Y)
    assert (turned.diagnosis, turned.place) == (diagnosis.TRANSPOSED, Place(0))
    swapped = pulled(added, lambda d, x, b: (d.sum(0), d), Y, BIAS[:3])
    assert (swapped.diagnosis, swapped.place) == (diagnosis.SWAPPED, Place(0))


def test_a_rule_is_traced_without_the_differentiation_of_jax():
    (check,) = checked(check_pure, RIGHT_RULE, X, Y)
    assert (check.name, check.ok, check.figure) == (PURE, True, 0)
    assert not checked(check_pure, RIGHT, X, Y), "a custom_vjp may do as it likes"


@pytest.mark.parametrize(
    ("backward", "words"),
    [
        (lambda d, x: (hidden(jnp.sin, x)[1](d)[0],), "calls jax.vjp"),
        (lambda d, x: (d * jax.grad(lambda x: jnp.sin(x).sum())(x),), "jax.grad"),
        (lambda d, x: (d * jax.jvp(jnp.sin, (x,), (jnp.ones_like(x),))[1],), "jax.jvp"),
        (lambda d, x: (d * jnp.cos(x) + 0 * jax.nn.relu(x),), "custom_jvp_call"),
    ],
    ids=["vjp", "grad", "jvp", "custom_jvp"],
)
def test_a_rule_that_lets_jax_differentiate_is_found_out(backward, words):
    (check,) = checked(check_pure, ruled(sine, backward), X)
    assert not check.ok
    assert words in check.detail


def dead(x):
    return jnp.sin(x)


DEAD = jax.custom_vjp(dead)
DEAD.defvjp(lambda x: (jnp.sin(x), (jnp.cos(x), x[:2] + 1)), lambda r, d: (d * r[0],))


@rule
def hoarder(x):
    return jnp.sin(x), (jnp.cos(x), x + 1, x - 1)


hoarder.defbackward(lambda r, d: (d * r[0] + 0 * r[1],))


def test_every_residual_is_read():
    for right in (RIGHT, RIGHT_RULE):
        (check,) = checked(check_residuals, right, X, Y)
        assert (check.name, check.ok, check.figure) == (RESIDUALS, True, 0)
    (check,) = checked(check_residuals, DEAD, X)
    assert (check.ok, check.figure, check.detail) == (False, 1, "never read by the pullback: float64[2, 3]")
    (check,) = checked(check_residuals, hoarder, X)
    assert (check.ok, check.figure) == (False, 1)
    assert not checked(check_residuals, jnp.sin, X), "JAX decides what its own pullbacks keep"


def test_residual_bytes_are_told_and_for_rules_of_this_package_judged():
    (check,) = checked(check_bytes, RIGHT_RULE, X, Y)
    assert (check.name, check.ok, check.figure, check.unit) == (BYTES, True, 1.0, "times")
    (told,) = checked(check_bytes, hoarder, X)
    assert told.ok
    assert told.figure == 3.0
    assert told.detail == "288 bytes by hand, 96 by autodiff"
    (judged,) = run_checks(Inputs(subject_of(hoarder), (X,), strict=True), (check_bytes,))
    assert (judged.ok, judged.figure) == (False, 3.0)
    strict = inputs_for(RIGHT_RULE, X, Y)
    strict.strict = True
    assert all(check.ok for check in run_checks(strict, (check_bytes,)))
    assert dataclasses.replace(judged, ok=True).in_words == "3 times > 1"
