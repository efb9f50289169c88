"""Under jit, vmap and scan a derivative is what it is without; each check finds the bug that shows there alone."""

import itertools

import jax
import jax.numpy as jnp
import pytest

from chainrule.audit import diagnosis
from chainrule.audit.checks.names import EAGER, JIT, RETRACE, SCAN, VMAP
from chainrule.audit.checks.transformations import check_eager, check_jit, check_mapped
from chainrule.audit.checks.values import check_values
from chainrule.rule import Static, rule
from tests.audit.helpers import (
    PARAMS,
    RIGHT,
    RIGHT_RULE,
    X,
    Y,
    by_name,
    checked,
    cosine_pullback,
    dense,
    dense_pullback,
    failures,
    hand,
    ruled,
    sine,
)


def test_right_derivatives_are_the_same_everywhere():
    for f, args in ((RIGHT_RULE, (X, Y)), (hand(dense, dense_pullback), (PARAMS, X))):
        (eager,) = checked(check_eager, f, *args)
        assert (eager.name, eager.ok) == (EAGER, True)
        mapped = by_name(checked(check_mapped, f, *args))
        assert set(mapped) == {VMAP, SCAN}
        assert not failures(mapped.values())
    assert set(by_name(checked(check_jit, RIGHT_RULE, X, Y))) == {JIT, RETRACE}
    assert not failures(checked(check_jit, RIGHT_RULE, X, Y))
    assert [check.name for check in checked(check_jit, RIGHT, X, Y)] == [JIT]
    assert not checked(check_jit, jnp.sin, X)


def test_integers_and_keys_are_mapped_too():
    def dropout(key, labels, x):
        return jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x, 0)[:, labels]

    checks = by_name(checked(check_mapped, dropout, jax.random.key(0), jnp.arange(2), X))
    assert not failures(checks.values()), checks


def test_an_output_that_is_another_without_jit():
    def two_faced(x):
        return jnp.sin(x) if isinstance(x, jax.core.Tracer) else jnp.sin(x).at[1, 2].add(1e-3)

    f = hand(two_faced, cosine_pullback)
    assert not failures(checked(check_values, f, X))
    (check,) = checked(check_eager, f, X)
    assert not check.ok
    assert (check.place.argument, check.place.index) == (None, (1, 2))


def test_a_pullback_that_keeps_its_residual_elsewhere_does_not_cross_jit():
    kept = {}

    @rule
    def stale(x):
        kept["x"] = x
        return jnp.sin(x), ()

    stale.defbackward(lambda _, d: (d * jnp.cos(kept["x"]),))
    assert not failures(checked(check_values, stale, X)), "within one program it is right"
    (check,) = checked(check_jit, stale, X)
    assert (check.name, check.ok) == (JIT, False)
    assert "UnexpectedTracerError" in check.detail


def test_a_pullback_of_a_new_type_at_every_trace_is_compiled_anew():
    @rule
    def fresh(x):
        return jnp.sin(x), (x, Static(lambda d: d))

    fresh.defbackward(lambda r, d: (r[1].value(d) * jnp.cos(r[0]),))
    checks = by_name(checked(check_jit, fresh, X))
    assert failures(checks.values()) == [RETRACE]
    assert checks[RETRACE].detail == "each trace makes a pullback of a new type"


@jax.custom_batching.custom_vmap
def scaled(d):
    return d


@scaled.def_vmap
def _scaled_under_vmap(axis_size, batched, d):
    return 2 * d, batched[0]


def test_another_slope_under_vmap_alone():
    f = ruled(sine, lambda d, x: (scaled(d * jnp.cos(x)),))
    assert not failures(checked(check_values, f, X))
    checks = by_name(checked(check_mapped, f, X))
    assert failures(checks.values()) == [VMAP]
    assert checks[VMAP].place.argument == 0
    assert checks[VMAP].diagnosis == diagnosis.VMAP


def test_what_raises_under_vmap_is_a_finding_about_vmap():
    def no_batch(d, x):
        assert not hasattr(d, "batch_dim"), "one example at a time"
        return (d * jnp.cos(x),)

    checks = by_name(checked(check_mapped, ruled(sine, no_batch), X))
    assert failures(checks.values()) == [VMAP]
    assert checks[VMAP].detail == "AssertionError: one example at a time"


@pytest.mark.parametrize(("first", "expected"), [(2, {VMAP, SCAN}), (3, {SCAN})])
def test_a_hidden_count_of_traces_shows_where_it_changes(first, expected):
    """What measures is traced first, alone and under ``jax.grad``; then vmap, then scan."""
    count = itertools.count()
    f = ruled(sine, lambda d, x: ((1.5 if next(count) >= first else 1.0) * d * jnp.cos(x),))
    checks = by_name(checked(check_mapped, f, X))
    assert set(failures(checks.values())) == expected
    assert all(checks[name].place.argument == 0 for name in expected)
