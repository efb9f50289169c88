"""Encoding of categories: a column of 0 and 1 for each category of a feature, or a whole number for each class of a target.

The names are learnt from training rows, and sorted by their characters. A category that was not seen then has a rule,
which the caller chooses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, Literal

import jax
import numpy as np

from chainrule.checks import describe
from chainrule.data.preprocessing.transform import Transform, as_numbers

__all__ = ["Categories", "LabelEncoder", "Labels", "OneHotEncoder"]

_MISSING, _UNSEEN = -1, -2  # the codes of cells that are no category


@partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=["names", "rest"])
@dataclass(frozen=True)
class Categories:
    """What ``OneHotEncoder`` has learnt: a pytree without arrays.

    Attributes:
        names: for each column, the categories that have a column of their own in what is put out, sorted.
        rest: for each column, the categories that share its last one, "other", sorted; empty where there is none.
    """

    names: tuple[tuple[str, ...], ...]
    rest: tuple[tuple[str, ...], ...]


@partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=["names"])
@dataclass(frozen=True)
class Labels:
    """What ``LabelEncoder`` has learnt: a pytree without arrays.

    Attributes:
        names: the class of each label, sorted: label k is ``names[k]``.
    """

    names: tuple[str, ...]


@dataclass(frozen=True)
class OneHotEncoder(Transform):
    """Make a column of 0 and 1 for each category of each column.

    ::

        y[i, (j, c)] = 1 if x[i, j] = c else 0

    A missing cell, None, is a row of zeros; it is no category of its own. So is a category that was not seen when the
    encoder was fitted, unless ``unseen`` is "error".

    With ``most``, the most frequent categories of each column are kept, and all others that were seen share one column
    more, "other". (Of categories as frequent as each other those later in the order of names are kept. That is
    scikit-learn's choice for ``max_categories`` = most + 1, which counts the shared column.)

    A column all of whose cells are missing has no categories, and puts out no column.

    Attributes:
        unseen: what becomes of a category that was not seen: "ignore" for zeros, or "error".
        most: how many categories of a column to keep, at least 1; None for all.

    Raises:
        ValueError: for another ``unseen``, or a ``most`` that is not a whole number of at least 1.

    Source: scikit-learn's preprocessing.OneHotEncoder.
    """

    unseen: Literal["ignore", "error"] = "ignore"
    most: int | None = None

    def __post_init__(self) -> None:
        if self.unseen not in ("ignore", "error"):
            raise ValueError(f"OneHotEncoder: unseen must be 'ignore' or 'error', got {self.unseen!r}")
        if self.most is not None and (type(self.most) is not int or self.most < 1):
            raise ValueError(f"OneHotEncoder: most must be a whole number of at least 1, or None, got {self.most!r}")

    def fit(self, x: Any) -> Categories:
        """Find the categories of each column.

        Args:
            x: training rows, object[n, columns] of str, None where a cell is missing.

        Raises:
            ValueError: for what is no such matrix, no rows or columns, or a cell that is neither str nor None.
        """
        _require_cells("OneHotEncoder.fit", x)
        if not x.size:
            raise ValueError(f"OneHotEncoder.fit: x must have at least one row and one column, got {describe(x)}")
        names, rest = [], []
        for column in range(x.shape[1]):
            counts = _count("OneHotEncoder.fit", f" in column {column}", x[:, column])
            found = sorted(counts)
            by_count = sorted(found, key=counts.__getitem__)  # stable: the order of names where counts are equal
            kept = set(found if self.most is None else by_count[-self.most :])
            names.append(tuple(name for name in found if name in kept))
            rest.append(tuple(name for name in found if name not in kept))
        return Categories(tuple(names), tuple(rest))

    def apply(self, params: Categories, x: Any) -> np.ndarray:
        """Make a column of 0 and 1 for each category.

        Args:
            params: what was learnt, ``Categories``.
            x: rows, object[n, columns] of str, None where a cell is missing.

        Returns:
            float32[n, features]: the categories of the first column in the order of their names, then "other" where
            some share it, then those of the next column. No rows give no rows.

        Raises:
            ValueError: for what is no such matrix, other columns than were fitted, a cell that is neither str nor None,
                and (where ``unseen`` is "error") a category that was not seen; it names the category and the column.
        """
        widths = _widths(params)
        _require_cells("OneHotEncoder.apply", x, len(widths))
        encoded = np.zeros((len(x), sum(widths)), np.float32)
        start = 0
        for column, width in enumerate(widths):
            codes = self._codes(params, x, column)
            rows = np.flatnonzero(codes >= 0)
            encoded[rows, start + codes[rows]] = 1
            start += width
        return encoded

    def inverse(self, params: Categories, x: Any) -> np.ndarray:
        """Return the categories of rows of 0 and 1; None where a column's are all zeros.

        Which of the categories that share a column it was is not kept: they all become its word, "other" (see
        ``feature_names``). What was not seen becomes None, as what was missing does.

        Args:
            params: what was learnt, ``Categories``.
            x: rows of 0 and 1, floating-point (n, features).

        Returns:
            object[n, columns] of str, or None.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, other features than were fitted, or a row that
                has other numbers than 0 and 1, or 1 twice for a column.
        """
        widths = _widths(params)
        x = np.asarray(as_numbers("OneHotEncoder.inverse", x, sum(widths)))
        decoded = np.full((len(x), len(widths)), None, object)
        start = 0
        for column, width in enumerate(widths):
            block = x[:, start : start + width]
            start += width
            ones = block == 1
            bad = ~(ones | (block == 0)).all(axis=1) | (ones.sum(axis=1) > 1)
            if bad.any():
                row = int(np.argmax(bad))
                raise ValueError(
                    f"OneHotEncoder.inverse: x must hold one 1 or none for a column, and zeros, "
                    f"got {block[row].tolist()} for column {column} in row {row}"
                )
            if width:
                words = np.array([*_words(params, column), None], object)
                decoded[:, column] = words[np.where(ones.any(axis=1), ones.argmax(axis=1), width)]
        return decoded

    def feature_names(self, params: Categories, names: Sequence[str]) -> list[str]:
        """Name the columns that ``apply`` puts out: "colour=red", and "colour=other" for the one that the others share.

        Where "other" is itself one of the categories that are kept, it is "(other)" that they share.
        """
        return [f"{name}={word}" for column, name in enumerate(names) for word in _words(params, column)]

    def unseen_cells(self, params: Categories, x: Any) -> np.ndarray:
        """Say which cells hold a category that was not seen when the encoder was fitted: bool[n, columns].

        Raises:
            ValueError: for what is no matrix of str and None, or other columns than were fitted.
        """
        _require_cells("OneHotEncoder.unseen_cells", x, len(params.names))
        unseen = np.zeros(x.shape, np.bool_)
        for column in range(x.shape[1]):
            unseen[:, column] = _encode("OneHotEncoder.unseen_cells", x[:, column], _lookup(params, column)) == _UNSEEN
        return unseen

    def _codes(self, params: Categories, x: np.ndarray, column: int) -> np.ndarray:
        """The number of each cell's category among those of its column; negative where it has none."""
        codes = _encode("OneHotEncoder.apply", x[:, column], _lookup(params, column))
        if self.unseen == "error" and (codes == _UNSEEN).any():
            row = int(np.argmax(codes == _UNSEEN))
            raise ValueError(
                f"OneHotEncoder.apply: column {column} must be of categories that were fitted, "
                f"{_few(params.names[column] + params.rest[column])}, got {x[row, column]!r}"
            )
        return codes


@dataclass(frozen=True)
class LabelEncoder(Transform):
    """Number the classes of a target, in the order of their names.

    ::

        y[i] = k   where   x[i] = names[k],   names sorted

    A class that was not seen when the encoder was fitted has no number, and neither has a missing one: both are
    refused.

    Source: scikit-learn's preprocessing.LabelEncoder.
    """

    def fit(self, x: Any) -> Labels:
        """Find the classes.

        Args:
            x: the classes of the training rows, object[n] of str.

        Raises:
            ValueError: for what is no vector of str, no rows, or a missing cell.
        """
        _require_cells("LabelEncoder.fit", x, axes=1)
        if not x.size:
            raise ValueError(f"LabelEncoder.fit: x must have at least one row, got {describe(x)}")
        counts = _count("LabelEncoder.fit", "", x)
        if counts.total() < len(x):
            missing = len(x) - counts.total()
            raise ValueError(f"LabelEncoder.fit: x must have no missing cell, got {missing} of {len(x)}")
        return Labels(tuple(sorted(counts)))

    def apply(self, params: Labels, x: Any) -> np.ndarray:
        """Number classes: object[n] of str to int32[n], from 0.

        Raises:
            ValueError: for what is no vector of str, a missing cell, or a class that was not seen: the first, and its
            row.
        """
        _require_cells("LabelEncoder.apply", x, axes=1)
        labels = _encode("LabelEncoder.apply", x, {name: label for label, name in enumerate(params.names)})
        if (labels < 0).any():
            row = int(np.argmax(labels < 0))
            got = "a missing cell" if x[row] is None else repr(x[row])
            raise ValueError(
                f"LabelEncoder.apply: x must be of classes that were fitted, {_few(params.names)}, "
                f"got {got} at x[{row}]"
            )
        return labels

    def inverse(self, params: Labels, x: Any) -> np.ndarray:
        """Name the classes of labels: int[n] to object[n] of str.

        Raises:
            ValueError: for what is no vector of integers, or a label that no class has.
        """
        labels = np.asarray(x)
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise ValueError(f"LabelEncoder.inverse: x must be a vector of integers, got {describe(x)}")
        bad = (labels < 0) | (labels >= len(params.names))
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(
                f"LabelEncoder.inverse: x must be of labels from 0 to {len(params.names) - 1}, "
                f"got {labels[row]} at x[{row}]"
            )
        return np.array(params.names, object)[labels]


def _require_cells(where: str, x: Any, columns: int | None = None, axes: int = 2) -> None:
    """Refuse what is no matrix, or no vector, of objects on the host."""
    shape = "(rows, columns)" if axes == 2 else "(rows)"
    if not isinstance(x, np.ndarray) or x.dtype.kind != "O" or x.ndim != axes:
        raise ValueError(f"{where}: x must be an object array {shape} of str, None where missing, got {describe(x)}")
    if columns is not None and x.shape[1] != columns:
        raise ValueError(f"{where}: x must have the {columns} columns that were fitted, got {describe(x)}")


def _count(where: str, place: str, cells: np.ndarray) -> Counter[str]:
    """How often each category occurs; missing cells are not counted."""
    try:
        counts = Counter(cells)
    except TypeError as error:
        raise ValueError(f"{where}: x must be of str, None where missing, got {error}{place}") from error
    _require_words(where, place, counts)
    counts.pop(None, None)
    return Counter({str(name): count for name, count in counts.items()})


def _encode(where: str, cells: np.ndarray, codes: Mapping[str | None, int]) -> np.ndarray:
    """The code of each cell, int32[n]; ``_MISSING`` for None, and ``_UNSEEN`` for what has none."""
    look_up = {None: _MISSING, **codes}.get
    try:
        encoded = np.fromiter(map(look_up, cells, repeat(_UNSEEN)), np.int32, len(cells))
    except TypeError as error:
        raise ValueError(f"{where}: x must be of str, None where missing, got {error}") from error
    _require_words(where, "", cells[encoded == _UNSEEN])
    return encoded


def _require_words(where: str, place: str, cells: Any) -> None:
    """Refuse cells that are neither str nor None: a number among them would be taken for a category, or for no category."""
    for cell in cells:
        if cell is not None and not isinstance(cell, str):
            raise ValueError(
                f"{where}: x must be of str, None where missing, got {cell!r} of type {type(cell).__name__}{place}"
            )


def _lookup(params: Categories, column: int) -> dict[str | None, int]:
    """The code of each category of a column: those that share a column have one code."""
    kept: dict[str | None, int] = {name: code for code, name in enumerate(params.names[column])}
    return kept | dict.fromkeys(params.rest[column], len(kept))


def _widths(params: Categories) -> list[int]:
    """How many columns each column becomes."""
    return [len(names) + bool(rest) for names, rest in zip(params.names, params.rest, strict=True)]


def _words(params: Categories, column: int) -> list[str]:
    """What each of the columns that a column becomes stands for."""
    names, word = params.names[column], "other"
    while word in names:
        word = f"({word})"
    return [*names, word] if params.rest[column] else list(names)


def _few(names: Sequence[str], most: int = 8) -> str:
    """The first of some names, for a message."""
    shown = ", ".join(map(repr, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "of which there are none"
