"""Penalties: which leaves count, what they cost and what pulls on them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers, losses, ops

pytestmark = pytest.mark.usefixtures("quick_compilation")

PARAMS = {"weight": jnp.asarray([[3.0, -4.0], [0.0, 1.0]]), "bias": jnp.asarray([2.0, -1.0])}


def test_ridge_is_half_the_sum_of_squares_of_the_weights_and_pulls_in_proportion():
    value, pullback = losses.l2_penalty.vjp(PARAMS, strength=0.1)
    np.testing.assert_allclose(value, 0.05 * (9 + 16 + 1), rtol=1e-6)
    (gradient,) = pullback(jnp.asarray(2.0))
    np.testing.assert_allclose(gradient["weight"], 0.2 * PARAMS["weight"], rtol=1e-6)
    np.testing.assert_array_equal(gradient["bias"], np.zeros(2))


def test_lasso_is_the_sum_of_absolute_values_and_pulls_with_one_force_but_not_on_zero():
    value, pullback = losses.l1_penalty.vjp(PARAMS, strength=0.1, leaves="all")
    np.testing.assert_allclose(value, 0.1 * (3 + 4 + 1 + 2 + 1), rtol=1e-6)
    (gradient,) = pullback(jnp.asarray(1.0))
    np.testing.assert_allclose(gradient["weight"], [[0.1, -0.1], [0.0, 0.1]], rtol=1e-6)
    np.testing.assert_allclose(gradient["bias"], [0.1, -0.1], rtol=1e-6)


def test_the_params_of_a_model_count_by_their_axes():
    model = chain(layers.Dense(4), layers.LayerNorm(), ops.relu, layers.Dense(2))
    params, _ = model.init(jax.random.key(0), 3)
    expected = sum(float(jnp.sum(params[n]["weight"] ** 2)) for n in (0, 3)) / 2
    np.testing.assert_allclose(losses.l2_penalty(params, strength=1.0), expected, rtol=1e-6)
    whole = losses.l2_penalty(params, strength=1.0, leaves="all")
    np.testing.assert_allclose(whole, expected + 2, rtol=1e-6)  # a scale of four ones


def test_a_step_of_descent_by_ridge_is_a_decoupled_decay():
    _, pullback = losses.l2_penalty.vjp(PARAMS, strength=0.3)
    (gradient,) = pullback(jnp.asarray(1.0))
    np.testing.assert_allclose(
        PARAMS["weight"] - 0.1 * gradient["weight"], PARAMS["weight"] * (1 - 0.1 * 0.3), rtol=1e-6
    )


def test_params_of_bfloat16_are_added_in_float32_and_nothing_costs_nothing():
    value, pullback = losses.l2_penalty.vjp([jnp.full((64, 64), 0.1, jnp.bfloat16)], strength=1.0)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, 4096 * float(jnp.bfloat16(0.1)) ** 2 / 2, rtol=1e-5)
    assert pullback(value)[0][0].dtype == jnp.bfloat16
    assert losses.l1_penalty((), strength=1.0) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: losses.l2_penalty(PARAMS, strength=-1.0),
            "l2_penalty: strength must be at least 0 and finite, got -1.0",
        ),
        (lambda: losses.l1_penalty(PARAMS, strength=float("nan")), "l1_penalty: strength must be at least 0"),
        (
            lambda: losses.l1_penalty(PARAMS, strength=1.0, leaves="biases"),
            "leaves must be one of weights, all, got 'bi",
        ),
        (lambda: losses.l2_penalty([jnp.ones(2, int)], strength=1.0), r"params\[0\] must be of floating-point numbers"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
