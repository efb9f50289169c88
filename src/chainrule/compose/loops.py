"""What the combinators that run one layer in a loop share: residuals that are no copies, and cotangents that can be carried.

The residuals of a layer hold, as a rule, the very arrays that it was given: its params, its x. In a loop these must not be
stacked step by step, for the weights of a cell over T steps would be kept T times. So the leaves of the residuals are
compared, by identity, with the arrays that are at hand anyway, and only what is new is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

__all__ = ["Layout", "chained", "constants", "describe_tree", "part", "positions_of", "without_float0"]


@dataclass(frozen=True)
class Layout:
    """Where the leaves of some residuals are: below ``known`` among the arrays at hand, from there on among their own."""

    tree: Any
    places: tuple[int, ...]
    known: int

    def join(self, at_hand: Mapping[int, Any], own: Sequence[Any]) -> Any:
        """Put the residuals together again."""
        leaves = [at_hand[place] if place < self.known else own[place - self.known] for place in self.places]
        return self.tree.unflatten(leaves)

    def used(self, at_hand: Sequence[Any], start: int = 0) -> dict[int, Any]:
        """Those of the arrays at hand that are residuals; the first of them has the place ``start``."""
        return {start + i: leaf for i, leaf in enumerate(at_hand) if start + i in self.places}


def part(residuals: Any, at_hand: Sequence[Any]) -> tuple[list[Any], Layout]:
    """Part residuals into the leaves that are none of the arrays at hand, each once, and the layout of them all."""
    leaves, tree = jax.tree.flatten(residuals)
    found = list(at_hand)
    places = []
    for leaf in leaves:
        place = next((i for i, array in enumerate(found) if array is leaf), len(found))
        if place == len(found):
            found.append(leaf)
        places.append(place)
    return found[len(at_hand) :], Layout(tree, tuple(places), len(at_hand))


def chained(residuals: Any, before: Any, after: Any) -> tuple[int, ...]:
    """The leaves of what a loop carries that are residuals twice: as they come into a step, and as they leave it.

    What leaves one step comes into the next, so only the first need be kept: backward carries the other from step to step.
    """
    kept = {id(leaf) for leaf in jax.tree.leaves(residuals)}
    pairs = enumerate(zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True))
    return tuple(i for i, (old, new) in pairs if old is not new and {id(old), id(new)} <= kept)


def constants(residuals: Any) -> list[Any]:
    """The leaves that, inside the trace of a loop, are plain arrays: no step changes them."""
    return [leaf for leaf in jax.tree.leaves(residuals) if not isinstance(leaf, jax.core.Tracer)]


def positions_of(leaves: Sequence[Any], own: Sequence[Any]) -> tuple[int, ...]:
    """Where each of some leaves is among those of a step's own."""
    return tuple(next(i for i, kept in enumerate(own) if kept is leaf) for leaf in leaves)


def without_float0(cotangents: Any) -> Any:
    """Cotangents with ``None`` for the float0 zeros of integers and keys, which no loop can carry."""

    def kept(leaf: Any) -> Any:
        return None if getattr(leaf, "dtype", None) == jax.dtypes.float0 else leaf

    return jax.tree.map(kept, cotangents)


def describe_tree(tree: Any) -> str:
    """Say what a pytree of arrays holds: ``(float32[3, 4], float32[4])``."""
    leaves = [f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree)]
    return leaves[0] if len(leaves) == 1 else f"({', '.join(leaves)})"
