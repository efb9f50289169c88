"""Clipping equals Optax's, bounds what it must, and is safe at zero and at the extremes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import optim

from .helpers import STORED, update

elements = st.lists(st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False), min_size=5, max_size=5)
thresholds = st.floats(1e-3, 1e6)


def clip(transformation, grads):
    return update(transformation, grads, transformation.init(grads), None)[0]


@pytest.mark.parametrize("case", STORED["clipping"], ids=lambda case: f"{case['clip']} {case['threshold']}")
def test_equals_the_stored_updates(case):
    with jax.enable_x64(True):
        transformation = getattr(optim, case["clip"])(case["threshold"])
        updates = clip(transformation, [jnp.asarray(g, jnp.float64) for g in case["grads"]])
        for found, expected in zip(updates, case["updates"], strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(elements, thresholds)
def test_the_norm_is_bounded_and_the_direction_kept(values, max_norm):
    grads = {"a": jnp.asarray(values[:2], jnp.float32), "b": jnp.asarray(values[2:], jnp.float32)}
    updates = clip(optim.clip_by_global_norm(max_norm), grads)
    before = np.concatenate([np.asarray(g, np.float64) for g in jax.tree.leaves(grads)])
    after = np.concatenate([np.asarray(u, np.float64) for u in jax.tree.leaves(updates)])
    norm = np.linalg.norm(before)
    assert np.linalg.norm(after) <= max_norm * (1 + 1e-5)
    if norm > 0:
        expected = before * min(1.0, max_norm / norm)
        largest = np.max(np.abs(expected))
        np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-6 * largest + 1e-37)
    else:
        np.testing.assert_array_equal(after, before)


@settings(deadline=None, max_examples=30)
@given(elements, thresholds)
def test_values_are_bounded(values, max_value):
    grads = jnp.asarray(values, jnp.float32)
    updates = np.asarray(clip(optim.clip_by_value(max_value), grads))
    bound = np.float32(max_value)
    np.testing.assert_array_equal(updates, np.clip(np.asarray(grads), -bound, bound))


@settings(deadline=None, max_examples=20)
@given(elements)
def test_zero_gradients_move_nothing(values):
    params = {"a": jnp.asarray(values, jnp.float32)}
    zero = {"a": jnp.zeros(5)}
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.clip_by_value(1.0), optim.sgd(0.1))
    updates, _ = update(optimizer, zero, optimizer.init(params), params)
    np.testing.assert_array_equal(optim.apply_updates(params, updates)["a"], params["a"])


def test_thresholds_are_leaves():
    traces = []

    @jax.jit
    def counted(transformation, grads):
        traces.append(1)
        return transformation.update(grads, transformation.init(grads))[0]

    grads = {"w": jnp.asarray([3.0, 4.0])}
    for make, expected in ((optim.clip_by_value, [2.0, 2.0]), (optim.clip_by_global_norm, [1.2, 1.6])):
        counted(make(1.0), grads)
        np.testing.assert_allclose(counted(make(2.0), grads)["w"], expected, rtol=1e-6)
    assert len(traces) == 2


def test_a_huge_gradient_is_scaled_and_not_lost():
    grads = {"w": jnp.asarray([3e30, -4e30]), "empty": jnp.zeros((0, 3))}
    np.testing.assert_allclose(optim.global_norm(grads), 5e30, rtol=1e-6)
    np.testing.assert_allclose(clip(optim.clip_by_global_norm(1.0), grads)["w"], [0.6, -0.8], rtol=1e-6)


def test_what_is_not_finite_is_seen():
    grads = {"w": jnp.asarray([1.0, jnp.inf]), "v": jnp.ones(2)}
    updates = clip(optim.clip_by_global_norm(1.0), grads)
    assert all(np.isnan(u).all() for u in jax.tree.leaves(updates))
    assert np.isnan(clip(optim.clip_by_value(1.0), {"w": jnp.asarray([jnp.nan])})["w"]).all()


def test_dtypes_and_norms():
    grads = {"w": jnp.asarray([3.0, 4.0], jnp.bfloat16), "v": jnp.asarray([12.0])}
    assert optim.global_norm(grads).dtype == jnp.float32
    assert float(optim.global_norm(grads)) == 13.0
    assert float(optim.global_norm({})) == 0.0
    for transformation in (optim.clip_by_global_norm(1.0), optim.clip_by_value(1.0)):
        updates = clip(transformation, grads)
        assert updates["w"].dtype == jnp.bfloat16
        assert updates["v"].dtype == jnp.float32


def test_infinite_thresholds_clip_nothing():
    grads = {"w": jnp.asarray([3.0, -4.0])}
    for make in (optim.clip_by_value, optim.clip_by_global_norm):
        np.testing.assert_array_equal(clip(make(float("inf")), grads)["w"], grads["w"])


def test_inside_optax():
    grads = {"w": jnp.asarray([3.0, 4.0])}
    chained = optax.chain(optim.clip_by_global_norm(1.0), optax.sgd(1.0))
    np.testing.assert_allclose(chained.update(grads, chained.init(grads))[0]["w"], [-0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize("make", [optim.clip_by_value, optim.clip_by_global_norm])
@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan"), "1", None])
def test_bad_input(make, threshold):
    with pytest.raises(ValueError, match=r"max_.* must be .*above 0"):
        make(threshold)
