"""Chunks: every example once, in contiguous reads. Prefetch: ahead, but no further than it says, and no thread left."""

import gc
import threading
import time
import tracemalloc

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import chunks, prefetch

KEY = jax.random.key(3)


def examples(count):
    index = np.arange(count, dtype=np.float32)
    return np.stack([index, -index], axis=1), 3 * np.arange(count)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.booleans())
def test_every_example_comes_once_in_chunks_of_neighbours(count, rows, shuffled):
    x, y = examples(count)
    drawn = list(chunks(x, y, rows, key=KEY if shuffled else None))
    assert len(drawn) == -(-count // rows)
    for chunk_x, chunk_y, mask in drawn:
        assert (chunk_x.shape, chunk_y.shape, mask.shape) == ((rows, 2), (rows,), (rows,))
        np.testing.assert_array_equal(3 * chunk_x[:, 0], chunk_y)
        present = np.sort(chunk_y[mask] // 3)
        assert present[0] % rows == 0
        np.testing.assert_array_equal(present, present[0] + np.arange(len(present)))
        assert len(present) == min(rows, count - present[0])
        assert set(chunk_y) == set(chunk_y[mask])
    counted = np.concatenate([chunk_y[mask] for _, chunk_y, mask in drawn])
    np.testing.assert_array_equal(counted if not shuffled else np.sort(counted), y)


def test_the_key_shuffles_chunks_and_rows_within():
    def order(seed):
        return np.stack([y // 3 for _, y, _ in chunks(*examples(1000), 20, key=jax.random.key(seed))])

    first = order(0)
    np.testing.assert_array_equal(first, order(0))
    assert (first != order(1)).mean() > 0.9
    assert (np.diff(first.min(axis=1)) < 0).sum() > 10  # chunks
    assert (np.diff(first, axis=1) < 0).mean() > 0.3  # rows
    assert len({tuple(row % 20) for row in first}) == 50  # each chunk in an order of its own


def test_of_a_mapped_file_a_chunk_or_two_are_in_memory(tmp_path):
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(200_000, 10))
    y = np.zeros(200_000, np.int32)
    a_chunk = 5_000 * 10 * 4
    tracemalloc.start()
    try:
        for chunk_x, _, _ in chunks(x, y, 5_000, key=KEY):
            assert type(chunk_x) is np.ndarray
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert a_chunk < peak < 4 * a_chunk  # the file is 40


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1.0], np.ones(1), 2), {}, "chunks: x must be an array"),
        ((np.ones((2, 1)), np.ones(3), 2), {}, "as many examples, got 2 and 3"),
        ((np.ones((0, 1)), np.ones(0), 2), {}, "at least one example"),
        ((np.ones((2, 1)), np.ones(2), True), {}, "rows must be a positive whole number, got True"),
        ((np.ones((2, 1)), np.ones(2), 2), {"key": 1}, "chunks: key must be one typed key"),
    ],
)
def test_chunks_refuse_at_once(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        chunks(*arguments, **options)


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not threads()


def numbers(count=10, read=None):
    for number in range(count):
        if read is not None:
            read.append(number)
        yield np.full((7, 13), number, np.float32)


def number_of(item):
    assert isinstance(item, jax.Array)
    return int(np.asarray(item)[0, 0])


def test_items_come_in_order_as_arrays_of_the_device():
    items = [{"x": np.arange(3), "y": (np.ones((2, 2), np.float32), "a name", None, 5)}, {"x": np.zeros(0), "y": ()}]
    for drawn, item in zip(prefetch(items), items, strict=True):
        assert jax.tree.structure(drawn) == jax.tree.structure(item)
        for found, expected in zip(jax.tree.leaves(drawn), jax.tree.leaves(item), strict=True):
            assert isinstance(found, jax.Array if isinstance(expected, np.ndarray) else type(expected))
            np.testing.assert_array_equal(found, expected)
    assert [number_of(item) for item in prefetch(numbers(), 1)] == list(range(10))
    assert list(prefetch([])) == []


def test_reads_ahead_but_no_further():
    read: list[int] = []
    third = threading.Event()

    def source():
        for item in numbers(10, read):
            if len(read) == 3:
                third.set()
            yield item

    items = prefetch(source(), 2)
    assert not read  # nothing before it is asked for
    assert not threads()
    next(items)
    assert third.wait(10)  # two more, while nobody asks
    time.sleep(0.05)
    assert read == [0, 1, 2]
    items.close()


def test_no_more_than_one_item_beside_those_ahead_is_on_the_device():
    def live():
        return sum(array.shape == (7, 13) for array in jax.live_arrays())

    for taken, item in enumerate(prefetch(numbers(6), 2)):
        assert item.shape == (7, 13)
        expected, deadline = min(3, 6 - taken), time.monotonic() + 10
        while live() < expected and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.005)  # time enough for one too many
        assert live() == expected
        del item


def test_waiting_costs_nothing():
    def slow():
        yield np.ones(2)
        time.sleep(0.3)
        yield np.ones(2)

    list(prefetch(numbers(2)))
    begun = time.process_time()
    list(prefetch(slow()))  # the consumer waits
    items = prefetch(numbers(), 1)
    next(items)
    time.sleep(0.3)  # the thread waits
    items.close()
    assert time.process_time() - begun < 0.2


def test_an_error_comes_after_the_items_before_it():
    def source():
        yield from numbers(3)
        raise OSError("the disk is gone")

    items = prefetch(source(), 5)
    assert [number_of(next(items)) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)
    assert next(items, "no more") == "no more"
    with pytest.raises(TypeError):
        next(prefetch([np.array(["a word"])]))


def test_the_thread_ends_when_the_consumer_stops():
    closed = []

    def source():
        try:
            yield from numbers(1000)
        finally:
            closed.append(threading.current_thread().name)

    def consumer():
        for item in prefetch(source()):
            if number_of(item) == 3:
                return

    consumer()
    gc.collect()
    assert closed == ["prefetch"]
    abandoned = prefetch(source())
    next(abandoned)
    assert len(threads()) == 1
    del abandoned
    gc.collect()
    assert closed == ["prefetch"] * 2


def test_a_source_may_fill_the_same_array_again():
    def source():
        buffer = np.empty(4096, np.float32)
        for number in range(20):
            buffer[:] = number
            yield buffer

    for number, item in enumerate(prefetch(source(), 4)):
        np.testing.assert_array_equal(item, number)


@pytest.mark.usefixtures("x64")
def test_float64_stays():
    assert next(prefetch([np.ones(3)])).dtype == np.float64


def test_prefetch_refuses_at_once():
    with pytest.raises(ValueError, match="size must be a positive whole number, got 0"):
        prefetch([], 0)
    with pytest.raises(ValueError, match="iterator must be something to go through, got int"):
        prefetch(3)
