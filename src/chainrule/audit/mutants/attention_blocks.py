"""Wrong derivatives of attention: masks in the wrong place, groups of queries, and attention block by block.

One head without a batch: y = softmax(q k^T) v; queries, keys and values are (time, width).
"""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "attention")

# ----------------------------------------------------------------------------------------------------------------------
# Causal attention
# ----------------------------------------------------------------------------------------------------------------------


def _softmax(scores: Array) -> Array:
    e = jnp.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _tri(q: Array) -> Array:
    return jnp.tri(len(q), dtype=bool)


def _before(q: Array, k: Array) -> Array:
    """The probabilities, masked before the softmax."""
    return _softmax(jnp.where(_tri(q), q @ k.T, -jnp.inf))


def _after(q: Array, k: Array) -> Array:
    """Masked after it: the rows do not add up to 1."""
    return jnp.where(_tri(q), _softmax(q @ k.T), 0)


def _causal(q: Array, k: Array, v: Array) -> Any:
    return _before(q, k) @ v, (q, k, v)


def _causal_backward(probabilities: Any) -> Any:
    def backward(residuals: Any, d: Array) -> Any:
        q, k, v = residuals
        p = probabilities(q, k)
        d_p = d @ v.T
        d_s = p * (d_p - jnp.sum(d_p * p, -1, keepdims=True))
        return d_s @ k, d_s.T @ q, p.T @ d

    return backward


def _masked_after(q: Array, k: Array, v: Array) -> Any:
    return _after(q, k) @ v, (q, k, v)


def _masked_after_backward(residuals: Any, d: Array) -> Any:
    q, k, v = residuals
    p, d_p = _softmax(q @ k.T), jnp.where(_tri(q), d @ v.T, 0)
    d_s = p * (d_p - jnp.sum(d_p * p, -1, keepdims=True))
    return d_s @ k, d_s.T @ q, _after(q, k).T @ d


def _reference(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    e = np.tril(np.exp(q @ k.T))
    return e / e.sum(-1, keepdims=True) @ v


_QKV = together(normal(4, 3), normal(4, 3), normal(4, 3))

# ----------------------------------------------------------------------------------------------------------------------
# Grouped queries: heads 0 and 1 share keys 0, heads 2 and 3 keys 1, and so on
# ----------------------------------------------------------------------------------------------------------------------

_GROUP = 2


def _by_group(heads: Array) -> Array:
    """(heads, ...) as (groups, heads of a group, ...)."""
    return heads.reshape(-1, _GROUP, *heads.shape[1:])


def _grouped(q: Array, k: Array) -> Any:
    """Scores (heads, time, keys) of queries (heads, time, width) and keys (heads / 2, keys, width)."""
    scores = jnp.einsum("gjtd,gsd->gjts", _by_group(q), k)
    return scores.reshape(len(q), *scores.shape[2:]), (q, k)


def _grouped_backward(side_by_side: bool) -> Any:
    """The backward function; the heads of a group lie side by side, or a whole round apart."""

    def backward(residuals: Any, d: Array) -> Any:
        q, k = residuals
        d_q = jnp.einsum("gjts,gsd->gjtd", _by_group(d), k).reshape(q.shape)
        if side_by_side:
            return d_q, jnp.einsum("gjts,gjtd->gsd", _by_group(d), _by_group(q))
        return d_q, jnp.einsum("hts,htd->hsd", d, q).reshape(_GROUP, *k.shape).sum(0)

    return backward


# ----------------------------------------------------------------------------------------------------------------------
# Block by block: with E = exp(S - m), l its sum and G = dL/dy, dL/dS = E / l (G v^T - D), where D = sum(G y)
# ----------------------------------------------------------------------------------------------------------------------


def _blocks(k: Array) -> list[slice]:
    return [slice(first, first + 2) for first in range(0, len(k), 2)]


def _blockwise(q: Array, k: Array, v: Array) -> Any:
    m = jnp.full((len(q), 1), -jnp.inf, q.dtype)
    total, a = jnp.zeros_like(m), jnp.zeros((len(q), v.shape[1]), q.dtype)
    for block in _blocks(k):
        scores = q @ k[block].T
        larger = jnp.maximum(m, lax.stop_gradient(scores.max(-1, keepdims=True)))
        e, shrink = jnp.exp(scores - larger), jnp.exp(m - larger)
        m, total, a = larger, total * shrink + e.sum(-1, keepdims=True), a * shrink + e @ v[block]
    return a / total, (q, k, v, a / total, m, total)


def _blockwise_backward(centred: float = 1.0, divided: bool = True, own_maximum: bool = False) -> Any:
    """The backward function; ``centred`` times D is taken away."""

    def backward(residuals: Any, d: Array) -> Any:
        q, k, v, y, m, total = residuals
        h = d / total if divided else d
        d_q, d_k, d_v = jnp.zeros_like(q), [], []
        for block in _blocks(k):
            scores = q @ k[block].T
            e = jnp.exp(scores - (scores.max(-1, keepdims=True) if own_maximum else m))
            d_scores = e * (h @ v[block].T - centred * jnp.sum(h * y, -1, keepdims=True))
            d_q = d_q + d_scores @ k[block]
            d_k.append(d_scores.T @ q)
            d_v.append(e.T @ h)
        return d_q, jnp.concatenate(d_k), jnp.concatenate(d_v)

    return backward


def _blockwise_mutant(name: str, backward: Any) -> Mutant:
    make = together(normal(3, 2), normal(4, 2), normal(4, 3))
    return _plant(f"blockwise attention: {name}", _blockwise, backward, _blockwise_backward(), make)


MUTANTS: tuple[Mutant, ...] = (
    _plant(
        "causal attention: masked after the softmax",
        _masked_after,
        _masked_after_backward,
        None,
        _QKV,
        argument=None,
        caught_by="primal",
        reference=_reference,
    ),
    _plant(
        "causal attention: masked after the softmax in the backward pass",
        _causal,
        _causal_backward(_after),
        _causal_backward(_before),
        _QKV,
    ),
    _plant(
        "grouped queries: the shares of heads that are a round apart",
        _grouped,
        _grouped_backward(side_by_side=False),
        _grouped_backward(side_by_side=True),
        together(normal(4, 3, 2), normal(2, 5, 2)),
        argument=1,
    ),
    _blockwise_mutant("D is missing", _blockwise_backward(centred=0.0)),
    _blockwise_mutant("not divided by the sum of exponentials", _blockwise_backward(divided=False)),
    _blockwise_mutant("each block's own maximum in the backward pass", _blockwise_backward(own_maximum=True)),
)
