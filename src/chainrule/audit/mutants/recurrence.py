"""Wrong derivatives of recurrences: backpropagation through time that loses its carry, its order, its start or its end.

The network is h_t = tanh(x_t W + h_{t-1} U), with inputs (time, batch, features), and all its h_t as the output.
"""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR, PERMUTED, ZERO
from chainrule.audit.mutants import gates
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "recurrence")

_STEPS = 5


def _rnn(xs: Array, start: Array, weight: Array, recurrent: Array) -> Any:
    def step(h: Array, x: Array) -> tuple[Array, Array]:
        h = jnp.tanh(x @ weight + h @ recurrent)
        return h, h

    _, hs = lax.scan(step, start, xs)
    return hs, (xs, start, weight, recurrent, hs)


def _before(start: Array, hs: Array) -> Array:
    return jnp.concatenate([start[None], hs[:-1]])


def _pre_activations(residuals: Any, d: Array, kept: Any = None, recurrent: Any = None) -> tuple[Array, Array]:
    """The cotangents of what the tanh is taken of, one a step, and of the start.

    ``kept(steps)[t]`` is 0 where the carry from step t + 1 is lost; ``recurrent`` is what the carry goes back through.
    """
    _, start, _, forward_recurrent, hs = residuals
    back = forward_recurrent.T if recurrent is None else recurrent
    kept = jnp.ones(len(hs), d.dtype) if kept is None else jnp.asarray(kept(len(hs)), d.dtype)

    def step(d_h: Array, now: Any) -> tuple[Array, Array]:
        d_y, h, keep = now
        d_a = (d_y + keep * d_h) * (1 - h * h)
        return d_a @ back, d_a

    d_start, d_as = lax.scan(step, jnp.zeros_like(start), (d, hs, kept), reverse=True)
    return d_as, d_start


def _gradients(residuals: Any, d_as: Array, d_start: Array) -> dict[str, Array]:
    xs, start, weight, _, hs = residuals
    return {
        "d_xs": d_as @ weight.T,
        "d_start": d_start,
        "d_weight": jnp.einsum("tni,tno->io", xs, d_as),
        "d_recurrent": jnp.einsum("tni,tno->io", _before(start, hs), d_as),
    }


def _right(residuals: Any, d: Array) -> Any:
    return tuple(_gradients(residuals, *_pre_activations(residuals, d)).values())


def _but(name: str, wrong: Any) -> Any:
    """The right backward function but for one cotangent, ``wrong(residuals, d_as, cotangent)``."""

    def backward(residuals: Any, d: Array) -> Any:
        d_as, d_start = _pre_activations(residuals, d)
        gradients = _gradients(residuals, d_as, d_start)
        gradients[name] = wrong(residuals, d_as, gradients[name])
        return tuple(gradients.values())

    return backward


def _with_carry(kept: Any = None, transposed: bool = True) -> Any:
    """The backward function with another carry."""

    def backward(residuals: Any, d: Array) -> Any:
        recurrent = residuals[3].T if transposed else residuals[3]
        return tuple(_gradients(residuals, *_pre_activations(residuals, d, kept, recurrent)).values())

    return backward


def _decay(rates: Array, xs: Array) -> Any:
    def step(h: Array, x: Array) -> tuple[Array, Array]:
        h = rates * h + x
        return h, h

    _, hs = lax.scan(step, jnp.zeros_like(xs[0]), xs)
    return hs, (rates, hs)


def _decay_backward(shifted: bool) -> Any:
    def backward(residuals: Any, d: Array) -> Any:
        rates, hs = residuals

        def step(d_h: Array, d_y: Array) -> tuple[Array, Array]:
            d_now = d_y + d_h
            return rates * d_now, d_now

        _, d_hs = lax.scan(step, jnp.zeros_like(d[0]), d, reverse=True)
        met = _before(jnp.zeros_like(hs[0]), hs) if shifted else hs
        return jnp.sum(d_hs * met, (0, 1)), d_hs

    return backward


def _mutant(name: str, backward: Any, argument: int = 0, pattern: str = "") -> Mutant:
    make = together(normal(_STEPS, 2, 3), normal(2, 3), normal(3, 3), normal(3, 3))
    return _plant(f"RNN: {name}", _rnn, backward, _right, make, argument=argument, pattern=pattern)


MUTANTS: tuple[Mutant, ...] = (
    _mutant("the carry is lost", _with_carry(kept=np.zeros)),
    _mutant("truncated in the middle", _with_carry(kept=lambda steps: np.arange(steps) != steps // 2)),
    _mutant("U for U^T in the carry", _with_carry(transposed=False)),
    _mutant("the time axis is reversed", _but("d_xs", lambda r, d_as, d_xs: d_xs[::-1]), 0, PERMUTED),
    _mutant("the start gets nothing", _but("d_start", lambda r, d_as, d_start: jnp.zeros_like(d_start)), 1, ZERO),
    _mutant("the weight from the last step alone", _but("d_weight", lambda r, d_as, _: r[0][-1].T @ d_as[-1]), 2),
    _mutant("the mean over time for the weight", _but("d_weight", lambda r, d_as, d_w: d_w / len(d_as)), 2, FACTOR),
    _mutant(
        "the recurrent weight meets the new state",
        _but("d_recurrent", lambda r, d_as, _: jnp.einsum("tni,tno->io", r[4], d_as)),
        3,
    ),
    _plant(
        "decay: the rate meets the new state",
        _decay,
        _decay_backward(shifted=False),
        _decay_backward(shifted=True),
        together(lambda rng: rng.uniform(0.5, 0.9, size=3), normal(_STEPS, 2, 3)),
    ),
    *gates.MUTANTS,
)
