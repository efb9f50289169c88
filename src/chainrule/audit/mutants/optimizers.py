"""Optimisers that are wrong on purpose, each with one mistake that people really make, beside the right formula."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from chainrule.audit import diagnosis
from chainrule.audit.cases import formulas
from chainrule.audit.mutants.steps import (
    ADAM,
    ADAMW,
    B1,
    B2,
    DECAY,
    EPS,
    FALLING_FORMULA,
    MOMENTUM,
    NESTEROV,
    RATE,
    WEIGHT_DECAY,
    OptimizerMutant,
    Pair,
    adam,
    falling,
    gather,
    moment,
    transformed,
)
from chainrule.audit.optimizers.names import (
    BFLOAT16,
    DETERMINISTIC,
    EXTREMES,
    FLOAT32,
    RETRACE,
    STRUCTURE,
    VMAP,
)

__all__ = ["OPTIMIZER_MUTANTS"]

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


def _stale() -> Pair:
    """Gives the update that belongs to the param of the step before."""
    init, update = adam(decay=lambda w, t: RATE * WEIGHT_DECAY * w)

    def late(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        inner, before = state
        updates, inner = update(grads, inner, before)
        return updates, (inner, params)

    return (lambda params: (init(params), params)), late


def _counted_outside() -> Pair:
    """Counts its steps in a Python number, which a compiled program reads once."""
    steps = [0]
    init, update = adam()

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

    return transformed(adam(), noisy)


def _begins_empty() -> Pair:
    """Makes the velocity at the first step, so that the state of the second has another tree."""

    def update(grads: Any, v: Any, params: Any) -> tuple[Any, Any]:
        v = jax.tree.map(lambda g: RATE * g, grads) if v is None else jax.tree.map(gather, grads, v)
        return jax.tree.map(jnp.negative, v), v

    return (lambda params: None), update


def _roughly() -> Pair:
    """Gradient descent that takes float32 gradients through bfloat16."""

    def step(g: Any) -> Any:
        return -RATE * (g.astype(jnp.bfloat16).astype(g.dtype) if g.dtype == jnp.float32 else g)

    return (lambda params: ()), lambda grads, state, params: (jax.tree.map(step, grads), state)


def _writes_params() -> Pair:
    """Steps the params that it was given itself."""
    init, update = adam()

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
        self.init, self.update = adam()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


OPTIMIZER_MUTANTS: list[OptimizerMutant] = [
    OptimizerMutant(*mutant)
    for mutant in (
        # Bias correction, and the count behind it
        ("adam: the bias correction is a step ahead", adam(at=lambda t: t + 1), ADAM, diagnosis.STEP_AHEAD),
        ("adam: the bias correction is a step behind", adam(at=lambda t: t - 1), ADAM, diagnosis.STEP_BEHIND),
        ("adam: the count is not incremented", adam(counts=False), ADAM, diagnosis.STEP_STANDS),
        ("adam: the bias correction is left out", adam(correct=lambda beta, t: 1), ADAM),
        (
            "adam: the schedule is a step ahead",
            adam(rate=lambda t: falling(t + 1)),
            FALLING_FORMULA,
            diagnosis.FACTOR,  # of a rate that halves at each step: half of it at every step
        ),
        ("adam: the count is a Python number", _counted_outside(), ADAM, diagnosis.STEP_STANDS),
        # What is carried
        ("adam: the state is not carried", adam(carries=False), ADAM, diagnosis.STATE_LOST),
        ("adam: neither state nor count is carried", adam(carries=False, counts=False), ADAM, diagnosis.STATE_LOST),
        (
            "momentum: the velocity is not carried",
            moment(gather, lambda g, old, v: -v, carries=False),
            MOMENTUM,
            diagnosis.STATE_LOST,
        ),
        (
            "rmsprop: the mean square is not updated",
            moment(
                lambda g, s: DECAY * s + (1 - DECAY) * g * g,
                lambda g, old, s: -RATE * g / (jnp.sqrt(s) + EPS),
                carries=False,
            ),
            formulas.rmsprop(RATE),
            diagnosis.STATE_LOST,
        ),
        # Adam's arithmetic
        ("adam: the sign", transformed(adam(), lambda u, w: -u), ADAM, diagnosis.SIGN),
        ("adam: the learning rate twice", transformed(adam(), lambda u, w: RATE * u), ADAM, diagnosis.FACTOR),
        ("adam: the betas exchanged", adam(b1=B2, b2=B1), ADAM),
        ("adam: the square of the mean", adam(square=lambda g, m: m * m), ADAM),
        ("adam: epsilon inside the root", adam(root=lambda s: jnp.sqrt(s + EPS)), ADAM),
        ("adam: no epsilon", adam(root=jnp.sqrt), ADAM),
        ("adam: the root is left out", adam(root=lambda s: s + EPS), ADAM),
        ("adam: no update at all", transformed(adam(), lambda u, w: 0 * u), ADAM, diagnosis.ZERO),
        # Weight decay
        ("adamw: the decay goes through the gradient", adam(gradient=lambda g, w: g + WEIGHT_DECAY * w), ADAMW),
        ("adamw: the decay without the learning rate", adam(decay=lambda w, t: WEIGHT_DECAY * w), ADAMW),
        ("adamw: the decay grows the weights", adam(decay=lambda w, t: -RATE * WEIGHT_DECAY * w), ADAMW),
        ("adamw: the decay of stale params", _stale(), ADAMW),
        # Momentum
        (
            "momentum: the sign of the velocity",
            moment(lambda g, v: RATE * g - DECAY * v, lambda g, old, v: -v),
            MOMENTUM,
        ),
        (
            "momentum: dampened",
            moment(lambda g, v: DECAY * v + (1 - DECAY) * RATE * g, lambda g, old, v: -v),
            MOMENTUM,
            diagnosis.FACTOR,
        ),
        ("nesterov: no look-ahead", moment(gather, lambda g, old, v: -v), NESTEROV),
        ("nesterov: looks ahead without the gradient", moment(gather, lambda g, old, v: -DECAY * v), NESTEROV),
        # The others
        (
            "adagrad: sums gradients, not squares",
            moment(lambda g, s: s + g, lambda g, old, s: -RATE * g / (jnp.sqrt(jnp.abs(s)) + 1e-10)),
            formulas.adagrad(RATE),
        ),
        (
            "adagrad: the sum without the gradient of the step",
            moment(lambda g, s: s + g * g, lambda g, old, s: -RATE * g / (jnp.sqrt(old) + 1e-10)),
            formulas.adagrad(RATE),
        ),
        (
            "lion: the sign of the interpolation that is carried",
            moment(lambda g, m: 0.99 * m + 0.01 * g, lambda g, old, m: -RATE * jnp.sign(m)),
            formulas.lion(RATE, 0.5),
        ),
        (
            "lion: the interpolation of the sign is carried",
            moment(lambda g, m: 0.9 * m + 0.1 * g, lambda g, old, m: -RATE * jnp.sign(m)),
            formulas.lion(RATE, 0.9, 0.5),
        ),
        # Clipping
        (
            "clip_by_global_norm: a norm for each leaf",
            _clip(lambda grads: jax.tree.map(lambda g: jnp.sqrt(jnp.sum(g * g)), grads)),
            formulas.clip_by_global_norm(1.0),
        ),
        ("clip_by_global_norm: no root", _clip(_sum_of_squares), formulas.clip_by_global_norm(1.0)),
        ("clip_by_global_norm: divided by a norm of 0", _normalized(), formulas.clip_by_global_norm(1.0)),
        # Dtypes and transformations
        ("adam: float32 updates", transformed(adam(), lambda u, w: u.astype(jnp.float32)), ADAM, "", STRUCTURE),
        (
            "adam: rounded to float32",
            transformed(adam(), lambda u, w: u.astype(jnp.float32).astype(w.dtype)),
            ADAM,
            diagnosis.ROUNDED,
        ),
        (
            "adam: bfloat16 params are promoted",
            transformed(adam(), lambda u, w: u.astype(jnp.promote_types(w.dtype, jnp.float32))),
            ADAM,
            "",
            STRUCTURE,
        ),
        ("momentum: the state begins without a velocity", _begins_empty(), MOMENTUM, "", STRUCTURE),
        ("adam: writes into the params", _writes_params(), ADAM, "", STRUCTURE),
        (
            "adam: another step under vmap",
            transformed(adam(), lambda u, w: u * (2 if _is_mapped(u) else 1)),
            ADAM,
            "",
            VMAP,
        ),
        ("adam: new to jit each time", _Unequal(), ADAM, "", RETRACE, None),
        ("adam: other digits at every call", _restless(), ADAM, "", DETERMINISTIC),
        ("sgd: float32 gradients are rounded to bfloat16", _roughly(), formulas.sgd(RATE), "", FLOAT32),
        (
            "adam: 1 - β^t in bfloat16, where 0.999 is 1",
            adam(correct=lambda beta, t: 1 - jnp.asarray(beta, t.dtype) ** t, widens=False),
            ADAM,
            "",
            BFLOAT16,
        ),
        (
            "adam: an epsilon that float32 cannot hold",
            adam(root=lambda s: jnp.sqrt(s) + 1e-50),
            formulas.adam(RATE, eps=1e-50),
            "",
            EXTREMES,
        ),
    )
]
