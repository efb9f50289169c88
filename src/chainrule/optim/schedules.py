"""Learning-rate schedules: η as a function of the number of steps already taken.

A schedule is a frozen dataclass, callable on the step count: 0 before the first step, as in Optax, and as in
PyTorch where ``scheduler.step()`` follows each ``optimizer.step()``. It goes wherever a learning rate goes.
It is a pytree: its learning rates are leaves, so that schedules of other heights compile nothing anew and are
mapped over by ``jax.vmap``. Rates are computed in JAX's default float, so in float64 only where that is
switched on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from chainrule.checks import is_concrete
from chainrule.optim.optimizer import Hyperparameters, require

__all__ = ["Schedule", "constant", "cosine", "exponential", "one_cycle", "step"]


class Schedule(Hyperparameters):
    """The base of the schedules: ``schedule(count) -> learning rate``, a scalar."""

    always_leaves: ClassVar[frozenset[str]] = frozenset(
        {"learning_rate", "initial_learning_rate", "final_learning_rate"}
    )

    def __call__(self, count: Any) -> jax.Array:
        """The learning rate of the step that ``count`` steps went before."""
        raise TypeError(f"{type(self).__name__} defines no __call__")


def constant(learning_rate: Any) -> Constant:
    """The same learning rate at every step.

    Raises:
        ValueError: a learning rate that is negative or not finite.
    """
    require("constant", "at least 0 and finite", learning_rate=learning_rate)
    return Constant(learning_rate)


def step(learning_rate: Any, every: int, factor: Any = 0.1) -> Step:
    """Drop by a factor every so many steps: η_t = η factor^⌊t / every⌋.

    As PyTorch's ``StepLR(step_size=every, gamma=factor)`` and Optax's ``exponential_decay(staircase=True)``.

    Raises:
        ValueError: a learning rate that is negative, ``every`` below 1, a factor that is not above 0.
    """
    require("step", "at least 0 and finite", learning_rate=learning_rate)
    require("step", "above 0 and finite", factor=factor)
    _require_steps("step", 1, every=every)
    return Step(learning_rate, every, factor)


def exponential(learning_rate: Any, factor: Any, every: int = 1) -> Exponential:
    """Fall smoothly, by a factor in so many steps: η_t = η factor^(t / every).

    As PyTorch's ``ExponentialLR(gamma=factor)`` for ``every=1`` and Optax's
    ``exponential_decay(transition_steps=every)``.

    Raises:
        ValueError: a learning rate that is negative, ``every`` below 1, a factor that is not above 0.
    """
    require("exponential", "at least 0 and finite", learning_rate=learning_rate)
    require("exponential", "above 0 and finite", factor=factor)
    _require_steps("exponential", 1, every=every)
    return Exponential(learning_rate, factor, every)


def cosine(
    learning_rate: Any,
    steps: int,
    warmup_steps: int = 0,
    initial_learning_rate: Any = 0.0,
    final_learning_rate: Any = 0.0,
) -> Cosine:
    """Rise linearly, then fall as half a cosine.

    ::

        t < T_w:          η_t = η_0 + (η - η_0) t / T_w
        T_w ≤ t ≤ T:      η_t = η_T + (η - η_T) ½ (1 + cos(π (t - T_w) / (T - T_w)))
        T < t:            η_t = η_T

    As Optax's ``warmup_cosine_decay_schedule``: ``steps`` counts the warm-up too. Without warm-up it is, up
    to T, PyTorch's ``CosineAnnealingLR(T_max=steps)``, which rises again beyond.

    Args:
        learning_rate: η, the peak.
        steps: T, all steps.
        warmup_steps: T_w, those of the linear rise, fewer than ``steps``.
        initial_learning_rate: η_0, where the rise begins.
        final_learning_rate: η_T, where the fall ends.

    Raises:
        ValueError: an argument out of its range.

    Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017.
    """
    rates = {"initial_learning_rate": initial_learning_rate, "final_learning_rate": final_learning_rate}
    require("cosine", "at least 0 and finite", learning_rate=learning_rate, **rates)
    _require_steps("cosine", 1, steps=steps)
    _require_steps("cosine", 0, warmup_steps=warmup_steps)
    if warmup_steps >= steps:
        raise ValueError(f"cosine: warmup_steps must be fewer than steps, {steps}, got {warmup_steps}")
    return Cosine(learning_rate, steps, warmup_steps, initial_learning_rate, final_learning_rate)


def one_cycle(
    learning_rate: Any,
    steps: int,
    warmup_fraction: float = 0.3,
    initial_divisor: Any = 25.0,
    final_divisor: Any = 1e4,
) -> OneCycle:
    """Rise to the peak and fall far below the beginning, each as half a cosine, in one cycle over the run.

    ::

        T_w = φ T - 1,  η_0 = η / d_0,  η_T = η_0 / d_T,  mix(a, b, f) = b + (a - b) ½ (1 + cos(π f))
        t ≤ T_w:          η_t = mix(η_0, η, t / T_w)
        T_w < t:          η_t = mix(η, η_T, (t - T_w) / (T - 1 - T_w))
        T - 1 < t:        η_t = η_T

    As PyTorch's ``OneCycleLR`` with cosine annealing and two phases; the learning rate alone is cycled, not
    the momentum. (Optax's ``cosine_onecycle_schedule`` rounds T_w down, and ends one step later.)

    Args:
        learning_rate: η, the peak.
        steps: T, all steps.
        warmup_fraction: φ in [0, 1), the share of the rise.
        initial_divisor: d_0 above 0.
        final_divisor: d_T above 0.

    Raises:
        ValueError: an argument out of its range.

    Source: Smith and Topin, Super-Convergence, 2018.
    """
    require("one_cycle", "at least 0 and finite", learning_rate=learning_rate)
    require("one_cycle", "at least 0 and below 1", warmup_fraction=warmup_fraction)
    require("one_cycle", "above 0 and finite", initial_divisor=initial_divisor, final_divisor=final_divisor)
    _require_steps("one_cycle", 1, steps=steps)
    return OneCycle(learning_rate, steps, warmup_fraction, initial_divisor, final_divisor)


def _require_steps(where: str, least: int, **values: Any) -> None:
    for name, value in values.items():
        if is_concrete(value) and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise ValueError(f"{where}: {name} must be a whole number of steps, at least {least}, got {value!r}")


def _as_float(value: Any) -> jax.Array:
    return jnp.asarray(value, jnp.result_type(float))


def _mix(start: jax.Array, end: jax.Array, fraction: Any) -> jax.Array:
    """From ``start`` at 0 to ``end`` at 1 along half a cosine."""
    return end + (start - end) * (1 + jnp.cos(jnp.pi * fraction)) / 2


@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate at every step; see :func:`constant`."""

    learning_rate: Any

    def __call__(self, count: Any) -> jax.Array:
        """Give η."""
        return _as_float(self.learning_rate)


@dataclass(frozen=True)
class Step(Schedule):
    """Drops at regular intervals; see :func:`step`."""

    learning_rate: Any
    every: Any
    factor: Any = 0.1

    def __call__(self, count: Any) -> jax.Array:
        """Give η factor^⌊t / every⌋."""
        return _as_float(self.learning_rate) * _as_float(self.factor) ** _as_float(count // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """A smooth fall; see :func:`exponential`."""

    learning_rate: Any
    factor: Any
    every: Any = 1

    def __call__(self, count: Any) -> jax.Array:
        """Give η factor^(t / every)."""
        return _as_float(self.learning_rate) * _as_float(self.factor) ** (_as_float(count) / _as_float(self.every))


@dataclass(frozen=True)
class Cosine(Schedule):
    """A linear rise and a cosine fall; see :func:`cosine`."""

    learning_rate: Any
    steps: Any
    warmup_steps: Any = 0
    initial_learning_rate: Any = 0.0
    final_learning_rate: Any = 0.0

    def __call__(self, count: Any) -> jax.Array:
        """Give the rate of the rise before ``warmup_steps``, that of the fall from there on."""
        t, total, warmup = _as_float(count), _as_float(self.steps), _as_float(self.warmup_steps)
        start, peak = _as_float(self.initial_learning_rate), _as_float(self.learning_rate)
        rising = start + (peak - start) * t / jnp.maximum(warmup, 1)
        fraction = jnp.clip((t - warmup) / (total - warmup), 0, 1)
        return jnp.where(t < warmup, rising, _mix(peak, _as_float(self.final_learning_rate), fraction))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One rise and one fall; see :func:`one_cycle`."""

    learning_rate: Any
    steps: Any
    warmup_fraction: Any = 0.3
    initial_divisor: Any = 25.0
    final_divisor: Any = 1e4

    def __call__(self, count: Any) -> jax.Array:
        """Give the rate of the rise up to T_w, that of the fall beyond."""
        t, total, peak = _as_float(count), _as_float(self.steps), _as_float(self.learning_rate)
        start = peak / _as_float(self.initial_divisor)
        end = start / _as_float(self.final_divisor)
        warmup = _as_float(self.warmup_fraction) * total - 1  # below 0 where the rise is shorter than a step
        rising = _mix(start, peak, t / jnp.where(warmup > 0, warmup, 1))
        falling = _mix(peak, end, jnp.clip((t - warmup) / (total - 1 - warmup), 0, 1))
        return jnp.where((t <= warmup) & (warmup > 0), rising, falling)
