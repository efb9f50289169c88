"""Clipping of gradients: by value, element by element, and by the norm of all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from chainrule.optim.leaves import leafwise, require_floating_leaves, scalar, work_dtype
from chainrule.optim.optimizer import Optimizer, require

__all__ = [
    "ClipByGlobalNorm",
    "ClipByValue",
    "ClipState",
    "clip_by_global_norm",
    "clip_by_value",
    "global_norm",
]


class ClipState(NamedTuple):
    """Clipping remembers nothing."""


def clip_by_value(max_value: Any) -> ClipByValue:
    """Clip each element to an interval: u = min(max(∇, -c), c).

    It changes the direction of the gradient. As ``optax.clip``.

    Args:
        max_value: c above 0; infinity clips nothing.

    Raises:
        ValueError: a threshold that is not above 0.
    """
    require("clip_by_value", "above 0", max_value=max_value)
    return ClipByValue(max_value)


def clip_by_global_norm(max_norm: Any) -> ClipByGlobalNorm:
    """Scale all gradients together so that their norm is at most c.

    ::

        ‖∇‖ = √(Σ ∇_i²) over every element of every leaf
        u = ∇                  where ‖∇‖ < c
        u = ∇ (c / ‖∇‖)        elsewhere

    The direction is kept. A zero gradient stays zero. A gradient with an element that is not finite comes out
    with NaN in every element, so that it is seen. As ``optax.clip_by_global_norm`` wherever Σ ∇_i² can be
    represented; beyond that the norm is computed by scaling (see :func:`global_norm`), where Optax's
    overflows and its updates vanish. PyTorch's ``clip_grad_norm_`` adds 1e-6 to the norm.

    Args:
        max_norm: c above 0; infinity clips nothing.

    Raises:
        ValueError: a threshold that is not above 0.

    Source: Pascanu, Mikolov and Bengio, On the Difficulty of Training Recurrent Neural Networks, 2013.
    """
    require("clip_by_global_norm", "above 0", max_norm=max_norm)
    return ClipByGlobalNorm(max_norm)


def global_norm(tree: Any) -> jax.Array:
    """The Euclidean norm of a pytree's elements taken together, √(Σ x²): a scalar, in float32 at the least.

    Where the sum of squares overflows (elements beyond 1e19 in float32) the norm is computed as s √(Σ (x /
    s)²) with s = max |x| instead. It is NaN if an element is infinite or NaN, and 0 for a tree without
    elements.
    """
    require_floating_leaves("global_norm", tree=tree)
    dtype = work_dtype(*jax.tree.leaves(tree))
    leaves = [jnp.asarray(leaf, dtype) for leaf in jax.tree.leaves(tree) if jnp.size(leaf)]
    if not leaves:
        return jnp.zeros((), dtype)

    def root_of_squares(scale: Any) -> jax.Array:
        return jnp.sqrt(sum((jnp.sum(jnp.square(leaf / scale)) for leaf in leaves), jnp.zeros((), dtype)))

    def scaled() -> jax.Array:
        largest = jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in leaves]))
        return largest * root_of_squares(largest)

    norm = jnp.sqrt(sum((jnp.sum(jnp.square(leaf)) for leaf in leaves), jnp.zeros((), dtype)))
    return jax.lax.cond(jnp.isfinite(norm), lambda: norm, scaled)


@dataclass(frozen=True)
class ClipByValue(Optimizer):
    """Clipping element by element; see :func:`clip_by_value`."""

    always_leaves: ClassVar[frozenset[str]] = frozenset({"max_value"})
    max_value: Any

    def init(self, params: Any) -> ClipState:
        """Nothing to remember."""
        return ClipState()

    def update(self, grads: Any, state: ClipState, params: Any = None) -> tuple[Any, ClipState]:
        """Clip to [-c, c]; each gradient keeps its dtype."""

        def clip(g: Any) -> tuple[Any, ...]:
            bound = scalar("clip_by_value", "max_value", self.max_value, g.dtype)
            return (jnp.clip(g, -bound, bound),)

        (updates,) = leafwise("clip_by_value", clip, grads)
        return updates, state


@dataclass(frozen=True)
class ClipByGlobalNorm(Optimizer):
    """Clipping by the norm of all gradients; see :func:`clip_by_global_norm`."""

    always_leaves: ClassVar[frozenset[str]] = frozenset({"max_norm"})
    max_norm: Any

    def init(self, params: Any) -> ClipState:
        """Nothing to remember."""
        return ClipState()

    def update(self, grads: Any, state: ClipState, params: Any = None) -> tuple[Any, ClipState]:
        """Scale by min(1, c / ‖∇‖), one factor for all; each gradient keeps its dtype."""
        norm = global_norm(grads)
        bound = scalar("clip_by_global_norm", "max_norm", self.max_norm, norm.dtype)
        inside = norm < bound  # never at a zero denominator: a bound is above 0
        factor = jnp.where(inside, 1, bound / jnp.where(inside, 1, norm))
        (updates,) = leafwise("clip_by_global_norm", lambda g: (g * factor.astype(g.dtype),), grads)
        return updates, state
