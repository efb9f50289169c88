"""Shuffling and batches: a permutation each time, and no example lost or counted twice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.train.batches import scan_batches, shuffle

COMPILED = jax.jit(shuffle, static_argnums=1)


@pytest.mark.parametrize("count", [1, 2, 3, 64, 65, 1437, 65_536, 65_537])
def test_shuffle_is_a_permutation(count):
    drawn = np.asarray(COMPILED(jax.random.key(count), count))
    assert drawn.dtype == np.int32
    np.testing.assert_array_equal(np.sort(drawn), np.arange(count))


def test_shuffle_is_decided_by_the_key():
    first, again, other = (np.asarray(COMPILED(jax.random.key(seed), 1437)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.99


def test_shuffle_is_uniform():
    # Where the first of 8 examples lands, over 8,000 keys: a chi-squared of 7 degrees of freedom, far from its tail.
    draws = np.asarray(jax.jit(jax.vmap(lambda key: shuffle(key, 8)))(jax.random.split(jax.random.key(0), 8000)))
    for example in (0, 3, 7):
        counts = np.bincount(np.argmax(draws == example, axis=1), minlength=8)
        assert ((counts - 1000) ** 2 / 1000).sum() < 24.3  # passed by chance 999 times in 1000


@pytest.mark.parametrize(("count", "batch_size"), [(10, 3), (9, 3), (2, 3), (3, 3), (1, 1)])
def test_every_index_comes_once_and_in_order(count, batch_size):
    sizes = []

    def body(carry, rows, position):
        seen, largest = carry
        sizes.append(rows.shape[0])
        return seen.at[rows].add(1 + rows), jnp.maximum(largest, position)

    seen, largest = scan_batches(body, (jnp.zeros(count, int), jnp.asarray(0)), jnp.arange(count), batch_size)
    np.testing.assert_array_equal(seen, 1 + np.arange(count))
    assert largest == -(-count // batch_size) - 1
    assert set(sizes) == {size for size in (batch_size if count >= batch_size else 0, count % batch_size) if size}
