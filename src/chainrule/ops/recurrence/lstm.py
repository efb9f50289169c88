"""The long short-term memory: a cell state that gates write to, keep and read."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

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

__all__ = ["lstm"]


@rule
def lstm(
    x: Array,
    hidden: Array,
    cell: Array,
    weight_x: Array,
    weight_h: Array,
    bias: Array,
    mask: Array | None = None,
    *,
    reverse: bool = False,
) -> tuple[tuple[Array, tuple[Array, ...]], tuple[Array | None, ...]]:
    """Long short-term memory; returns (ys, (h_T, c_T)).

    ::

        [a_i, a_f, a_g, a_o] = x_t W_x + h_{t-1} W_h + b     the columns: four blocks of H, in this order
        i = sigmoid(a_i)                                     input gate: how much is written
        f = sigmoid(a_f)                                     forget gate: how much is kept
        g = tanh(a_g)                                        the candidate: what is written
        o = sigmoid(a_o)                                     output gate: how much is read
        c_t = f c_{t-1} + i g
        h_t = o tanh(c_t),  y_t = h_t

    The order of the blocks is PyTorch's; its two biases are added here in one.

    A step where the mask is False hands the state through and puts out y_t = 0, whatever finite numbers x holds there; so
    h_T and c_T are the state after the last valid step. With ``reverse`` time runs from the last step to the first.

    Shapes: x (batch, time, features), hidden and cell (batch, H), weight_x (features, 4 H), weight_h (H, 4 H), bias (4 H,),
    mask boolean (batch, time) or None; ys (batch, time, H), h_T and c_T (batch, H). All but the mask of one
    floating-point dtype.

    Derivation, for one valid step. With dh = dL/dh_t in all: dL/dy_t and what comes back from step t + 1; likewise dc', what
    comes back for c_t. With u = tanh(c_t)::

        h_t = o u               do = dh u
                                dc = dc' + dh o (1 - u^2)          c_t is read by h_t, and goes on to step t + 1
        c_t = f c_{t-1} + i g   df = dc c_{t-1}    di = dc g    dg = dc i    dL/dc_{t-1} = dc f
        sigmoid' = s (1 - s)    da_i = di i (1 - i)    da_f = df f (1 - f)    da_o = do o (1 - o)
        tanh' = 1 - tanh^2      da_g = dg (1 - g^2)
        a = p + h_{t-1} W_h     dL/dh_{t-1} = da W_h^T,   da = [da_i, da_f, da_g, da_o]

    Along c the product is with f alone, no matrix and no squashing: while f is near 1, gradients last. The weights serve
    all steps and gather from all, in one product each, after the loop::

        dL/dW_h = sum_t h_{t-1}^T da_t     dL/dW_x = sum_t x_t^T da_t     dL/db = sum_t da_t     dL/dx_t = da_t W_x^T

    Where the mask is False, da_t = 0, and dh and dc' go back as they are.

    Residuals: x, the weights, the start of h, h_t, c_{t-1}, the four gates and the mask; tanh(c_t) is formed anew of them.

    Raises:
        ValueError: for shapes that do not fit, integers, different dtypes, or a mask that is not boolean (batch, time).

    Source: Hochreiter and Schmidhuber, Long short-term memory, 1997; the forget gate of Gers, Schmidhuber and Cummins, 2000.
    """
    require_recurrence("lstm", x, {"hidden": hidden, "cell": cell}, weight_x, weight_h, bias, mask, gates=4)
    width = weight_h.shape[0]

    def step(product: Array, state: tuple[Array, ...]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        h, c = state
        a = product + h @ weight_h + bias
        i, f, o = (lax.logistic(_block(a, k, width)) for k in (0, 1, 3))
        g = jnp.tanh(_block(a, 2, width))
        after = f * c + i * g
        return (o * jnp.tanh(after), after), (jnp.concatenate([i, f, g, o], -1), c)

    end, states, (gates, cells) = run(step, (hidden, cell), input_products(x, weight_x), mask, reverse)
    return (outputs(states, mask), end), (x, weight_x, weight_h, hidden, states, gates, cells, mask)


@lstm.defbackward
def lstm_backward(
    residuals: tuple[Array, ...], d_output: tuple[Array | None, tuple[Array, Array]], *, reverse: bool
) -> tuple[Array | None, ...]:
    """Carry dL/dh and dL/dc back, then form the weights' gradients; dL/dys may be None, for outputs not used."""
    x, weight_x, weight_h, hidden, states, gates, cells, mask = residuals
    d_ys, d_end = d_output
    back = weight_h.T

    def step_backward(saved: tuple[Array, ...], d_state: tuple[Array, ...]) -> tuple[Array, tuple[Array, Array]]:
        i, f, g, o, c = saved
        d_h, d_c = d_state
        u = jnp.tanh(f * c + i * g)
        d_c = d_c + d_h * o * (1 - u * u)
        d_a = [d_c * g * (i * (1 - i)), d_c * c * (f * (1 - f)), d_c * i * (1 - g * g), d_h * u * (o * (1 - o))]
        d_product = jnp.concatenate(d_a, -1)
        return d_product, (d_product @ back, d_c * f)

    d_products, (d_hidden, d_cell) = run_back(step_backward, d_end, d_ys, (gates, cells), mask, reverse)
    d_weight_h = weight_gradient(before(hidden, states, reverse), d_products)
    d_x, d_weight_x, d_bias = input_products_backward(x, weight_x, d_products)
    return d_x, d_hidden, d_cell, d_weight_x, d_weight_h, d_bias, None


def _block(a: Array, k: int, width: int) -> Array:
    return a[:, k * width : (k + 1) * width]
