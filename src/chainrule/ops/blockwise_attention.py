"""Attention in memory that grows linearly with the length: block by block, with nothing of size time x keys kept."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule.ops.attention import by_head, by_time, grouped_mask, require_attention, scale_of
from chainrule.rule import Static, rule

__all__ = ["blockwise_attention"]


@rule
def blockwise_attention(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    block: int = 512,
) -> tuple[Array, tuple[Any, ...]]:
    """Attend as ``attention`` does, by blocks of at most ``block`` queries and keys: y = softmax(scale q k^T) v.

    Shapes, arguments, masks, empty rows and refusals: those of ``attention``. Any length is cut into as few blocks as may
    be, all of the same size but for the end of the last. Smaller ones take less memory and more time: forward and
    backward over 2,048 steps of 4 heads of 64, on two cores, 26 MB and 110 ms with 512, 13 MB and 217 ms with 128; the
    plain form 273 MB and 185 ms. Where ``causal``, blocks that no query sees are not visited.

    Derivation, forward: a softmax over all keys from softmaxes over blocks of them (online softmax). For one query keep the
    largest score so far m, the sum l = sum_s exp(S_s - m) and the vector a = sum_s exp(S_s - m) v_s. A block of scores
    raises the maximum to m' = max(m, max_s S_s); exp(S - m') = exp(S - m) exp(m - m'), so::

        l' = l exp(m - m') + sum_s exp(S_s - m')        a' = a exp(m - m') + sum_s exp(S_s - m') v_s

    over the s of the block; after the last, y = a / l. It does not depend on m, which only keeps exponentials from
    overflowing, so m counts as a constant under differentiation.

    Backward, G = dL/dY: with E = exp(S - m), P = E / l. The softmax's sum needs no second look at all keys::

        dL/dP_ts = g_t . v_s
        D_t = sum_s P_ts dL/dP_ts = g_t . sum_s P_ts v_s = g_t . y_t
        dL/dS_ts = P_ts (dL/dP_ts - D_t)

    With each row of G divided by its l once, H = G / l, the division of E is done::

        dL/dV = P^T G = E^T H                dL/dS = E (H V^T - rowsum(H Y))
        dL/dQ = scale dL/dS K                dL/dK = scale dL/dS^T Q

    each of which is a sum over blocks of E, made again from q, k and m. (With log l + m alone, as is often kept, E / l =
    exp(S - (m + log l)) would lose the digits of log l where the scores are large.)

    Residuals: scale q, k, v in blocks, y, m and l: linear in the length; and the mask, if given.

    Raises:
        ValueError: as ``attention``; for a block below 1.

    Source: Milakov and Gimelshein, Online normalizer calculation for softmax, 2018; Rabe and Staats, Self-attention does not
    need O(n^2) memory, 2021; Dao et al., FlashAttention, 2022.
    """
    require_attention("blockwise_attention", query, key, value, mask, causal)
    if not isinstance(block, int) or block < 1:
        raise ValueError(f"blockwise_attention: block must be a positive integer, got {block!r}")
    grid = _Grid.of(query, key, causal, block)
    wide = jnp.promote_types(query.dtype, jnp.float32)
    q = grid.queries(query * scale_of(query, scale))
    k, v = grid.keys(key), grid.keys(value)
    seen = None if mask is None else grouped_mask(mask, grid.kv_heads)

    def visit(carry: tuple[Array, Array, Array], pair: tuple[Array, Array]) -> tuple[tuple[Array, Array, Array], None]:
        i, j = pair
        m, total, a = (_at(part, i) for part in carry)
        scores = grid.scores(_at(q, i), _at(k, j), seen, i, j)
        larger = jnp.maximum(m, lax.stop_gradient(jnp.max(scores, -1)))
        finite = jnp.where(larger == -jnp.inf, 0, larger)  # nothing seen yet: exp(-inf - 0), not exp(-inf + inf)
        e, shrink = jnp.exp(scores - finite[..., None]), jnp.exp(m - finite)
        total = total * shrink + jnp.sum(e, -1)
        a = a * shrink[..., None] + jnp.einsum(
            "bkts,bksd->bktd", e.astype(v.dtype), _at(v, j), preferred_element_type=wide
        )
        return tuple(map(_put, carry, (larger, total, a), (i, i, i))), None  # type: ignore[return-value]

    rows = q.shape[:-1]
    start = (jnp.full(rows, -jnp.inf, wide), jnp.zeros(rows, wide), jnp.zeros((*rows, v.shape[-1]), wide))
    (m, total, a), _ = lax.scan(visit, start, grid.pairs())
    m, total = jnp.where(m == -jnp.inf, 0, m), jnp.where(total == 0, 1, total)  # a query that sees nothing: 0 / 1
    y = (a / total[..., None]).astype(query.dtype)
    return grid.rows(y), (q, k, v, y, m, total, seen, Static(grid))


@blockwise_attention.defbackward
def blockwise_attention_backward(
    residuals: tuple[Any, ...], d_output: Array, *, causal: bool, scale: float | None, block: int
) -> tuple[Array, Array, Array, None]:
    """Compute the sums over blocks of dL/dV = E^T H, dL/dQ = scale dL/dS K and dL/dK = dL/dS^T (scale Q)."""
    q, k, v, y, m, total, seen, static = residuals
    grid = static.value
    wide = m.dtype
    h = grid.queries(d_output).astype(wide) / total[..., None]
    d = jnp.sum(h * y, -1)
    h = h.astype(q.dtype)

    def visit(carry: tuple[Array, Array, Array], pair: tuple[Array, Array]) -> tuple[tuple[Array, Array, Array], None]:
        i, j = pair
        q_i, k_j, v_j, h_i = _at(q, i), _at(k, j), _at(v, j), _at(h, i)
        e = jnp.exp(grid.scores(q_i, k_j, seen, i, j) - _at(m, i)[..., None])
        d_e = jnp.einsum("bktd,bksd->bkts", h_i, v_j, preferred_element_type=wide)
        d_scores = (e * (d_e - _at(d, i)[..., None])).astype(q.dtype)
        shares = (
            jnp.einsum("bkts,bksd->bktd", d_scores, k_j, preferred_element_type=wide),
            jnp.einsum("bktd,bkts->bkds", q_i, d_scores, preferred_element_type=wide),
            jnp.einsum("bktd,bkts->bkds", h_i, e.astype(q.dtype), preferred_element_type=wide),
        )
        places = (i, j, j)
        added = [_at(part, n) + share for part, share, n in zip(carry, shares, places, strict=True)]
        return tuple(map(_put, carry, added, places)), None  # type: ignore[return-value]

    # Of keys and values the transposes are summed: G^T E and Q^T dL/dS, which XLA on a CPU multiplies faster.
    d_k, d_v = (jnp.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), wide) for x in (k, v))
    start = (jnp.zeros(q.shape, wide), d_k, d_v)
    (d_q, d_k, d_v), _ = lax.scan(visit, start, grid.pairs())
    d_query = grid.rows((d_q * scale_of(q, scale)).astype(q.dtype))
    d_key, d_value = (grid.columns(jnp.swapaxes(x, -1, -2).astype(q.dtype)) for x in (d_k, d_v))
    return d_query, d_key, d_value, None


class _Grid(NamedTuple):
    """The blocks of queries and of keys, and which pairs of them are visited."""

    heads: int
    kv_heads: int
    times: int
    all_keys: int
    query_block: int
    key_block: int
    causal: bool

    @classmethod
    def of(cls, query: Array, key: Array, causal: bool, block: int) -> _Grid:
        _, times, heads, _ = query.shape
        all_keys, kv_heads = key.shape[1:3]
        return cls(heads, kv_heads, times, all_keys, _size(times, block), _size(all_keys, block), causal)

    def pairs(self) -> tuple[Array, Array]:
        """Block i of the queries with block j of the keys, without those that lie wholly after the queries."""
        found = []
        for i in range(-(-self.times // self.query_block)):
            last = self.all_keys - 1
            if self.causal:
                last -= self.times - min((i + 1) * self.query_block, self.times)
            found += [(i, j) for j in range(last // self.key_block + 1)]
        indices = np.array(found, np.int32).reshape(-1, 2)
        return jnp.asarray(indices[:, 0]), jnp.asarray(indices[:, 1])

    def queries(self, x: Array) -> Array:
        """Cut (batch, time, heads, width) into (blocks, batch, kv_heads, group * block, width), zeros at the end."""
        blocks = _cut(x, self.query_block)
        heads = by_head(blocks.reshape(-1, *blocks.shape[2:]), self.kv_heads)
        return heads.reshape(*blocks.shape[:2], *heads.shape[1:])

    def keys(self, x: Array) -> Array:
        """Cut (batch, keys, kv_heads, width) into (blocks, batch, kv_heads, block, width), zeros at the end."""
        return jnp.moveaxis(_cut(x, self.key_block), 3, 2)

    def rows(self, blocks: Array) -> Array:
        """Undo ``queries``."""
        parts = by_time(blocks.reshape(-1, *blocks.shape[2:]), self.heads)
        return _paste(parts.reshape(*blocks.shape[:2], *parts.shape[1:]), self.times)

    def columns(self, blocks: Array) -> Array:
        """Undo ``keys``."""
        return _paste(jnp.moveaxis(blocks, 2, 3), self.all_keys)

    def scores(self, q: Array, k: Array, seen: Array | None, i: Array, j: Array) -> Array:
        """The scores of a block of queries with a block of keys; -inf where a key is not seen, or is none."""
        wide = jnp.promote_types(q.dtype, jnp.float32)
        scores = jnp.einsum("bktd,bksd->bkts", q, k, preferred_element_type=wide)
        visible = None
        s = j * self.key_block + jnp.arange(self.key_block)
        if self.all_keys % self.key_block:
            visible = s < self.all_keys
        if self.causal:
            t = i * self.query_block + jnp.arange(self.query_block)
            earlier = s <= t[:, None] + (self.all_keys - self.times)
            visible = earlier if visible is None else visible & earlier
        if seen is not None:
            part = _window(_window(seen, 3, i, self.query_block), 4, j, self.key_block)
            visible = part if visible is None else visible & part
        if visible is None:
            return scores
        split = scores.reshape(*scores.shape[:2], -1, self.query_block, self.key_block)
        return jnp.where(visible, split, -jnp.inf).reshape(scores.shape)


def _size(length: int, block: int) -> int:
    """The size of a block, when as few as may be, none larger than ``block``, share a length evenly."""
    return -(-length // max(-(-length // block), 1)) or 1


def _cut(x: Array, block: int) -> Array:
    """Cut axis 1 into blocks, which come first; zeros fill the last."""
    batch, length, *rest = x.shape
    count = -(-length // block)
    padded = jnp.pad(x, ((0, 0), (0, count * block - length), *((0, 0) for _ in rest)))
    return jnp.moveaxis(padded.reshape(batch, count, block, *rest), 1, 0)


def _paste(blocks: Array, length: int) -> Array:
    """Undo ``_cut``."""
    count, batch, block, *rest = blocks.shape
    return jnp.moveaxis(blocks, 0, 1).reshape(batch, count * block, *rest)[:, :length]


def _window(mask: Array, axis: int, n: Array, block: int) -> Array:
    """Block n of a mask along an axis, unless that is broadcast."""
    size = mask.shape[axis]
    if size == 1:
        return mask
    padding = [(0, 0)] * mask.ndim
    padding[axis] = (0, -size % block)
    return lax.dynamic_slice_in_dim(jnp.pad(mask, padding), n * block, block, axis)


def _at(blocks: Array, n: Array) -> Array:
    return lax.dynamic_index_in_dim(blocks, n, keepdims=False)


def _put(blocks: Array, new: Array, n: Array) -> Array:
    return lax.dynamic_update_index_in_dim(blocks, new, n, 0)
