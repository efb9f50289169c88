"""Adam, and its kin: AdamW, whose weight decay is decoupled, and NAdam, which looks ahead as Nesterov."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from chainrule.optim.leaves import bias_correction, first, following, full_like, leafwise, scalar, work_dtype
from chainrule.optim.optimizer import Optimizer, rate_at, require, require_rate
from chainrule.optim.weight_decay import as_mask, decayed_leaves, require_weight_decay

__all__ = ["Adam", "AdamState", "Adamw", "Nadam", "NadamState", "adam", "adamw", "nadam"]


class AdamState(NamedTuple):
    """The number of steps taken, int32; for each param, moving averages of its gradient and of the square."""

    steps: jax.Array
    mean: Any
    mean_square: Any


class NadamState(NamedTuple):
    """As :class:`AdamState`, and c = 1 - Π μ_i, the bias correction of the scheduled momentum so far."""

    steps: jax.Array
    mean: Any
    mean_square: Any
    correction: jax.Array


def adam(learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> Adam:
    """Adam: momentum over the root of the mean square, both corrected for their beginning at zero.

    ::

        m ← β1 m + (1 - β1) ∇                m̂ = m / (1 - β1^t)
        s ← β2 s + (1 - β2) ∇²               ŝ = s / (1 - β2^t)
        w ← w - η m̂ / (√ŝ + ε)               t = 1, 2, ...

    As in PyTorch and in Optax. In bfloat16 a mean square stops following once a thousandth of it is below its
    last digit: keep the params in float32 for runs of more than some hundred steps.

    Args:
        learning_rate: η, a number or a schedule.
        b1: β1 in [0, 1), what is left of the mean after a step.
        b2: β2 in [0, 1), what is left of the mean square after a step.
        eps: ε above 0, which keeps the quotient finite.

    Raises:
        ValueError: an argument out of its range.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015.
    """
    _require("adam", learning_rate, b1, b2, eps)
    return Adam(learning_rate, b1, b2, eps)


def adamw(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: Any = 1e-2,
    *,
    mask: Any = None,
) -> Adamw:
    """Adam with decoupled weight decay.

    ::

        m, s, m̂, ŝ as in Adam, of the gradient alone
        w ← w - η (m̂ / (√ŝ + ε) + λ w)

    Were λ w added to the gradient (an L2 penalty), its pull would be divided by √ŝ: least for the weights
    that move most. As in PyTorch and in Optax (whose default λ is 1e-4). ``update`` needs the params.

    Args:
        learning_rate: η, a number or a schedule. It scales the decay too.
        b1: β1 in [0, 1).
        b2: β2 in [0, 1).
        eps: ε above 0.
        weight_decay: λ, at least 0. Where it is the plain number 0 the params may be left out.
        mask: which params decay. None is all of them. A pytree of bools with the tree of the params, or one
            that begins it, is kept as static configuration and compared by value: optimisers built alike are
            equal, and nothing is traced again. A function of the params that returns such a pytree is kept as
            it is and compared by identity, so define it once, at module level; a new lambda each time traces
            each time.

    Raises:
        ValueError: an argument out of its range; ``update`` without params; a mask that does not fit the
        params.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
    """
    _require("adamw", learning_rate, b1, b2, eps)
    require_weight_decay("adamw", weight_decay)
    return Adamw(learning_rate, b1, b2, eps, weight_decay, as_mask("adamw", mask))


def nadam(learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, momentum_decay: Any = 0.004) -> Nadam:
    """Adam with Nesterov's momentum.

    ::

        μ_t = β1 (1 - ½ 0.96^(t ψ))          c_t = 1 - μ_1 μ_2 ... μ_t
        m ← β1 m + (1 - β1) ∇
        s ← β2 s + (1 - β2) ∇²               ŝ = s / (1 - β2^t)
        m̂ = μ_{t+1} m / c_{t+1} + (1 - μ_t) ∇ / c_t
        w ← w - η m̂ / (√ŝ + ε)

    c is carried as c_t = (1 - μ_t) + μ_t c_{t-1} from c_0 = 0, the same number without a difference of near
    equals. As in PyTorch (whose default η is 2e-3). With ``momentum_decay=None`` the momentum is constant,
    μ_t = β1, as in Optax.

    Args:
        learning_rate: η, a number or a schedule.
        b1: β1 in [0, 1).
        b2: β2 in [0, 1).
        eps: ε above 0.
        momentum_decay: ψ, at least 0: how fast μ rises from β1 / 2 to β1. None for a constant μ = β1.

    Raises:
        ValueError: an argument out of its range.

    Source: Dozat, Incorporating Nesterov Momentum into Adam, 2016.
    """
    _require("nadam", learning_rate, b1, b2, eps)
    if momentum_decay is not None:
        require("nadam", "at least 0 and finite", momentum_decay=momentum_decay)
    return Nadam(learning_rate, b1, b2, eps, momentum_decay)


def _require(where: str, learning_rate: Any, b1: Any, b2: Any, eps: Any) -> None:
    require_rate(where, learning_rate)
    require(where, "at least 0 and below 1", b1=b1, b2=b2)
    require(where, "above 0 and finite", eps=eps)


class _Scalars(NamedTuple):
    """What a step needs beside arrays, computed once a step."""

    rate: jax.Array  # η
    b1: jax.Array
    b2: jax.Array
    fresh1: jax.Array  # 1 - β1
    fresh2: jax.Array  # 1 - β2
    of_mean: jax.Array  # what m is multiplied by in m̂
    of_gradient: jax.Array | None  # what ∇ is multiplied by in m̂, in NAdam
    of_square: jax.Array  # 1 / (1 - β2^t)
    eps: jax.Array
    shrink: jax.Array | None  # η λ, in AdamW


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam; see :func:`adam`."""

    learning_rate: Any
    b1: Any = 0.9
    b2: Any = 0.999
    eps: Any = 1e-8

    def init(self, params: Any) -> Any:
        """Both moving averages begin at zero."""
        return AdamState(first(), full_like(self.name, params), full_like(self.name, params))

    def update(self, grads: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """One step: -η m̂ / (√ŝ + ε)."""
        count = following(state.steps)

        def momentum(dtype: Any) -> tuple[jax.Array, None]:
            return 1 / bias_correction(self.b1, count, dtype), None

        updates, mean, mean_square = self._step(grads, state, params, momentum)
        return updates, AdamState(count, mean, mean_square)

    def _step(
        self,
        grads: Any,
        state: Any,
        params: Any,
        momentum: Callable[[Any], tuple[jax.Array, jax.Array | None]],
        *,
        weight_decay: Any = 0.0,
        decayed: list[Any] | None = None,
    ) -> tuple[Any, ...]:
        """The step that Adam, AdamW and NAdam share.

        ``momentum(dtype)`` gives the two factors of m̂ = factor m + factor ∇, the second None where m̂ is of
        m alone.
        """

        @functools.cache
        def scalars(dtype: Any) -> _Scalars:
            def of(name: str, value: Any) -> jax.Array:
                return scalar(self.name, name, value, dtype)

            rate = rate_at(self.name, self.learning_rate, state.steps, dtype)
            of_mean, of_gradient = momentum(dtype)
            return _Scalars(
                rate=rate,
                b1=of("b1", self.b1),
                b2=of("b2", self.b2),
                fresh1=of("b1", 1 - self.b1),
                fresh2=of("b2", 1 - self.b2),
                of_mean=of_mean,
                of_gradient=of_gradient,
                of_square=1 / bias_correction(self.b2, following(state.steps), dtype),
                eps=of("eps", self.eps),
                shrink=None if decayed is None else rate * of("weight_decay", weight_decay),
            )

        def step(g: Any, m: Any, s: Any, w: Any = None) -> tuple[Any, ...]:
            c = scalars(g.dtype)
            m = c.b1 * m + c.fresh1 * g
            s = c.b2 * s + c.fresh2 * g * g
            m_hat = c.of_mean * m if c.of_gradient is None else c.of_mean * m + c.of_gradient * g
            update = -c.rate * m_hat / (jnp.sqrt(c.of_square * s) + c.eps)
            return update if w is None else update - c.shrink * w, m, s

        return leafwise(self.name, step, grads, (state.mean, state.mean_square), params, decayed=decayed)


@dataclass(frozen=True)
class Adamw(Adam):
    """Adam with decoupled weight decay; see :func:`adamw`."""

    weight_decay: Any = 1e-2
    mask: Any = None

    def update(self, grads: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """One step: -η (m̂ / (√ŝ + ε) + λ w)."""
        count = following(state.steps)

        def momentum(dtype: Any) -> tuple[jax.Array, None]:
            return 1 / bias_correction(self.b1, count, dtype), None

        decayed = decayed_leaves(self.name, self.weight_decay, self.mask, params)
        updates, mean, mean_square = self._step(
            grads, state, params, momentum, weight_decay=self.weight_decay, decayed=decayed
        )
        return updates, AdamState(count, mean, mean_square)


@dataclass(frozen=True)
class Nadam(Adam):
    """Adam with Nesterov's momentum; see :func:`nadam`."""

    momentum_decay: Any = 0.004

    def init(self, params: Any) -> NadamState:
        """Both moving averages begin at zero, and so does the bias correction."""
        state = super().init(params)
        correction = jnp.zeros((), work_dtype(*jax.tree.leaves(params)))
        return NadamState(state.steps, state.mean, state.mean_square, correction)

    def update(self, grads: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """One step: -η (μ_{t+1} m / c_{t+1} + (1 - μ_t) ∇ / c_t) / (√ŝ + ε)."""
        count = following(state.steps)
        now = self._momentum_at(count, state.correction.dtype)
        ahead = self._momentum_at(following(count), state.correction.dtype)
        # c_t = 1 - μ_1 ... μ_t = (1 - μ_t) + μ_t c_{t-1}
        correction = (1 - now) + now * state.correction
        correction_ahead = (1 - ahead) + ahead * correction

        def momentum(dtype: Any) -> tuple[jax.Array, jax.Array]:
            return (ahead / correction_ahead).astype(dtype), ((1 - now) / correction).astype(dtype)

        updates, mean, mean_square = self._step(grads, state, params, momentum)
        return updates, NadamState(count, mean, mean_square, correction)

    def _momentum_at(self, t: jax.Array, dtype: Any) -> jax.Array:
        """μ_t = β1 (1 - ½ 0.96^(t ψ)), or β1."""
        b1 = scalar(self.name, "b1", self.b1, dtype)
        if self.momentum_decay is None:
            return b1
        decay = scalar(self.name, "momentum_decay", self.momentum_decay, dtype)
        return b1 * (1 - 0.5 * jnp.asarray(0.96, dtype) ** (t.astype(dtype) * decay))
