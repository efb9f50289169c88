"""The recurrences: PyTorch's values with starts, ends and lengths; masks; and shapes that do not fit."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")

TORCH = store.load("recurrence")
RULES = {"rnn": ops.rnn, "gru": ops.gru, "lstm": ops.lstm}
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
# One mechanism serves all three: what is its own, not the cell's, is tried on the others in the slow tests.
MECHANISM = [pytest.param(name, marks=[] if name == "lstm" else [pytest.mark.slow]) for name in RULES]
BATCH, TIME, FEATURES, HIDDEN = 3, 5, 4, 2


@functools.partial(jax.jit, static_argnums=(0, 1))
def pulled(name, reverse, arguments, cotangent):
    output, pullback = RULES[name].vjp(*arguments, reverse=reverse)
    return output, pullback(cotangent)


def arguments_of(name, rng, time=TIME, batch=BATCH):
    """Random arguments of a recurrence, without a mask."""
    columns = GATES[name] * HIDDEN
    shapes = [(batch, time, FEATURES), (batch, HIDDEN), (FEATURES, columns), (HIDDEN, columns), (columns,)]
    shapes[2:2] = [(batch, HIDDEN)] * (name == "lstm")
    shapes += [(HIDDEN,)] * (name == "gru")
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def cotangent_of(name, rng, time=TIME, batch=BATCH):
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    end = draw(batch, HIDDEN)
    return draw(batch, time, HIDDEN), ((end, draw(batch, HIDDEN)) if name == "lstm" else end)


@pytest.mark.parametrize("case", TORCH["ops"], ids=lambda case: f"{case['name']}-{case['mask'] is not None}")
def test_outputs_and_gradients_are_those_of_pytorch(x64, case):
    start, (params,), mask = [part[0] for part in case["start"]], case["params"], case["mask"]
    d_end = [part[0] for part in case["d_end"]]
    arguments = [case["x"], *start, *params.values(), *([] if mask is None else [mask])]
    cotangent = (case["d_ys"], tuple(d_end) if len(d_end) > 1 else d_end[0])
    (ys, end), cotangents = pulled(case["name"], False, jax.tree.map(jnp.asarray, arguments), cotangent)
    np.testing.assert_allclose(ys, case["ys"], atol=1e-10)
    for found, expected in zip(jax.tree.leaves(end), case["end"], strict=True):
        np.testing.assert_allclose(found, expected[0], atol=1e-10)
    expected = [case["d_x"], *(part[0] for part in case["d_start"]), *case["d_params"][0].values()]
    for found, right in zip(cotangents, expected, strict=mask is None):
        np.testing.assert_allclose(found, right, rtol=1e-10, atol=1e-10)
    if mask is not None:
        assert cotangents[-1].dtype == jax.dtypes.float0


@pytest.mark.parametrize("name", MECHANISM)
def test_masked_steps_are_as_if_they_were_not_there(name, rng):
    arguments, cotangent = arguments_of(name, rng, time=7), cotangent_of(name, rng, time=7)
    kept, left_out = [0, 2, 3, 4, 6], [1, 5]
    mask = jnp.zeros((BATCH, 7), bool).at[:, jnp.array(kept)].set(True)
    (ys, end), cotangents = pulled(name, True, [*arguments, mask], cotangent)
    short = [np.asarray(arguments[0])[:, kept], *arguments[1:]]
    (short_ys, short_end), expected = pulled(name, True, short, (np.asarray(cotangent[0])[:, kept], cotangent[1]))
    ys, d_x = np.asarray(ys), np.asarray(cotangents[0])
    assert not np.any(ys[:, left_out])
    assert not np.any(d_x[:, left_out])
    found = (ys[:, kept], end, (d_x[:, kept], *cotangents[1:-1]))
    right = (short_ys, short_end, expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MECHANISM)
def test_reversed_time_is_the_sequence_turned_round(name, rng):
    arguments, cotangent = arguments_of(name, rng), cotangent_of(name, rng)
    (ys, end), cotangents = pulled(name, True, arguments, cotangent)
    turned = [arguments[0][:, ::-1], *arguments[1:]]
    (turned_ys, turned_end), expected = pulled(name, False, turned, (cotangent[0][:, ::-1], cotangent[1]))
    found = (ys, end, cotangents)
    right = (turned_ys[:, ::-1], turned_end, (expected[0][:, ::-1], *expected[1:]))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MECHANISM)
def test_without_time_or_without_valid_steps_the_start_is_the_end(name, rng):
    arguments, carried = arguments_of(name, rng), 2 if name == "lstm" else 1
    nothing = jnp.zeros((BATCH, TIME), bool)
    cotangent = cotangent_of(name, rng)
    empty = [arguments[0][:, :0], *arguments[1:]]
    for given, d_ys in (([*arguments, nothing], cotangent[0]), (empty, cotangent[0][:, :0])):
        (ys, end), cotangents = pulled(name, False, given, (d_ys, cotangent[1]))
        assert not np.any(ys)
        for found, expected in zip(jax.tree.leaves(end), arguments[1 : 1 + carried], strict=True):
            np.testing.assert_array_equal(found, expected)
        for found, expected in zip(cotangents[1 : 1 + carried], jax.tree.leaves(cotangent[1]), strict=True):
            np.testing.assert_array_equal(found, expected)
        assert not any(np.any(d) for d in (cotangents[0], *cotangents[1 + carried : len(arguments)]))


def test_the_weights_are_saved_once_and_the_gradients_flow_through_one_loop_each_way(rng):
    arguments = arguments_of("lstm", rng, time=7)
    _, pullback = ops.lstm.vjp(*arguments)
    shapes = [leaf.shape for leaf in jax.tree.leaves(pullback)]
    assert shapes.count((HIDDEN, 4 * HIDDEN)) == 1
    assert not any(
        shape[:1] == (7,) and shape[1:] in ((HIDDEN, 4 * HIDDEN), (FEATURES, 4 * HIDDEN)) for shape in shapes
    )
    program = jax.make_jaxpr(pullback)(cotangent_of("lstm", rng, time=7)).jaxpr
    (loop,) = (equation for equation in program.eqns if equation.primitive.name == "scan")
    inside = [equation.primitive.name for equation in loop.params["jaxpr"].jaxpr.eqns]
    assert (
        inside.count("dot_general") == 1
    )  # dL/da W_h^T and nothing else: no gradient of a weight grows inside the loop


def test_what_does_not_fit_is_refused(rng):
    x, hidden, cell, weight_x, weight_h, bias = arguments_of("lstm", rng)
    for wrong in (x[0], x[..., 0]):
        with pytest.raises(ValueError, match=r"lstm: x must be \(batch, time, features\), got float32"):
            ops.lstm(wrong, hidden, cell, weight_x, weight_h, bias)
    with pytest.raises(ValueError, match=r"lstm: hidden must be \[3, 2\] beside x float32\[3, 5, 4\]"):
        ops.lstm(x, hidden[:1], cell, weight_x, weight_h, bias)
    with pytest.raises(ValueError, match=r"lstm: cell must be \[3, 2\] beside"):
        ops.lstm(x, hidden, cell[:, :1], weight_x, weight_h, bias)
    with pytest.raises(ValueError, match=r"lstm: weight_x must be \[4, 8\] beside"):
        ops.lstm(x, hidden, cell, weight_x.T, weight_h, bias)
    with pytest.raises(ValueError, match=r"lstm: weight_h must be \(hidden, 4 hidden\), got float32\[8, 2\]"):
        ops.lstm(x, hidden, cell, weight_x, weight_h.T, bias)
    with pytest.raises(ValueError, match=r"rnn: weight_h must be \(hidden, hidden\), got float32\[2, 8\]"):
        ops.rnn(x, hidden, weight_x, weight_h, bias)
    with pytest.raises(ValueError, match=r"lstm: bias must be \[8\] beside"):
        ops.lstm(x, hidden, cell, weight_x, weight_h, bias[:1])
    with pytest.raises(ValueError, match="lstm: dtypes must be equal, got x float32, hidden float32, cell bfloat16"):
        ops.lstm(x, hidden, cell.astype(jnp.bfloat16), weight_x, weight_h, bias)
    with pytest.raises(ValueError, match="lstm: x must be of floating-point numbers, got int32"):
        ops.lstm(x.astype(jnp.int32), hidden, cell, weight_x, weight_h, bias)
    *arguments, bias_h = arguments_of("gru", rng)
    with pytest.raises(ValueError, match=r"gru: bias_h must be \[2\], got float32\[1\]"):
        ops.gru(*arguments, bias_h[:1])


@pytest.mark.parametrize("shape", [(BATCH, TIME - 1), (BATCH, TIME + 1), (TIME, BATCH), (TIME,), (BATCH, TIME, 1)])
def test_a_mask_of_another_length_is_refused(rng, shape):
    with pytest.raises(ValueError, match=r"rnn: mask must be boolean \(batch, time\), here bool\[3, 5\].*; got bool"):
        ops.rnn(*arguments_of("rnn", rng), jnp.ones(shape, bool))


def test_lengths_or_numbers_are_no_mask(rng):
    arguments = arguments_of("rnn", rng)
    for wrong in (jnp.ones((BATCH, TIME)), jnp.ones((BATCH, TIME), jnp.int32), [5, 2, 4]):
        with pytest.raises(ValueError, match="rnn: mask must be boolean"):
            ops.rnn(*arguments, wrong)
