"""The Elman network: one tanh layer that sees the input and its own last output."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from chainrule.ops.recurrence._time import (
    before,
    input_products,
    input_products_backward,
    outputs,
    require_recurrence,
    run,
    run_back,
    weight_gradient,
)
from chainrule.rule import rule

__all__ = ["rnn"]


@rule
def rnn(
    x: Array,
    hidden: Array,
    weight_x: Array,
    weight_h: Array,
    bias: Array,
    mask: Array | None = None,
    *,
    reverse: bool = False,
) -> tuple[tuple[Array, Array], tuple[Array | None, ...]]:
    """Elman network: h_t = tanh(x_t W_x + h_{t-1} W_h + b), y_t = h_t; returns (ys, h_T).

    A step where the mask is False hands the state through, h_t = h_{t-1}, and puts out y_t = 0, whatever finite numbers x
    holds there. So h_T is the state after the last valid step, wherever that is. With ``reverse`` time runs from the last
    step to the first, h_{t+1} in the place of h_{t-1}; padding at the end is then passed over before the first valid step.

    Shapes: x (batch, time, features), hidden (batch, H), weight_x (features, H), weight_h (H, H), bias (H,), mask boolean
    (batch, time) or None; ys (batch, time, H), h_T (batch, H). All but the mask of one floating-point dtype.

    Derivation, for one valid step, with a_t = x_t W_x + h_{t-1} W_h + b and g_t = dL/dh_t in all::

        g_t          = dL/dy_t + what comes back from step t + 1 (at the end of time: dL/dh_T)
        dL/da_t      = g_t (1 - h_t^2)                             tanh' = 1 - tanh^2
        dL/dh_{t-1}  = dL/da_t W_h^T                               goes back to step t - 1

    The weights serve all steps, so they gather from all, in one product each, after the loop::

        dL/dW_h = sum_t h_{t-1}^T dL/da_t     dL/dW_x = sum_t x_t^T dL/da_t     dL/db = sum_t dL/da_t
        dL/dx_t = dL/da_t W_x^T

    Where the mask is False, dL/da_t = 0 and g_t goes back as it is.

    Residuals: x, the weights, the start, h_t and the mask.

    Raises:
        ValueError: for shapes that do not fit, integers, different dtypes, or a mask that is not boolean (batch, time).

    Source: Elman, Finding structure in time, 1990; Werbos, Backpropagation through time, 1990.
    """
    require_recurrence("rnn", x, {"hidden": hidden}, weight_x, weight_h, bias, mask, gates=1)

    def cell(product: Array, state: tuple[Array, ...]) -> tuple[tuple[Array], None]:
        (h,) = state
        return (jnp.tanh(product + h @ weight_h + bias),), None

    (end,), states, _ = run(cell, (hidden,), input_products(x, weight_x), mask, reverse)
    return (outputs(states, mask), end), (x, weight_x, weight_h, hidden, states, mask)


@rnn.defbackward
def rnn_backward(
    residuals: tuple[Array, ...], d_output: tuple[Array | None, Array], *, reverse: bool
) -> tuple[Array | None, ...]:
    """Carry dL/dh back through time, then form the weights' gradients; dL/dys may be None, for outputs not used."""
    x, weight_x, weight_h, hidden, states, mask = residuals
    d_ys, d_end = d_output
    back = weight_h.T

    def cell_backward(saved: tuple[Array, ...], d_state: tuple[Array, ...]) -> tuple[Array, tuple[Array]]:
        (h,), (d_h,) = saved, d_state
        d_a = d_h * (1 - h * h)
        return d_a, (d_a @ back,)

    d_products, (d_hidden,) = run_back(cell_backward, (d_end,), d_ys, (states,), mask, reverse)
    d_weight_h = weight_gradient(before(hidden, states, reverse), d_products)
    d_x, d_weight_x, d_bias = input_products_backward(x, weight_x, d_products)
    return d_x, d_hidden, d_weight_x, d_weight_h, d_bias, None
