"""The dense layer, and what every layer's init promises."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers, ops
from chainrule.layer import _compiled_build

from ..helpers import assert_trees_close

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_params_hold_weight_and_bias():
    params, state = layers.Dense(5).init(jax.random.key(0), 3)
    assert {name: (leaf.shape, leaf.dtype) for name, leaf in params.items()} == {
        "weight": ((3, 5), jnp.float32),
        "bias": ((5,), jnp.float32),
    }
    np.testing.assert_array_equal(params["bias"], np.zeros(5))
    assert state == ()


def test_without_bias_there_is_no_entry_and_no_gradient_for_it(rng):
    dense = layers.Dense(5, bias=False)
    params = {"weight": jnp.asarray(rng.normal(size=(3, 5)), jnp.float32)}
    assert jax.tree.structure(jax.eval_shape(lambda: dense.init(jax.random.key(0), 3))[0]) == jax.tree.structure(params)
    x = jnp.ones((2, 3))
    y, pullback = dense.vjp(params, x)
    np.testing.assert_allclose(y, x @ params["weight"], rtol=1e-6)
    d_params, d_x = pullback(jnp.ones_like(y))
    assert list(d_params) == ["weight"]
    assert d_x.shape == (2, 3)


def test_initialisers_are_called_with_the_shapes_of_the_params():
    calls = []

    def note(key, shape, dtype):
        calls.append((shape, jnp.dtype(dtype).name, key))
        return jnp.ones(shape, dtype)

    layers.Dense(5, weight_init=note, bias_init=note).build(jax.random.key(0), (7, 3), jnp.bfloat16)
    assert [call[:2] for call in calls] == [((3, 5), "bfloat16"), ((5,), "bfloat16")]
    assert not np.array_equal(*(jax.random.key_data(call[2]) for call in calls))


def test_out_shape_and_parameter_count_compute_nothing():
    dense = layers.Dense(5)
    params, state = jax.eval_shape(lambda: dense.init(jax.random.key(0), (4, 3)))
    assert dense.out_shape(params, state, (4, 3), jnp.float32) == (4, 5)
    assert dense.parameter_count(3) == 3 * 5 + 5
    assert layers.Dense(5, bias=False).parameter_count((4, 3)) == 15
    # A model that would not fit into any memory.
    assert chain(layers.Dense(10**8), ops.relu, layers.Dense(10)).parameter_count(10**5) == 10**13 + 10**8 + 10**9 + 10


def test_init_is_one_compiled_program_and_the_same_bits_twice():
    model = chain(layers.Dense(6), ops.relu, layers.Dense(4, weight_init=layers.he_uniform))
    before = _compiled_build._cache_size()
    params, _ = model.init(jax.random.key(7), 9)
    assert _compiled_build._cache_size() == before + 1
    again, _ = chain(layers.Dense(6), ops.relu, layers.Dense(4, weight_init=layers.he_uniform)).init(
        jax.random.key(7), (9,)
    )
    assert _compiled_build._cache_size() == before + 1  # built alike, so not compiled again
    assert_trees_close(again, params, rtol=0, atol=0)
    other, _ = model.init(jax.random.key(8), 9)
    assert not np.array_equal(other[0]["weight"], params[0]["weight"])


def test_init_in_bfloat16():
    params, _ = layers.Dense(5, weight_init=layers.zeros).init(jax.random.key(0), 3, jnp.bfloat16)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.bfloat16)}


def test_equality_and_name():
    assert layers.Dense(5) == layers.Dense(5) != layers.Dense(6)
    assert hash(layers.Dense(5)) == hash(layers.Dense(5))
    assert layers.Dense(5) != layers.Dense(5, bias=False)
    assert layers.Dense(5) != layers.Dense(5, weight_init=layers.he_normal)
    assert layers.Dense(5).name == "Dense(5)"


@pytest.mark.parametrize("out_features", [0, -1, 2.0, "3", None])
def test_a_width_that_is_no_positive_integer_is_refused(out_features):
    with pytest.raises(ValueError, match=r"out_features must be a positive integer, got"):
        layers.Dense(out_features)


def test_a_wrong_x_is_refused():
    dense = layers.Dense(2)
    params = {"weight": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    with pytest.raises(
        ValueError, match=r"affine: x must be \(\.\.\., in_features\) .* got x float32\[4, 2\] and weight"
    ):
        dense(params, jnp.ones((4, 2)))
    with pytest.raises(ValueError, match=r"x must be of floating-point numbers, got int32\[4, 3\]"):
        dense.vjp(params, jnp.ones((4, 3), int))
    with pytest.raises(ValueError, match="dtypes must be equal, got x bfloat16"):
        dense(params, jnp.ones((4, 3), jnp.bfloat16))


def test_a_wrong_init_is_refused():
    dense, key = layers.Dense(2), jax.random.key(0)
    for in_shape in (0, (3, -1), (3.0,), ("3",)):
        with pytest.raises(ValueError, match="in_shape must hold positive integers, got"):
            dense.init(key, in_shape)
    with pytest.raises(ValueError, match=r"Dense needs examples of shape .* got scalars"):
        dense.init(key, ())
    with pytest.raises(ValueError, match="dtype must be a floating-point dtype, got int32"):
        dense.init(key, 3, jnp.int32)
    for no_key in (0, jax.random.split(key), jax.random.key_data(key)):
        with pytest.raises(ValueError, match="key must be a single random key"):
            dense.init(no_key, 3)


def test_torch_s_order_of_arguments_is_refused():
    with pytest.raises(ValueError, match="bias must be True or False, got 4; in_features are found from the data"):
        layers.Dense(3, 4)
