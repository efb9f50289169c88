"""Wrong derivatives of attention: scales, masks, transposes, heads, rotations.

One head without a batch: p = softmax(s q k^T), y = p v with s = 1 / sqrt(width); queries, keys and values are (time, width).
"""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR, PERMUTED, SWAPPED, TRANSPOSED
from chainrule.audit.mutants import attention_blocks
from chainrule.audit.mutants.mutant import Mutant, plant
from chainrule.rule import Static

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "attention")


def _probabilities(q: Array, k: Array, causal: bool) -> Array:
    scores = q @ jnp.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1]).astype(q.dtype)
    if causal:
        scores = jnp.where(jnp.tri(len(scores), dtype=bool), scores, -jnp.inf)
    e = jnp.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _attention(q: Array, k: Array, v: Array, *, causal: bool = False) -> Any:
    return _probabilities(q, k, causal) @ v, (q, k, v)


def _d_scores(p: Array, d_p: Array, axis: int = -1) -> Array:
    return p * (d_p - jnp.sum(d_p * p, axis, keepdims=True))


def _right(residuals: Any, d: Array, *, causal: bool) -> Any:
    q, k, v = residuals
    p = _probabilities(q, k, causal)
    d_s = _d_scores(p, d @ v.T) / np.sqrt(q.shape[-1]).astype(q.dtype)
    return d_s @ k, d_s.T @ q, p.T @ d


def _unmasked(residuals: Any, d: Array, *, causal: bool) -> Any:
    return _right(residuals, d, causal=False)


def _exchanged(residuals: Any, d: Array, *, causal: bool) -> Any:
    d_q, d_k, d_v = _right(residuals, d, causal=causal)
    return d_k, d_q, d_v


def _unscaled_keys(residuals: Any, d: Array, *, causal: bool) -> Any:
    d_q, d_k, d_v = _right(residuals, d, causal=causal)
    return d_q, d_k * np.sqrt(d_k.shape[-1]).astype(d_k.dtype), d_v


def _untransposed_values(residuals: Any, d: Array, *, causal: bool) -> Any:
    d_q, d_k, _ = _right(residuals, d, causal=causal)
    return d_q, d_k, _probabilities(residuals[0], residuals[1], causal) @ d


def _untransposed_keys(residuals: Any, d: Array, *, causal: bool) -> Any:
    q, k, v = residuals
    p = _probabilities(q, k, causal)
    d_s = _d_scores(p, d @ v.T) / np.sqrt(q.shape[-1]).astype(q.dtype)
    return d_s @ k, d_s @ q, p.T @ d


def _sum_over_queries(residuals: Any, d: Array, *, causal: bool) -> Any:
    q, k, v = residuals
    p = _probabilities(q, k, causal)
    d_s = _d_scores(p, d @ v.T, axis=0) / np.sqrt(q.shape[-1]).astype(q.dtype)
    return d_s @ k, d_s.T @ q, p.T @ d


def _merge(heads: Array) -> Any:
    """Heads (heads, time, width) side by side: (time, heads * width)."""
    count, time, width = heads.shape
    return jnp.swapaxes(heads, 0, 1).reshape(time, count * width), Static(count)


def _merge_backward(transposed: bool) -> Any:
    def backward(count: Static, d: Array) -> Any:
        if transposed:
            return (jnp.swapaxes(d.reshape(len(d), count.value, -1), 0, 1),)
        return (d.reshape(count.value, len(d), -1),)

    return backward


def _shared_keys(q: Array, k: Array) -> Any:
    """Scores (heads, time, time) of queries (heads, time, width) and one set of keys (time, width) for all heads."""
    return jnp.einsum("htd,sd->hts", q, k), (q, k)


def _rotated(x: Array, sign: int) -> Array:
    angles = np.arange(len(x))[:, None] / np.array([1.0, 10.0])
    cos, sin = jnp.asarray(np.cos(angles), x.dtype), jnp.asarray(sign * np.sin(angles), x.dtype)
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([first * cos - second * sin, first * sin + second * cos], -1)


def _mutant(name: str, backward: Any, argument: int = 0, pattern: str = "", causal: bool = False) -> Mutant:
    return _plant(
        f"attention: {name}",
        _attention,
        backward,
        _right,
        together(normal(4, 3), normal(4, 3), normal(4, 3)),
        argument=argument,
        pattern=pattern,
        static={"causal": True} if causal else {},
    )


MUTANTS: tuple[Mutant, ...] = (
    _mutant("the scale is forgotten for the keys", _unscaled_keys, 1, FACTOR),
    _mutant("the causal mask is forgotten in the backward pass", _unmasked, causal=True),
    _mutant("the cotangents of queries and keys are exchanged", _exchanged, 0, SWAPPED),
    _mutant("p for p^T for the values", _untransposed_values, 2, TRANSPOSED),
    _mutant("the scores are not transposed for the keys", _untransposed_keys, 1),
    _mutant("the softmax's sum over the queries", _sum_over_queries, causal=True),
    _plant(
        "heads: split without a transposition",
        _merge,
        _merge_backward(transposed=False),
        _merge_backward(transposed=True),
        together(normal(2, 4, 3)),
        pattern=PERMUTED,
    ),
    _plant(
        "shared keys: the first head's share alone",
        _shared_keys,
        lambda r, d: (jnp.einsum("hts,sd->htd", d, r[1]), d[0].T @ r[0][0]),
        lambda r, d: (jnp.einsum("hts,sd->htd", d, r[1]), jnp.einsum("hts,htd->sd", d, r[0])),
        together(normal(2, 4, 3), normal(4, 3)),
        argument=1,
    ),
    _plant(
        "rotary positions: rotated forwards again",
        lambda x: (_rotated(x, 1), None),
        lambda _, d: (_rotated(d, 1),),
        lambda _, d: (_rotated(d, -1),),
        together(normal(5, 4)),
        pattern=TRANSPOSED,
    ),
    *attention_blocks.MUTANTS,
)
