"""A split in two in which every class keeps its share."""

from __future__ import annotations

import jax
import numpy as np

from chainrule.checks import describe

__all__ = ["stratified_split"]


def stratified_split(labels: np.ndarray, test_size: int, *, key: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """Split the indices of ``labels`` in two, each class in proportion: ``(train_indices, test_indices)``.

    Of N examples, n_c of them of class c, the test half takes exactly T = ``test_size``. The proportional
    share of class c is q_c = n_c T / N, seldom a whole number. Every class gets floor(q_c), and the T - sum_c
    floor(q_c) that are left over go, one each, to the classes with the largest remainder q_c - floor(q_c)
    (Hamilton's method; the smaller label first where remainders tie). So each count is floor(q_c) or
    floor(q_c) + 1. The remainders are computed in whole numbers, n_c T mod N, and are exact.

    The key says which examples of a class are held out, and the order of both results. The words of
    ``jax.random.key_data(key)`` seed NumPy's PCG64, and indices are sorted by its raw bits, a stream
    that NumPy keeps from version to version: the split is made on the host, compiles no program, and is the
    same always.

    Args:
        labels: int[N], the class of each example.
        test_size: how many examples to hold out, 0 < test_size < N.
        key: a typed key, such as ``jax.random.key(0)``.

    Returns:
        int64[N - T] and int64[T], shuffled; together, each index from 0 to N - 1 once.

    Raises:
        ValueError: for labels that are not a vector of integers, or are empty; for a ``test_size`` that is
            not a whole number between 0 and N; for a class so small that one of the halves would have no
            example of it; for a key that is not one typed key.
    """
    labels = _require_labels(labels)
    total = len(labels)
    whole = isinstance(test_size, (int, np.integer)) and not isinstance(test_size, bool)
    if not whole or not 0 < test_size < total:
        raise ValueError(
            f"stratified_split: test_size must be a whole number of examples from 1 to {total - 1}, got {test_size!r}"
        )
    bits = _random_bits(key)
    classes, class_of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    held_out, remainders = np.divmod(counts.astype(np.int64) * int(test_size), total)
    left_over = int(test_size) - int(held_out.sum())
    held_out[np.argsort(-remainders, kind="stable")[:left_over]] += 1
    for label, count, taken in zip(classes, counts, held_out, strict=True):
        if taken in (0, count):
            raise ValueError(
                f"stratified_split: class {label} has {count} of {total} examples, too few: with test_size "
                f"{test_size}, {taken} would be tested and {count - taken} trained on"
            )
    train, test = [], []
    for number, taken in enumerate(held_out):
        members = _shuffle(bits, np.flatnonzero(class_of == number))
        test.append(members[:taken])
        train.append(members[taken:])
    return _shuffle(bits, np.concatenate(train)), _shuffle(bits, np.concatenate(test))


def _require_labels(labels: np.ndarray) -> np.ndarray:
    found = describe(labels)
    labels = np.asarray(labels)
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise ValueError(f"stratified_split: labels must be a vector of integers, got {found}")
    if not labels.size:
        raise ValueError("stratified_split: labels must have at least two examples, got none")
    return labels


def _random_bits(key: jax.Array) -> np.random.PCG64:
    """Make a source of random bits on the host from a key: nothing is compiled."""
    typed = hasattr(key, "dtype") and jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape != ():
        raise ValueError(f"stratified_split: key must be one typed key, jax.random.key(0), got {describe(key)}")
    return np.random.PCG64([int(word) for word in np.asarray(jax.random.key_data(key))])


def _shuffle(bits: np.random.PCG64, indices: np.ndarray) -> np.ndarray:
    return indices[np.argsort(bits.random_raw(len(indices)), kind="stable")]
