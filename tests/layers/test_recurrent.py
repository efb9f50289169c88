"""The recurrent layers: PyTorch's bidirectional and stacked values, the carry from window to window, and what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers
from tests.helpers import assert_trees_close, random_like
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")

TORCH = store.load("recurrence")
LAYERS = {"rnn": layers.RNN, "gru": layers.GRU, "lstm": layers.LSTM}


def cases(topic, quick):
    """PyTorch's cases, one for each kind of layer; all but the quick one wait for the slow tests."""
    found = TORCH[topic]
    assert quick in [case["name"] for case in found]
    return [
        pytest.param(case, marks=[] if case["name"] == quick else [pytest.mark.slow], id=case["name"]) for case in found
    ]


def pull(layer, params, x, cotangent):
    """Output and cotangents, forward and backward in one compiled program."""

    def both(params, x):
        y, pullback = layer.vjp(params, x)
        return y, pullback(cotangent)

    return jax.jit(both)(params, x)


def drawn(layer, in_shape, dtype=jnp.float32):
    """Random params and state, without compiling an initialiser."""
    params, state = jax.eval_shape(lambda: layer.init(jax.random.key(0), in_shape, dtype))
    return random_like(params, seed=2), random_like(state, seed=3)


def assert_pytorchs(layer, params, x, mask, d_y, expected_y, expected_params, d_x):
    y, (d_params, (found_d_x, d_mask)) = pull(layer, params, (x, mask), (d_y, np.zeros(mask.shape, jax.dtypes.float0)))
    np.testing.assert_allclose(y[0], expected_y, atol=1e-10)
    np.testing.assert_array_equal(y[1], mask)
    np.testing.assert_allclose(found_d_x, d_x, rtol=1e-10, atol=1e-10)
    assert d_mask.dtype == jax.dtypes.float0
    assert_trees_close(d_params, jax.tree.map(jnp.asarray, expected_params), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", cases("bidirectional", "lstm"))
def test_bidirectional_is_pytorchs_on_packed_sequences(x64, case):
    def both(pair):
        return dict(zip(("forward", "backward"), pair, strict=True))

    layer, params = layers.Bidirectional(LAYERS[case["name"]](2)), both(case["params"])
    wanted = both(case["d_params"])
    assert_pytorchs(layer, params, case["x"], case["mask"], case["d_ys"], case["ys"], wanted, case["d_x"])


@pytest.mark.parametrize("case", cases("stacked", "gru"))
def test_a_chain_of_two_is_pytorchs_stack_on_packed_sequences(x64, case):
    one = LAYERS[case["name"]](2)
    layer, params, wanted = chain(one, one), tuple(case["params"]), tuple(case["d_params"])
    assert_pytorchs(layer, params, case["x"], case["mask"], case["d_ys"], case["ys"], wanted, case["d_x"])
    # The last valid state of the upper layer, of both layers' ends as PyTorch gives them.
    last = chain(one, LAYERS[case["name"]](2, last=True))
    np.testing.assert_allclose(last(params, (case["x"], case["mask"])), case["end"][0][1], atol=1e-10)


def test_last_of_both_directions_joins_their_own_ends(x64):
    case = TORCH["bidirectional"][0]
    params = dict(zip(("forward", "backward"), case["params"], strict=True))
    y = layers.Bidirectional(layers.RNN(2, last=True))(params, (case["x"], case["mask"]))
    np.testing.assert_allclose(y, np.concatenate(list(case["end"][0]), axis=-1), atol=1e-10)


@pytest.mark.parametrize("name", [pytest.param("rnn", marks=pytest.mark.slow), "lstm"])
def test_windows_that_carry_their_state_are_the_long_sequence(x64, rng, name):
    layer = LAYERS[name](3, carry_batch=2)
    params, state = drawn(layer, (6, 4), jnp.float64)
    assert {key: value.shape for key, value in state.items()} == dict.fromkeys(
        ("hidden", "cell") if name == "lstm" else ("hidden",), (2, 3)
    )
    x, d_y = jnp.asarray(rng.normal(size=(2, 6, 4))), jnp.asarray(rng.normal(size=(2, 6, 3)))
    d_end = random_like(state, seed=1)
    nothing = jax.tree.map(jnp.zeros_like, state)

    def run(params, state, x, d_y, d_end):
        (y, after), pullback = layer.vjp(params, x, state)
        d_params, d_x, d_state = pullback((d_y, d_end))
        return y, after, d_params, d_x, d_state

    run = jax.jit(run)
    y, after, d_params, d_x, d_state = run(params, state, x, d_y, d_end)
    windows = [slice(0, 3), slice(3, 6)]
    y_1, between, *_ = run(params, state, x[:, windows[0]], d_y[:, windows[0]], nothing)
    y_2, after_2, d_params_2, d_x_2, d_between = run(params, between, x[:, windows[1]], d_y[:, windows[1]], d_end)
    assert_trees_close((jnp.concatenate([y_1, y_2], 1), after_2), (y, after))

    # With the cotangent of the state pulled back into the window before: the gradients of the long sequence.
    _, _, d_params_1, d_x_1, d_start = run(params, state, x[:, windows[0]], d_y[:, windows[0]], d_between)
    d_both = jax.tree.map(jnp.add, d_params_1, d_params_2)
    assert_trees_close((d_both, jnp.concatenate([d_x_1, d_x_2], 1), d_start), (d_params, d_x, d_state), atol=1e-11)

    # Without: the second window's part is the same, and the first one's is another, truncated.
    _, _, d_truncated, d_x_truncated, _ = run(params, state, x[:, windows[0]], d_y[:, windows[0]], nothing)
    assert np.abs(d_x_truncated - d_x[:, windows[0]]).max() > 1e-3
    assert np.abs(d_truncated["weight_h"] - d_params_1["weight_h"]).max() > 1e-3


def test_without_a_carry_the_state_is_empty_and_every_call_starts_from_zeros(rng):
    layer, carrying = layers.RNN(3), layers.RNN(3, carry_batch=2)
    params, state = drawn(layer, (6, 4))
    assert state == ()
    x = jnp.asarray(rng.normal(size=(2, 6, 4)), jnp.float32)
    y, after = layer(params, x, state)
    assert after == ()
    _, zeros = carrying.init(jax.random.key(0), (6, 4))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(zeros))
    np.testing.assert_array_equal(y, carrying(params, x, zeros)[0])
    np.testing.assert_array_equal(
        y, carrying(params, x)
    )  # without a state the carrying layer starts from zeros as well
    model = chain(carrying, layers.RNN(3, carry_batch=2, last=True), layers.Dense(1))
    params, state = drawn(model, (6, 4))
    y, after = model(params, x, state)
    assert y.shape == (2, 1)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    np.testing.assert_array_equal(y, np.asarray(after[1]["hidden"]) @ params[2]["weight"] + params[2]["bias"])


@pytest.mark.parametrize("name", [pytest.param("rnn", marks=pytest.mark.slow), "gru", "lstm"])
def test_first_weights_are_orthogonal_gate_by_gate_and_the_forget_gate_is_open(name):
    width, features = 5, 7
    params, _ = LAYERS[name](width).init(jax.random.key(3), (4, features))
    gates = params["weight_h"].shape[1] // width
    assert params["weight_x"].shape == (features, gates * width)
    blocks = np.split(np.asarray(params["weight_h"]), gates, axis=1)
    for block in blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(width), atol=1e-5)
    assert all(np.any(block != blocks[0]) for block in blocks[1:])
    assert np.abs(params["weight_x"]).max() <= np.sqrt(6 / (features + width))  # Glorot's limit of one gate, not of all
    bias = {"rnn": [0], "gru": [0, 0, 0], "lstm": [0, 1, 0, 0]}[name]
    np.testing.assert_array_equal(params["bias"], np.repeat(np.float32(bias), width))
    if name == "gru":
        np.testing.assert_array_equal(params["bias_h"], np.zeros(width))


def test_shapes_of_one_example():
    for layer, shape in (
        (layers.GRU(3), (5, 3)),
        (layers.GRU(3, last=True, carry_batch=2), (3,)),
        (layers.Bidirectional(layers.LSTM(3)), (5, 6)),
        (layers.Bidirectional(layers.LSTM(3, last=True)), (6,)),
    ):
        params, state = jax.eval_shape(lambda: layer.init(jax.random.key(0), (5, 4)))  # noqa: B023
        assert layer.out_shape(params, state, (5, 4), jnp.float32) == shape
    assert layers.LSTM(3).name == "LSTM(3)"
    assert layers.Bidirectional(layers.LSTM(3)).name == "Bidirectional(LSTM(3))"


def test_what_makes_no_layer_is_refused():
    for wrong in (0, -1, 2.0, (3,)):
        with pytest.raises(ValueError, match="hidden_features must be a positive integer"):
            layers.GRU(wrong)
    with pytest.raises(ValueError, match="last must be True or False, got 3"):
        layers.LSTM(3, 3)
    for wrong in (0, True, 2.0):
        with pytest.raises(ValueError, match="carry_batch must be None or a positive integer"):
            layers.RNN(3, carry_batch=wrong)
    with pytest.raises(ValueError, match="carry_batch cannot go with reverse=True"):
        layers.RNN(3, reverse=True, carry_batch=2)
    with pytest.raises(ValueError, match="layer must be an RNN, GRU or LSTM"):
        layers.Bidirectional(layers.Dense(3))
    for wrong in (layers.RNN(3, carry_batch=2), layers.RNN(3, reverse=True)):
        with pytest.raises(ValueError, match="layer must neither carry its state nor be reversed"):
            layers.Bidirectional(wrong)
    with pytest.raises(ValueError, match=r"RNN\(3\) needs examples of shape \(time, features\), got \(4,\)"):
        layers.RNN(3).init(jax.random.key(0), (4,))


def test_what_does_not_fit_a_call_is_refused():
    layer = layers.GRU(3, carry_batch=2)
    params, state = drawn(layer, (5, 4))
    with pytest.raises(ValueError, match=r"GRU\(3\) carries the state of 2 sequences, got x float32\[3, 5, 4\]"):
        layer(params, jnp.ones((3, 5, 4)), state)
    with pytest.raises(ValueError, match=r"GRU\(3\) carries no state; give it carry_batch"):
        layers.GRU(3)(params, jnp.ones((2, 5, 4)), state)
    with pytest.raises(ValueError, match=r"GRU\(3\): x must be \(batch, time, features\), or \(x, mask\), got float32"):
        layer(params, jnp.ones((5, 4)))
    with pytest.raises(ValueError, match=r"gru: mask must be boolean \(batch, time\), here bool\[2, 5\]"):
        layer(params, (jnp.ones((2, 5, 4)), jnp.ones((2, 4), bool)))
    with pytest.raises(ValueError, match=r"gru: weight_x must be \[7, 9\]"):
        layer(params, jnp.ones((2, 5, 7)))
