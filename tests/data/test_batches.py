"""Batches on the host: every example once an epoch, whatever the sizes, and one shape for all with a mask."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import losses
from chainrule.data import batches

KEY = jax.random.key(0)


def examples(count):
    """Rows that say which they are: x[i] = (i, -i), y[i] = 3 i."""
    index = np.arange(count, dtype=np.float32)
    return np.stack([index, -index], axis=1), 3 * np.arange(count)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.sampled_from(["mask", "smaller"]), st.booleans())
def test_every_example_counts_once(count, batch_size, last, shuffled):
    x, y = examples(count)
    drawn = list(batches((x, y), batch_size, key=KEY if shuffled else None, last=last))
    assert len(drawn) == -(-count // batch_size)
    for number, (batch_x, batch_y, mask) in enumerate(drawn):
        size = min(batch_size, count - number * batch_size)
        rows = batch_size if last == "mask" else size
        assert (batch_x.shape, batch_y.shape, mask.shape) == ((rows, 2), (rows,), (rows,))
        assert (batch_x.dtype, batch_y.dtype, mask.dtype) == (x.dtype, y.dtype, bool)
        np.testing.assert_array_equal(mask, np.arange(rows) < size)
        np.testing.assert_array_equal(3 * batch_x[:, 0], batch_y)  # the target of its own example, filled up or not
        assert set(batch_y) == set(batch_y[mask])  # what fills up is of the batch: finite, and with a label in range
    counted = np.concatenate([batch_x[mask] for batch_x, _, mask in drawn])
    np.testing.assert_array_equal(counted if not shuffled else counted[np.argsort(counted[:, 0])], x)


def order_of(key, count=10):
    return np.concatenate([y for _, y, _ in batches(examples(count), 4, key=key, last="smaller")]) // 3


def test_the_key_says_the_order():
    np.testing.assert_array_equal(order_of(KEY), order_of(KEY))
    assert (order_of(KEY, 1000) != order_of(jax.random.key(1), 1000)).mean() > 0.99
    np.testing.assert_array_equal(order_of(KEY), [3, 2, 1, 8, 6, 0, 7, 4, 5, 9])  # of this key, on any machine


def test_the_mask_as_weights_gives_the_mean_over_all_examples(rng):
    predictions, targets = rng.normal(size=(2, 11, 3)).astype(np.float32)
    total = count = 0
    for x, y, mask in batches((predictions, targets), 4, key=KEY):
        weights = np.broadcast_to(mask[:, None], x.shape).astype(np.float32)
        total += mask.sum() * float(losses.mean_squared_error(x, y, weights))
        count += mask.sum()
    assert total / count == pytest.approx(np.mean((predictions - targets).astype(np.float64) ** 2), rel=1e-6)


def test_a_mapped_file_is_read_batch_by_batch_and_copied(tmp_path):
    x, y = examples(9)
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=x.shape)
    mapped[:] = x
    first, *_ = batches((mapped, y), 4)
    assert type(first[0]) is np.ndarray
    first[0][:] = 0
    np.testing.assert_array_equal(mapped, x)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (np.ones(3), {}, r"data must be a pair \(x, y\), got ndarray"),
        (([1.0], np.ones(1)), {}, "x must be an array with one row an example, got list"),
        ((np.ones((2, 1)), np.float32(1)), {}, r"y must be an array with one row an example, got float32\[\]"),
        ((np.ones((2, 1)), np.ones(3)), {}, "as many examples, got 2 and 3"),
        ((np.ones((0, 1)), np.ones(0)), {}, "at least one example, got none"),
        (examples(3), {"batch_size": 0}, "batch_size must be a positive whole number, got 0"),
        (examples(3), {"batch_size": 2.0}, "batch_size must be a positive whole number, got 2.0"),
        (examples(3), {"key": 7}, "batches: key must be one typed key"),
        (examples(3), {"last": "drop"}, "last must be 'mask' or 'smaller', got 'drop'"),
    ],
)
def test_refuses_at_once(data, options, message):
    with pytest.raises(ValueError, match=message):
        batches(data, **{"batch_size": 2, **options})
