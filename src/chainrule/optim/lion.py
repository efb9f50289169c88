"""Lion: steps of one size, in the direction of the sign of a momentum."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from chainrule.optim.leaves import first, following, full_like, leafwise, scalar
from chainrule.optim.optimizer import Optimizer, rate_at, require, require_rate
from chainrule.optim.weight_decay import as_mask, decayed_leaves, require_weight_decay

__all__ = ["Lion", "LionState", "lion"]


class LionState(NamedTuple):
    """The number of steps taken, int32, and the moving average of each param's gradient."""

    steps: jax.Array
    mean: Any


def lion(learning_rate: Any, b1: Any = 0.9, b2: Any = 0.99, weight_decay: Any = 0.0, *, mask: Any = None) -> Lion:
    """Lion: the sign of an interpolation between the momentum and the gradient.

    ::

        u = sign(β1 m + (1 - β1) ∇)           sign(0) = 0
        m ← β2 m + (1 - β2) ∇
        w ← w - η (u + λ w)

    As in Optax (whose default λ is 1e-3). Every element moves by η, so η is three to ten times smaller than
    Adam's. It keeps one moment where Adam keeps two.

    Args:
        learning_rate: η, a number or a schedule.
        b1: β1 in [0, 1), the share of the momentum in the step.
        b2: β2 in [0, 1), what is left of the momentum after a step.
        weight_decay: λ, at least 0, decoupled. Where it is the plain number 0 the params may be left out of
            ``update``.
        mask: which params decay, as in :func:`chainrule.optim.adamw`.

    Raises:
        ValueError: an argument out of its range; ``update`` without params where they decay.

    Source: Chen et al., Symbolic Discovery of Optimization Algorithms, 2023.
    """
    require_rate("lion", learning_rate)
    require("lion", "at least 0 and below 1", b1=b1, b2=b2)
    require_weight_decay("lion", weight_decay)
    return Lion(learning_rate, b1, b2, weight_decay, as_mask("lion", mask))


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion; see :func:`lion`."""

    learning_rate: Any
    b1: Any = 0.9
    b2: Any = 0.99
    weight_decay: Any = 0.0
    mask: Any = None

    def init(self, params: Any) -> LionState:
        """The moving average begins at zero."""
        return LionState(first(), full_like(self.name, params))

    def update(self, grads: Any, state: LionState, params: Any = None) -> tuple[Any, LionState]:
        """One step: -η (sign(β1 m + (1 - β1) ∇) + λ w)."""
        decayed = decayed_leaves(self.name, self.weight_decay, self.mask, params)

        @functools.cache
        def scalars(dtype: Any) -> tuple[jax.Array, ...]:
            rate = rate_at(self.name, self.learning_rate, state.steps, dtype)
            named = {
                "b1": (self.b1, 1 - self.b1),
                "b2": (self.b2, 1 - self.b2),
                "weight_decay": (self.weight_decay,),
            }
            return rate, *(scalar(self.name, name, v, dtype) for name, values in named.items() for v in values)

        def step(g: Any, m: Any, w: Any = None) -> tuple[Any, ...]:
            rate, b1, fresh1, b2, fresh2, weight_decay = scalars(g.dtype)
            update = -rate * jnp.sign(b1 * m + fresh1 * g)
            return update if w is None else update - rate * weight_decay * w, b2 * m + fresh2 * g

        updates, mean = leafwise(self.name, step, grads, (state.mean,), params, decayed=decayed)
        return updates, LionState(following(state.steps), mean)
