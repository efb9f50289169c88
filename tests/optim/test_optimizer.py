"""Optimisers as pytrees, hyperparameters at the door, weight decay and its mask, and the names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import optim
from chainrule.optim.leaves import bias_correction, following

from .helpers import assert_trees_close, make_tree, update


class Unhashable:
    __hash__ = None

    def __call__(self, step):
        return 0.1


def only_matrices(params):
    return jax.tree.map(lambda p: p.ndim > 1, params)


def test_the_learning_rate_is_a_leaf_and_the_rest_is_static():
    assert jax.tree.leaves(optim.adam(0.1)) == [0.1]
    assert jax.tree.leaves(optim.adamw(0.1)) == [0.1, 0.01]
    assert jax.tree.leaves(optim.adam(optim.cosine(0.1, 5))) == [0.1, 0.0, 0.0]
    assert jax.tree.leaves(optim.adam(abs)) == []
    assert jax.tree.structure(optim.adam(0.1)) == jax.tree.structure(optim.adam(0.2))
    assert jax.tree.structure(optim.adam(0.1)) != jax.tree.structure(optim.adam(0.1, b1=0.8))
    ((path, _),) = jax.tree_util.tree_leaves_with_path(optim.sgd(0.1))
    assert jax.tree_util.keystr(path) == ".learning_rate"


def test_hyperparameters_given_as_arrays_are_leaves():
    optimizer = optim.adam(0.1, b1=jnp.float32(0.8))
    assert len(jax.tree.leaves(optimizer)) == 2
    params, grads = make_tree(), make_tree(seed=1)
    state = optimizer.init(params)
    found, _ = update(optimizer, grads, state, params)
    expected, _ = update(optim.adam(0.1, b1=0.8), grads, state, params)
    assert_trees_close(found, expected, rtol=1e-5)
    many = jax.jit(jax.vmap(lambda b2: optim.adam(0.1, b2=b2).update(grads, state, params)[0]["b"]))(
        jnp.asarray([0.9, 0.99])
    )
    assert many.shape == (2, 3)
    with pytest.raises(ValueError, match="b1 must be a scalar in update, got float32"):
        optim.adam(0.1, b1=jnp.asarray([0.8, 0.9])).update(grads, state, params)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_unflattening_checks_nothing(name):
    leaves, structure = jax.tree.flatten(optim.by_name(name, 0.1))
    sentinels = [object() for _ in leaves]
    rebuilt = jax.tree.unflatten(structure, sentinels)
    assert jax.tree.structure(rebuilt) == structure
    assert jax.tree.leaves(rebuilt) == sentinels
    assert rebuilt.learning_rate is sentinels[0]


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        optim.sgd(0.1).learning_rate = 0.2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.sgd(-0.1), "sgd: learning_rate must be at least 0 and finite, got -0.1"),
        (lambda: optim.sgd(Unhashable()), "must be hashable"),
        (lambda: optim.momentum(0.1, decay=1.0), "momentum: decay must be at least 0 and below 1, got 1.0"),
        (lambda: optim.nesterov(0.1, decay=float("nan")), "nesterov: decay must be"),
        (lambda: optim.adagrad(0.1, eps=0.0), "adagrad: eps must be above 0 and finite, got 0.0"),
        (lambda: optim.adagrad(0.1, initial_accumulator=-1), "initial_accumulator must be at least 0"),
        (lambda: optim.rmsprop(0.1, decay=-0.1), "rmsprop: decay must be"),
        (lambda: optim.rmsprop(0.1, eps="small"), "eps must be a number above 0"),
        (lambda: optim.adam(0.1, b1=1.0), "adam: b1 must be at least 0 and below 1, got 1.0"),
        (lambda: optim.adam(0.1, b1=True), "b1 must be a number"),
        (lambda: optim.adam(0.1, b2=1.5), "adam: b2 must be"),
        (lambda: optim.adam(0.1, b2=jnp.float32(1.5)), "adam: b2 must be"),
        (lambda: optim.adam(0.1, eps=-1e-8), "adam: eps must be"),
        (lambda: optim.adamw(0.1, weight_decay=-0.1), "adamw: weight_decay must be"),
        (
            lambda: optim.adamw(0.1, mask={"w": 1.5}),
            "mask must be a function of the params or a pytree of bools",
        ),
        (lambda: optim.nadam(0.1, momentum_decay=-0.1), "nadam: momentum_decay must be"),
        (lambda: optim.lion(0.1, b2=2), "lion: b2 must be"),
        (lambda: optim.by_name("adman", 0.1), "name must be one of sgd, momentum, .*lion, got 'adman'"),
        (lambda: optim.by_name("sgd", 0.1, b1=0.9), "sgd has the options none, got 'b1'"),
        (lambda: optim.by_name("momentum", 0.1, b1=0.9), "momentum has the options decay, got 'b1'"),
    ],
)
def test_bad_input(make, message):
    make_or_fail = pytest.raises(ValueError, match=message)
    with make_or_fail:
        make()


def test_tracers_are_not_checked():
    assert jax.eval_shape(lambda rate: optim.adam(rate).learning_rate, jnp.float32(-1.0)).shape == ()


def test_by_name():
    assert optim.by_name("adam", 1e-3, b1=0.8) == optim.adam(1e-3, b1=0.8)
    assert optim.by_name("lion", 1e-3) == optim.lion(1e-3)


# Weight decay


@pytest.mark.parametrize("make", [optim.adamw, optim.lion])
def test_weight_decay_needs_params(make):
    params = make_tree()
    optimizer = make(0.1, weight_decay=0.1)
    with pytest.raises(ValueError, match="update needs params for its weight decay"):
        optimizer.update(params, optimizer.init(params))
    none = make(0.1, weight_decay=0.0)
    without, _ = none.update(params, none.init(params))
    given_params, _ = none.update(params, none.init(params), params)
    assert_trees_close(without, given_params, rtol=0)


@pytest.mark.parametrize("make", [optim.adamw, optim.lion])
def test_decay_shrinks_beside_the_step(make):
    params, grads = make_tree(), make_tree(seed=1)
    plain, decayed = make(0.1, weight_decay=0.0), make(0.1, weight_decay=0.5)
    u, _ = plain.update(grads, plain.init(params), params)
    v, _ = decayed.update(grads, decayed.init(params), params)
    np.testing.assert_allclose(v["w"], u["w"] - 0.1 * 0.5 * params["w"], rtol=1e-5, atol=1e-7)


def test_masks():
    params, grads = make_tree(), make_tree(seed=1)
    tree = {"w": True, "b": False, "none": None, "empty": ()}
    plain, everything = optim.adam(0.1), optim.adamw(0.1, weight_decay=0.5)
    state = plain.init(params)
    kept, _ = update(plain, grads, state, params)
    shrunk, _ = update(everything, grads, state, params)
    for mask in (tree, only_matrices, {**tree, "b": np.False_}):
        updates, _ = update(optim.adamw(0.1, weight_decay=0.5, mask=mask), grads, state, params)
        np.testing.assert_allclose(updates["w"], shrunk["w"], rtol=1e-6)
        np.testing.assert_allclose(updates["b"], kept["b"], rtol=1e-6)


def test_masks_are_static_and_compared_by_value():
    one, two = (optim.adamw(0.1, mask={"w": True, "b": False}) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert jax.tree.structure(one) == jax.tree.structure(two)
    assert one != optim.adamw(0.1, mask={"w": True, "b": True})
    mask = {"w": True}
    kept = optim.adamw(0.1, mask=mask)
    mask["w"] = False
    assert kept == optim.adamw(0.1, mask={"w": True})


def test_a_mask_may_begin_the_tree_and_must_fit_it():
    params = {"dense": {"w": jnp.ones(2), "b": jnp.ones(3)}, "out": jnp.ones(4)}
    optimizer = optim.adamw(0.1, weight_decay=0.5, mask={"dense": False, "out": True})
    zero = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer.update(zero, optimizer.init(params), params)
    assert not np.any(updates["dense"]["w"])
    np.testing.assert_allclose(updates["out"], -0.05 * np.ones(4), rtol=1e-6)
    for wrong, message in (({"dense": False}, "mask must have the tree"), (lambda p: p, "pytree of bools")):
        bad = optim.adamw(0.1, mask=wrong)
        with pytest.raises(ValueError, match=message):
            bad.update(zero, optimizer.init(params), params)


# Arithmetic


@settings(deadline=None, max_examples=25)
@given(st.floats(0, 0.99999), st.integers(1, 100_000))
def test_bias_correction_keeps_its_digits_in_float32(decay, t):
    exact = 1 - np.longdouble(decay) ** t
    found = bias_correction(decay, jnp.int32(t), jnp.dtype("float32"))
    np.testing.assert_allclose(float(found), float(exact), rtol=2e-6)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False), min_size=3, max_size=3),
    st.floats(0, 10),
)
def test_zero_gradients_keep_sgd_still(values, rate):
    params = {"w": jnp.asarray(values, jnp.float32)}
    optimizer = optim.sgd(rate)
    updates, _ = update(optimizer, {"w": jnp.zeros(3)}, optimizer.init(params), params)
    np.testing.assert_array_equal(optim.apply_updates(params, updates)["w"], params["w"])


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_zero_and_tiny_gradients_stay_finite(name):
    params = {"w": jnp.asarray([1.0, -1.0, 0.0])}
    optimizer = optim.by_name(name, 0.1)
    state = optimizer.init(params)
    for g in ([0.0, 0.0, 0.0], [1e-38, 0.0, -1e-30], [1e15, -1e15, 0.0]):
        updates, state = optimizer.update({"w": jnp.asarray(g)}, state, params)
        assert np.isfinite(updates["w"]).all()


def test_the_step_count_stays_at_the_last_integer():
    last = jnp.int32(2**31 - 1)
    assert int(following(last)) == 2**31 - 1
    assert int(following(jnp.int32(0))) == 1


def test_apply_updates():
    params = {"a": jnp.ones(2, jnp.bfloat16), "b": None, "c": 1.5}
    moved = optim.apply_updates(params, {"a": jnp.asarray([0.5, -0.5]), "b": None, "c": jnp.float32(0.5)})
    assert moved["a"].dtype == jnp.bfloat16
    assert float(moved["c"]) == 2.0
    with pytest.raises(ValueError, match="updates must have the tree of params"):
        optim.apply_updates(params, {"a": params["a"]})
    with pytest.raises(ValueError, match=r"updates\['a'\] must have the shape of params, \[2\], got \[3\]"):
        optim.apply_updates(params, {"a": jnp.ones(3), "b": None, "c": 0.0})


def test_mixed_dtypes_in_one_tree():
    params = {"low": jnp.ones(3, jnp.bfloat16), "high": jnp.ones(3)}
    for name in optim.OPTIMIZERS:
        optimizer = optim.by_name(name, 0.1)
        updates, _ = optimizer.update(params, optimizer.init(params), params)
        assert updates["low"].dtype == jnp.bfloat16
        np.testing.assert_allclose(np.asarray(updates["low"], np.float32), updates["high"], rtol=0.01)


def test_the_sources_differentiate_nothing_and_import_no_optax():
    sources = Path(optim.__file__).parent.glob("*.py")
    for source in sources:
        text = source.read_text()
        for word in (
            "jax.grad",
            "value_and_grad",
            "jax.vjp",
            "jax.jvp",
            "linearize",
            "custom_",
            "import optax",
        ):
            assert word not in text, f"{source.name}: {word}"
