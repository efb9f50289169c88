"""Adagrad: a learning rate for each element, that falls with all the gradients it has seen."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from chainrule.optim.leaves import first, following, full_like, leafwise, scalar
from chainrule.optim.optimizer import Optimizer, rate_at, require, require_rate

__all__ = ["Adagrad", "AdagradState", "adagrad"]


class AdagradState(NamedTuple):
    """The number of steps taken, int32, and the sum of the squared gradients of each param."""

    steps: jax.Array
    sum_of_squares: Any


def adagrad(learning_rate: Any, initial_accumulator: Any = 0.0, eps: Any = 1e-10) -> Adagrad:
    """Adagrad: divide by the root of the sum of all squared gradients so far.

    ::

        s ← s + ∇²
        w ← w - η ∇ / (√s + ε)

    ε is outside the root, as in PyTorch; Optax has it inside, 1 / √(s + ε). An element whose gradient was
    always zero has s = 0 and stays where it is.

    Args:
        learning_rate: η, a number or a schedule.
        initial_accumulator: s before the first step, at least 0.
        eps: ε above 0, which keeps the quotient finite.

    Raises:
        ValueError: an argument out of its range.

    Source: Duchi, Hazan and Singer, Adaptive Subgradient Methods, 2011.
    """
    require_rate("adagrad", learning_rate)
    require("adagrad", "at least 0 and finite", initial_accumulator=initial_accumulator)
    require("adagrad", "above 0 and finite", eps=eps)
    return Adagrad(learning_rate, initial_accumulator, eps)


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad; see :func:`adagrad`."""

    learning_rate: Any
    initial_accumulator: Any = 0.0
    eps: Any = 1e-10

    def init(self, params: Any) -> AdagradState:
        """The sums begin at ``initial_accumulator``."""
        return AdagradState(first(), full_like(self.name, params, self.initial_accumulator))

    def update(self, grads: Any, state: AdagradState, params: Any = None) -> tuple[Any, AdagradState]:
        """One step: s' = s + ∇², -η ∇ / (√s' + ε)."""

        @functools.cache
        def scalars(dtype: Any) -> tuple[jax.Array, jax.Array]:
            rate = rate_at(self.name, self.learning_rate, state.steps, dtype)
            return rate, scalar(self.name, "eps", self.eps, dtype)

        def step(g: Any, s: Any) -> tuple[Any, ...]:
            rate, eps = scalars(g.dtype)
            s = s + g * g
            return -rate * g / (jnp.sqrt(s) + eps), s

        updates, sum_of_squares = leafwise(self.name, step, grads, (state.sum_of_squares,), params)
        return updates, AdagradState(following(state.steps), sum_of_squares)
