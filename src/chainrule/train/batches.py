"""Batches on the device: a shuffle by key, and a scan over batches that leaves no example out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["scan_batches", "shuffle"]


def shuffle(key: Array, count: int) -> Array:
    """Draw a permutation of 0, ..., count - 1, int32[count], by key.

    ``jax.random.permutation`` sorts pairs, twice for more than 1,600 of them, and on a CPU would take as long as the
    training of a small network. Up to 65,536 examples a single sort of single words does: each word holds random bits
    above and the index below. Two examples whose random bits are equal (a chance of at most 2^-16, and 2^-20 for 4,000
    examples) keep their order.
    """
    index_bits = max(count - 1, 1).bit_length()
    if index_bits > 16:
        return jax.random.permutation(key, count).astype(jnp.int32)
    mask = jnp.uint32((1 << index_bits) - 1)
    words = (jax.random.bits(key, (count,), jnp.uint32) & ~mask) | jnp.arange(count, dtype=jnp.uint32)
    return (lax.sort(words, is_stable=False) & mask).astype(jnp.int32)


def scan_batches(body: Callable[[Any, Array, Array], Any], carry: Any, indices: Array, batch_size: int) -> Any:
    """Run ``carry = body(carry, batch_indices, position)`` over all indices, in batches of ``batch_size``.

    The full batches run as one ``lax.scan``. What is left over (fewer than ``batch_size``) runs after it as a batch of
    its own size: no example is dropped, none is counted twice, and no mask is needed.
    """
    full, left_over = divmod(indices.shape[0], batch_size)
    if full:
        batches = indices[: full * batch_size].reshape(full, batch_size)
        carry, _ = lax.scan(lambda carry, batch: (body(carry, *batch), None), carry, (batches, jnp.arange(full)))
    if left_over:
        carry = body(carry, indices[full * batch_size :], jnp.asarray(full))
    return carry
