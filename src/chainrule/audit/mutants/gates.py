"""Wrong derivatives of gated, masked and two-way recurrences: gates mixed up, carries lost, padding, time turned round.

The products p_t = x_t W of all times are the argument, so that the recurrent part alone is on trial; the first axis is time.
"""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "recurrence")


def _over_time(met: Array, d_products: Array) -> Array:
    """The gradient of a weight that serves all steps."""
    return jnp.einsum("tbi,tbo->io", met, d_products)


# ----------------------------------------------------------------------------------------------------------------------
# Gated recurrent unit: h_t = (1 - z) n + z h_{t-1}, with n = tanh(p_n + r m_n) and m = h_{t-1} U
# ----------------------------------------------------------------------------------------------------------------------


def _gru(products: Array, start: Array, recurrent: Array) -> Any:
    def step(h: Array, product: Array) -> Any:
        (p_r, p_z, p_n), (m_r, m_z, m_n) = jnp.split(product, 3, -1), jnp.split(h @ recurrent, 3, -1)
        r, z = lax.logistic(p_r + m_r), lax.logistic(p_z + m_z)
        n = jnp.tanh(p_n + r * m_n)
        after = (1 - z) * n + z * h
        return after, (after, (h, r, z, n, m_n))

    _, (hs, saved) = lax.scan(step, start, products)
    return hs, (recurrent, saved)


def _gru_backward(kept: float = 1.0, reset: bool = True) -> Any:
    """The backward function; ``kept`` times z h_{t-1} goes back directly, ``reset`` puts r into the gradient of U."""

    def backward(residuals: Any, d: Array) -> Any:
        recurrent, saved = residuals

        def step(d_after: Array, now: Any) -> Any:
            d_y, (h, r, z, n, m_n) = now
            d_h = d_after + d_y
            d_n = d_h * (1 - z) * (1 - n * n)
            d_r, d_z = d_n * m_n * r * (1 - r), d_h * (h - n) * z * (1 - z)
            d_m = jnp.concatenate([d_r, d_z, d_n * r], -1)
            return kept * d_h * z + d_m @ recurrent.T, (jnp.concatenate([d_r, d_z, d_n], -1), d_m)

        d_start, (d_products, d_ms) = lax.scan(step, jnp.zeros_like(d[0]), (d, saved), reverse=True)
        return d_products, d_start, _over_time(saved[0], d_ms if reset else d_products)

    return backward


def _gru_mutant(name: str, backward: Any, argument: int = 0) -> Mutant:
    make = together(normal(3, 2, 6), normal(2, 2), normal(2, 6))
    return _plant(f"GRU: {name}", _gru, backward, _gru_backward(), make, argument=argument)


# ----------------------------------------------------------------------------------------------------------------------
# Long short-term memory: c_t = f c_{t-1} + i g, h_t = o tanh(c_t)
# ----------------------------------------------------------------------------------------------------------------------


def _lstm(products: Array, hidden: Array, cell: Array, recurrent: Array) -> Any:
    def step(state: Any, product: Array) -> Any:
        h, c = state
        i, f, g, o = jnp.split(product + h @ recurrent, 4, -1)
        i, f, g, o = lax.logistic(i), lax.logistic(f), jnp.tanh(g), lax.logistic(o)
        after = f * c + i * g
        y = o * jnp.tanh(after)
        return (y, after), (y, (h, c, i, f, g, o, jnp.tanh(after)))

    _, (ys, saved) = lax.scan(step, (hidden, cell), products)
    return ys, (recurrent, saved)


def _lstm_backward(carried: float = 1.0, through: str = "forget", exchanged: bool = False) -> Any:
    """The backward function.

    ``carried`` times the cotangent of the next step's cell counts, it goes back ``through`` a gate, and the blocks of the
    input and forget gates may be exchanged.
    """

    def backward(residuals: Any, d: Array) -> Any:
        recurrent, saved = residuals

        def step(carry: Any, now: Any) -> Any:
            d_y, (_, c, i, f, g, o, y) = now
            d_h = carry[0] + d_y
            d_c = carried * carry[1] + d_h * o * (1 - y * y)
            d_i, d_f = d_c * g * i * (1 - i), d_c * c * f * (1 - f)
            first, second = (d_f, d_i) if exchanged else (d_i, d_f)
            d_a = jnp.concatenate([first, second, d_c * i * (1 - g * g), d_h * y * o * (1 - o)], -1)
            return (d_a @ recurrent.T, d_c * (f if through == "forget" else i)), d_a

        zeros = jnp.zeros_like(d[0])
        (d_hidden, d_cell), d_as = lax.scan(step, (zeros, zeros), (d, saved), reverse=True)
        return d_as, d_hidden, d_cell, _over_time(saved[0], d_as)

    return backward


def _lstm_mutant(name: str, backward: Any) -> Mutant:
    make = together(normal(3, 2, 8), normal(2, 2), normal(2, 2), normal(2, 8))
    return _plant(f"LSTM: {name}", _lstm, backward, _lstm_backward(), make)


# ----------------------------------------------------------------------------------------------------------------------
# Padding: h_t = tanh(p_t + h_{t-1} U) where the step is valid, h_{t-1} where it is not; all h_t and the last are returned
# ----------------------------------------------------------------------------------------------------------------------


def _masked(products: Array, start: Array, recurrent: Array, valid: Array) -> Any:
    def step(h: Array, now: Any) -> Any:
        product, here = now
        after = jnp.tanh(product + h @ recurrent)
        h_next = jnp.where(here[:, None] > 0, after, h)
        return h_next, (h_next, (h, after))

    last, (hs, saved) = lax.scan(step, start, (products, valid))
    return (hs, last), (recurrent, valid, saved)


def _masked_backward(passed: float = 1.0, masked: bool = True, ended: float = 1.0) -> Any:
    """The backward function.

    ``passed`` times the cotangent goes through padding, ``masked`` keeps it out of the products there, and ``ended``
    times the last state's cotangent counts.
    """

    def backward(residuals: Any, d_output: Any) -> Any:
        recurrent, valid, (before, after) = residuals
        d, d_last = d_output

        def step(d_after: Array, now: Any) -> Any:
            d_y, h, here = now
            d_h = d_after + d_y
            d_a = d_h * (1 - h * h)
            inside = here[:, None] > 0
            d_product = jnp.where(inside, d_a, 0) if masked else d_a
            return jnp.where(inside, d_a @ recurrent.T, passed * d_h), d_product

        d_start, d_products = lax.scan(step, ended * d_last, (d, after, valid), reverse=True)
        return d_products, d_start, _over_time(before, d_products), None

    return backward


def _padding(rng: np.random.Generator) -> np.ndarray:
    return np.array([[1, 1], [1, 0], [0, 1], [1, 0]], np.int32)  # in the middle and at the end


def _masked_mutant(name: str, backward: Any) -> Mutant:
    make = together(normal(4, 2, 3), normal(2, 3), normal(3, 3), _padding)
    return _plant(f"padded RNN: {name}", _masked, backward, _masked_backward(), make)


# ----------------------------------------------------------------------------------------------------------------------
# Both ways in time, and a start that all examples share: h_t = h_{t-1} / 2 + x_t
# ----------------------------------------------------------------------------------------------------------------------


def _halving(start: Array, xs: Array, reverse: bool = False) -> Array:
    def step(h: Array, x: Array) -> tuple[Array, Array]:
        h = h / 2 + x
        return h, h

    return lax.scan(step, start, xs, reverse=reverse)[1]


def _both_ways(xs: Array) -> Any:
    start = jnp.zeros_like(xs[0])
    return jnp.concatenate([_halving(start, xs), _halving(start, xs[::-1])[::-1]], -1), None


def _both_ways_backward(turned_back: bool) -> Any:
    def backward(_: None, d: Array) -> Any:
        forwards, backwards = jnp.split(d, 2, -1)
        start = jnp.zeros_like(forwards[0])
        d_turned = _halving(start, backwards[::-1], reverse=True)
        return (_halving(start, forwards, reverse=True) + (d_turned[::-1] if turned_back else d_turned),)

    return backward


def _from_one_start(start: Array, xs: Array) -> Any:
    return _halving(jnp.broadcast_to(start, xs[0].shape), xs), None


def _from_one_start_backward(gather: Any) -> Any:
    def backward(_: None, d: Array) -> Any:
        d_hs = _halving(jnp.zeros_like(d[0]), d, reverse=True)
        return gather(d_hs[0], 0) / 2, d_hs

    return backward


MUTANTS: tuple[Mutant, ...] = (
    _gru_mutant("the reset gate is missing in the recurrent weight", _gru_backward(reset=False), 2),
    _gru_mutant("what the update gate keeps gets nothing", _gru_backward(kept=0.0)),
    _lstm_mutant("the cell's carry is lost", _lstm_backward(carried=0.0)),
    _lstm_mutant("the cell's carry through the input gate", _lstm_backward(through="input")),
    _lstm_mutant("the input and forget gates are exchanged", _lstm_backward(exchanged=True)),
    _masked_mutant("the carry does not pass through padding", _masked_backward(passed=0.0)),
    _masked_mutant("padding gets a gradient", _masked_backward(masked=False)),
    _masked_mutant("the last state's cotangent is left out", _masked_backward(ended=0.0)),
    _plant(
        "both ways: the second is not turned back",
        _both_ways,
        _both_ways_backward(turned_back=False),
        _both_ways_backward(turned_back=True),
        together(normal(4, 2, 3)),
    ),
    _plant(
        "one start for all examples: the mean of their shares",
        _from_one_start,
        _from_one_start_backward(jnp.mean),
        _from_one_start_backward(jnp.sum),
        together(normal(3), normal(3, 4, 3)),
        pattern=FACTOR,
    ),
)
