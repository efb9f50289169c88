"""Decoupled weight decay: the params shrink beside the step, not through the gradient, w ← w - η λ w.

Which params shrink is said by a mask. Biases and the scales of normalisation are usually left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from chainrule.checks import is_concrete
from chainrule.optim.optimizer import require

__all__ = ["Mask", "as_mask", "decayed_leaves", "require_weight_decay"]


@dataclass(frozen=True, eq=False)
class Mask:
    """A pytree of bools that is hashable and compared by value, so that it can be static configuration."""

    tree: Any

    def __call__(self, params: Any) -> Any:
        """The bools, whatever the params are."""
        return self.tree

    def _key(self) -> Any:
        leaves, structure = jax.tree.flatten(self.tree)
        return tuple(leaves), structure

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def as_mask(where: str, mask: Any) -> Any:
    """Make a mask static: a function stays as it is, a pytree of bools becomes a :class:`Mask`."""
    if mask is None or callable(mask):
        return mask
    for leaf in jax.tree.leaves(mask):
        if not isinstance(leaf, (bool, np.bool_)):
            raise ValueError(
                f"{where}: mask must be a function of the params or a pytree of bools, got the leaf {leaf!r}"
            )
    return Mask(jax.tree.map(bool, mask))


def require_weight_decay(where: str, weight_decay: Any) -> None:
    """Refuse a weight decay that is not a number of at least 0."""
    require(where, "at least 0 and finite", weight_decay=weight_decay)


def decayed_leaves(where: str, weight_decay: Any, mask: Any, params: Any) -> list[Any] | None:
    """For each leaf of the params, the param where it decays and None where it does not; None without decay.

    Raises ValueError where decay is asked for and no params came, and where the mask fits the params in no
    way.
    """
    if _is_zero(weight_decay):
        return None
    if params is None:
        raise ValueError(f"{where}: update needs params for its weight decay, update(grads, state, params), got None")
    leaves, structure = jax.tree.flatten(params)
    if mask is None:
        return leaves
    bools = mask(params)
    try:
        chosen = jax.tree.leaves(jax.tree.broadcast(bools, params))
    except ValueError:
        found = jax.tree.structure(bools)
        raise ValueError(f"{where}: mask must have the tree of params, or begin it, {structure}, got {found}") from None
    for leaf in chosen:
        if not isinstance(leaf, (bool, np.bool_)):
            raise ValueError(f"{where}: mask must be a pytree of bools, got the leaf {leaf!r}")
    return [leaf if wanted else None for leaf, wanted in zip(leaves, chosen, strict=True)]


def _is_zero(weight_decay: Any) -> bool:
    return is_concrete(weight_decay) and np.shape(weight_decay) == () and float(weight_decay) == 0.0
