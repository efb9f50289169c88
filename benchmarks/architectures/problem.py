"""What is measured: a computation by hand, the same by autodiff of its plain form, and perhaps the same in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Limits", "Problem", "Sides", "pull", "random", "require_agreement", "versus"]

TOLERANCE = 1e-4  # of the largest entry of an array, float32


@dataclass(frozen=True)
class Limits:
    """What the project asks of itself.

    Attributes:
        time: of the time by hand, over that of autodiff.
        memory: of the temporary bytes of the program by hand, over those of autodiff's.
        torch: for each twin in PyTorch, by name, its time over the time by hand: at least.
    """

    time: float = 1.0
    memory: float = 1.0
    torch: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Twin:
    """The same in PyTorch: ``run`` is what is timed, ``values`` computes what is compared, as NumPy arrays."""

    run: Callable[[], Any]
    values: Callable[[], Any]


@dataclass(frozen=True)
class Sides:
    """The two functions that are compiled and timed, and what they are called with.

    Attributes:
        hand: forward and backward by hand, a pure function of ``arguments``.
        autodiff: the same by ``jax.vjp`` of the plain form.
        arguments: arrays, or pytrees of them.
        values: two functions of ``arguments`` whose results must agree, where the results of the timed ones need not
            (after a step of Adam from zero moments, a gradient of 1e-9 has moved a weight as far as one of 1).
        twins: the same in PyTorch, by name.
    """

    hand: Callable[..., Any]
    autodiff: Callable[..., Any]
    arguments: tuple[Any, ...]
    values: tuple[Callable[..., Any], Callable[..., Any]] | None = None
    twins: Mapping[str, Callable[[], Twin]] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """One line of the table. ``build`` imports what it needs, so that a list of problems costs nothing.

    Attributes:
        name: how ``--only`` calls it; unique.
        room: ops, losses, layers or models.
        size: the shapes, in words.
        build: makes the sides.
        limits: what the project asks of itself.
        rules: the names in the audit's register that this problem stands for.
    """

    name: str
    room: str
    size: str
    build: Callable[[], Sides]
    limits: Limits = Limits()
    rules: tuple[str, ...] = ()


def random(*shapes: Sequence[int], seed: int = 0, scale: float = 1.0) -> list[Any]:
    """Draw one float32 array a shape, of the standard normal distribution."""
    import jax

    keys = jax.random.split(jax.random.key(seed), len(shapes))
    return [scale * jax.random.normal(key, tuple(shape)) for key, shape in zip(keys, shapes, strict=True)]


def versus(
    rule: Any,
    plain: Callable[..., Any],
    *arrays: Any,
    twins: Mapping[str, Callable[[], Twin]] | None = None,
    cotangent: Any = None,
    static: Mapping[str, Any] | None = None,
) -> Sides:
    """Make the sides of a rule and its plain form, with a random cotangent; integers and keys have no gradient."""
    import jax

    if cotangent is None:
        output = jax.eval_shape(plain, *arrays)
        leaves, tree = jax.tree.flatten(output)
        cotangent = jax.tree.unflatten(tree, random(*(leaf.shape for leaf in leaves), seed=1))

    def hand(cotangent: Any, *arrays: Any) -> Any:
        output, pullback = rule.vjp(*arrays, **(static or {}))
        return output, pull(pullback, cotangent)

    def autodiff(cotangent: Any, *arrays: Any) -> Any:
        output, pullback = jax.vjp(plain, *arrays)
        return output, pull(pullback, cotangent)

    return Sides(hand, autodiff, (cotangent, *arrays), twins=twins or {})


def pull(pullback: Callable[..., Any], cotangent: Any) -> list[Any]:
    """Pull back, and leave out the cotangents of integers, which are none."""
    import jax

    return [leaf for leaf in jax.tree.leaves(pullback(cotangent)) if leaf.dtype != jax.dtypes.float0]


def require_agreement(name: str, first: Any, second: Any) -> float:
    """Return the largest difference of two results, relative to the largest entry of the array that it is in.

    Raises:
        ValueError: when they differ by more than the tolerance, in shape, or in the number of arrays.
    """
    import jax

    ours, theirs = jax.tree.leaves(first), jax.tree.leaves(second)
    if [np.shape(leaf) for leaf in ours] != [np.shape(leaf) for leaf in theirs]:
        raise ValueError(
            f"{name}: shapes {[np.shape(leaf) for leaf in ours]} and {[np.shape(leaf) for leaf in theirs]}"
        )
    worst = 0.0
    for position, pair in enumerate(zip(ours, theirs, strict=True)):
        one, other = (np.asarray(leaf, np.float64) for leaf in pair)
        if not one.size:
            continue
        scale = max(float(np.max(np.abs(other))), 1e-6)
        difference = float(np.max(np.abs(one - other))) / scale
        if not difference <= TOLERANCE:
            raise ValueError(
                f"{name}: array {position} of {len(ours)}, shape {one.shape}, differs by {difference:.1e} "
                f"of its largest entry, {scale:.1e}; the tolerance is {TOLERANCE:.0e}"
            )
        worst = max(worst, difference)
    return worst
