"""Chain, parallel and residual: against networks written out in NumPy, and with state and keys."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers, ops, parallel, residual, scan
from chainrule.compose import Chain, Parallel, identity
from chainrule.layer import Lifted, as_layer

from ..helpers import assert_hand_is_autodiff, assert_trees_close, random_like
from .layers import Noise, RunningMean, Trained, WantsNoKey, dense_params, stateful, traces

pytestmark = pytest.mark.usefixtures("quick_compilation")

# ----------------------------------------------------------------------------------------------------------------------
# Against the chain rule written out in NumPy
# ----------------------------------------------------------------------------------------------------------------------


def arrays(dense):
    return np.asarray(dense["weight"]), np.asarray(dense["bias"])


@pytest.mark.usefixtures("x64")
def test_chain_is_the_chain_rule_written_out(rng):
    model = chain(layers.Dense(4), ops.tanh, layers.Dense(2))
    params = dense_params(rng, 3, 4), (), dense_params(rng, 4, 2)
    x, g = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    (W1, b1), (W2, b2) = arrays(params[0]), arrays(params[2])

    h = np.tanh(x @ W1 + b1)
    y = h @ W2 + b2
    d_h = g @ W2.T
    d_z = d_h * (1 - h**2)
    expected = (
        ({"weight": x.T @ d_z, "bias": d_z.sum(0)}, (), {"weight": h.T @ g, "bias": g.sum(0)}),
        d_z @ W1.T,
    )

    found, pullback = model.vjp(params, jnp.asarray(x))
    np.testing.assert_allclose(found, y, rtol=1e-13)
    assert_trees_close(pullback(jnp.asarray(g)), jax.tree.map(jnp.asarray, expected), rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_residual_is_the_chain_rule_written_out(rng):
    model = residual(chain(ops.tanh, layers.Dense(3)))
    x, g = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    params = (), ((), dense_params(rng, 3, 3))
    W, b = arrays(params[1][1])
    h = np.tanh(x)
    y, pullback = model.vjp(params, jnp.asarray(x))
    d_params, d_x = pullback(jnp.asarray(g))
    np.testing.assert_allclose(y, x + h @ W + b, rtol=1e-13)
    np.testing.assert_allclose(d_x, g + (g @ W.T) * (1 - h**2), rtol=1e-12)
    np.testing.assert_allclose(d_params[1][1]["weight"], h.T @ g, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_residual_with_a_shortcut_of_another_width(rng):
    model = residual(layers.Dense(2), shortcut=layers.Dense(2, bias=False))
    V = rng.normal(size=(3, 2))
    params = {"weight": jnp.asarray(V)}, dense_params(rng, 3, 2)
    x, g = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    W, b = arrays(params[1])
    y, pullback = model.vjp(params, jnp.asarray(x))
    (d_shortcut, _), d_x = pullback(jnp.asarray(g))
    np.testing.assert_allclose(y, x @ V + x @ W + b, rtol=1e-13)
    np.testing.assert_allclose(d_x, g @ (V + W).T, rtol=1e-12)
    np.testing.assert_allclose(d_shortcut["weight"], x.T @ g, rtol=1e-12)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("combine", ["sum", "concatenate"])
def test_parallel_is_the_chain_rule_written_out(combine, rng):
    width = 3 if combine == "sum" else 2  # concatenated outputs need not be alike
    model = parallel(ops.tanh, layers.Dense(width), combine=combine)
    params = (), dense_params(rng, 3, width)
    W, b = arrays(params[1])
    x = rng.normal(size=(5, 3))
    first, second = np.tanh(x), x @ W + b
    y = first + second if combine == "sum" else np.concatenate([first, second], -1)
    g = rng.normal(size=y.shape)
    d_first, d_second = (g, g) if combine == "sum" else (g[:, :3], g[:, 3:])
    found, pullback = model.vjp(params, jnp.asarray(x))
    d_params, d_x = pullback(jnp.asarray(g))
    np.testing.assert_allclose(found, y, rtol=1e-13)
    np.testing.assert_allclose(d_x, d_first * (1 - first**2) + d_second @ W.T, rtol=1e-12)
    np.testing.assert_allclose(d_params[1]["weight"], x.T @ d_second, rtol=1e-12)
    np.testing.assert_allclose(d_params[1]["bias"], d_second.sum(0), rtol=1e-12)


def test_empty_chain_is_the_identity():
    model = chain()
    params, state = model.init(jax.random.key(0), 3)
    assert params == ()
    assert state == ()
    x = jnp.arange(6.0).reshape(2, 3)
    y, pullback = model.vjp(params, x)
    assert y is x
    assert_trees_close(pullback(2 * x), ((), 2 * x))
    (_, new_state), _ = model.vjp(params, x, state)
    assert new_state == ()
    assert model.parameter_count(3) == 0


@pytest.mark.usefixtures("x64")
def test_nested_chains_compute_what_the_flat_one_does(rng):
    first, second = dense_params(rng, 3, 4), dense_params(rng, 4, 2)
    x, g = jnp.asarray(rng.normal(size=(5, 3))), jnp.asarray(rng.normal(size=(5, 2)))
    flat, nested = (
        chain(layers.Dense(4), ops.gelu, layers.Dense(2)),
        chain(chain(layers.Dense(4)), chain(chain(ops.gelu), chain(layers.Dense(2)))),
    )
    y, pullback = flat.vjp((first, (), second), x)
    y_nested, pullback_nested = nested.vjp(((first,), (((),), (second,))), x)
    d_params, d_x = pullback(g)
    (d_first, (_, d_second)), d_x_nested = pullback_nested(g)
    np.testing.assert_array_equal(y, y_nested)
    np.testing.assert_array_equal(d_x, d_x_nested)
    assert_trees_close((d_first[0], (), d_second[0]), d_params, rtol=0)


@pytest.mark.usefixtures("x64")
def test_one_model_has_the_same_gradients_three_ways(rng):
    model = chain(layers.Dense(3), residual(chain(layers.Dense(3), ops.tanh)), parallel(ops.silu, layers.Dense(3)))
    dense = dense_params(rng, 3, 3)
    params = dense_params(rng, 2, 3), ((), (dense, ())), ((), dense)
    x = jnp.asarray(rng.normal(size=(4, 2)))

    @jax.jit
    def gradients(params):
        return [
            jax.grad(lambda params, way=way: jnp.sum(way(params, x) ** 2))(params) for way in (model.by_hand, model)
        ]

    assert_trees_close(*gradients(params))


# ----------------------------------------------------------------------------------------------------------------------
# Init: one entry a layer, a key for each
# ----------------------------------------------------------------------------------------------------------------------


def from_the_key(key, shape, dtype):
    """An initialiser that is quick to compile: the first number that the key draws, everywhere."""
    return jnp.full(shape, jax.random.uniform(key, dtype=dtype))


def test_init_follows_the_shape_and_draws_from_a_key_of_its_own_for_each_layer():
    dense = layers.Dense(3, weight_init=from_the_key)
    model = chain(ops.flatten, dense, dense, parallel(dense, dense))
    params, state = model.init(jax.random.key(0), (3, 1))
    weights = [params[1]["weight"], params[2]["weight"], params[3][0]["weight"], params[3][1]["weight"]]
    assert all(weight.shape == (3, 3) for weight in weights)
    for i, weight in enumerate(weights):
        assert all(not np.array_equal(weight, other) for other in weights[:i])
    assert state == ((), (), (), ((), ()))
    concatenated = chain(parallel(layers.Dense(2), layers.Dense(5), combine="concatenate"), layers.Dense(1))
    params, _ = jax.eval_shape(lambda: concatenated.init(jax.random.key(0), 4))
    assert params[1]["weight"].shape == (7, 1)


def test_init_of_a_layer_in_a_chain_does_not_depend_on_what_follows():
    dense = layers.Dense(3, weight_init=from_the_key)
    first = chain(dense, ops.relu).init(jax.random.key(0), 4)[0][0]
    second = chain(dense, ops.tanh, layers.Dense(9)).init(jax.random.key(0), 4)[0][0]
    assert_trees_close(first, second, rtol=0, atol=0)


# ----------------------------------------------------------------------------------------------------------------------
# State
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("kind", ["chain", "parallel", "concatenate", "residual", "nested"])
def test_state_goes_in_and_comes_out_and_gradients_flow_through_it(kind, train, rng):
    params, x, state = stateful((5, 3), rng)
    others, _, other_state = stateful((5, 3), rng)
    dense = dense_params(rng, 3, 3)
    model, params, state = {
        "chain": (
            chain(RunningMean(), ops.tanh, layers.Dense(3), RunningMean(0.5)),
            (params, (), dense, others),
            (state, (), (), other_state),
        ),
        "parallel": (parallel(RunningMean(), layers.Dense(3)), (params, dense), (state, ())),
        "concatenate": (
            parallel(RunningMean(), RunningMean(0.5), combine="concatenate"),
            (params, others),
            (state, other_state),
        ),
        "residual": (residual(RunningMean(), shortcut=layers.Dense(3)), (dense, params), ((), state)),
        "nested": (
            residual(chain(layers.Dense(3), residual(RunningMean()))),
            ((), (dense, ((), params))),
            ((), ((), ((), state))),
        ),
    }[kind]

    (_, new_state), (d_params, d_x, d_state) = assert_hand_is_autodiff(
        Trained(model) if train else model, params, x, state
    )
    steps = [leaf for leaf in jax.tree.leaves(new_state) if leaf.dtype == jnp.int32]
    assert [int(leaf) for leaf in steps] == [8 if train else 7] * len(steps)
    assert jax.tree.structure(d_state) == jax.tree.structure(state)
    means = [leaf for leaf in jax.tree.leaves(d_state) if leaf.dtype != jax.dtypes.float0]
    assert means
    assert all(np.abs(leaf).min() > 0 for leaf in means)
    assert jax.tree.structure(d_params) == jax.tree.structure(params)
    assert d_x.shape == x.shape


@pytest.mark.usefixtures("x64")
def test_the_gradient_of_the_state_alone_reaches_x_and_the_old_state(rng):
    """L = <c, m'> with m' = d m + (1 - d) mean(x): dL/dx = (1 - d) c / n for each of the n rows, and dL/dm = d c."""
    params, x, state = stateful((4, 3), rng)
    model = chain(ops.flatten, RunningMean(0.75))
    (y, _), pullback = model.vjp(((), params), x, ((), state), None, train=True)
    c = jnp.asarray(rng.normal(size=3))
    d_state = ((), {"mean": c, "steps": np.zeros((), jax.dtypes.float0)})
    d_params, d_x, d_old, _ = pullback((jnp.zeros_like(y), d_state))
    np.testing.assert_allclose(d_x, np.broadcast_to(0.25 * c / 4, (4, 3)), rtol=1e-14)
    np.testing.assert_allclose(d_old[1]["mean"], 0.75 * c, rtol=1e-14)
    assert d_old[1]["steps"].dtype == jax.dtypes.float0
    np.testing.assert_array_equal(d_params[1]["weight"], np.zeros(3))


@pytest.mark.usefixtures("x64")
def test_by_hand_with_state_is_autodiff(rng):
    params, x, state = stateful((5, 3), rng)
    model = chain(RunningMean(), ops.tanh)
    args = (params, ()), x, (state, ())

    def objective(way):
        def value(params, x, mean):
            y, (new, _) = way(params, x, ({"mean": mean, "steps": jnp.array(0)}, ()), train=True)
            return jnp.sum(jnp.sin(y)) + jnp.sum(new["mean"] ** 3)

        return jax.grad(value, argnums=(0, 1, 2))(*args[:2], state["mean"])

    assert_trees_close(*jax.jit(lambda: (objective(model.by_hand), objective(model)))())


def test_stateless_layers_hand_an_empty_state_through():
    model = chain(layers.Dense(2, weight_init=from_the_key), ops.tanh)
    params, state = model.init(jax.random.key(0), 3)
    x = jnp.ones((4, 3))
    assert state == ((), ())
    (y, new_state), pullback = model.vjp(params, x, state)
    assert new_state == ((), ())
    assert_trees_close(y, model(params, x))
    found = pullback((jnp.ones_like(y), state))
    assert found[2] == ((), ())
    assert_trees_close(found[:2], model.vjp(params, x)[1](jnp.ones_like(y)))


# ----------------------------------------------------------------------------------------------------------------------
# Keys
# ----------------------------------------------------------------------------------------------------------------------


def drawn_by(make):
    """The bits of the keys that the noise layers of a model are handed, in order."""
    noises = []

    def noise():
        noises.append(Noise())
        return noises[-1]

    model = make(noise)
    params, state = model.init(jax.random.key(0), 3)
    for layer in noises:
        layer.drawn.clear()
    model(params, jnp.ones((2, 3)), state, jax.random.key(5), train=True)
    return [tuple(jax.random.key_data(key).tolist()) for layer in noises for key in layer.drawn]


def test_keys_differ_from_position_to_position():
    makers = (
        lambda noise: chain(noise(), noise(), chain(noise(), chain(noise()), noise())),
        lambda noise: parallel(noise(), noise(), chain(noise(), noise())),
        lambda noise: residual(chain(noise(), noise()), shortcut=noise()),
    )
    for make, count in zip(makers, (5, 4, 3), strict=True):
        keys = drawn_by(make)
        assert len(keys) == count
        assert len(set(keys)) == count
        assert tuple(jax.random.key_data(jax.random.key(5)).tolist()) not in keys


def test_the_key_of_a_position_is_fold_in_of_the_position():
    (found,) = drawn_by(lambda noise: chain(ops.tanh, ops.tanh, noise()))
    assert found == tuple(jax.random.key_data(jax.random.fold_in(jax.random.key(5), 2)).tolist())


def test_keys_are_not_handed_to_layers_that_draw_nothing():
    for model in (
        chain(WantsNoKey(), Noise(), chain(WantsNoKey())),
        parallel(WantsNoKey(), Noise()),
        residual(WantsNoKey(), shortcut=Noise()),
    ):
        params, state = model.init(jax.random.key(0), 3)
        model.vjp(params, jnp.ones((2, 3)), state, jax.random.key(1), train=True)


def test_uses_key_says_whether_any_layer_draws():
    assert not chain(layers.Dense(2), ops.tanh).uses_key
    assert not chain().uses_key
    assert not parallel(layers.Dense(2)).uses_key
    for model in (chain(ops.tanh, Noise()), parallel(ops.tanh, Noise()), residual(Noise()), scan(Noise())):
        assert model.uses_key
        assert chain(layers.Dense(2), chain(model)).uses_key


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    "model",
    [
        chain(Noise(0.5), ops.tanh, Noise(0.2)),
        parallel(Noise(0.5), Noise(0.2), combine="concatenate"),
        residual(chain(Noise(0.5), ops.tanh)),
    ],
    ids=repr,
)
def test_gradients_through_noise_use_the_noise_that_was_drawn(model, rng):
    params, state = model.init(jax.random.key(0), 3)
    x = jnp.asarray(rng.normal(size=(4, 3)))
    (y, _), _ = assert_hand_is_autodiff(Trained(model, seed=3), params, x, state)
    np.testing.assert_allclose(y, model(params, x, state, jax.random.key(3), train=True)[0], rtol=1e-13)
    assert not np.allclose(y, model(params, x, state, jax.random.key(4), train=True)[0])
    # In evaluation nothing is drawn, and no key is needed.
    assert_hand_is_autodiff(model, params, x, state)


def test_the_cotangent_of_a_key_is_float0():
    model = chain(Noise(), ops.tanh)
    args = ((), ()), jnp.ones((2, 3)), ((), ()), jax.random.key(0)
    (y, state), pullback = model.vjp(*args, train=True)
    found = pullback((y, state))
    assert len(found) == 4
    assert_trees_close(found, jax.vjp(lambda *args: model(*args, train=True), *args)[1]((y, state)), rtol=1e-5)
    assert found[3].dtype == jax.dtypes.float0


# ----------------------------------------------------------------------------------------------------------------------
# Equality, names, and no retrace
# ----------------------------------------------------------------------------------------------------------------------


def test_models_built_alike_are_equal():
    def build(width=3, shortcut=None):
        return chain(layers.Dense(width), residual(chain(ops.softmax.bind(axis=-1), ops.relu), shortcut))

    assert build() == build()
    assert hash(build()) == hash(build())
    assert len({build(), build(), build(4), build(shortcut=ops.tanh)}) == 3
    assert parallel(ops.tanh, combine="concatenate", axis=0) != parallel(ops.tanh, combine="concatenate", axis=1)
    assert parallel(ops.tanh) != parallel(ops.tanh, combine="concatenate")
    assert parallel(ops.tanh, axis=1) == parallel(ops.tanh, axis=2)  # a sum has no axis
    assert parallel(ops.tanh) != chain(ops.tanh)


def test_equal_chains_do_not_retrace():
    pulled = []
    forward = jax.jit(lambda model, *args: model.vjp(*args, train=True), static_argnums=0)

    @jax.jit
    def apply(pullback, d_output):
        pulled.append(1)
        return pullback(d_output)

    def run(scale):
        model = chain(RunningMean(0.9), ops.tanh, residual(ops.silu))
        params, state = model.init(jax.random.key(0), 3)
        output, pullback = forward(model, params, scale * jnp.ones((4, 3)), state)
        return apply(pullback, random_like(output))

    traces.clear()
    run(1.0)
    counts = len(traces), len(pulled)
    assert min(counts) > 0
    run(2.0)
    assert (len(traces), len(pulled)) == counts


def test_names_and_representations():
    model = chain(layers.Dense(3), ops.relu, residual(ops.tanh))
    assert repr(model) == "chain(Dense(3), relu, Parallel)"
    assert model.name == "Chain"
    assert isinstance(model, Chain)
    assert isinstance(residual(ops.tanh), Parallel)
    assert as_layer(ops.relu) == Lifted(ops.relu)
    assert as_layer(model) is model
    assert residual(ops.tanh) == parallel(identity, ops.tanh)


# ----------------------------------------------------------------------------------------------------------------------
# Errors
# ----------------------------------------------------------------------------------------------------------------------


def test_params_and_state_of_the_wrong_length_are_refused():
    model = chain(layers.Dense(3), ops.relu)
    params = ({"weight": jnp.ones((2, 3)), "bias": jnp.ones(3)}, ())
    x = jnp.ones((4, 2))
    with pytest.raises(ValueError, match="params must be a tuple with one entry for each of 2 layers, got 1 entries"):
        model(params[:1], x)
    with pytest.raises(ValueError, match="one entry for each of 2 layers, got dict"):
        model(params[0], x)
    with pytest.raises(ValueError, match="one entry for each of 2 layers, got list"):
        model(list(params), x)  # its gradients would be tuples: no tree that an optimiser could join with the params
    with pytest.raises(ValueError, match="state must be a tuple with one entry for each of 2 layers"):
        model(params, x, ())
    with pytest.raises(ValueError, match="one entry for each of 2 layers"):
        model.vjp(params, x, ((), (), ()))


def test_outputs_that_cannot_be_added_are_refused():
    model = parallel(layers.Dense(3), layers.Dense(1))  # NumPy would broadcast these
    with pytest.raises(ValueError, match=r"outputs to be added must have equal shapes, got \[\(1, 3\), \(1, 1\)\]"):
        chain(model, layers.Dense(1)).init(jax.random.key(0), 2)
    params = tuple({"weight": jnp.ones((2, n)), "bias": jnp.ones(n)} for n in (3, 1))
    with pytest.raises(ValueError, match=r"equal shapes, got \[\(4, 3\), \(4, 1\)\]"):
        model(params, jnp.ones((4, 2)))
    with pytest.raises(ValueError, match="equal shapes"):
        residual(layers.Dense(1)).vjp(((), params[1]), jnp.ones((4, 2)))


@pytest.mark.parametrize("what", [jnp.tanh, "relu", lambda x: x, layers.Dense, None, 3])
def test_what_is_no_rule_is_refused(what):
    for combine in (chain, parallel, residual):
        with pytest.raises(TypeError, match="expected a chainrule layer or rule, got"):
            combine(what)


def test_parallel_refuses_no_rules_and_an_unknown_way_to_combine():
    with pytest.raises(ValueError, match="parallel needs at least one rule, got none"):
        parallel()
    with pytest.raises(ValueError, match="combine must be 'sum' or 'concatenate', got 'product'"):
        parallel(ops.relu, combine="product")


def test_a_rule_of_two_arrays_is_no_layer():
    with pytest.raises(TypeError, match="affine takes the arguments x, weight; only a rule of one array"):
        chain(ops.affine)


def test_a_sum_of_unequal_shapes_is_refused_when_it_is_built():
    with pytest.raises(ValueError, match="equal shapes"):
        residual(layers.Dense(4)).init(jax.random.key(0), 3)
