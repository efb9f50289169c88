"""Shared parameters, and residuals that are computed again."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import Layer, chain, layers, ops, parallel, remat, repeat, tie
from chainrule.compose import everything, nothing, of_layers, smaller_than, transpose

from ..helpers import assert_hand_is_autodiff, assert_trees_close
from .layers import Noise, RunningMean, Trained, dense_params

quick = pytest.mark.usefixtures("quick_compilation")


@dataclass(frozen=True)
class Table(Layer):
    """y = table[tokens]: an embedding."""

    rows: int
    features: int
    takes_integers = True

    def build(self, key, in_shape, dtype):
        return {"weight": jax.random.normal(key, (self.rows, self.features), dtype)}, ()

    def forward(self, params, x, state=None, key=None, *, train=False):
        return (params["weight"][x], state), x

    def backward(self, residuals, d_output, *, train=False):
        d_table = jnp.zeros((self.rows, self.features), d_output[0].dtype).at[residuals].add(d_output[0])
        return {"weight": d_table}, None, d_output[1], None


# ----------------------------------------------------------------------------------------------------------------------
# Tie
# ----------------------------------------------------------------------------------------------------------------------

LANGUAGE = tie(
    chain(Table(7, 3), layers.Dense(3), ops.tanh, layers.Dense(7)),
    {(3, "weight"): (0, "weight")},
    transform=transpose,
)


@quick
@pytest.mark.usefixtures("x64")
def test_an_embedding_and_the_output_share_one_table(rng):
    params, state = LANGUAGE.init(jax.random.key(0), 5, jnp.float64)
    assert params[3]["weight"] is None
    assert LANGUAGE.parameter_count(5) == 7 * 3 + 3 * 3 + 3 + 7
    assert LANGUAGE.takes_integers
    assert LANGUAGE.out_shape(params, state, (5,), jnp.float64) == (5, 7)
    tokens = jnp.asarray(rng.integers(0, 7, (2, 5)))
    y, (d_params, d_tokens) = assert_hand_is_autodiff(LANGUAGE, params, tokens)
    table = np.asarray(params[0]["weight"])
    hidden = np.tanh(table[np.asarray(tokens)] @ np.asarray(params[1]["weight"]) + np.asarray(params[1]["bias"]))
    np.testing.assert_allclose(y, hidden @ table.T + np.asarray(params[3]["bias"]), rtol=1e-12)
    assert d_tokens.dtype == jax.dtypes.float0

    # The cotangent is the sum over both uses, each of which is that of a model that shares nothing.
    plain = (params[0], params[1], params[2], {"weight": params[0]["weight"].T, "bias": params[3]["bias"]})
    apart, pullback = LANGUAGE.layer.vjp(plain, tokens)
    np.testing.assert_allclose(apart, y, rtol=1e-12)
    d_y = jnp.asarray(np.random.default_rng(0).normal(size=y.shape))
    d_apart, _ = pullback(d_y)
    np.testing.assert_allclose(d_params[0]["weight"], d_apart[0]["weight"] + d_apart[3]["weight"].T, rtol=1e-12)
    assert np.abs(d_apart[0]["weight"]).max() > 0


@quick
@pytest.mark.usefixtures("x64")
def test_two_users_of_one_owner_and_ties_within_chains(rng):
    inner = tie(chain(layers.Dense(3), ops.tanh, layers.Dense(3), layers.Dense(3)), {(2, "weight"): (0, "weight")})
    model = chain(tie(inner, {(-1, "weight"): (0, "weight"), (-1, "bias"): (2, "bias")}), RunningMean())
    params, state = model.init(jax.random.key(1), 3, jnp.float64)
    assert model.parameter_count(3) == 9 + 3 + 3 + 3
    x = jnp.asarray(rng.normal(size=(4, 3)))
    assert_hand_is_autodiff(Trained(model), params, x, state)


def test_what_cannot_be_shared_is_refused():
    model = chain(layers.Dense(4), layers.Dense(3))
    with pytest.raises(ValueError, match="at least one path to share, got none"):
        tie(model, {})
    with pytest.raises(ValueError, match=r"params\[0\]\['weight'\] cannot be shared with itself"):
        tie(model, {(0, "weight"): (0, "weight")})
    with pytest.raises(ValueError, match=r"params have no params\[5\]\['weight'\]"):
        tie(model, {(5, "weight"): (0, "weight")}).init(jax.random.key(0), 3)
    with pytest.raises(ValueError, match=r"params\[0\] must be an array of the params, got dict"):
        tie(model, {(1, "weight"): (0,)}).init(jax.random.key(0), 3)
    with pytest.raises(
        ValueError, match=r"is float32\[4, 3\], which identity of params\[0\]\['weight'\], float32\[3, 4\]"
    ):
        tie(model, {(1, "weight"): (0, "weight")}).init(jax.random.key(0), 3)
    tied = tie(model, {(1, "weight"): (0, "weight")}, transform=transpose)
    params, _ = model.init(jax.random.key(0), 3)
    with pytest.raises(ValueError, match=r"params hold an array at params\[1\]\['weight'\], which is params\[0\]"):
        tied(params, jnp.ones((2, 3)))
    with pytest.raises(TypeError, match="only a rule of one array"):
        tie(model, {(1, "weight"): (0, "weight")}, transform=ops.affine)
    with pytest.raises(ValueError, match=r"transpose: x must be \(..., rows, columns\), got float32\[3\]"):
        transpose(jnp.ones(3))


# ----------------------------------------------------------------------------------------------------------------------
# Remat
# ----------------------------------------------------------------------------------------------------------------------

POLICIES = (nothing, everything, smaller_than(100), of_layers(0, 2))


def named(value):
    """The name of a policy, the same in every process: a function's own repr holds its address."""
    return getattr(value, "__name__", None) or repr(value)


@quick
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("save", [nothing, pytest.param(of_layers(0, 2), marks=pytest.mark.slow)], ids=named)
def test_recomputed_gradients_are_those_of_the_layer(save, rng):
    layer = chain(layers.Dense(4), Noise(), RunningMean(), parallel(ops.tanh, layers.Dense(4)))
    model = remat(layer, save=save)
    params, state = model.init(jax.random.key(0), 3, jnp.float64)
    x = jnp.asarray(rng.normal(size=(5, 3)))
    found = assert_hand_is_autodiff(Trained(model, seed=2), params, x, state)
    if save is nothing:
        assert_trees_close(found, assert_hand_is_autodiff(Trained(layer, seed=2), params, x, state))


def kept(model, rng, train=True):
    params = dense_params(rng, 3, 4), (), (), dense_params(rng, 4, 2)
    args = params, jnp.ones((5, 3)), ((), (), (), ()), jax.random.key(0)
    _, pullback = jax.eval_shape(lambda *args: model.vjp(*args, train=train), *args)
    return sorted(leaf.shape for leaf in jax.tree.leaves(pullback))


@pytest.mark.parametrize(
    ("save", "more"),
    [
        (nothing, []),
        (everything, [(5, 4), (5, 4), (5, 4)]),  # the noise, tanh and the input of the last layer, which is tanh again
        (of_layers(1), [(5, 4)]),
        (smaller_than(5 * 4 * 4), []),
        (smaller_than(5 * 4 * 4 + 1), [(5, 4), (5, 4), (5, 4)]),
    ],
    ids=named,
)
def test_what_is_kept_is_what_the_policy_says(save, more, rng):
    model = remat(chain(layers.Dense(4), Noise(), ops.tanh, layers.Dense(2)), save=save)
    # x, both weights, and as far as anything is computed again the first bias and the key; never the last bias.
    again = [(3, 4), (4, 2), (5, 3), *more]
    if save is nothing or save == smaller_than(80) or save == of_layers(1):
        again += [(), (4,)]
    assert kept(model, rng) == sorted(again)


def test_in_evaluation_no_key_is_kept(rng):
    model = remat(chain(layers.Dense(4), Noise(), ops.tanh, layers.Dense(2)))
    assert () in kept(model, rng)
    assert () not in kept(model, rng, train=False)


def test_the_cotangent_of_a_key_is_float0():
    def pulled(x, key):
        output, pullback = remat(Noise()).vjp((), x, (), key, train=True)
        return pullback(output)[3]

    assert jax.eval_shape(pulled, jnp.ones((2, 3)), jax.random.key(0)).dtype == jax.dtypes.float0


def temporary_bytes(way, depth=6, width=16, batch=512):
    block = chain(*[part for _ in range(2) for part in (layers.Dense(width), ops.gelu_tanh)])
    models = {"plain": chain(*[block] * depth), "remat": chain(*[remat(block)] * depth)}
    params, _ = jax.eval_shape(lambda: models["plain"].init(jax.random.key(0), width))
    x = jax.ShapeDtypeStruct((batch, width), jnp.float32)

    def by_hand(params, x, d_y):
        return models[way].vjp(params, x)[1](d_y)

    def by_checkpoint(params, x, d_y):
        def forward(params, x):
            for part in params:
                x = jax.checkpoint(block)(part, x)
            return x

        return jax.vjp(forward, params, x)[1](d_y)

    run = by_checkpoint if way == "checkpoint" else by_hand
    return jax.jit(run).lower(params, x, x).compile().memory_analysis().temp_size_in_bytes


def test_a_deep_chain_takes_less_memory_than_plain_and_than_with_checkpoint():
    """XLA on a CPU drops the barriers of ``jax.checkpoint``, and merges what they kept apart; ours stays apart."""
    plain, ours, checkpoint = (temporary_bytes(way) for way in ("plain", "remat", "checkpoint"))
    assert ours < 0.4 * plain
    assert ours <= checkpoint


def test_what_is_computed_again_is_not_merged_with_the_first_run():
    def count(model):
        def both(x):
            y, pullback = model.vjp(((), ()), x)
            return y, pullback(x)[1]

        return jax.jit(both).lower(jnp.ones((5, 3))).compile().as_text().count(" tanh(")

    assert count(chain(ops.tanh, ops.tanh)) == 2
    assert count(remat(chain(ops.tanh, ops.tanh))) == 4


@pytest.mark.slow
@quick
@pytest.mark.usefixtures("x64")
def test_recomputation_nests_and_is_mapped(rng):
    model = remat(repeat(remat(chain(layers.Dense(3), ops.silu)), 3))
    params, _ = model.init(jax.random.key(0), 3, jnp.float64)
    x = jnp.asarray(rng.normal(size=(2, 4, 3)))
    assert_hand_is_autodiff(model, params, x)

    def pulled(x):
        y, pullback = model.vjp(params, x)
        return pullback(y)

    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(jax.jit(pulled), x))
    assert_trees_close(jax.jit(jax.vmap(pulled))(x), expected)


def test_policies_are_hashable_functions():
    for wrong in (3, None, "nothing", {}):
        with pytest.raises(TypeError, match="save must be a hashable function"):
            remat(ops.tanh, save=wrong)
    assert remat(ops.tanh, of_layers(1, 0)) == remat(ops.tanh, of_layers(0, 1))
    assert len({remat(ops.tanh, policy) for policy in (*POLICIES, of_layers(0, 2))}) == 4
