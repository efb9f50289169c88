"""The formulas of the optimisers: independent answers in NumPy, float64, as the sources publish them.

They are of a single array but for those that look at whole trees; ``t`` is the step, 1, 2, ..., and a learning rate is a
number or a function of the number of steps before, t - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from chainrule.audit.optimizers import Formula, leafwise

__all__ = [
    "adagrad",
    "adam",
    "chain",
    "clip_by_global_norm",
    "clip_by_value",
    "constant",
    "cosine",
    "ema",
    "exponential",
    "lion",
    "masked",
    "momentum",
    "nadam",
    "one_cycle",
    "rmsprop",
    "sgd",
    "step",
]

# ----------------------------------------------------------------------------------------------------------------------
# Learning rates: η as a function of the number n of steps before.
# ----------------------------------------------------------------------------------------------------------------------


def _at(rate: Any, t: int) -> Any:
    return rate(t - 1) if callable(rate) else rate


def _decayed(weight_decay: float, w: Any) -> Any:
    return weight_decay * w if weight_decay else 0.0  # not 0 w, which is NaN where w is infinite


def constant(rate: float) -> Callable[[int], float]:
    """η at every step."""
    return lambda n: rate


def step(peak: float, every: int, factor: float) -> Callable[[int], float]:
    """η factor^⌊n / every⌋."""
    return lambda n: peak * factor ** math.floor(n / every)


def exponential(peak: float, factor: float, every: int) -> Callable[[int], float]:
    """η factor^(n / every)."""
    return lambda n: peak * factor ** (n / every)


def _half_cosine(start: float, end: float, fraction: float) -> float:
    """Compute end + (start - end) cos²(π fraction / 2), which is half a period of a cosine."""
    return end + (start - end) * math.cos(math.pi * fraction / 2) ** 2


def cosine(peak: float, steps: int, warmup: int, start: float = 0.0, end: float = 0.0) -> Callable[[int], float]:
    """A line from ``start`` to the peak at ``warmup``, half a cosine to ``end`` at ``steps``, and ``end`` from there on."""

    def rate(n: int) -> float:
        if n < warmup:
            return start + (peak - start) * n / warmup
        return _half_cosine(peak, end, (n - warmup) / (steps - warmup)) if n < steps else end

    return rate


def one_cycle(peak: float, steps: int, share: float = 0.3, before: float = 25.0, after: float = 1e4) -> Any:
    """Half a cosine from peak / before to the peak at share T - 1, half a cosine to peak / before / after at T - 1."""
    turn, last = share * steps - 1, steps - 1

    def rate(n: int) -> float:
        if n <= turn and turn > 0:
            return _half_cosine(peak / before, peak, n / turn)
        return _half_cosine(peak, peak / before / after, min((n - turn) / (last - turn), 1.0))

    return rate


# ----------------------------------------------------------------------------------------------------------------------
# The formulas.
# ----------------------------------------------------------------------------------------------------------------------


def sgd(rate: Any) -> Formula:
    """Compute u = -η ∇ (Robbins and Monro, 1951)."""
    return leafwise(lambda w: (), lambda g, state, w, t: (-_at(rate, t) * g, state))


def momentum(rate: Any, decay: float = 0.9, *, nesterov: bool = False) -> Formula:
    """Compute v_t = γ v_{t-1} + η_t ∇_t and u = -v_t (Polyak, 1964).

    Nesterov's, in the variable that the gradient is taken at: u = -(γ v_t + η_t ∇_t) (Sutskever et al., 2013).
    """

    def update(g: Any, v: Any, w: Any, t: int) -> tuple[Any, Any]:
        v = decay * v + _at(rate, t) * g
        return (-decay * v - _at(rate, t) * g if nesterov else -v), v

    return leafwise(np.zeros_like, update)


def adagrad(rate: Any, initial: float = 0.0, eps: float = 1e-10) -> Formula:
    """Compute u = -η ∇_t / (√(s_0 + Σ_i ∇_i²) + ε) (Duchi, Hazan and Singer, 2011)."""

    def update(g: Any, s: Any, w: Any, t: int) -> tuple[Any, Any]:
        s = s + g**2
        return -_at(rate, t) * g / (np.sqrt(s) + eps), s

    return leafwise(lambda w: np.full_like(w, initial), update)


def rmsprop(rate: Any, decay: float = 0.9, eps: float = 1e-8) -> Formula:
    """Compute s_t = ρ s_{t-1} + (1 - ρ) ∇_t², u = -η ∇_t / (√s_t + ε) (Tieleman and Hinton, 2012)."""

    def update(g: Any, s: Any, w: Any, t: int) -> tuple[Any, Any]:
        s = decay * s + (1 - decay) * g**2
        return -_at(rate, t) * g / (np.sqrt(s) + eps), s

    return leafwise(np.zeros_like, update)


def adam(rate: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0) -> Formula:
    """Compute u = -η (m̂ / (√v̂ + ε) + λ w) (Kingma and Ba, 2015; λ: Loshchilov and Hutter, 2019).

    m_t = β1 m_{t-1} + (1 - β1) ∇, v_t = β2 v_{t-1} + (1 - β2) ∇², m̂ = m_t / (1 - β1^t), v̂ = v_t / (1 - β2^t).
    """

    def update(g: Any, moments: Any, w: Any, t: int) -> tuple[Any, Any]:
        m = b1 * moments[0] + (1 - b1) * g
        v = b2 * moments[1] + (1 - b2) * g**2
        m_hat, v_hat = m / np.float64(1 - b1**t), v / np.float64(1 - b2**t)
        return -_at(rate, t) * (m_hat / (np.sqrt(v_hat) + eps) + _decayed(weight_decay, w)), (m, v)

    return leafwise(lambda w: (np.zeros_like(w), np.zeros_like(w)), update)


def nadam(
    rate: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, momentum_decay: float | None = 0.004
) -> Formula:
    """Compute u = -η m̂ / (√v̂ + ε), m̂ = μ_{t+1} m_t / (1 - Π_{i≤t+1} μ_i) + (1 - μ_t) ∇ / (1 - Π_{i≤t} μ_i) (Dozat, 2016).

    μ_t = β1 (1 - ½ 0.96^(t ψ)), or β1 where ψ is None; m_t, v_t and v̂ as Adam's.
    """

    def mu(t: Any) -> Any:
        return b1 * (1 - (0.0 if momentum_decay is None else 0.5 * 0.96 ** (t * momentum_decay))) + 0.0 * t

    def update(g: Any, moments: Any, w: Any, t: int) -> tuple[Any, Any]:
        m = b1 * moments[0] + (1 - b1) * g
        v = b2 * moments[1] + (1 - b2) * g**2
        so_far = np.prod(mu(np.arange(1, t + 1)))
        m_hat = mu(t + 1) * m / (1 - so_far * mu(t + 1)) + (1 - mu(t)) * g / (1 - so_far)
        return -_at(rate, t) * m_hat / (np.sqrt(v / np.float64(1 - b2**t)) + eps), (m, v)

    return leafwise(lambda w: (np.zeros_like(w), np.zeros_like(w)), update)


def lion(rate: Any, b1: float = 0.9, b2: float = 0.99, weight_decay: float = 0.0) -> Formula:
    """Compute u = -η (sign(β1 m_{t-1} + (1 - β1) ∇) + λ w), m_t = β2 m_{t-1} + (1 - β2) ∇ (Chen et al., 2023)."""

    def update(g: Any, m: Any, w: Any, t: int) -> tuple[Any, Any]:
        return -_at(rate, t) * (np.sign(b1 * m + (1 - b1) * g) + _decayed(weight_decay, w)), b2 * m + (1 - b2) * g

    return leafwise(np.zeros_like, update)


def clip_by_value(bound: float) -> Formula:
    """Compute u = min(max(∇, -c), c)."""
    return leafwise(lambda w: (), lambda g, state, w, t: (np.minimum(np.maximum(g, -bound), bound), state))


def clip_by_global_norm(bound: float) -> Formula:
    """Compute u = ∇ min(1, c / ‖∇‖), ‖∇‖ over all elements of all leaves (Pascanu, Mikolov and Bengio, 2013)."""

    def update(grads: Any, state: Any, params: Any, t: int) -> tuple[Any, Any]:
        norm = np.linalg.norm(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(grads)]))
        factor = bound / norm if norm > bound else 1.0
        return jax.tree.map(lambda g: factor * g, grads), state

    return Formula(lambda params: (), update)


def ema(decay: float, *, debias: bool = True) -> Formula:
    """Compute Σ_{i≤t} β^{t-i} (1 - β) x_i of what it is fed, over 1 - β^t with ``debias`` (Polyak and Juditsky, 1992)."""

    def update(x: Any, seen: Any, w: Any, t: int) -> tuple[Any, Any]:
        seen = [*seen, x]
        average = sum((1 - decay) * decay**age * x for age, x in enumerate(reversed(seen)))
        return average / np.float64(1 - decay**t if debias else 1.0), seen

    return leafwise(lambda w: [], update)


def chain(*formulas: Formula) -> Formula:
    """Apply formulas in turn: the updates of each are the gradients of the next."""

    def update(grads: Any, states: Any, params: Any, t: int) -> tuple[Any, Any]:
        after = []
        for formula, state in zip(formulas, states, strict=True):
            grads, state = formula.update(grads, state, params, t)  # noqa: PLW2901
            after.append(state)
        return grads, after

    return Formula(lambda params: [formula.init(params) for formula in formulas], update)


def masked(mask: Any, where_true: Formula, where_false: Formula) -> Formula:
    """Take the one formula's updates for the leaves where the mask, a tree or its beginning, is true; else the other's."""

    def update(grads: Any, states: Any, params: Any, t: int) -> tuple[Any, Any]:
        (yes, state), (no, other) = (
            formula.update(grads, state, params, t)
            for formula, state in zip((where_true, where_false), states, strict=True)
        )
        chosen = jax.tree.map(lambda u, v, m: u if m else v, yes, no, jax.tree.broadcast(mask, grads))
        return chosen, (state, other)

    return Formula(lambda params: (where_true.init(params), where_false.init(params)), update)
