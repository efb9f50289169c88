"""The formula that an optimiser is compared with: another optimiser, in NumPy, float64.

It is told the step t = 1, 2, ... from outside, so that no count of its own can hide a wrong one: ``init(params) -> state``
and ``update(grads, state, params, t) -> (updates, state)`` on whole trees; :func:`leafwise` lifts that of a single array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from chainrule.audit.optimizers.trees import wide

__all__ = ["Formula", "as_pair", "expected_updates", "leafwise"]


class Formula(NamedTuple):
    """An optimiser in NumPy: ``init(params) -> state``, ``update(grads, state, params, t) -> (updates, state)``."""

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any, int], tuple[Any, Any]]


def leafwise(init: Callable[..., Any], update: Callable[..., tuple[Any, Any]]) -> Formula:
    """Lift the formula of a single array to trees.

    Args:
        init: ``init(w) -> state``.
        update: ``update(g, state, w, t) -> (u, state)``, t = 1, 2, ... the step.
    """

    def update_all(grads: Any, states: Any, params: Any, t: int) -> tuple[Any, Any]:
        leaves = zip(jax.tree.leaves(grads), states, jax.tree.leaves(params), strict=True)
        stepped = [update(g, state, w, t) for g, state, w in leaves]
        return jax.tree.unflatten(jax.tree.structure(grads), [u for u, _ in stepped]), [s for _, s in stepped]

    return Formula(lambda params: [init(w) for w in jax.tree.leaves(params)], update_all)


def as_pair(name: str, argument: str, value: Any) -> Any:
    """Return what has ``init`` and ``update`` as it is, and a pair of these functions as a :class:`Formula`.

    Raises:
        ValueError: for anything else; ``name`` begins the message.
    """
    if isinstance(value, tuple) and len(value) == 2 and not hasattr(value, "init"):
        value = Formula(*value)
    if not callable(getattr(value, "init", None)) or not callable(getattr(value, "update", None)):
        raise ValueError(f"{name}: {argument} must have init and update, or be a pair (init, update), got {value!r}")
    return value


def expected_updates(
    formula: Any, grads: list[Any], params: list[Any], *, at: Any = None, forget: bool = False, dtype: Any = None
) -> list[Any]:
    """The formula's updates; told step ``at(t)`` for t, forgetting its state, or with its state rounded to a dtype."""
    first = state = formula.init(params[0])
    found = []
    for t, (g, w) in enumerate(zip(grads, params, strict=True), 1):
        updates, state = formula.update(g, first if forget else state, w, at(t) if at else t)
        found.append(wide(updates))
        if dtype is not None:
            state = jax.tree.map(lambda leaf: np.asarray(np.asarray(leaf).astype(dtype), np.float64), state)
    return found
