"""Other sizes than those given: a derivative that is right for one batch, or for square shapes only."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from chainrule.audit import diagnosis
from chainrule.audit.checks.names import SIZES, TOLERANCES, verdict
from chainrule.audit.compare import Difference, difference, slack_between
from chainrule.audit.inputs import Inputs, Slack, hand_program
from chainrule.audit.report import Check
from chainrule.audit.trees import is_float

__all__ = ["check_sizes", "right_where_square"]

_MOST_AXES = 6  # of one size; their subsets are tried


def check_sizes(inputs: Inputs) -> Iterator[Check]:
    """The same comparison with autodiff at other sizes: the batch made 1, and every size n made 2 n + 1.

    Every axis of a size changes with it. What is a batch is not known: the first axes of the output, or of the arguments
    where the output has none. Sizes that the primal does not take are passed over.
    """
    if not inputs.has_referee:
        return
    shapes = [leaf.shape for leaf in jax.tree.leaves(inputs.args)]
    sizes = dict.fromkeys(n for shape in shapes for n in shape if n > 1)
    firsts = [leaf.shape[0] for leaf in jax.tree.leaves(inputs.output) if leaf.ndim]
    batches = dict.fromkeys(n for n in firsts or [shape[0] for shape in shapes if shape] if n in sizes)
    changes = [[{n: 1}] for n in list(batches)[:2]]
    changes.append([{n: 2 * n + 1 for n in sizes}, *({n: 2 * n + 1} for n in (*batches, *sizes))])
    square = len({n for shape in shapes for n in shape}) == 1
    for alternatives in changes:
        other = next((found for change in alternatives if (found := _resized(inputs, change)) is not None), None)
        if other is not None:
            yield _judged(other, diagnosis.SQUARE if square else diagnosis.BATCH)
    for oblong in _unsquared(inputs):
        yield _judged(oblong, diagnosis.SQUARE)


def _judged(inputs: Inputs, pattern: str) -> Check:
    return verdict(SIZES, inputs, functools.partial(_error, inputs), pattern, functools.partial(_slack, inputs))


def _unsquared(inputs: Inputs) -> Iterator[Inputs]:
    """The inputs with square matrices made oblong: of all axes of their size some change, as the primal takes it.

    Each square matrix is oblong in one of them, if it can be.
    """
    leaves, tree = jax.tree.flatten(inputs.args)
    square = {n for n, leaf in enumerate(leaves) if leaf.ndim > 1 and leaf.shape[-1] == leaf.shape[-2] > 1}
    side = leaves[min(square)].shape[-1] if square else 0
    axes = [(n, axis) for n, leaf in enumerate(leaves) for axis, size in enumerate(leaf.shape) if size == side]
    if len(axes) > _MOST_AXES:
        return
    for chosen in itertools.chain(*(itertools.combinations(axes, count) for count in range(1, len(axes)))):
        oblong = {n for n in square if sum((n, leaves[n].ndim - axis) in chosen for axis in (1, 2)) == 1}
        if not oblong:
            continue
        grown = [
            _grown(leaf, tuple(size + ((n, axis) in chosen) for axis, size in enumerate(leaf.shape)), inputs.rng(11))
            for n, leaf in enumerate(leaves)
        ]
        case = f"{inputs.case}, {side} by {side} made {side} by {side + 1}"
        other = inputs.at(jax.tree.unflatten(tree, grown), case)
        if _is_taken(other):
            yield other
            square -= oblong


def right_where_square(inputs: Inputs) -> bool:
    """Whether the derivative is right once all sizes are the same."""
    sizes = {n for leaf in jax.tree.leaves(inputs.args) for n in leaf.shape}
    if len(sizes) < 2:
        return False
    square = _resized(inputs, dict.fromkeys(sizes, max(sizes)))
    return square is not None and _error(square).error <= TOLERANCES[SIZES]


def _resized(inputs: Inputs, sizes: dict[int, int]) -> Inputs | None:
    """The inputs with every axis of some sizes made another size, if the primal takes them."""
    rng = inputs.rng(7)
    if not sizes or any(new < old and _is_counted(inputs, old) for old, new in sizes.items()):
        return None

    def draw(leaf: Any) -> Any:
        return _grown(leaf, tuple(sizes.get(n, n) for n in leaf.shape), rng)

    changed = ", ".join(f"{old} made {new}" for old, new in sizes.items())
    other = inputs.at(jax.tree.map(draw, inputs.args), f"{inputs.case}, {changed}")
    return other if _is_taken(other) else None


def _grown(leaf: Any, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """A leaf of another shape, its numbers those of the old one over and over, each a little moved."""
    if shape == leaf.shape or jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return leaf
    for axis, size in enumerate(shape):
        leaf = np.take(leaf, np.arange(size) % leaf.shape[axis], axis=axis)
    return leaf * rng.uniform(0.9, 1.1, size=shape) if is_float(leaf) else leaf


def _is_taken(inputs: Inputs) -> bool:
    """Whether the primal takes these shapes, and makes a number of them."""
    try:
        output = inputs.output
    except Exception:  # shapes that do not fit: the primal says so
        return False
    return any(is_float(leaf) and leaf.size for leaf in jax.tree.leaves(output))


def _is_counted(inputs: Inputs, size: int) -> bool:
    """Whether integers among the arguments may count along an axis of this size, which must not shrink then."""
    leaves = [
        leaf for leaf in jax.tree.leaves(inputs.args) if not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    ]
    integers = [leaf for leaf in leaves if np.issubdtype(leaf.dtype, np.integer) and leaf.size and leaf.max() >= 1]
    if not integers:
        return False
    is_batch = any(leaf.ndim and leaf.shape[0] == size for leaf in integers)
    return any(size in leaf.shape[1:] for leaf in leaves) or (
        not is_batch and any(size in leaf.shape for leaf in leaves if is_float(leaf))
    )


def _error(inputs: Inputs, slack: Slack | None = None) -> Difference:
    """How far the derivative on trial is from autodiff; what it raises at these sizes is a finding."""
    try:
        _, found, expected = _measured(inputs)
    except Exception as error:
        message = str(error).splitlines()[0] if str(error) else ""
        return Difference(float("inf"), None, f"{type(error).__name__}: {message}")
    return difference(found, expected, slack=slack and slack.cotangents[0])


def _measured(inputs: Inputs) -> Any:
    return hand_program(inputs.subject, inputs.has_referee, inputs.args, inputs.cotangents[0])


def _slack(inputs: Inputs) -> Slack:
    """What rounding makes of the problem at these sizes."""

    def moved(by: float) -> Any:
        args = jax.tree.map(lambda leaf: leaf * (1 + by) if is_float(leaf) else leaf, inputs.args)
        return _measured(inputs.at(args, inputs.case))[2]

    return Slack(None, [slack_between(*(moved(by) for by in (0.0, 2.0**-52, 2.0**-30, -(2.0**-30))))])
