"""Optimisers that are wrong on purpose, each with one mistake that people really make, beside the right formula.

``caught_by`` names the first check that must fail and ``pattern`` what its diagnosis must say; an empty one leaves it open.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from chainrule.audit import diagnosis
from chainrule.audit.cases import optimizers as right
from chainrule.audit.optimizers import (
    BFLOAT16,
    DETERMINISTIC,
    EXTREMES,
    FLOAT32,
    FORMULA,
    RETRACE,
    STATE_LOST,
    STEP_AHEAD,
    STEP_BEHIND,
    STEP_STANDS,
    STRUCTURE,
    VMAP,
    Formula,
)

__all__ = ["OPTIMIZER_MUTANTS", "RIGHT_OPTIMIZERS", "OptimizerMutant"]

Pair = tuple[Callable[[Any], Any], Callable[[Any, Any, Any], tuple[Any, Any]]]


@dataclass(frozen=True)
class OptimizerMutant:
    """A wrong optimiser.

    Attributes:
        name: the optimiser, and what is wrong with it.
        optimizer: the wrong optimiser.
        formula: the right formula.
        pattern: what the diagnosis must be.
        caught_by: the first check that must fail.
    """

    name: str
    optimizer: Any
    formula: Formula
    pattern: str = ""
    caught_by: str = FORMULA


RATE, DECAY, B1, B2, EPS, WEIGHT_DECAY = 0.1, 0.9, 0.9, 0.999, 1e-8, 0.3

# ----------------------------------------------------------------------------------------------------------------------
# How they are built: a step of one array, lifted to trees. The arithmetic is in float32 at the least.
# ----------------------------------------------------------------------------------------------------------------------


def _lift(
    moments: int,
    step: Callable[..., tuple[Any, ...]],
    *,
    counts: bool = True,
    carries: bool = True,
    widens: bool = True,
) -> Pair:
    """Lift ``step(g, *moments, w, t) -> (u, *moments)`` to trees; wrongly without counting, carrying or widening."""

    def init(params: Any) -> Any:
        zeros = [[jnp.zeros_like(leaf) for leaf in jax.tree.leaves(params)] for _ in range(moments)]
        return {"count": jnp.zeros((), jnp.int32), "moments": zeros}

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        count = state["count"] + 1
        columns = []
        for g, w, *olds in zip(*map(jax.tree.leaves, (grads, params)), *state["moments"], strict=True):
            wide = jnp.promote_types(w.dtype, jnp.float32) if widens else w.dtype
            stepped = step(*(jnp.asarray(x, wide) for x in (g, *olds, w)), count.astype(wide))
            columns.append([jnp.asarray(x, w.dtype) for x in stepped])
        updates, *news = map(list, zip(*columns, strict=True))
        after = {"count": count if counts else state["count"], "moments": news if carries else state["moments"]}
        return jax.tree.unflatten(jax.tree.structure(grads), updates), after

    return init, update


def _adam(
    *,
    at: Callable[[Any], Any] = lambda t: t,
    rate: Callable[[Any], Any] = lambda t: RATE,
    b1: float = B1,
    b2: float = B2,
    square: Callable[[Any, Any], Any] = lambda g, m: g * g,
    root: Callable[[Any], Any] = lambda s: jnp.sqrt(s) + EPS,
    gradient: Callable[[Any, Any], Any] = lambda g, w: g,
    decay: Callable[[Any, Any], Any] = lambda w, t: 0.0,
    correct: Callable[[float, Any], Any] = lambda beta, t: -jnp.expm1(t * jnp.log(jnp.asarray(beta, t.dtype))),
    **lifted: Any,
) -> Pair:
    """Adam, and whatever of it is put in another's place."""

    def step(g: Any, m: Any, s: Any, w: Any, t: Any) -> tuple[Any, ...]:
        g = gradient(g, w)
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * square(g, m)
        m_hat, s_hat = m / correct(b1, at(t)), s / correct(b2, at(t))
        return -rate(t) * m_hat / root(s_hat) - decay(w, t), m, s

    return _lift(2, step, **lifted)


def _moment(new: Callable[[Any, Any], Any], move: Callable[[Any, Any, Any], Any], **lifted: Any) -> Pair:
    """A step of one moment, ``new(g, old)``, and of the update ``move(g, old, new)``."""
    return _lift(1, lambda g, old, w, t: (move(g, old, new(g, old)), new(g, old)), **lifted)


def _gather(g: Any, v: Any) -> Any:
    """The velocity γ v + η g."""
    return DECAY * v + RATE * g


def _falling(t: Any) -> Any:
    """The schedule 0.1 · 0.5^(t - 1)."""
    return RATE * 0.5 ** (t - 1)


_FALLING_FORMULA = right.adam(lambda n: RATE * 0.5**n)
_ADAM, _ADAMW = right.adam(RATE), right.adam(RATE, weight_decay=WEIGHT_DECAY)
_MOMENTUM, _NESTEROV = right.momentum(RATE, DECAY), right.momentum(RATE, DECAY, nesterov=True)

RIGHT_OPTIMIZERS: dict[str, tuple[Pair, Formula]] = {
    "adam": (_adam(), _ADAM),
    "adam, falling rate": (_adam(rate=_falling), _FALLING_FORMULA),
    "adamw": (_adam(decay=lambda w, t: RATE * WEIGHT_DECAY * w), _ADAMW),
    "momentum": (_moment(_gather, lambda g, old, v: -v), _MOMENTUM),
}
"""What the wrong ones are built from, without a mistake: these pass, so it is the mistake that an audit finds."""

# ----------------------------------------------------------------------------------------------------------------------
# Whole trees.
# ----------------------------------------------------------------------------------------------------------------------


def _clip(norm: Callable[[Any], Any]) -> Pair:
    """Clip by a norm at 1; ``norm(grads)`` gives a tree of norms, or one for all."""

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        norms = jax.tree.broadcast(norm(grads), grads)
        return jax.tree.map(lambda g, n: (g / jnp.maximum(n, 1)).astype(g.dtype), grads, norms), state

    return (lambda params: ()), update


def _sum_of_squares(grads: Any) -> Any:
    return sum(jnp.sum(jnp.square(g)) for g in jax.tree.leaves(grads))


def _normalized() -> Pair:
    """Brings every gradient to a norm of 1, zeros too."""

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        norm = jnp.sqrt(_sum_of_squares(grads))
        return jax.tree.map(lambda g: (g / norm).astype(g.dtype), grads), state

    return (lambda params: ()), update


def _transformed(pair: Pair, change: Callable[[Any, Any], Any]) -> Pair:
    """The pair with ``change(update, param)`` made to every update."""
    init, update = pair

    def changed(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        updates, after = update(grads, state, params)
        return jax.tree.map(change, updates, params), after

    return init, changed


def _stale() -> Pair:
    """Gives the update that belongs to the param of the step before."""
    init, update = _adam(decay=lambda w, t: RATE * WEIGHT_DECAY * w)

    def late(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        inner, before = state
        updates, inner = update(grads, inner, before)
        return updates, (inner, params)

    return (lambda params: (init(params), params)), late


def _counted_outside() -> Pair:
    """Counts its steps in a Python number, which a compiled program reads once."""
    steps = [0]
    init, update = _adam()

    def counting(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        steps[0] += 1
        return update(grads, {**state, "count": jnp.asarray(steps[0] - 1, jnp.int32)}, params)

    def starting(params: Any) -> Any:
        steps[0] = 0
        return init(params)

    return starting, counting


def _restless() -> Pair:
    """Adds other last digits at every call: noise that Python, not a key, is asked for."""
    calls = itertools.count(1)

    def noisy(u: Any, w: Any) -> Any:
        return u if isinstance(u, jax.core.Tracer) else u * (1 + 1e-14 * next(calls))

    return _transformed(_adam(), noisy)


def _begins_empty() -> Pair:
    """Makes the velocity at the first step, so that the state of the second has another tree."""

    def update(grads: Any, v: Any, params: Any) -> tuple[Any, Any]:
        v = jax.tree.map(lambda g: RATE * g, grads) if v is None else jax.tree.map(_gather, grads, v)
        return jax.tree.map(jnp.negative, v), v

    return (lambda params: None), update


def _roughly() -> Pair:
    """Gradient descent that takes float32 gradients through bfloat16."""

    def step(g: Any) -> Any:
        return -RATE * (g.astype(jnp.bfloat16).astype(g.dtype) if g.dtype == jnp.float32 else g)

    return (lambda params: ()), lambda grads, state, params: (jax.tree.map(step, grads), state)


def _writes_params() -> Pair:
    """Steps the params that it was given itself."""
    init, update = _adam()

    def writing(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        updates, after = update(grads, state, params)
        params["scale"] = params["scale"] + updates["scale"]
        return updates, after

    return init, writing


def _is_mapped(value: Any) -> bool:
    return type(value).__name__ == "BatchTracer"


class _Unequal:
    """Adam, never equal to itself built again: what is compiled for one does not serve the other."""

    def __init__(self) -> None:
        self.init, self.update = _adam()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


OPTIMIZER_MUTANTS: list[OptimizerMutant] = [
    OptimizerMutant(*mutant)
    for mutant in (
        # Bias correction, and the count behind it
        ("adam: the bias correction is a step ahead", _adam(at=lambda t: t + 1), _ADAM, STEP_AHEAD),
        ("adam: the bias correction is a step behind", _adam(at=lambda t: t - 1), _ADAM, STEP_BEHIND),
        ("adam: the count is not incremented", _adam(counts=False), _ADAM, STEP_STANDS),
        ("adam: the bias correction is left out", _adam(correct=lambda beta, t: 1), _ADAM),
        (
            "adam: the schedule is a step ahead",
            _adam(rate=lambda t: _falling(t + 1)),
            _FALLING_FORMULA,
            diagnosis.FACTOR,  # of a rate that halves at each step: half of it at every step
        ),
        ("adam: the count is a Python number", _counted_outside(), _ADAM, STEP_STANDS),
        # What is carried
        ("adam: the state is not carried", _adam(carries=False), _ADAM, STATE_LOST),
        ("adam: neither state nor count is carried", _adam(carries=False, counts=False), _ADAM, STATE_LOST),
        (
            "momentum: the velocity is not carried",
            _moment(_gather, lambda g, old, v: -v, carries=False),
            _MOMENTUM,
            STATE_LOST,
        ),
        (
            "rmsprop: the mean square is not updated",
            _moment(
                lambda g, s: DECAY * s + (1 - DECAY) * g * g,
                lambda g, old, s: -RATE * g / (jnp.sqrt(s) + EPS),
                carries=False,
            ),
            right.rmsprop(RATE),
            STATE_LOST,
        ),
        # Adam's arithmetic
        ("adam: the sign", _transformed(_adam(), lambda u, w: -u), _ADAM, diagnosis.SIGN),
        ("adam: the learning rate twice", _transformed(_adam(), lambda u, w: RATE * u), _ADAM, diagnosis.FACTOR),
        ("adam: the betas exchanged", _adam(b1=B2, b2=B1), _ADAM),
        ("adam: the square of the mean", _adam(square=lambda g, m: m * m), _ADAM),
        ("adam: epsilon inside the root", _adam(root=lambda s: jnp.sqrt(s + EPS)), _ADAM),
        ("adam: no epsilon", _adam(root=jnp.sqrt), _ADAM),
        ("adam: the root is left out", _adam(root=lambda s: s + EPS), _ADAM),
        ("adam: no update at all", _transformed(_adam(), lambda u, w: 0 * u), _ADAM, diagnosis.ZERO),
        # Weight decay
        ("adamw: the decay goes through the gradient", _adam(gradient=lambda g, w: g + WEIGHT_DECAY * w), _ADAMW),
        ("adamw: the decay without the learning rate", _adam(decay=lambda w, t: WEIGHT_DECAY * w), _ADAMW),
        ("adamw: the decay grows the weights", _adam(decay=lambda w, t: -RATE * WEIGHT_DECAY * w), _ADAMW),
        ("adamw: the decay of stale params", _stale(), _ADAMW),
        # Momentum
        (
            "momentum: the sign of the velocity",
            _moment(lambda g, v: RATE * g - DECAY * v, lambda g, old, v: -v),
            _MOMENTUM,
        ),
        (
            "momentum: dampened",
            _moment(lambda g, v: DECAY * v + (1 - DECAY) * RATE * g, lambda g, old, v: -v),
            _MOMENTUM,
            diagnosis.FACTOR,
        ),
        ("nesterov: no look-ahead", _moment(_gather, lambda g, old, v: -v), _NESTEROV),
        ("nesterov: looks ahead without the gradient", _moment(_gather, lambda g, old, v: -DECAY * v), _NESTEROV),
        # The others
        (
            "adagrad: sums gradients, not squares",
            _moment(lambda g, s: s + g, lambda g, old, s: -RATE * g / (jnp.sqrt(jnp.abs(s)) + 1e-10)),
            right.adagrad(RATE),
        ),
        (
            "adagrad: the sum without the gradient of the step",
            _moment(lambda g, s: s + g * g, lambda g, old, s: -RATE * g / (jnp.sqrt(old) + 1e-10)),
            right.adagrad(RATE),
        ),
        (
            "lion: the sign of the interpolation that is carried",
            _moment(lambda g, m: 0.99 * m + 0.01 * g, lambda g, old, m: -RATE * jnp.sign(m)),
            right.lion(RATE, 0.5),
        ),
        (
            "lion: the interpolation of the sign is carried",
            _moment(lambda g, m: 0.9 * m + 0.1 * g, lambda g, old, m: -RATE * jnp.sign(m)),
            right.lion(RATE, 0.9, 0.5),
        ),
        # Clipping
        (
            "clip_by_global_norm: a norm for each leaf",
            _clip(lambda grads: jax.tree.map(lambda g: jnp.sqrt(jnp.sum(g * g)), grads)),
            right.clip_by_global_norm(1.0),
        ),
        ("clip_by_global_norm: no root", _clip(_sum_of_squares), right.clip_by_global_norm(1.0)),
        ("clip_by_global_norm: divided by a norm of 0", _normalized(), right.clip_by_global_norm(1.0)),
        # Dtypes and transformations
        ("adam: float32 updates", _transformed(_adam(), lambda u, w: u.astype(jnp.float32)), _ADAM, "", STRUCTURE),
        (
            "adam: rounded to float32",
            _transformed(_adam(), lambda u, w: u.astype(jnp.float32).astype(w.dtype)),
            _ADAM,
            diagnosis.ROUNDED,
        ),
        (
            "adam: bfloat16 params are promoted",
            _transformed(_adam(), lambda u, w: u.astype(jnp.promote_types(w.dtype, jnp.float32))),
            _ADAM,
            "",
            STRUCTURE,
        ),
        ("momentum: the state begins without a velocity", _begins_empty(), _MOMENTUM, "", STRUCTURE),
        ("adam: writes into the params", _writes_params(), _ADAM, "", STRUCTURE),
        (
            "adam: another step under vmap",
            _transformed(_adam(), lambda u, w: u * (2 if _is_mapped(u) else 1)),
            _ADAM,
            "",
            VMAP,
        ),
        ("adam: new to jit each time", _Unequal(), _ADAM, "", RETRACE),
        ("adam: other digits at every call", _restless(), _ADAM, "", DETERMINISTIC),
        ("sgd: float32 gradients are rounded to bfloat16", _roughly(), right.sgd(RATE), "", FLOAT32),
        (
            "adam: 1 - β^t in bfloat16, where 0.999 is 1",
            _adam(correct=lambda beta, t: 1 - jnp.asarray(beta, t.dtype) ** t, widens=False),
            _ADAM,
            "",
            BFLOAT16,
        ),
        (
            "adam: an epsilon that float32 cannot hold",
            _adam(root=lambda s: jnp.sqrt(s) + 1e-50),
            right.adam(RATE, eps=1e-50),
            "",
            EXTREMES,
        ),
    )
]
