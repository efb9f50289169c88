"""Stochastic gradient descent, plain and with momentum: classical, and Nesterov's."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from chainrule.optim.leaves import first, following, full_like, leafwise, require_floating_leaves, scalar
from chainrule.optim.optimizer import Optimizer, rate_at, require, require_rate

__all__ = ["Momentum", "MomentumState", "Nesterov", "Sgd", "SgdState", "momentum", "nesterov", "sgd"]


class SgdState(NamedTuple):
    """The number of steps taken, int32."""

    steps: jax.Array


class MomentumState(NamedTuple):
    """The number of steps taken, int32, and the velocity v of each param."""

    steps: jax.Array
    velocity: Any


def sgd(learning_rate: Any) -> Sgd:
    """Stochastic gradient descent.

    ::

        w ← w - η ∇L(w)

    Args:
        learning_rate: η, a number or a schedule.

    Raises:
        ValueError: a learning rate that is negative or not finite.

    Source: Robbins and Monro, A Stochastic Approximation Method, 1951.
    """
    require_rate("sgd", learning_rate)
    return Sgd(learning_rate)


def momentum(learning_rate: Any, decay: Any = 0.9) -> Momentum:
    """Gradient descent with momentum: a velocity that gathers past steps.

    ::

        v ← γ v + η ∇L(w)
        w ← w - v

    The learning rate is inside the velocity, so a step taken at a large learning rate goes on at that rate
    when η falls. PyTorch keeps η outside, v ← γ v + ∇L(w) and w ← w - η v: the same steps while η is
    constant, and others when it changes. In Optax it is ``chain(scale_by_learning_rate(η), trace(γ))``.

    Args:
        learning_rate: η, a number or a schedule.
        decay: γ in [0, 1), what is left of the velocity after a step.

    Raises:
        ValueError: an argument out of its range.

    Source: Polyak, Some Methods of Speeding up the Convergence of Iteration Methods, 1964.
    """
    require_rate("momentum", learning_rate)
    require("momentum", "at least 0 and below 1", decay=decay)
    return Momentum(learning_rate, decay)


def nesterov(learning_rate: Any, decay: Any = 0.9) -> Nesterov:
    """Gradient descent with Nesterov's momentum: the step looks ahead by one more decay of the velocity.

    ::

        v ← γ v + η ∇L(w)
        w ← w - (γ v + η ∇L(w))

    These are Nesterov's steps in the variable w = θ - γ v, the point ahead at which the gradient is taken:
    with v' = γ v + η ∇ and θ' = θ - v', the next point ahead is w' = θ' - γ v' = w + γ v - v' - γ v' = w - (γ
    v' + η ∇). In PyTorch it is ``SGD(nesterov=True)`` (while η is constant), in Optax
    ``chain(scale_by_learning_rate(η), trace(γ, nesterov=True))``.

    Args:
        learning_rate: η, a number or a schedule.
        decay: γ in [0, 1), what is left of the velocity after a step.

    Raises:
        ValueError: an argument out of its range.

    Source: Nesterov, 1983; in this form Sutskever, Martens, Dahl and Hinton, On the Importance of
    Initialization and Momentum in Deep Learning, 2013.
    """
    require_rate("nesterov", learning_rate)
    require("nesterov", "at least 0 and below 1", decay=decay)
    return Nesterov(learning_rate, decay)


@dataclass(frozen=True)
class Sgd(Optimizer):
    """Stochastic gradient descent; see :func:`sgd`."""

    learning_rate: Any

    def init(self, params: Any) -> SgdState:
        """No moments: the step count alone."""
        require_floating_leaves(self.name, params=params)
        return SgdState(first())

    def update(self, grads: Any, state: SgdState, params: Any = None) -> tuple[Any, SgdState]:
        """One step: -η ∇."""

        @functools.cache
        def rate(dtype: Any) -> jax.Array:
            return rate_at(self.name, self.learning_rate, state.steps, dtype)

        def step(g: Any) -> tuple[Any, ...]:
            return (-rate(g.dtype) * g,)

        (updates,) = leafwise(self.name, step, grads, params=params)
        return updates, SgdState(following(state.steps))


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum; see :func:`momentum`."""

    learning_rate: Any
    decay: Any = 0.9

    def init(self, params: Any) -> MomentumState:
        """The velocity begins at rest."""
        return MomentumState(first(), full_like(self.name, params))

    def update(self, grads: Any, state: MomentumState, params: Any = None) -> tuple[Any, MomentumState]:
        """One step: v' = γ v + η ∇, and the update that :meth:`_move` makes of it."""

        @functools.cache
        def scalars(dtype: Any) -> tuple[jax.Array, jax.Array]:
            rate = rate_at(self.name, self.learning_rate, state.steps, dtype)
            return rate, scalar(self.name, "decay", self.decay, dtype)

        def step(g: Any, v: Any) -> tuple[Any, ...]:
            rate, decay = scalars(g.dtype)
            v = decay * v + rate * g
            return self._move(v, decay, rate * g), v

        updates, velocity = leafwise(self.name, step, grads, (state.velocity,), params)
        return updates, MomentumState(following(state.steps), velocity)

    @staticmethod
    def _move(v: Any, decay: Any, scaled_g: Any) -> Any:
        return -v


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Gradient descent with Nesterov's momentum; see :func:`nesterov`."""

    @staticmethod
    def _move(v: Any, decay: Any, scaled_g: Any) -> Any:
        return -(decay * v + scaled_g)
