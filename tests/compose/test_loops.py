"""Scan over time and repeat over depth: against loops written out, with state and keys, and what they keep."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import Layer, chain, layers, ops, remat, repeat, residual, scan

from ..helpers import assert_hand_is_autodiff, assert_trees_close, random_like
from .layers import Cell, Noise, RunningMean, Trained, dense_params

pytestmark = pytest.mark.usefixtures("quick_compilation")


@dataclass(frozen=True)
class Counter(Layer):
    """y = w x, with a state of integers alone, for whose whole branch backward says None."""

    def build(self, key, in_shape, dtype):
        return {"w": jnp.ones(in_shape, dtype)}, {"steps": jnp.zeros((), jnp.int32)}

    def forward(self, params, x, state=None, key=None, *, train=False):
        return (params["w"] * x, {"steps": state["steps"] + 1}), (params["w"], x)

    def backward(self, residuals, d_output, *, train=False):
        w, x = residuals
        return {"w": jnp.sum(d_output[0] * x, 0)}, d_output[0] * w, None, None


class Growing(Layer):
    """A layer whose state is longer after every step."""

    def forward(self, params, x, state=None, key=None, *, train=False):
        return (x, jnp.concatenate([state, state])), None


def recurrent(rng):
    params = {"x": jnp.asarray(rng.normal(size=(3, 4))), "h": jnp.asarray(rng.normal(size=(4, 4)) / 2)}
    return params, jnp.asarray(rng.normal(size=(2, 6, 3))), jnp.asarray(rng.normal(size=(2, 4)))  # (batch, time, ...)


def residual_shapes(model, *args, **static):
    _, pullback = jax.eval_shape(lambda *args: model.vjp(*args, **static), *args)
    return [leaf.shape for leaf in jax.tree.leaves(pullback)]


# ----------------------------------------------------------------------------------------------------------------------
# Time
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("reverse", [False, True])
def test_scan_is_the_loop_written_out(reverse, rng):
    params, x, h = recurrent(rng)
    (y, last), _ = assert_hand_is_autodiff(scan(Cell(4), reverse=reverse), params, x, h)
    expected = np.asarray(h)
    for t in reversed(range(6)) if reverse else range(6):
        expected = np.tanh(np.asarray(x)[:, t] @ np.asarray(params["x"]) + expected @ np.asarray(params["h"]))
        np.testing.assert_allclose(y[:, t], expected, rtol=1e-12)
    np.testing.assert_array_equal(last, y[:, 0 if reverse else -1])


@pytest.mark.usefixtures("x64")
def test_chains_of_cells_noise_and_dense_layers_scan_over_time(rng):
    params, x, h = recurrent(rng)
    more = {"x": jnp.asarray(rng.normal(size=(4, 5))), "h": jnp.asarray(rng.normal(size=(5, 5)) / 2)}
    model = chain(scan(chain(Cell(4), Noise(0.1), ops.tanh, Cell(5))), layers.Dense(2))
    all_params = ((params, (), (), more), dense_params(rng, 5, 2))
    state = ((h, (), (), jnp.asarray(rng.normal(size=(2, 5)))), ())
    _, (_, d_x, d_state) = assert_hand_is_autodiff(Trained(model, seed=8), all_params, x, state)
    assert d_x.shape == x.shape
    assert np.abs(d_state[0][0]).min() > 0


def test_scan_hands_each_step_a_key_of_its_own():
    x = jnp.ones((2, 3, 4))
    y, _ = scan(Noise())((), x, (), jax.random.key(5), train=True)
    for t in range(3):
        expected, _ = Noise()((), x[:, t], (), jax.random.fold_in(jax.random.key(5), t), train=True)
        np.testing.assert_allclose(y[:, t], expected, rtol=1e-6)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("train", [pytest.param(False, marks=pytest.mark.slow), True])
def test_states_with_integers_scan(train, rng):
    model = scan(chain(RunningMean(), Counter(), ops.tanh))
    params, state = model.init(jax.random.key(0), (5, 3), jnp.float64)
    args = params, jnp.asarray(rng.normal(size=(2, 5, 3))), state
    (_, new), (_, _, d_state) = assert_hand_is_autodiff(Trained(model) if train else model, *args)
    assert new[1]["steps"] == 5
    assert d_state[1]["steps"].dtype == jax.dtypes.float0


@pytest.mark.usefixtures("x64")
def test_a_first_state_for_one_example_serves_all_and_gathers_from_all(rng):
    model = scan(Cell(4))
    params, x, _ = recurrent(rng)
    _, state = model.init(jax.random.key(0), (6, 3), jnp.float64)
    assert state.shape == (4,)
    (_, last), (*_, d_state) = assert_hand_is_autodiff(model, params, x, state)
    assert last.shape == (2, 4)
    assert d_state.shape == (4,)
    state = jnp.zeros((1, 4))
    assert assert_hand_is_autodiff(model, params, x, state)[1][2].shape == (1, 4)


def test_scan_keeps_params_x_and_y_once():
    model = scan(chain(Cell(4), ops.tanh))
    args = ({"x": jnp.ones((3, 4)), "h": jnp.ones((4, 4))}, ()), jnp.ones((2, 6, 3)), (jnp.ones((2, 4)), ())
    shapes = residual_shapes(model, *args)
    # Both weights, x, y (of tanh), and step by step the old hidden values; of the new ones, the last.
    assert sorted(shapes) == sorted([(3, 4), (4, 4), (2, 6, 3), (2, 6, 4), (6, 2, 4), (2, 4)])
    y, pullback = model.vjp(*args)
    assert any(leaf is args[1] for leaf in jax.tree.leaves(pullback))
    assert any(leaf is y[0] for leaf in jax.tree.leaves(pullback))


@pytest.mark.usefixtures("x64")
def test_scan_of_no_steps_and_of_no_examples(rng):
    params, x, h = recurrent(rng)
    (y, last), pullback = scan(Cell(4)).vjp(params, x[:, :0], h)
    assert y.shape == (2, 0, 4)
    np.testing.assert_array_equal(last, h)
    d_params, d_x, d_state = pullback((y, h))
    assert not np.any(d_params["h"])
    assert d_x.shape == (2, 0, 3)
    np.testing.assert_array_equal(d_state, h)
    assert_hand_is_autodiff(scan(Cell(4)), params, x[:0], h[:0])


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_scan_under_vmap_is_the_loop_over_the_scan(rng):
    params, x, h = recurrent(rng)
    x = jnp.stack([x, 2 * x, -x])
    model = scan(Cell(4))
    cotangent = random_like(jax.eval_shape(model, params, x[0], h))

    def pulled(x):
        return model.vjp(params, x, h)[1](cotangent)

    one = jax.jit(pulled)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(one, x))
    assert_trees_close(jax.jit(jax.vmap(pulled))(x), stacked)


def test_scan_refuses_what_has_no_time_and_a_state_that_changes():
    with pytest.raises(ValueError, match=r"x must be \(batch, time, ...\), got float32\[3\]"):
        scan(ops.tanh)((), jnp.ones(3))
    with pytest.raises(ValueError, match=r"examples of shape \(time, ...\), got scalars"):
        scan(ops.tanh).init(jax.random.key(0), ())
    cell = {"x": jnp.ones((3, 4)), "h": jnp.ones((4, 4))}
    growing = r"must return a state like the one that it is given, float32\[2, 4\], got float32\[4, 4\]"
    with pytest.raises(ValueError, match=growing):
        scan(Growing())((), jnp.ones((2, 5, 3)), jnp.ones((2, 4)))
    with pytest.raises(ValueError, match=r"float16\[2, 4\], got float32\[2, 4\]"):
        scan(Cell(4))(cell, jnp.ones((2, 5, 3)), jnp.ones((2, 4), jnp.float16))
    with pytest.raises(TypeError, match="expected a chainrule layer or rule"):
        scan(jnp.tanh)


# ----------------------------------------------------------------------------------------------------------------------
# Depth
# ----------------------------------------------------------------------------------------------------------------------

BLOCK = residual(chain(layers.Dense(3), Noise(0.2), ops.tanh))


def unstacked(tree, depth):
    return tuple(jax.tree.map(lambda leaf, i=i: leaf[i], tree) for i in range(depth))


@pytest.mark.usefixtures("x64")
def test_repeat_is_the_chain_of_the_blocks(rng):
    block = chain(BLOCK, RunningMean())
    model, flat = repeat(block, 3), chain(block, block, block)
    params, state = model.init(jax.random.key(2), 3, jnp.float64)
    flat_params, flat_state = flat.init(jax.random.key(2), 3, jnp.float64)
    assert_trees_close(unstacked(params, 3), flat_params)
    assert_trees_close(unstacked(state, 3), flat_state)
    x = jnp.asarray(rng.normal(size=(4, 3)))
    (y, new), (d_params, d_x, d_state) = assert_hand_is_autodiff(Trained(model, seed=1), params, x, state)
    (flat_y, flat_new), pullback = Trained(flat, seed=1).vjp(flat_params, x, flat_state)
    cotangent = random_like((y, new))
    flat_d_state = unstacked(cotangent[1], 3)
    expected = pullback((cotangent[0], flat_d_state))
    assert_trees_close((y, unstacked(new, 3)), (flat_y, flat_new))
    assert_trees_close((unstacked(d_params, 3), d_x, unstacked(d_state, 3)), expected)


def test_the_program_does_not_grow_with_the_depth():
    def sizes(depth):
        model = repeat(BLOCK, depth)
        params, state = jax.eval_shape(lambda: model.init(jax.random.key(0), 3))

        def both(params, x, state, d_y):
            (_, new), pullback = model.vjp(params, x, state, jax.random.key(0), train=True)
            return pullback((d_y, new))[:2]

        x = jnp.ones((4, 3))
        return len(jax.jit(both).lower(params, x, state, x).as_text().splitlines())

    assert sizes(2) == sizes(20)


def test_repeat_copies_no_params():
    model = repeat(chain(layers.Dense(3), ops.tanh), 5)
    params, _ = model.init(jax.random.key(0), 3)
    y, pullback = model.vjp(params, jnp.ones((4, 3)))
    leaves = jax.tree.leaves(pullback)
    assert any(leaf is params[0]["weight"] for leaf in leaves)
    # W, x of each block and, of tanh, which is the next one's x, the last.
    assert sorted(leaf.shape for leaf in leaves) == [(4, 3), (5, 3, 3), (5, 4, 3)]
    assert any(leaf is y for leaf in leaves)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_loops_and_recomputation_nest(rng):
    model = repeat(scan(remat(chain(Cell(3), Noise(0.1)))), 2)
    params, _ = model.init(jax.random.key(0), (4, 3), jnp.float64)
    state = jnp.asarray(rng.normal(size=(2, 5, 3))), ()
    x = jnp.asarray(rng.normal(size=(5, 4, 3)))
    assert_hand_is_autodiff(Trained(model, seed=4), params, x, state)
    model = scan(repeat(residual(chain(layers.Dense(3), ops.tanh)), 2))
    params, _ = model.init(jax.random.key(0), (4, 3), jnp.float64)
    assert_hand_is_autodiff(model, params, x)


def test_repeat_refuses_what_cannot_be_repeated():
    for depth in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="depth must be a positive integer, got"):
            repeat(ops.tanh, depth)
    with pytest.raises(ValueError, match=r"must return the shape that it is given, \(3,\), got \(4,\)"):
        repeat(layers.Dense(4), 2).init(jax.random.key(0), 3)
    params, _ = layers.Dense(4).init(jax.random.key(0), 3)
    params = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), params)
    with pytest.raises(ValueError, match=r"must return what it is given, float32\[5, 3\], got float32\[5, 4\]"):
        repeat(layers.Dense(4), 2)(params, jnp.ones((5, 3)))
    with pytest.raises(ValueError, match="params and state must have a leading axis of length 3, got params"):
        repeat(layers.Dense(4), 3)(params, jnp.ones((5, 3)))
