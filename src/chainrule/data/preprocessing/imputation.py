"""Imputation of missing numbers: by mean or median of the column, or by the nearest rows; and where they were missing.

A missing number is NaN. What fills it is learnt from training rows alone; a number that is there is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.checks import describe
from chainrule.data.preprocessing.scaling import learn_by_column
from chainrule.data.preprocessing.transform import Transform, as_numbers, namespace

__all__ = [
    "Fill",
    "MeanImputer",
    "MedianImputer",
    "MissingColumns",
    "MissingIndicator",
    "NearestNeighborImputer",
    "Neighbors",
]

_BLOCK = 2**18  # differences held at once, 2 MiB of float64: what a processor keeps close


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Fill:
    """What fills the missing numbers of each column, a pytree.

    Attributes:
        values: float64[columns], in the units of the columns.
    """

    values: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Neighbors:
    """The training rows among which neighbours are sought, a pytree.

    Attributes:
        rows: float64[rows, columns], NaN where a number is missing.
        values: float64[columns], what fills where there is no neighbour: the mean of each column over all training
            rows.
    """

    rows: Any
    values: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MissingColumns:
    """Which columns had missing numbers; a pytree without arrays, since it decides the shape of what comes out.

    Attributes:
        columns: their indices.
        width: how many columns there were in all.
    """

    columns: tuple[int, ...] = field(metadata={"static": True})
    width: int = field(metadata={"static": True})


class _Imputer(Transform):
    """Fills missing numbers, and leaves the others as they are."""

    def inverse(self, params: Any, x: Any) -> Any:
        """Return filled rows, (n, columns), as they are: what was there is unchanged, and what was filled stays.

        Which numbers were missing is not kept (``MissingIndicator`` keeps it). So apply(inverse(y)) = y for rows
        without missing numbers, and inverse(apply(x)) = x wherever a number of x is there.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, other columns than were fitted, or infinity.
        """
        return as_numbers(f"{type(self).__name__}.inverse", x, np.shape(params.values)[0])


class _ColumnImputer(_Imputer):
    """One number a column fills what is missing there."""

    def apply(self, params: Fill, x: Any) -> Any:
        """Put the learnt number of the column in the place of each missing one.

        Args:
            params: what was learnt, ``Fill``.
            x: rows, (n, columns), NaN where a number is missing; of NumPy, or of JAX (in a compiled program too).

        Returns:
            (n, columns), in the dtype of x, nothing missing; no rows give no rows.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, other columns than were fitted, or infinity.
        """
        as_numbers(f"{type(self).__name__}.apply", x, np.shape(params.values)[0])
        xp = namespace(x)
        return xp.where(xp.isnan(x), xp.asarray(params.values, x.dtype), x)


@dataclass(frozen=True)
class MeanImputer(_ColumnImputer):
    """Fill what is missing with the mean of the column over the training rows.

    Source: scikit-learn's impute.SimpleImputer(strategy="mean").
    """

    def fit(self, x: Any) -> Fill:
        """Learn the mean of each column, of the numbers that are there.

        Args:
            x: training rows, (n, columns), NaN where a number is missing.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, no rows, infinity, or a column, named by its
                index, without a single number: scikit-learn drops such a column silently, so that those after it
                change places.
        """
        return Fill(*learn_by_column("MeanImputer.fit", x, lambda numbers: (numbers.mean(),)))


@dataclass(frozen=True)
class MedianImputer(_ColumnImputer):
    """Fill what is missing with the median of the column over the training rows: outliers do not move it.

    Of an even count of numbers it is the mean of the middle two.

    Source: scikit-learn's impute.SimpleImputer(strategy="median").
    """

    def fit(self, x: Any) -> Fill:
        """Learn the median of each column, of the numbers that are there.

        Args:
            x: training rows, (n, columns), NaN where a number is missing.

        Raises:
            ValueError: as ``MeanImputer.fit`` does.
        """
        return Fill(*learn_by_column("MedianImputer.fit", x, lambda numbers: (np.median(numbers),)))


@dataclass(frozen=True)
class NearestNeighborImputer(_Imputer):
    """Fill what is missing in a row with the mean of that column over the nearest training rows that have it.

    ::

        d(x, r)^2 = columns / |J| sum_{j in J} (x_j - r_j)^2            J: the columns that are there in both rows

        fill = sum_r w_r r_c / sum_r w_r            w_r = 1 (uniform), or 1 / d(x, r) (distance)

    over the ``neighbors`` nearest of the training rows r whose column c is there, or over all of them where there are
    fewer. Rows at the same distance are taken in their order. With weights by distance, rows at distance 0 alone count
    where there are any. A row that shares no column with any of them (one that is missing altogether) gets the mean of
    the column.

    Distances add up the columns in the units that they have: scale before. The training rows are what is learnt, so
    they are kept, and saved. It takes time in proportion to rows times training rows, and memory for a few of the rows
    at once (at least one: a few times what the training rows themselves take). Squares of the differences must be
    within the dtype.

    Attributes:
        neighbors: how many rows count.
        weights: "uniform", or "distance" for weights in inverse proportion to the distance.
        most: how many training rows are kept at the most, evenly spaced over all of them; None keeps all.

    Raises:
        ValueError: for neighbors or most that are no positive whole numbers, or other weights.

    Source: Troyanskaya and others, Missing value estimation methods for DNA microarrays, 2001; scikit-learn's
    impute.KNNImputer, which takes rows at the same distance in no particular order.
    """

    neighbors: int = 5
    weights: Literal["uniform", "distance"] = "uniform"
    most: int | None = None

    def __post_init__(self) -> None:
        where = "NearestNeighborImputer"
        for name, value in (("neighbors", self.neighbors), ("most", 1 if self.most is None else self.most)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{where}: {name} must be a positive whole number, got {value!r}")
        if self.weights not in ("uniform", "distance"):
            raise ValueError(f"{where}: weights must be 'uniform' or 'distance', got {self.weights!r}")

    def fit(self, x: Any) -> Neighbors:
        """Keep the training rows, and learn the mean of each column.

        Args:
            x: training rows, (n, columns), NaN where a number is missing.

        Raises:
            ValueError: as ``MeanImputer.fit`` does.
        """
        (means,) = learn_by_column("NearestNeighborImputer.fit", x, lambda numbers: (numbers.mean(),))
        rows = np.array(x, np.float64)  # a copy: who changes the table later does not change what was learnt
        if self.most is not None and len(rows) > self.most:
            rows = rows[np.arange(self.most) * len(rows) // self.most]
        rows.flags.writeable = False
        return Neighbors(rows, means)

    def apply(self, params: Neighbors, x: Any) -> Any:
        """Fill what is missing, each row by itself.

        Args:
            params: what was learnt, ``Neighbors``.
            x: rows, (n, columns), NaN where a number is missing; of NumPy, or of JAX (in a compiled program too).

        Returns:
            (n, columns), in the dtype of x, nothing missing; no rows give no rows.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, other columns than were fitted, or infinity.
        """
        as_numbers("NearestNeighborImputer.apply", x, np.shape(params.rows)[1])
        xp = namespace(x)
        rows, means = xp.asarray(params.rows, x.dtype), xp.asarray(params.values, x.dtype)
        if x.shape[0] == 0:
            return x
        if xp is jnp:
            return _fill_compiled(x, rows, means, neighbors=self.neighbors, weights=self.weights)
        filled, missing = np.array(x), np.isnan(x)
        incomplete = np.flatnonzero(missing.any(axis=1))
        block = _rows_at_once(rows)
        for start in range(0, len(incomplete), block):
            which = incomplete[start : start + block]
            distance = _distances(np, x[which], rows)
            for column in np.flatnonzero(missing[which].any(axis=0)):
                lacking = missing[which, column]
                filled[which[lacking], column] = _average(
                    np, distance[lacking], rows[:, column], means[column], self.neighbors, self.weights
                )
        return filled


@dataclass(frozen=True)
class MissingIndicator(Transform):
    """Say with 1 and 0 where numbers were missing: a column for each column that had a missing one when it was fitted.

    A column that was complete then has no indicator, even where later rows miss a number in it (scikit-learn's class
    of this name refuses such rows, unless error_on_new=False). Put it beside an imputer: that a number is missing may
    itself tell something.
    """

    def fit(self, x: Any) -> MissingColumns:
        """Find the columns that have missing numbers; a column without a single number is one of them.

        Args:
            x: training rows, (n, columns), NaN where a number is missing.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, no rows, or infinity.
        """
        where = "MissingIndicator.fit"
        host = as_numbers(where, np.asarray(x) if isinstance(x, jax.Array) else x)
        if not host.size:
            raise ValueError(f"{where}: x must have at least one row and one column, got {describe(x)}")
        found = np.flatnonzero(np.isnan(host).any(axis=0))
        return MissingColumns(tuple(int(column) for column in found), host.shape[1])

    def apply(self, params: MissingColumns, x: Any) -> Any:
        """Compute 1 where a number is missing, and 0 where it is there.

        Returns:
            (n, columns that had missing numbers), possibly of no columns, in the dtype of x.

        Raises:
            ValueError: for what is no matrix of floating-point numbers, other columns than were fitted, or infinity.
        """
        as_numbers("MissingIndicator.apply", x, params.width)
        return namespace(x).isnan(x[:, np.array(params.columns, int)]).astype(x.dtype)

    def feature_names(self, params: MissingColumns, names: Sequence[str]) -> list[str]:
        """Name the indicators: the column, and "missing"."""
        return [f"{names[column]} missing" for column in params.columns]


def _rows_at_once(rows: Any) -> int:
    """How many rows are compared with all training rows at once."""
    return max(1, _BLOCK // rows.size)


@partial(jax.jit, static_argnames=("neighbors", "weights"))
def _fill_compiled(x: Any, rows: Any, means: Any, *, neighbors: int, weights: str) -> Any:
    """Fill the missing numbers of x, (n, columns) with n > 0, a block of rows after the other."""

    def fill_row(row: Any) -> Any:
        distance = _distances(jnp, row[None], rows)

        def fill_column(column: Any, mean: Any) -> Any:
            return _average(jnp, distance, column, mean, neighbors, weights)[0]

        return jnp.where(jnp.isnan(row), jax.vmap(fill_column)(rows.T, means), row)

    return jax.lax.map(fill_row, x, batch_size=min(_rows_at_once(rows), x.shape[0]))


def _distances(xp: Any, x: Any, rows: Any) -> Any:
    """Distances of rows x, (b, columns), from the training rows: (b, n), infinite where they share no column.

    Differences are squared as they are: |x|^2 + |r|^2 - 2 x r would be quicker, but not 0 for equal rows.
    """
    difference = x.T[:, :, None] - rows.T[:, None, :]
    total = xp.fmax(difference * difference, 0).sum(axis=0)  # of NaN and 0, fmax is 0
    shared = (~xp.isnan(x)).astype(np.float32) @ (~xp.isnan(rows)).astype(np.float32).T  # whole numbers, exact
    shared = shared.astype(x.dtype)
    return xp.where(shared > 0, xp.sqrt(total * (x.shape[1] / xp.maximum(shared, 1))), np.inf)


def _average(xp: Any, distance: Any, column: Any, mean: Any, neighbors: int, weights: str) -> Any:
    """Average a column of training rows, (n,), over those nearest to each of b rows, by their distances, (b, n): (b,).

    Each row is a sum of its own, not a row of a product of matrices, whose rounding depends on the rows beside it.
    """
    distance = xp.where(xp.isnan(column), np.inf, distance)
    nearest = _nearest(distance, min(neighbors, distance.shape[1]))
    distance, values = xp.take_along_axis(distance, nearest, axis=1), column[nearest]
    counts = xp.isfinite(distance)
    weight = counts.astype(distance.dtype)
    if weights == "distance":  # the least distance over the distance: no reciprocal overflows
        least = distance.min(axis=1, keepdims=True)
        farther = counts & (distance > least)
        weight = weight * xp.where(farther, least / xp.where(farther, distance, 1), 1)
    total = weight.sum(axis=1)
    average = xp.where(counts, weight * values, 0).sum(axis=1) / xp.where(total > 0, total, 1)
    return xp.where(total > 0, average, mean)


def _nearest(distance: Any, count: int) -> Any:
    """Indices, (b, count), of the smallest distances of each row, (b, n); of equal ones those that come first."""
    if isinstance(distance, jax.Array):
        return jax.lax.top_k(-distance, count)[1]
    limit = np.partition(distance, count - 1, axis=1)[:, count - 1 : count]
    chosen = distance <= limit
    if np.count_nonzero(chosen) > count * len(chosen):
        level = distance == limit
        room = count - np.count_nonzero(distance < limit, axis=1, keepdims=True)
        chosen &= ~level | (np.cumsum(level, axis=1) <= room)
    return np.nonzero(chosen)[1].reshape(-1, count)
