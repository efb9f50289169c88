"""Weight averaging."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import optim

from .helpers import STORED, assert_trees_close, make_tree


@pytest.mark.parametrize("case", STORED["averaging"], ids=lambda case: f"debias {case['debias']}")
def test_equals_the_stored_averages(case):
    with jax.enable_x64(True):
        average = optim.ema(case["decay"], case["debias"])
        state = average.init(jnp.zeros(2))
        for params, expected in zip(case["params"], case["averages"], strict=True):
            averaged, state = average.update(jnp.asarray(params), state)
            np.testing.assert_allclose(averaged, expected, rtol=1e-12)


def test_the_average_of_what_stays_is_itself():
    params = make_tree()
    average = optim.ema(0.999)
    state = average.init(params)
    step = jax.jit(average.update)
    for _ in range(3):
        averaged, state = step(params, state)
        assert_trees_close(averaged, params, rtol=1e-5)
    assert int(state.steps) == 3
    undebiased, _ = optim.ema(0.9, debias=False).update(params, average.init(params))
    assert_trees_close(undebiased, jax.tree.map(lambda p: 0.1 * p, params), rtol=1e-6)


def test_dtype_and_zero_decay():
    params = make_tree(jnp.bfloat16)
    average = optim.ema(0.0)
    averaged, state = average.update(params, average.init(params))
    assert_trees_close(averaged, params, rtol=0)
    assert state.average["w"].dtype == jnp.bfloat16


def test_a_traced_decay():
    params = make_tree()

    def second(decay):
        average = optim.ema(decay)
        _, state = average.update(params, average.init(params))
        return average.update(jax.tree.map(lambda p: 2 * p, params), state)[0]["b"]

    found = jax.jit(jax.vmap(second))(jnp.asarray([0.5, 0.0]))
    # decay 1/2: (1/2 * 1/2 * w + 1/2 * 2 w) / (3/4) = 5/3 w
    np.testing.assert_allclose(found, np.stack([5 / 3 * params["b"], 2 * params["b"]]), rtol=1e-5)


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan"), None, "0.9"])
def test_bad_decay(decay):
    with pytest.raises(ValueError, match="ema: decay must be"):
        optim.ema(decay)


def test_wrong_params():
    average = optim.ema(0.9)
    params = make_tree()
    with pytest.raises(ValueError, match="must have the tree"):
        average.update({"w": params["w"]}, average.init(params))
    with pytest.raises(ValueError, match="floating-point"):
        average.init({"n": jnp.arange(3)})
