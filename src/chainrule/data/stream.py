"""Data larger than the memory of the device: read in chunks, and put there ahead of their use."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Generic, TypeVar

import jax
import numpy as np
from jax import Array

from chainrule.data.batches import Batch, filled_up, require_count, require_examples
from chainrule.data.split import _random_bits, _shuffle

__all__ = ["chunks", "prefetch"]

T = TypeVar("T")


def chunks(x: Any, y: Any, rows: int, *, key: Array | None = None) -> Iterator[Batch]:
    """Go through arrays once, ``rows`` examples at a time: ``(x, y, mask)`` each, NumPy arrays on the host.

    Each chunk is one contiguous read, of neighbouring rows: right for ``numpy.memmap``, of which no more than a chunk is in
    memory. With a key, the order of the chunks is shuffled, and that of the rows within each. Rows that are far apart do
    not mix, then: a file that is sorted (by class, by time) should be written in a random order once, beforehand.

    All chunks have ``rows`` rows. The one at the end of the arrays, where it has fewer examples, is filled up with copies of
    its own last example, and the mask is false there. In a shuffled order it may come anywhere.

    Args:
        x: one row an example, any shape and dtype, in memory or mapped from a file.
        y: the targets, as many rows.
        rows: examples a chunk.
        key: a typed key, such as ``jax.random.key(0)``, that says the order; None keeps that of the arrays. Take another
            one for each epoch, ``jax.random.fold_in(key, epoch)``. The order is the same on every machine.

    Returns:
        An iterator for one epoch. Its arrays are copies. NaN is handed through.

    Raises:
        ValueError: at once, for x and y that are no arrays with as many examples, at least one; rows below 1; a key that is
            not one typed key.
    """
    x, y = require_examples("chunks", x, y)
    require_count("chunks", "rows", rows)
    return _chunks(x, y, rows, None if key is None else _random_bits("chunks", key))


def _chunks(x: np.ndarray, y: np.ndarray, rows: int, bits: np.random.PCG64 | None) -> Iterator[Batch]:
    firsts = np.arange(0, len(x), rows)
    for first in (firsts if bits is None else _shuffle(bits, firsts)).tolist():
        count = min(rows, len(x) - first)
        order = np.arange(count) if bits is None else _shuffle(bits, np.arange(count))
        order, mask = filled_up(order, rows), np.arange(rows) < count
        yield _read(x, first, count, order), _read(y, first, count, order), mask


def _read(array: np.ndarray, first: int, count: int, order: np.ndarray) -> np.ndarray:
    """Copy rows first, ..., first + count - 1 in one go, then put them in order: a disk is quicker than one by one."""
    return np.array(array[first : first + count])[order]


def prefetch(iterator: Iterable[T], size: int = 2) -> Generator[T, None, None]:
    """Hand on the items of an iterator, whose arrays a background thread has put on the device ahead of their use.

    While the consumer computes on one item, the thread reads the next ones, up to ``size`` of them, and waits. So there are
    ``size + 1`` on the device at the most, if the consumer drops each (``del x, y``) before it asks for the next::

        for x, y, mask in prefetch(chunks(x, y, 65_536)):
            ...

    The order is that of the iterator. An error in it is raised in the consumer, after the items before. The thread begins
    with the first item that is asked for, and ends when the items do, when one is an error, or when the consumer stops (its
    loop is left, or ``close`` is called), once an item that it is reading has come. A generator is then closed, so that its
    files are. Nobody waits by looking again and again.

    Args:
        iterator: what to go through; each item an array or any pytree of them. NumPy arrays are copied (so that an iterator
            may fill the same array again) and put on the default device; all else is handed on as it is.
        size: how many items to have ready.

    Returns:
        A generator of the items with JAX arrays. An iterator without items gives none.

    Raises:
        ValueError: at once, for what cannot be gone through, or a size below 1.
    """
    require_count("prefetch", "size", size)
    if not isinstance(iterator, Iterable):
        raise ValueError(f"prefetch: iterator must be something to go through, got {type(iterator).__name__}")
    return _prefetched(iterator, int(size))


def _prefetched(iterable: Iterable[T], size: int) -> Generator[T, None, None]:
    ahead: _Ahead[T] = _Ahead(size)
    # These two belong to a thread: without them float64 would be narrowed there, or land on another device.
    settings = (jax.config.jax_enable_x64, jax.config.jax_default_device)  # type: ignore[attr-defined]
    thread = threading.Thread(target=_read_ahead, args=(iterable, ahead, *settings), name="prefetch", daemon=True)
    del iterable
    thread.start()
    try:
        while ahead.has_more():
            yield ahead.take()  # not by a name, which would keep the item alive here
    finally:
        ahead.stop()
        if thread is not threading.current_thread():  # where the garbage collector closes an abandoned generator
            thread.join()


class _Ahead(Generic[T]):
    """The items that are ready, shared by the two threads; each sleeps until the other has changed something."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._ready: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = self._stopped = False
        self._error: BaseException | None = None

    def has_room(self) -> bool:
        """Wait until an item may be read; false when no more are wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._ready) < self._size)
            return not self._stopped

    def put(self, item: T) -> None:
        """Add an item."""
        with self._changed:
            self._ready.append(item)
            self._changed.notify_all()

    def end(self, error: BaseException | None) -> None:
        """Say that there will be no more, and why."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def has_more(self) -> bool:
        """Wait until an item is there; false when all are taken. Raises the error that came after them."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended)
            if self._ready:
                return True
            error, self._error = self._error, None
        if error is not None:
            raise error
        return False

    def take(self) -> T:
        """Take the first item, which makes room for another."""
        with self._changed:
            self._changed.notify_all()
            return self._ready.popleft()

    def stop(self) -> None:
        """Say that no more are wanted, and let go of those that are there."""
        with self._changed:
            self._stopped = True
            self._ready.clear()
            self._changed.notify_all()


def _read_ahead(iterable: Iterable[T], ahead: _Ahead[T], wide: bool, device: Any) -> None:
    """What the thread does."""
    error: BaseException | None = None
    try:
        with jax.enable_x64(wide), jax.default_device(device):
            items = iter(iterable)
            try:
                while ahead.has_room():
                    ahead.put(jax.block_until_ready(jax.tree.map(_on_device, next(items))))
            except StopIteration:
                pass
            finally:
                if isinstance(items, Generator):
                    items.close()
    except BaseException as raised:  # whatever it is: the consumer gets it
        error = raised
    ahead.end(error)


def _on_device(leaf: Any) -> Any:
    # The copy is made here: JAX may otherwise use the memory of the NumPy array itself, which its owner may write to.
    return jax.device_put(np.array(leaf)) if isinstance(leaf, np.ndarray) else leaf
