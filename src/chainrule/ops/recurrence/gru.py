"""The gated recurrent unit: one state, and two gates that say how much of it is renewed."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.ops.recurrence._time import (
    input_products,
    input_products_backward,
    outputs,
    require_recurrence,
    run,
    run_back,
    total,
    weight_gradient,
)
from chainrule.rule import rule

__all__ = ["gru"]


@rule
def gru(
    x: Array,
    hidden: Array,
    weight_x: Array,
    weight_h: Array,
    bias: Array,
    bias_h: Array,
    mask: Array | None = None,
    *,
    reverse: bool = False,
) -> tuple[tuple[Array, Array], tuple[Any, ...]]:
    """Gated recurrent unit, the reset gate after the recurrent product; returns (ys, h_T).

    ::

        [p_r, p_z, p_n] = x_t W_x + b            the columns: three blocks of H, in this order
        [m_r, m_z, m_n] = h_{t-1} W_h
        r = sigmoid(p_r + m_r)                   reset gate: how much of the state the candidate sees
        z = sigmoid(p_z + m_z)                   update gate: how much of the state is kept
        q = m_n + b_h
        n = tanh(p_n + r q)                      the candidate
        h_t = (1 - z) n + z h_{t-1},  y_t = h_t

    This is the form, and the order of the blocks, of PyTorch and cuDNN: r multiplies the product h W_h and its own bias b_h.
    The first paper multiplies h before the product, n = tanh(p_n + (r h) W), which needs a second product in each step.
    PyTorch's two biases of r and z are added here in one.

    A step where the mask is False hands the state through and puts out y_t = 0, whatever finite numbers x holds there; so
    h_T is the state after the last valid step. With ``reverse`` time runs from the last step to the first.

    Shapes: x (batch, time, features), hidden (batch, H), weight_x (features, 3 H), weight_h (H, 3 H), bias (3 H,), bias_h
    (H,), mask boolean (batch, time) or None; ys (batch, time, H), h_T (batch, H). All but the mask of one floating-point
    dtype.

    Derivation, for one valid step, with dh = dL/dh_t in all: dL/dy_t and what comes back from step t + 1::

        h_t = (1 - z) n + z h_{t-1}     dz = dh (h_{t-1} - n)    dn = dh (1 - z)    to h_{t-1} directly: dh z
        n = tanh(p_n + r q)             dp_n = dn (1 - n^2)      dr = dp_n q        dq = dp_n r
        sigmoid' = s (1 - s)            dp_r = dr r (1 - r)      dp_z = dz z (1 - z)
        m = h_{t-1} W_h                 dL/dh_{t-1} = dh z + dm W_h^T,   dm = [dp_r, dp_z, dq]

    dp and dm differ in the last block, by the factor r. The weights serve all steps and gather from all, in one product
    each, after the loop::

        dL/dW_h = sum_t h_{t-1}^T dm_t    dL/db_h = sum_t dq_t
        dL/dW_x = sum_t x_t^T dp_t        dL/db   = sum_t dp_t        dL/dx_t = dp_t W_x^T

    Where the mask is False, dp_t = dm_t = 0, and dh goes back as it is.

    Residuals: x, the weights, the gates r, z and n, q, h_{t-1}, and the mask.

    Raises:
        ValueError: for shapes that do not fit, integers, different dtypes, or a mask that is not boolean (batch, time).

    Source: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014, in the form of cuDNN.
    """
    require_recurrence("gru", x, {"hidden": hidden}, weight_x, weight_h, bias, mask, gates=3)
    require_floating("gru", bias_h=bias_h)
    require_same_dtype("gru", x=x, bias_h=bias_h)
    if bias_h.shape != weight_h.shape[:1]:
        raise ValueError(f"gru: bias_h must be {list(weight_h.shape[:1])}, got {describe(bias_h)}")
    width = weight_h.shape[0]

    def step(product: Array, state: tuple[Array, ...]) -> tuple[tuple[Array], tuple[Array, ...]]:
        (h,) = state
        m = h @ weight_h
        p = product + bias
        rz = lax.logistic(p[:, : 2 * width] + m[:, : 2 * width])
        r, z = rz[:, :width], rz[:, width:]
        q = m[:, 2 * width :] + bias_h
        n = jnp.tanh(p[:, 2 * width :] + r * q)
        return ((1 - z) * n + z * h,), (jnp.concatenate([rz, n], -1), q, h)

    (end,), states, saved = run(step, (hidden,), input_products(x, weight_x), mask, reverse)
    return (outputs(states, mask), end), (x, weight_x, weight_h, saved, mask)


@gru.defbackward
def gru_backward(
    residuals: tuple[Any, ...], d_output: tuple[Array | None, Array], *, reverse: bool
) -> tuple[Array | None, ...]:
    """Carry dL/dh back through time, then form the weights' gradients; dL/dys may be None, for outputs not used."""
    x, weight_x, weight_h, saved, mask = residuals
    gates, _, met = saved
    d_ys, d_end = d_output
    back, width = weight_h.T, weight_h.shape[0]

    def step_backward(saved: tuple[Array, ...], d_state: tuple[Array, ...]) -> tuple[Array, tuple[Array]]:
        (r, z, n, q, h), (d_h,) = saved, d_state
        d_n = d_h * (1 - z) * (1 - n * n)
        d_rz = [d_n * q * (r * (1 - r)), d_h * (h - n) * (z * (1 - z))]
        d_m = jnp.concatenate([*d_rz, d_n * r], -1)
        return jnp.concatenate([*d_rz, d_n], -1), (d_h * z + d_m @ back,)

    d_products, (d_hidden,) = run_back(step_backward, (d_end,), d_ys, saved, mask, reverse)
    d_x, d_weight_x, d_bias = input_products_backward(x, weight_x, d_products)
    # dm is dp but for its last block, dq = dp_n r. Two products cost less than dm costs as an array of its own beside dp.
    d_q = d_products[..., 2 * width :] * gates[..., :width]
    d_weight_h = weight_gradient(met, d_products).at[:, 2 * width :].set(weight_gradient(met, d_q))
    return d_x, d_hidden, d_weight_x, d_weight_h, d_bias, total(d_q), None
