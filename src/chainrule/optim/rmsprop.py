"""RMSProp: Adagrad that forgets."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from chainrule.optim.leaves import first, following, full_like, leafwise, scalar
from chainrule.optim.optimizer import Optimizer, rate_at, require, require_rate

__all__ = ["Rmsprop", "RmspropState", "rmsprop"]


class RmspropState(NamedTuple):
    """The number of steps taken, int32, and the moving average of the squared gradients of each param."""

    steps: jax.Array
    mean_square: Any


def rmsprop(learning_rate: Any, decay: Any = 0.9, eps: Any = 1e-8) -> Rmsprop:
    """RMSProp: divide by the root of a moving average of the squared gradients.

    ::

        s ← ρ s + (1 - ρ) ∇²
        w ← w - η ∇ / (√s + ε)

    ε is outside the root, as in PyTorch (whose decay, alpha, is 0.99 by default); in Optax it is
    ``rmsprop(..., eps_in_sqrt=False)``. The average begins at zero and is not corrected for it: the first
    steps are longer than η, by as much as 1 / √(1 - ρ).

    Args:
        learning_rate: η, a number or a schedule.
        decay: ρ in [0, 1), what is left of the average after a step.
        eps: ε above 0, which keeps the quotient finite.

    Raises:
        ValueError: an argument out of its range.

    Source: Tieleman and Hinton, Neural Networks for Machine Learning, lecture 6.5, 2012.
    """
    require_rate("rmsprop", learning_rate)
    require("rmsprop", "at least 0 and below 1", decay=decay)
    require("rmsprop", "above 0 and finite", eps=eps)
    return Rmsprop(learning_rate, decay, eps)


@dataclass(frozen=True)
class Rmsprop(Optimizer):
    """RMSProp; see :func:`rmsprop`."""

    learning_rate: Any
    decay: Any = 0.9
    eps: Any = 1e-8

    def init(self, params: Any) -> RmspropState:
        """The averages begin at zero."""
        return RmspropState(first(), full_like(self.name, params))

    def update(self, grads: Any, state: RmspropState, params: Any = None) -> tuple[Any, RmspropState]:
        """One step: s' = ρ s + (1 - ρ) ∇², -η ∇ / (√s' + ε)."""

        @functools.cache
        def scalars(dtype: Any) -> tuple[jax.Array, ...]:
            rate = rate_at(self.name, self.learning_rate, state.steps, dtype)
            decay = scalar(self.name, "decay", self.decay, dtype)
            return (
                rate,
                decay,
                scalar(self.name, "decay", 1 - self.decay, dtype),
                scalar(self.name, "eps", self.eps, dtype),
            )

        def step(g: Any, s: Any) -> tuple[Any, ...]:
            rate, decay, fresh, eps = scalars(g.dtype)
            s = decay * s + fresh * g * g
            return -rate * g / (jnp.sqrt(s) + eps), s

        updates, mean_square = leafwise(self.name, step, grads, (state.mean_square,), params)
        return updates, RmspropState(following(state.steps), mean_square)
