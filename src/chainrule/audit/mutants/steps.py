"""How wrong optimisers are built: a step of one array with a part in another's place, lifted to trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.audit.cases import formulas
from chainrule.audit.optimizers import Formula
from chainrule.audit.optimizers.names import FORMULA

__all__ = [
    "ADAM",
    "ADAMW",
    "B1",
    "B2",
    "DECAY",
    "EPS",
    "FALLING_FORMULA",
    "MOMENTUM",
    "NESTEROV",
    "RATE",
    "RIGHT_OPTIMIZERS",
    "WEIGHT_DECAY",
    "OptimizerMutant",
    "Pair",
    "adam",
    "draw_params",
    "falling",
    "gather",
    "moment",
    "transformed",
]

Pair = tuple[Callable[[Any], Any], Callable[[Any, Any, Any], tuple[Any, Any]]]


def draw_params(rng: np.random.Generator) -> tuple[dict[str, np.ndarray]]:
    """Draw the params of a trial: a matrix and a scalar."""
    return ({"w": rng.normal(size=(2, 3)), "scale": np.array(2.0)},)


@dataclass(frozen=True)
class OptimizerMutant:
    """A wrong optimiser: one mistake that people really make, in one place.

    Attributes:
        name: the optimiser, and what is wrong with it.
        optimizer: the wrong optimiser.
        formula: the right formula.
        pattern: what the diagnosis must be; empty where none fits.
        caught_by: the first check that must fail.
        argument: the position of the argument that is wrong: 0, the params; None where no number is, as in retracing.
        room: the name of the module that holds it.
        make: draws the params.
    """

    name: str
    optimizer: Any
    formula: Formula
    pattern: str = ""
    caught_by: str = FORMULA
    argument: int | None = 0
    room: str = "optimizers"
    make: Callable[[np.random.Generator], tuple[Any, ...]] = draw_params


RATE, DECAY, B1, B2, EPS, WEIGHT_DECAY = 0.1, 0.9, 0.9, 0.999, 1e-8, 0.3

# ----------------------------------------------------------------------------------------------------------------------
# How they are built: a step of one array, lifted to trees. The arithmetic is in float32 at the least.
# ----------------------------------------------------------------------------------------------------------------------


def lift(
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


def adam(
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

    return lift(2, step, **lifted)


def moment(new: Callable[[Any, Any], Any], move: Callable[[Any, Any, Any], Any], **lifted: Any) -> Pair:
    """A step of one moment, ``new(g, old)``, and of the update ``move(g, old, new)``."""
    return lift(1, lambda g, old, w, t: (move(g, old, new(g, old)), new(g, old)), **lifted)


def gather(g: Any, v: Any) -> Any:
    """The velocity γ v + η g."""
    return DECAY * v + RATE * g


def falling(t: Any) -> Any:
    """The schedule 0.1 · 0.5^(t - 1)."""
    return RATE * 0.5 ** (t - 1)


FALLING_FORMULA = formulas.adam(lambda n: RATE * 0.5**n)
ADAM, ADAMW = formulas.adam(RATE), formulas.adam(RATE, weight_decay=WEIGHT_DECAY)
MOMENTUM, NESTEROV = formulas.momentum(RATE, DECAY), formulas.momentum(RATE, DECAY, nesterov=True)


def transformed(pair: Pair, change: Callable[[Any, Any], Any]) -> Pair:
    """The pair with ``change(update, param)`` made to every update."""
    init, update = pair

    def changed(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        updates, after = update(grads, state, params)
        return jax.tree.map(change, updates, params), after

    return init, changed


RIGHT_OPTIMIZERS: dict[str, tuple[Pair, Formula]] = {
    "adam": (adam(), ADAM),
    "adam, falling rate": (adam(rate=falling), FALLING_FORMULA),
    "adamw": (adam(decay=lambda w, t: RATE * WEIGHT_DECAY * w), ADAMW),
    "momentum": (moment(gather, lambda g, old, v: -v), MOMENTUM),
}
"""What the wrong ones are built from, without a mistake: these pass, so it is the mistake that an audit finds."""
