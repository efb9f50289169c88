"""Chunks of any size, checked and put together to pieces of one size that a compiled program takes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from chainrule.checks import describe
from chainrule.data.batches import filled_up
from chainrule.data.checks import check_supervised

__all__ = ["Kind", "Source", "examples", "open_source", "peek", "pieces"]

Source = Callable[[int], Iterable[Any]]
"""Gives the chunks of an epoch, counted from 0: each (x, y), or (x, y, mask), of any number of examples."""

Rows = tuple[np.ndarray, np.ndarray]


class Kind(NamedTuple):
    """What the first chunk is, and all others must be.

    Attributes:
        x: shape and dtype (on the device) of the first chunk's x.
        y: those of its y.
        classes: the number of classes, or None where the targets are no labels.
        tokens: whether x holds integers, the ids of tokens.
        vocabulary: how many kinds of tokens there are, or None where nobody knows.
    """

    x: jax.ShapeDtypeStruct
    y: jax.ShapeDtypeStruct
    classes: int | None
    tokens: bool
    vocabulary: int | None

    def check(self, what: str, x: Any, y: Any) -> None:
        """Refuse data that are not of this kind, or cannot be trained on."""
        check_supervised(x, y, classes=self.classes, tokens=self.tokens, vocabulary=self.vocabulary, what=what)
        for name, found, expected in (("x", x, self.x), ("y", y, self.y)):
            dtype = jax.dtypes.canonicalize_dtype(found.dtype)
            if (found.shape[1:], dtype) != (expected.shape[1:], expected.dtype):
                raise ValueError(
                    f"{what}: {name} must have examples {expected.dtype.name}{list(expected.shape[1:])}, as the first "
                    f"chunk has, got {dtype.name}{list(found.shape[1:])}"
                )


def open_source(source: Source, epoch: int) -> Iterator[Any]:
    """Begin an epoch of a source.

    Raises:
        ValueError: for a source that gives nothing to go through.
    """
    chunks = source(epoch)
    if not isinstance(chunks, Iterable):
        raise ValueError(f"source must give chunks to go through, source({epoch}) gave {type(chunks).__name__}")
    return iter(chunks)


def peek(chunks: Iterator[Any], epoch: int) -> tuple[Rows, Iterator[Any]]:
    """Look at the first chunk that has examples: its rows, and all chunks, this one included.

    Raises:
        ValueError: where there is none, or what comes is no chunk.
    """
    before = []
    for number, chunk in enumerate(chunks, 1):
        before.append(chunk)
        rows = _rows(chunk, f"chunk {number} of epoch {epoch + 1}")
        if len(rows[0]):
            return rows, itertools.chain(before, chunks)
    raise _no_example(epoch)


def examples(chunks: Iterator[Any], epoch: int, kind: Kind) -> Iterator[Rows]:
    """The (x, y) of all chunks that have examples, without the rows that are masked.

    Raises:
        ValueError: naming the chunk, counted from 1, for one that is not of the kind; where no chunk has an example.
    """
    some = False
    for number, chunk in enumerate(chunks, 1):
        what = f"chunk {number} of epoch {epoch + 1}"
        x, y = _rows(chunk, what)
        if len(x):
            kind.check(what, x, y)
            some = True
            yield x, y
    if not some:
        raise _no_example(epoch)


def pieces(parts: Iterator[Rows], rows: int, batch_size: int, *, fill: bool) -> Iterator[tuple[Any, Any, int]]:
    """Put parts together to pieces (x, y, count) of ``rows`` rows, in which the first ``count`` are examples.

    All pieces are full, except for the last. What is left over there, fewer than a batch, is filled up to a batch
    with copies of its last example (finite numbers, labels in range); or it comes as a piece of its own size.

    Args:
        parts: (x, y) of any number of examples, at least one.
        rows: a multiple of the batch size.
        batch_size: examples a step.
        fill: whether to fill up what is left over.
    """
    piece: list[np.ndarray] = []
    filled = 0
    for part in parts:
        taken, count = 0, len(part[0])
        while taken < count:
            if not filled and count - taken >= rows:  # as it is: there is nothing to put together
                yield part[0][taken : taken + rows], part[1][taken : taken + rows], rows
                taken += rows
                continue
            if not filled:
                piece = [np.zeros((rows, *array.shape[1:]), array.dtype) for array in part]
            more = min(rows - filled, count - taken)
            for whole, array in zip(piece, part, strict=True):
                whole[filled : filled + more] = array[taken : taken + more]
            taken, filled = taken + more, filled + more
            if filled == rows:
                filled = 0
                yield piece.pop(0), piece.pop(0), rows  # not by a name, which would keep them until the next is full
    full = filled // batch_size * batch_size
    if fill and full < filled:
        for whole in piece:
            whole[full : full + batch_size] = filled_up(whole[full:filled], batch_size)
        full = filled
    if full:
        yield piece[0], piece[1], full
    if full < filled:
        yield piece[0][full:filled], piece[1][full:filled], filled - full


def _rows(chunk: Any, what: str) -> Rows:
    """The x and y of a chunk, on the host, without rows that are masked."""
    if not isinstance(chunk, (tuple, list)) or len(chunk) not in (2, 3):
        raise ValueError(f"{what}: it must be a pair (x, y), or (x, y, mask), got {describe(chunk)}")
    for name, value in zip("xy", chunk[:2], strict=True):
        if not isinstance(value, (np.ndarray, jax.Array)) or value.ndim == 0:
            raise ValueError(f"{what}: {name} must be an array with one row an example, got {describe(value)}")
    x, y = np.asarray(chunk[0]), np.asarray(chunk[1])
    if len(x) != len(y):
        raise ValueError(f"{what}: x and y must have as many examples, got {len(x)} and {len(y)}")
    if len(chunk) == 2:
        return x, y
    mask = np.asarray(chunk[2])
    if mask.dtype != np.bool_ or mask.shape != (len(x),):
        raise ValueError(f"{what}: mask must be bool[{len(x)}], one an example, got {describe(mask)}")
    return (x, y) if mask.all() else (x[mask], y[mask])


def _no_example(epoch: int) -> ValueError:
    return ValueError(
        f"source must give at least one example an epoch, source({epoch}) gave none; it must give all chunks anew each "
        "time that it is called"
    )
