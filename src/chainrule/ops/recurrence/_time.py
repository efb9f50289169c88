"""What all recurrences share: the loop forward in time, the loop back, masks, and the checks of shapes.

A recurrence runs a cell along time. With p_t = x_t W_x, which knows nothing of the state and is therefore formed for all
times at once, before the loop (the bias is added by the cell, where it costs no pass over memory of its own)::

    s_t = cell(p_t, s_{t-1})                where the mask is True
    s_t = s_{t-1},  y_t = 0                 where it is False

Backpropagation through time, with g_t = dL/ds_t in all: what y_t gets directly and what comes back from step t + 1::

    (dL/dp_t, dL/ds_{t-1}) = cell^T(g_t)    where the mask is True
    dL/dp_t = 0,  dL/ds_{t-1} = g_t         where it is False

The loop back carries dL/ds alone, and writes down dL/dp_t. No step touches a gradient of a weight: W_x meets x_t at every
time and W_h meets h_{t-1}, so that dL/dW = sum over t of (what W met)^T dL/dp_t is one product over all times, after the
loop.

Inside, time is the first axis: a loop reads and writes whole contiguous rows. Each cell is a pair of functions of one time
step; what a cell saves comes with time in front, and the first array of it must have the shape of p.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype

__all__ = [
    "before",
    "input_products",
    "input_products_backward",
    "outputs",
    "require_recurrence",
    "run",
    "run_back",
    "time_major",
    "total",
    "weight_gradient",
]

Carry = tuple[Array, ...]


def require_recurrence(
    where: str,
    x: Array,
    carry: dict[str, Array],
    weight_x: Array,
    weight_h: Array,
    bias: Array,
    mask: Array | None,
    gates: int,
) -> None:
    """Refuse what does not fit; ``gates`` is how many blocks of H columns the weights have.

    Raises:
        ValueError: for shapes that do not fit, integer arrays, different dtypes, or a mask that is not boolean (B, T).
    """
    floating = {"x": x, **carry, "weight_x": weight_x, "weight_h": weight_h, "bias": bias}
    require_floating(where, **floating)
    require_same_dtype(where, **floating)
    if x.ndim != 3:
        raise ValueError(f"{where}: x must be (batch, time, features), got {describe(x)}")
    batch, time, features = x.shape
    if weight_h.ndim != 2 or weight_h.shape[1] != gates * weight_h.shape[0]:
        columns = "hidden" if gates == 1 else f"{gates} hidden"
        raise ValueError(f"{where}: weight_h must be (hidden, {columns}), got {describe(weight_h)}")
    hidden, width = weight_h.shape
    expected = {"weight_x": (features, width), "bias": (width,)} | dict.fromkeys(carry, (batch, hidden))
    for name, shape in expected.items():
        if floating[name].shape != shape:
            raise ValueError(
                f"{where}: {name} must be {list(shape)} beside x {describe(x)} and weight_h {describe(weight_h)}, "
                f"got {describe(floating[name])}"
            )
    if mask is not None and (getattr(mask, "dtype", None) != jnp.bool_ or mask.shape != (batch, time)):
        raise ValueError(
            f"{where}: mask must be boolean (batch, time), here bool[{batch}, {time}], True where a step is valid; "
            f"got {describe(mask)}"
        )


def time_major(x: Array) -> Array:
    """Turn (batch, time, ...) into (time, batch, ...), or back."""
    return jnp.swapaxes(x, 0, 1)


def input_products(x: Array, weight_x: Array) -> Array:
    """Compute x W_x for all times in one product; x (B, T, F), the result (T, B, columns)."""
    return time_major(x) @ weight_x


def input_products_backward(x: Array, weight_x: Array, d_products: Array) -> tuple[Array, Array, Array]:
    """Compute (dL/dx, dL/dW_x, dL/db), each by one product over all times: p_t + b gives b the cotangent of p_t."""
    d_x = time_major(d_products @ weight_x.T)
    return d_x, weight_gradient(time_major(x), d_products), total(d_products)


def weight_gradient(met: Array, d_products: Array) -> Array:
    """Compute dL/dW = sum over t of met_t^T dL/dp_t, one product over all times."""
    # The barrier makes the transpose a copy, and the product one of rows with columns: XLA on a CPU has its fast kernels for
    # that alone, and takes 1.4 times as long where it must contract the first axes of both.
    transposed = lax.optimization_barrier(met.reshape(-1, met.shape[-1]).T)
    return transposed @ d_products.reshape(-1, d_products.shape[-1])


def total(d_products: Array) -> Array:
    """Compute dL/db = sum over t of dL/dp_t, as a product with ones; see ``ops.affine``."""
    rows = d_products.reshape(-1, d_products.shape[-1])
    return jnp.matmul(jnp.ones(len(rows), rows.dtype), rows, precision=lax.Precision.HIGHEST)


def before(start: Array, states: Array, reverse: bool) -> Array:
    """The state that each step met: the start, and then the state after each step but the last; (T, B, H)."""
    if reverse:
        return jnp.concatenate([states, start[None]])[1:]
    return jnp.concatenate([start[None], states])[:-1]


def outputs(states: Array, mask: Array | None) -> Array:
    """The hidden states (T, B, H) as outputs (B, T, H), 0 where the mask is False."""
    ys = time_major(states)
    return ys if mask is None else jnp.where(mask[..., None], ys, 0)


def run(
    cell: Callable[[Array, Carry], tuple[Carry, Any]], start: Carry, products: Array, mask: Array | None, reverse: bool
) -> tuple[Carry, Array, Any]:
    """Run a cell along time.

    Args:
        cell: maps (p_t, state before) to (state after, what to save of this step).
        start: the state before the first step; its first entry is the hidden state h.
        products: p, (T, B, columns).
        mask: boolean (B, T), or None.
        reverse: whether to run from the last time to the first.

    Returns:
        The state after the last step, h after each step (T, B, H), and what was saved, with time in front.
    """

    def step(state: Carry, now: Any) -> tuple[Carry, Any]:
        product, valid = now
        after, saved = cell(product, state)
        if valid is not None:
            after = tuple(jnp.where(valid, new, old) for new, old in zip(after, state, strict=True))
        return after, (after[0], saved)

    end, (states, saved) = lax.scan(step, start, (products, _columns(mask)), reverse=reverse)
    return end, states, saved


def run_back(
    cell_backward: Callable[[Carry, Carry], tuple[Array, Carry]],
    d_end: Carry,
    d_ys: Array | None,
    saved: Carry,
    mask: Array | None,
    reverse: bool,
) -> tuple[Array, Carry]:
    """Run back through time.

    Args:
        cell_backward: maps (what was saved of step t, g_t) to (dL/dp_t, dL/ds_{t-1}); what was saved comes as one list of
            blocks (B, H), however wide the arrays are that hold them.
        d_end: the cotangent of the state after the last step.
        d_ys: the cotangent of the outputs, (B, T, H), or None where they were not used.
        saved: what the steps saved, with time in front; the first array of it has the shape of p.
        mask: as it was forward.
        reverse: as it was forward.

    Returns:
        dL/dp for all times (T, B, columns), and the cotangent of the start.
    """
    if d_ys is not None and mask is not None:
        d_ys = jnp.where(mask[..., None], d_ys, 0)  # y_t = 0 where the mask is False, whatever the state is
    d_hs = None if d_ys is None else time_major(d_ys)

    def step(carry: Any, now: Any) -> tuple[Any, None]:
        d_state, d_products = carry
        time, d_h, valid = now
        if d_h is not None:
            d_state = (d_state[0] + d_h, *d_state[1:])  # h_t is an output, and goes on to step t + 1
        d_product, d_before = cell_backward(_blocks(saved, time, d_state[0].shape[-1]), d_state)
        if valid is not None:
            d_product = jnp.where(valid, d_product, 0)
            d_before = tuple(jnp.where(valid, new, old) for new, old in zip(d_before, d_state, strict=True))
        return (d_before, lax.dynamic_update_index_in_dim(d_products, d_product, time, 0)), None

    # Every row of d_products is overwritten: what it holds at first does not count. A scan that stacked its outputs would
    # start from zeros, which XLA makes before the forward loop and keeps through it; a copy of what was saved takes over
    # the memory of the input products, which are dead by now.
    first = saved[0]
    if not len(first):
        return first, d_end
    times = jnp.arange(first.shape[0])
    loop = (times, d_hs, _columns(mask))
    (d_start, d_products), _ = lax.scan(step, (d_end, first), loop, reverse=not reverse)
    return d_products, d_start


def _blocks(saved: Carry, time: Array, width: int) -> Carry:
    """What was saved of one step, (T, B, n H), as blocks (B, H).

    Each block is one slice of the whole array. Slices of a slice of one time are the same numbers, but XLA on a CPU fuses
    them with what reads them and then divides indices for every number: the loop back of an LSTM takes twice as long.
    """
    return tuple(
        lax.dynamic_slice(array, (time, 0, start), (1, array.shape[1], width))[0]
        for array in saved
        for start in range(0, array.shape[-1], width)
    )


def _columns(mask: Array | None) -> Array | None:
    """The mask by time, as columns (T, B, 1) beside states (B, H)."""
    return None if mask is None else time_major(mask)[..., None]
