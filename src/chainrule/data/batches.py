"""Batches on the host, for a training loop of one's own: shuffled by key, and no example left out or counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import jax
import numpy as np
from jax import Array

from chainrule.checks import describe
from chainrule.data.split import _random_bits, _shuffle

__all__ = ["batches"]

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(x, y, mask), as many rows in each; the mask is true where the row is an example that counts."""


def batches(
    data: tuple[Any, Any],
    batch_size: int,
    *,
    key: Array | None = None,
    last: Literal["mask", "smaller"] = "mask",
) -> Iterator[Batch]:
    """Go through the data once, in batches: ``(x, y, mask)`` each, NumPy arrays on the host.

    n examples make ceil(n / batch_size) batches. The last has r = n - batch_size floor(n / batch_size) examples, if that
    is not 0. With ``last="mask"`` it is filled up to ``batch_size`` rows with copies of its own last example (finite
    numbers, labels in range), and the mask is false there: all batches have one shape, and one compiled step serves them
    all. The mean over the examples that are there, sum_i m_i l_i / sum_i m_i, is the loss with the mask as its weights::

        for epoch in range(epochs):
            for x, y, mask in batches(data, 64, key=jax.random.fold_in(key, epoch)):
                ...  # losses.cross_entropy(logits, y, mask.astype(logits.dtype))

    A batch norm takes its statistics over all rows, though, the copies too. For a model with one take ``last="smaller"``:
    the last batch has r rows, its mask is true throughout, and a compiled step is compiled once more for it.

    The order is drawn on the host, as ``stratified_split`` draws: nothing is compiled, and it is the same on every machine.

    Args:
        data: (x, y), one row an example; arrays of any shape and dtype, in memory or mapped from a file
            (``numpy.memmap``), of which only the rows of a batch are read at a time.
        batch_size: examples a batch; it may be above n.
        key: a typed key, such as ``jax.random.key(0)``, that says the order; None keeps that of the data.
        last: what becomes of the last batch where it is not full, ``"mask"`` or ``"smaller"``.

    Returns:
        An iterator for one epoch. Its arrays are copies, to be kept or changed at will. NaN is handed through.

    Raises:
        ValueError: at once, for data that are no pair of arrays with as many examples, at least one; a batch size below 1;
            a key that is not one typed key; another ``last``.
    """
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"batches: data must be a pair (x, y), got {type(data).__name__}")
    x, y = require_examples("batches", *data)
    require_count("batches", "batch_size", batch_size)
    if last not in ("mask", "smaller"):
        raise ValueError(f"batches: last must be 'mask' or 'smaller', got {last!r}")
    order = np.arange(len(x)) if key is None else _shuffle(_random_bits("batches", key), np.arange(len(x)))
    return _batches(x, y, batch_size, order, last == "mask")


def _batches(x: np.ndarray, y: np.ndarray, batch_size: int, order: np.ndarray, fill: bool) -> Iterator[Batch]:
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        mask = np.arange(batch_size if fill else len(rows)) < len(rows)
        rows = filled_up(rows, len(mask))
        yield np.asarray(x[rows]), np.asarray(y[rows]), mask


def filled_up(rows: np.ndarray, count: int) -> np.ndarray:
    """Repeat the last of the rows until there are ``count`` of them."""
    return rows if len(rows) == count else np.concatenate([rows, np.repeat(rows[-1:], count - len(rows), axis=0)])


def require_examples(where: str, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Refuse what are no arrays with as many rows, at least one; return them as NumPy arrays, mapped files as they are."""
    for name, value in (("x", x), ("y", y)):
        if not isinstance(value, (np.ndarray, jax.Array)) or value.ndim == 0:
            raise ValueError(f"{where}: {name} must be an array with one row an example, got {describe(value)}")
    if len(x) != len(y):
        raise ValueError(f"{where}: x and y must have as many examples, got {len(x)} and {len(y)}")
    if not len(x):
        raise ValueError(f"{where}: x and y must have at least one example, got none")
    return np.asarray(x), np.asarray(y)


def require_count(where: str, name: str, value: Any) -> None:
    """Refuse what is no positive whole number."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{where}: {name} must be a positive whole number, got {value!r}")
