"""Scaled dot-product attention: every query takes a mean of the values, weighted by how well their keys fit it."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.rule import rule

__all__ = ["attention", "by_head", "by_time", "grouped_mask", "require_attention", "scale_of"]


@rule
def attention(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Array, tuple[Array, Array, Array, Array]]:
    """Attend: y = P v with P = softmax(scale q k^T) along the keys, for each example and head.

    ::

        S_ts = scale sum_d q_td k_sd        P_ts = exp(S_ts) / sum_r exp(S_tr)        y_td = sum_s P_ts v_sd

    Shapes: query (batch, time, heads, head_dim); key (batch, keys, kv_heads, head_dim); value (batch, keys, kv_heads,
    value_dim); y (batch, time, heads, value_dim). ``heads`` is a multiple of ``kv_heads``: query head h reads key head
    h // (heads / kv_heads), so that consecutive query heads share one (grouped-query attention; multi-query for one).

    Args:
        query: q.
        key: k.
        value: v.
        mask: booleans, True where a query may see a key: (time, keys), (batch, time, keys) for all heads, or (batch, heads,
            time, keys); each axis may also be 1. For padding of shape (batch, keys) give ``padding[:, None, :]``.
        causal: a query sees no key after it. The last query sees the last key: query t sees keys s <= t + keys - time.
        scale: 1 / sqrt(head_dim) unless given.

    A query that may see nothing has y = 0, and no gradient.

    Derivation, head by head, with G = dL/dY::

        Y = P V                             dL/dV = P^T G           dL/dP = G V^T
        P_ts = exp(S_ts) / sum_r exp(S_tr)  dL/dS_ts = P_ts (dL/dP_ts - sum_r dL/dP_tr P_tr), 0 where masked, as P is
        S = scale Q K^T                     dL/dQ = scale dL/dS K   dL/dK = scale dL/dS^T Q

    Keys and values that several query heads share gather from all of them. The query heads of a group stand below each
    other as rows of one matrix, so the products P^T G and dL/dS^T Q sum over the group, and no key is repeated.

    Residuals: scale q, k and v, a matrix for each key head, and P; no mask, for P is 0 where it is.

    Raises:
        ValueError: for shapes or dtypes that do not fit, a mask of another shape or dtype, or fewer keys than queries where
            ``causal``.

    Source: Vaswani et al., Attention is all you need, 2017; Ainslie et al., GQA, 2023.
    """
    require_attention("attention", query, key, value, mask, causal)
    batch, time, heads, _ = query.shape
    keys, kv_heads = key.shape[1:3]
    q, k, v = by_head(query * scale_of(query, scale), kv_heads), by_head(key, kv_heads), by_head(value, kv_heads)
    wide = jnp.promote_types(query.dtype, jnp.float32)
    scores = jnp.einsum("bktd,bksd->bkts", q, k, preferred_element_type=wide)
    visible = _visible(mask, causal, kv_heads, time, keys)
    if visible is not None:
        split = scores.reshape(batch, kv_heads, heads // kv_heads, time, keys)
        scores = jnp.where(visible, split, -jnp.inf).reshape(scores.shape)
    largest = lax.stop_gradient(jnp.max(scores, -1, keepdims=True))
    if mask is not None:
        largest = jnp.where(largest == -jnp.inf, 0, largest)  # nothing is visible: -inf - 0, not -inf + inf
    exponentials = jnp.exp(scores - largest)
    total = jnp.sum(exponentials, -1, keepdims=True)
    if mask is not None:
        total = jnp.where(total == 0, 1, total)  # nothing is visible: 0 / 1
    p = (exponentials / total).astype(query.dtype)
    return by_time(jnp.einsum("bkts,bksd->bktd", p, v), heads), (q, k, v, p)


@attention.defbackward
def attention_backward(
    residuals: tuple[Array, Array, Array, Array], d_output: Array, *, causal: bool, scale: float | None
) -> tuple[Array, Array, Array, None]:
    """Compute dL/dV = P^T G, dL/dS = P (G V^T - rowsum(G V^T P)), dL/dQ = scale dL/dS K and dL/dK = dL/dS^T (scale Q)."""
    q, k, v, p = residuals
    wide = jnp.promote_types(q.dtype, jnp.float32)
    heads, kv_heads = d_output.shape[2], k.shape[1]
    d_y = by_head(d_output, kv_heads)
    d_v = jnp.swapaxes(jnp.einsum("bktd,bkts->bkds", d_y, p), -1, -2)  # (G^T P)^T, which XLA on a CPU multiplies faster
    d_p = jnp.einsum("bktd,bksd->bkts", d_y, v, preferred_element_type=wide)
    d_scores = (p * (d_p - jnp.sum(d_p * p, -1, keepdims=True))).astype(q.dtype)
    d_q = jnp.einsum("bkts,bksd->bktd", d_scores, k)
    d_k = jnp.swapaxes(jnp.einsum("bktd,bkts->bkds", q, d_scores), -1, -2)
    return by_time(d_q * scale_of(q, scale), heads), by_time(d_k, kv_heads), by_time(d_v, kv_heads), None


def require_attention(where: str, query: Array, key: Array, value: Array, mask: Array | None, causal: bool) -> None:
    """Refuse what is no attention: shapes, dtypes and masks that do not fit."""
    require_floating(where, query=query, key=key, value=value)
    require_same_dtype(where, query=query, key=key, value=value)
    if (
        not query.ndim == key.ndim == value.ndim == 4
        or query.shape[0] != key.shape[0]
        or query.shape[3] != key.shape[3]
        or key.shape[:3] != value.shape[:3]
    ):
        raise ValueError(
            f"{where}: query must be (batch, time, heads, head_dim), key (batch, keys, kv_heads, head_dim) and value "
            f"(batch, keys, kv_heads, value_dim), got {describe(query)}, {describe(key)} and {describe(value)}"
        )
    batch, time, heads, _ = query.shape
    keys, kv_heads = key.shape[1:3]
    if not kv_heads or heads % kv_heads:
        raise ValueError(f"{where}: heads must be a multiple of kv_heads, got {heads} and {kv_heads}")
    if keys < 1:
        raise ValueError(f"{where}: there must be at least one key, got {describe(key)}")
    if causal and time > keys:
        raise ValueError(f"{where}: causal needs at least as many keys as queries, got {keys} and {time}")
    if mask is None:
        return
    if not hasattr(mask, "dtype") or mask.dtype != jnp.bool_:
        raise ValueError(f"{where}: mask must be an array of booleans, True where a key is seen, got {describe(mask)}")
    full = {2: (time, keys), 3: (batch, time, keys), 4: (batch, heads, time, keys)}.get(mask.ndim)
    if full is None or any(size not in (1, most) for size, most in zip(mask.shape, full, strict=True)):
        raise ValueError(
            f"{where}: mask must be (time, keys), (batch, time, keys) or (batch, heads, time, keys), here of "
            f"batch {batch}, heads {heads}, time {time}, keys {keys}, each of them or 1; got {describe(mask)}"
        )


def grouped_mask(mask: Array, kv_heads: int) -> Array:
    """Bring a mask to the five axes (batch, kv_heads, group, time, keys) of the scores, or 1."""
    if mask.ndim == 2:
        return mask[None, None, None]
    if mask.ndim == 3:
        return mask[:, None, None]
    batch, heads, time, keys = mask.shape
    return mask[:, None] if heads == 1 else mask.reshape(batch, kv_heads, heads // kv_heads, time, keys)


def by_head(x: Array, kv_heads: int) -> Array:
    """Bring (batch, time, heads, width) to (batch, kv_heads, group * time, width): a matrix for each key head."""
    batch, time, heads, width = x.shape
    return jnp.swapaxes(x, 1, 2).reshape(batch, kv_heads, heads // kv_heads * time, width)


def by_time(x: Array, heads: int) -> Array:
    """Bring (batch, kv_heads, group * time, width) back to (batch, time, heads, width)."""
    batch, kv_heads, rows, width = x.shape
    return jnp.swapaxes(x.reshape(batch, heads, rows * kv_heads // heads, width), 1, 2)


def _visible(mask: Array | None, causal: bool, kv_heads: int, time: int, keys: int) -> Array | None:
    """Which scores count, broadcast to (batch, kv_heads, group, time, keys); None for all."""
    visible = None if mask is None else grouped_mask(mask, kv_heads)
    if causal:
        earlier = jnp.tri(time, keys, keys - time, dtype=bool)
        visible = earlier if visible is None else visible & earlier
    return visible


def scale_of(query: Array, scale: float | None) -> float:
    """The factor of the scores: 1 / sqrt(head_dim) unless given."""
    return 1 / math.sqrt(query.shape[-1]) if scale is None else scale
