"""Chains: order, states, foreign pairs, and what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from chainrule import optim

from .helpers import assert_trees_close, make_tree, update


def test_equals_the_chain_of_optax():
    params, grads = make_tree(), make_tree(seed=1)
    ours = optim.chain(optim.clip_by_global_norm(0.5), optim.adamw(0.1, weight_decay=0.2))
    theirs = optax.chain(optax.clip_by_global_norm(0.5), optax.adamw(0.1, weight_decay=0.2))
    state, their_state, their_params = ours.init(params), theirs.init(params), params
    their_update = jax.jit(theirs.update)
    for _ in range(3):
        updates, state = update(ours, grads, state, params)
        their_updates, their_state = their_update(grads, their_state, their_params)
        params = optim.apply_updates(params, updates)
        their_params = optax.apply_updates(their_params, their_updates)
    # Optax forms 1 - β2^t in float32, which costs it digits that we keep
    assert_trees_close(params, their_params, rtol=2e-4, atol=1e-5)


def test_the_order_is_that_given():
    grads = {"w": jnp.asarray([4.0, -8.0])}
    clip, halve = optim.clip_by_value(3.0), optax.scale(0.5)
    for transformations, expected in (((clip, halve), [1.5, -1.5]), ((halve, clip), [2.0, -3.0])):
        chained = optim.chain(*transformations)
        np.testing.assert_allclose(chained.update(grads, chained.init(grads))[0]["w"], expected)


def test_chains_of_chains_and_of_nothing():
    grads = make_tree()
    empty = optim.chain()
    assert_trees_close(empty.update(grads, empty.init(grads))[0], grads, rtol=0)
    nested = optim.chain(optim.chain(optim.sgd(0.1)), optim.chain())
    updates, state = nested.update(grads, nested.init(grads))
    assert int(state[0][0].steps) == 1
    np.testing.assert_allclose(updates["b"], -0.1 * grads["b"], rtol=1e-6)


def test_a_plain_pair_of_functions_serves():
    chained = optim.chain((lambda params: (), lambda grads, state, params: (grads, state)), optim.sgd(0.5))
    grads = make_tree()
    np.testing.assert_allclose(chained.update(grads, chained.init(grads))[0]["b"], -0.5 * grads["b"], rtol=1e-6)


def test_learning_rates_inside_a_chain_are_leaves():
    def chained(rate):
        return optim.chain(optim.clip_by_global_norm(1.0), optim.adam(rate))

    assert jax.tree.leaves(chained(0.1)) == [1.0, 0.1]
    assert jax.tree.structure(chained(0.1)) == jax.tree.structure(chained(0.2))


def test_wrappers_of_optax_take_our_optimisers():
    params, grads = make_tree(), make_tree(seed=1)
    every_two = optax.MultiSteps(optim.adam(0.1), every_k_schedule=2)
    state = every_two.init(params)
    updates, state = every_two.update(grads, state, params)
    assert not np.any(updates["w"])
    injected = optax.inject_hyperparams(optim.adamw)(learning_rate=0.1)
    state = injected.init(params)
    updates, state = injected.update(grads, state, params)
    expected, _ = update(optim.adamw(0.1), grads, optim.adamw(0.1).init(params), params)
    assert_trees_close(updates, expected, rtol=1e-4)
    masked = optax.masked(optim.sgd(0.1), {"w": True, "b": False, "none": None, "empty": ()})
    updates, _ = masked.update(grads, masked.init(params), params)
    np.testing.assert_array_equal(updates["b"], grads["b"])
    np.testing.assert_allclose(updates["w"], -0.1 * grads["w"], rtol=1e-6)


def test_bad_input():
    with pytest.raises(ValueError, match=r"transformations\[1\] must be an optimiser"):
        optim.chain(optim.sgd(0.1), 3)
    with pytest.raises(ValueError, match=r"transformations\[0\] must be an optimiser"):
        optim.chain(optim.adam)
    grads = make_tree()
    with pytest.raises(ValueError, match="state must be a tuple of 1 states, got 2 states"):
        optim.chain(optim.sgd(0.1)).update(grads, ((), ()))
    with pytest.raises(ValueError, match="state must be a tuple of 1 states, got dict"):
        optim.chain(optim.sgd(0.1)).update(grads, {})
