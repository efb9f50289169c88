"""The contract that every optimiser keeps."""

from __future__ import annotations

import dataclasses
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from chainrule import optim

from .helpers import VARIANTS, assert_trees_close, build, make_tree, traces, update

pytestmark = pytest.mark.usefixtures("quick_compilation")

every_optimizer = pytest.mark.parametrize("variant", VARIANTS)


@every_optimizer
def test_nothing_is_traced_twice(variant):
    params, grads = make_tree(), make_tree(seed=1)
    optimizer = build(variant)
    state = optimizer.init(params)
    updates, state = update(optimizer, grads, state, params)
    before = len(traces)
    update(optimizer, grads, state, optim.apply_updates(params, updates))
    update(build(variant), grads, state, params)
    fresh = optimizer.init(params)
    slow, _ = update(build(variant, 0.01), grads, fresh, params)
    fast, _ = update(build(variant, 0.02), grads, fresh, params)
    assert len(traces) == before
    assert_trees_close(jax.tree.map(lambda u: 2 * u, slow), fast, rtol=1e-5)


@every_optimizer
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_trees_shapes_and_dtypes(variant, dtype):
    with jax.enable_x64(dtype == "float64"):
        params, grads = make_tree(dtype), make_tree(dtype, seed=1)
        optimizer = build(variant)
        state = optimizer.init(params)
        assert state.steps.dtype == jnp.int32
        shapes = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)  # noqa: E731
        updates, following = jax.eval_shape(optimizer.update, grads, state, params)
        assert shapes(updates) == shapes(params)
        assert shapes(following) == shapes(state)
        assert {leaf.dtype for leaf in jax.tree.leaves(updates)} == {jnp.dtype(dtype)}


@every_optimizer
def test_half_precision_follows_single(variant):
    optimizer = build(variant, 0.05)
    ends = []
    for dtype in (jnp.float32, jnp.bfloat16):
        params, grads = make_tree(dtype), make_tree(dtype, seed=1)
        state = optimizer.init(params)
        for _ in range(3):
            updates, state = optimizer.update(grads, state, params)
            params = optim.apply_updates(params, updates)
        assert params["w"].dtype == dtype
        ends.append(np.asarray(params["w"], np.float32))
    np.testing.assert_allclose(ends[0], ends[1], rtol=0.03, atol=0.02)


@every_optimizer
def test_strict_promotion(variant):
    optimizer, params = build(variant), make_tree()
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        state = jax.eval_shape(optimizer.init, params)
        for learning_rate in (0.1, jnp.float32(0.1), optim.cosine(0.1, 10, 2), optim.one_cycle(0.1, 10)):
            replaced = dataclasses.replace(optimizer, learning_rate=learning_rate)
            jax.eval_shape(replaced.update, params, state, params)


@every_optimizer
def test_vmap_over_learning_rates_equals_a_loop(variant):
    params, grads = make_tree(), make_tree(seed=1)
    rates = jnp.asarray([0.01, 0.1, 0.4])

    def two_steps(learning_rate, step):
        optimizer = build(variant, learning_rate)
        state = optimizer.init(params)
        first, state = step(optimizer, grads, state, params)
        second, _ = step(optimizer, grads, state, jax.tree.map(jnp.add, params, first))
        return first, second

    plain = lambda optimizer, *arguments: optimizer.update(*arguments)  # noqa: E731
    side_by_side = jax.jit(jax.vmap(lambda rate: two_steps(rate, plain)))(rates)
    for i, rate in enumerate(rates):
        alone = two_steps(float(rate), update)
        assert_trees_close(jax.tree.map(lambda x, i=i: x[i], side_by_side), alone, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("variant", ["sgd", "adamw"])
def test_vmap_over_a_batch_of_optimisers(variant):
    params, grads = make_tree(), make_tree(seed=1)
    batch = build(variant, jnp.asarray([0.1, 0.2]))
    axes = jax.tree.map(lambda _: None, batch)
    axes = dataclasses.replace(axes, learning_rate=0)
    state = batch.init(params)
    stepped = jax.vmap(lambda opt: opt.update(grads, state, params)[0], in_axes=(axes,))(batch)
    assert_trees_close(jax.tree.map(lambda x: 2 * x[0], stepped), jax.tree.map(lambda x: x[1], stepped), rtol=1e-6)


@every_optimizer
def test_descends_on_a_quadratic(variant):
    target = make_tree(seed=2)
    params = make_tree(seed=3)
    optimizer = build(variant, 0.03)

    def distance(p):
        return sum(
            float(jnp.sum((a - b) ** 2)) for a, b in zip(jax.tree.leaves(p), jax.tree.leaves(target), strict=True)
        )

    start, state = distance(params), optimizer.init(params)
    for _ in range(40):
        grads = jax.tree.map(lambda p, t: p - t, params, target)
        updates, state = update(optimizer, grads, state, params)
        params = jax.tree.map(jnp.add, params, updates)
    assert int(state.steps) == 40
    assert distance(params) < 0.7 * start


@every_optimizer
def test_inside_optax(variant):
    params, grads = make_tree(), make_tree(seed=1)
    optimizer = build(variant)
    alone, alone_state = optimizer.update(grads, optimizer.init(params), params)
    chained = optax.chain(optax.identity(), optimizer, optax.scale(2.0))
    state = chained.init(params)
    updates, state = chained.update(grads, state, params)
    assert_trees_close(updates, jax.tree.map(lambda u: 2 * u, alone), rtol=2e-6)
    assert_trees_close(state[1], alone_state, rtol=2e-6)
    assert_trees_close(optax.apply_updates(params, updates), optim.apply_updates(params, updates), rtol=1e-7)
    init, step = optimizer
    assert_trees_close(step(grads, init(params), params)[0], alone, rtol=0)


@every_optimizer
def test_optax_inside(variant):
    params, grads = make_tree(), make_tree(seed=1)
    optimizer = build(variant)
    half = optax.scale(0.5)
    chained = optim.chain(half, optimizer, half)
    state = chained.init(params)
    updates, state = chained.update(grads, state, params)
    halves = jax.tree.map(lambda g: 0.5 * g, grads)
    expected, _ = optimizer.update(halves, optimizer.init(params), params)
    assert_trees_close(updates, jax.tree.map(lambda u: 0.5 * u, expected), rtol=2e-6)
    assert jax.tree.structure(chained) == jax.tree.structure(optim.chain(half, build(variant), half))


@every_optimizer
def test_pickles(variant):
    optimizer = build(variant, optim.cosine(0.1, 10, warmup_steps=2))
    again = pickle.loads(pickle.dumps(optimizer))
    assert again == optimizer
    assert hash(again) == hash(optimizer)
    assert jax.tree.structure(again) == jax.tree.structure(optimizer)


@pytest.mark.parametrize("variant", ["momentum", "nadam"])
def test_scan_and_donation(variant):
    params, grads = make_tree(), make_tree(seed=1)
    optimizer = build(variant)

    def body(carry, _):
        params, state = carry
        updates, state = optimizer.update(grads, state, params)
        return (optim.apply_updates(params, updates), state), None

    def run(params, state):
        return jax.lax.scan(body, (params, state), length=2)[0]

    ended, state = jax.jit(run, donate_argnums=1)(params, optimizer.init(params))
    assert int(state.steps) == 2
    assert jax.tree.structure(ended) == jax.tree.structure(params)


@every_optimizer
def test_wrong_trees_are_refused(variant):
    params = make_tree()
    optimizer = build(variant)
    state = optimizer.init(params)
    short = {key: value for key, value in params.items() if key != "b"}
    with pytest.raises(ValueError, match="grads must have the tree of"):
        optimizer.update(short, state, params)
    with pytest.raises(ValueError, match=r"grads\['b'\] must have the shape of .*\[3\], got \[4\]"):
        optimizer.update({**params, "b": jnp.zeros(4)}, state, params)
    with pytest.raises(ValueError, match=r"grads\['b'\] must be of floating-point numbers, got int32\[3\]"):
        optimizer.update({**params, "b": jnp.zeros(3, jnp.int32)}, state, params)
    with pytest.raises(ValueError, match=r"params\['b'\] must be of floating-point numbers, got int32\[3\]"):
        optimizer.init({**params, "b": jnp.zeros(3, jnp.int32)})
    with pytest.raises(ValueError, match="learning_rate must be a scalar"):
        build(variant, jnp.asarray([0.1, 0.2])).update(params, state, params)


@every_optimizer
def test_wrong_learning_rates_are_refused(variant):
    for rate in (-0.1, float("nan"), float("inf"), "fast", None, True, np.float32(-1.0)):
        with pytest.raises(ValueError, match="learning_rate must be"):
            build(variant, rate)


@every_optimizer
def test_no_leaves(variant):
    params = {"nothing": None}
    optimizer = build("adamw" if "mask" in variant else variant)
    updates, state = optimizer.update(params, optimizer.init(params), params)
    assert updates == params
    assert int(state.steps) == 1
