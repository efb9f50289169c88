"""Splits: which rows are trained on, and which are held out, at random, class by class, by time, or in folds.

Each gives indices, in which every row of the data occurs once. A key says what is drawn: the words of
``jax.random.key_data(key)`` seed NumPy's PCG64, and indices are sorted by its raw bits, a stream that NumPy keeps from
version to version. So a split is made on the host, compiles no program, and is the same on every machine.
"""

from __future__ import annotations

import jax
import numpy as np

from chainrule.checks import describe

__all__ = ["chronological_split", "k_fold", "random_split", "stratified_k_fold", "stratified_split"]


def random_split(n: int, test_size: int, *, key: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """Split n rows in two, every choice of the held-out rows as likely as another: ``(train_indices, test_indices)``.

    Args:
        n: how many rows there are, two or more.
        test_size: how many of them to hold out, 0 < test_size < n.
        key: a typed key, such as ``jax.random.key(0)``; the same key gives the same split.

    Returns:
        int64[n - test_size] and int64[test_size], shuffled; together, each index from 0 to n - 1 once.

    Raises:
        ValueError: for an ``n`` that is not a whole number of two or more; for a ``test_size`` that is not a whole
            number between 0 and n; for a key that is not one typed key.
    """
    n = _require_rows("random_split", n)
    test_size = _require_test_size("random_split", test_size, n)
    order = _shuffle(_random_bits("random_split", key), np.arange(n))
    return order[test_size:], order[:test_size]


def chronological_split(times: np.ndarray, test_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows in two by time, the last of them held out: ``(train_indices, test_indices)``.

    With a cut t, the rows of times <= t are trained on, and those of times > t are held out: all that is held out is
    later than all that is trained on, and no time is on both sides. Where several rows share a time there may be no cut
    that holds out exactly ``test_size`` rows. Of all cuts that leave a row on both sides, the one is taken that comes
    nearest; of two as near, the one that holds out more.

    Args:
        times: float, int or datetime64 [N], the time of each row, in any order.
        test_size: how many rows to hold out, 0 < test_size < N.

    Returns:
        int64 indices of the rows trained on, and of those held out; each in the order of time, and rows of one time in
        the order in which they came. Together, each index from 0 to N - 1 once.

    Raises:
        ValueError: for times that are no vector of numbers or dates, that are fewer than two, that are all the same, or
            of which one is missing (NaN, NaT) or infinite; for a ``test_size`` that is not a whole number between 0 and
            N.
    """
    times = _require_times(times)
    test_size = _require_test_size("chronological_split", test_size, len(times))
    _, counts = np.unique(times, return_counts=True)
    if len(counts) == 1:
        raise ValueError(f"chronological_split: times must differ, got {times[0]} in all {len(times)} rows")
    earlier = np.cumsum(counts)[:-1]  # how many rows each cut trains on, the earliest cut first
    cut = earlier[np.argmin(np.abs(len(times) - earlier - test_size))]
    order = np.argsort(times, kind="stable")
    return order[:cut], order[cut:]


def stratified_split(labels: np.ndarray, test_size: int, *, key: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """Split the indices of ``labels`` in two, each class in proportion: ``(train_indices, test_indices)``.

    Of N examples, n_c of them of class c, the test half takes exactly T = ``test_size``. The proportional
    share of class c is q_c = n_c T / N, seldom a whole number. Every class gets floor(q_c), and the T - sum_c
    floor(q_c) that are left over go, one each, to the classes with the largest remainder q_c - floor(q_c)
    (Hamilton's method; the smaller label first where remainders tie). So each count is floor(q_c) or
    floor(q_c) + 1. The remainders are computed in whole numbers, n_c T mod N, and are exact.

    The key says which examples of a class are held out, and the order of both results.

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
    labels = _require_labels("stratified_split", labels)
    total = len(labels)
    test_size = _require_test_size("stratified_split", test_size, total)
    bits = _random_bits("stratified_split", key)
    classes, class_of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    held_out, remainders = np.divmod(counts.astype(np.int64) * test_size, total)
    left_over = test_size - int(held_out.sum())
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


def k_fold(n: int, folds: int, *, key: jax.Array) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split n rows into folds, each held out once: a list of ``(train_indices, test_indices)``, one a fold.

    The rows are shuffled and dealt out: n = q folds + r makes r folds of q + 1 rows, and then folds - r of q. What is
    not in a fold is trained on when that fold is held out. With as many folds as rows, each row is left out once,
    alone.

    Args:
        n: how many rows there are, two or more.
        folds: how many folds, 2 <= folds <= n.
        key: a typed key, such as ``jax.random.key(0)``; the same key gives the same folds.

    Returns:
        For each fold, int64 indices of the rows trained on and of those held out, shuffled: together, each index from 0
        to n - 1 once. Each index is held out in one fold.

    Raises:
        ValueError: for an ``n`` that is not a whole number of two or more; for ``folds`` that are not a whole number
            from 2 to n; for a key that is not one typed key.
    """
    n = _require_rows("k_fold", n)
    folds = _require_folds("k_fold", folds, n)
    bits = _random_bits("k_fold", key)
    return _each_held_out(bits, _shuffle(bits, np.arange(n)), folds)


def stratified_k_fold(labels: np.ndarray, folds: int, *, key: jax.Array) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split rows into folds in which every class keeps its share: a list of ``(train_indices, test_indices)``, one a fold.

    The rows of each class are shuffled, and the classes, laid one after the other in the order of their first rows, are
    dealt out to the folds in turn, as cards are. So a class of n_c rows has floor(n_c / folds) or one more of them in
    each fold, and so have the folds of all N. The counts are those of scikit-learn's ``StratifiedKFold``.

    Args:
        labels: int[N], the class of each row.
        folds: how many folds, 2 <= folds <= N.
        key: a typed key, such as ``jax.random.key(0)``; it says which rows of a class go into which fold.

    Returns:
        For each fold, int64 indices of the rows trained on and of those held out, shuffled: together, each index from 0
        to N - 1 once. Each index is held out in one fold.

    Raises:
        ValueError: for labels that are not a vector of integers, or are empty; for ``folds`` that are not a whole
            number from 2 to N; for a class of fewer rows than there are folds; for a key that is not one typed key.
    """
    labels = _require_labels("stratified_k_fold", labels)
    folds = _require_folds("stratified_k_fold", folds, len(labels))
    bits = _random_bits("stratified_k_fold", key)
    classes, first, class_of, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    if counts.min() < folds:
        smallest = int(np.argmin(counts))
        raise ValueError(
            f"stratified_k_fold: class {classes[smallest]} has {counts[smallest]} of {len(labels)} examples, "
            f"too few for {folds} folds"
        )
    members = [_shuffle(bits, np.flatnonzero(class_of == number)) for number in np.argsort(first)]
    return _each_held_out(bits, np.concatenate(members), folds)


def _each_held_out(bits: np.random.PCG64, order: np.ndarray, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Deal indices out to the folds in turn, and hold each fold out once."""
    dealt = [order[fold::folds] for fold in range(folds)]
    pairs = []
    for fold, test in enumerate(dealt):
        train = np.concatenate(dealt[:fold] + dealt[fold + 1 :])
        pairs.append((_shuffle(bits, train), _shuffle(bits, test)))
    return pairs


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _require_rows(where: str, n: int) -> int:
    if not _is_whole(n) or n < 2:
        raise ValueError(f"{where}: n must be a whole number of rows, two or more, got {n!r}")
    return int(n)


def _require_test_size(where: str, test_size: int, total: int) -> int:
    if not _is_whole(test_size) or not 0 < test_size < total:
        raise ValueError(
            f"{where}: test_size must be a whole number of examples from 1 to {total - 1}, got {test_size!r}"
        )
    return int(test_size)


def _require_folds(where: str, folds: int, total: int) -> int:
    if not _is_whole(folds) or not 2 <= folds <= total:
        raise ValueError(f"{where}: folds must be a whole number from 2 to {total}, the examples, got {folds!r}")
    return int(folds)


def _require_times(times: np.ndarray) -> np.ndarray:
    found = describe(times)
    times = np.asarray(times)
    if times.ndim != 1 or (times.size and times.dtype.kind not in "fiuM"):
        raise ValueError(f"chronological_split: times must be a vector of numbers or dates, got {found}")
    if len(times) < 2:
        raise ValueError(f"chronological_split: times must be of at least two rows, got {found}")
    bad = np.isnat(times) if times.dtype.kind == "M" else ~np.isfinite(times)
    if bad.any():
        index = int(np.argmax(bad))
        raise ValueError(
            f"chronological_split: times must not be missing or infinite, got {times[index]} at times[{index}], "
            f"one of {int(bad.sum())} such"
        )
    return times


def _require_labels(where: str, labels: np.ndarray) -> np.ndarray:
    found = describe(labels)
    labels = np.asarray(labels)
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise ValueError(f"{where}: labels must be a vector of integers, got {found}")
    if not labels.size:
        raise ValueError(f"{where}: labels must have at least two examples, got none")
    return labels


def _random_bits(where: str, key: jax.Array) -> np.random.PCG64:
    """Make a source of random bits on the host from a key: nothing is compiled."""
    typed = hasattr(key, "dtype") and jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape != ():
        raise ValueError(f"{where}: key must be one typed key, jax.random.key(0), got {describe(key)}")
    return np.random.PCG64([int(word) for word in np.asarray(jax.random.key_data(key))])


def _shuffle(bits: np.random.PCG64, indices: np.ndarray) -> np.ndarray:
    return indices[np.argsort(bits.random_raw(len(indices)), kind="stable")]
