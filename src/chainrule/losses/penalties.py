"""Penalties: what large parameters cost, as a number to be added to a loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from chainrule.checks import describe
from chainrule.rule import Static, rule

__all__ = ["l1_penalty", "l2_penalty"]

LEAVES = ("weights", "all")


@rule
def l2_penalty(params: Any, *, strength: float, leaves: str = "weights") -> tuple[Array, tuple[Any, Static]]:
    """Half the sum of squares of the parameters, times the strength: P = strength / 2 sum w^2 (ridge, weight decay).

    ``leaves="weights"`` counts the leaves of two axes or more, which are the weights of dense layers, convolutions and
    embeddings; biases and the scales of normalisations have one axis, and cost nothing. ``leaves="all"`` counts every leaf.

    Shapes: params any pytree of floating-point arrays; P a scalar, in float32 at the least.

    Derivation: dP/dw = strength w where w counts, and 0 elsewhere. With plain gradient descent that is the same as a
    decoupled weight decay of that strength; with Adam and its kin, which divide by the gradients' size, it is not.

    Residuals: the leaves that count; of the others, shape and dtype alone.

    Raises:
        ValueError: for a negative strength, an unknown choice of leaves, or params that are not floating point.

    Source: Hoerl and Kennard, Ridge regression, 1970; Krogh and Hertz, A simple weight decay, 1991.
    """
    counted, others = _counted("l2_penalty", params, strength, leaves)
    total = _total(counted, lambda w: w * w)
    return 0.5 * strength * total, (counted, others)


@l2_penalty.defbackward
def l2_penalty_backward(
    residuals: tuple[list[Array | None], Static], d_output: Array, *, strength: float, leaves: str
) -> tuple[Any]:
    """Compute w g strength for the leaves that count, and zeros for the others."""
    return (_spread(residuals, lambda w: w * (d_output * strength)),)


@rule
def l1_penalty(params: Any, *, strength: float, leaves: str = "weights") -> tuple[Array, tuple[Any, Static]]:
    """The sum of the parameters' absolute values, times the strength: P = strength sum |w| (lasso).

    It pulls with the same force on small parameters as on large ones, and so makes many of them zero. ``leaves`` is that of
    ``l2_penalty``: ``"weights"``, those of two axes or more, or ``"all"``.

    Shapes: params any pytree of floating-point arrays; P a scalar, in float32 at the least.

    Derivation: dP/dw = strength sign(w) where w counts, and 0 elsewhere.

    Residuals: the leaves that count; of the others, shape and dtype alone.

    Kinks: at w = 0 the slope is 0, so that a parameter of zero is left there by the penalty alone.

    Raises:
        ValueError: for a negative strength, an unknown choice of leaves, or params that are not floating point.

    Source: Tibshirani, Regression shrinkage and selection via the lasso, 1996.
    """
    counted, others = _counted("l1_penalty", params, strength, leaves)
    # max(w, -w) rather than abs(w), whose slope JAX takes as 1 at 0: the primal then has the slope that stands here.
    return strength * _total(counted, lambda w: jnp.maximum(w, -w)), (counted, others)


@l1_penalty.defbackward
def l1_penalty_backward(
    residuals: tuple[list[Array | None], Static], d_output: Array, *, strength: float, leaves: str
) -> tuple[Any]:
    """Compute strength sign(w) g for the leaves that count, and zeros for the others."""
    return (_spread(residuals, lambda w: (strength * d_output) * jnp.sign(w)),)


def _counted(where: str, params: Any, strength: float, leaves: str) -> tuple[list[Array | None], Static]:
    """The leaves, None in the place of those that do not count; beside it what is needed to build the tree again."""
    if not isinstance(strength, (int, float)) or not 0 <= strength < math.inf:
        raise ValueError(f"{where}: strength must be at least 0 and finite, got {strength!r}")
    if leaves not in LEAVES:
        raise ValueError(f"{where}: leaves must be one of {', '.join(LEAVES)}, got {leaves!r}")
    paths, tree = jax.tree_util.tree_flatten_with_path(params)
    for path, leaf in paths:
        if not hasattr(leaf, "dtype") or not jnp.issubdtype(leaf.dtype, jnp.floating):
            at = jax.tree_util.keystr(path)
            raise ValueError(f"{where}: params{at} must be of floating-point numbers, got {describe(leaf)}")
    counts = [leaves == "all" or leaf.ndim >= 2 for _, leaf in paths]
    counted = [leaf if count else None for count, (_, leaf) in zip(counts, paths, strict=True)]
    return counted, Static((tree, tuple((leaf.shape, leaf.dtype) for _, leaf in paths)))


def _total(counted: list[Array | None], function: Callable[[Array], Array]) -> Array:
    """The sum of a function over all numbers that count, in float32 at the least."""
    wide = [leaf.astype(_wide(leaf.dtype)) for leaf in counted if leaf is not None]
    return sum((jnp.sum(function(leaf)) for leaf in wide), jnp.zeros((), _wide(*(leaf.dtype for leaf in wide))))


def _wide(*dtypes: Any) -> Any:
    """The widest of some dtypes, float32 at the least."""
    return jnp.result_type(jnp.float32, *dtypes)


def _spread(residuals: tuple[list[Array | None], Static], function: Callable[[Array], Array]) -> Any:
    """The function of the leaves that count, in their dtype, and zeros for the others, as the tree of the params."""
    counted, facts = residuals
    tree, leaves = facts.value
    return tree.unflatten(
        [
            jnp.zeros(shape, dtype) if leaf is None else function(leaf.astype(_wide(dtype))).astype(dtype)
            for leaf, (shape, dtype) in zip(counted, leaves, strict=True)
        ]
    )
