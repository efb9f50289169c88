"""How the columns of a table become the numbers of a network: chosen by the settings, learnt from training rows alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.data.preprocessing import (
    ByColumn,
    MeanImputer,
    MedianImputer,
    MinMaxScaler,
    MissingIndicator,
    NearestNeighborImputer,
    OneHotEncoder,
    OutlierClipper,
    Part,
    Pipeline,
    RobustScaler,
    StandardScaler,
    Transform,
    from_record,
    to_record,
)
from chainrule.data.tables import Table
from chainrule.recipes.table_columns import MOST_CATEGORIES, days
from chainrule.recipes.table_config import TableConfig

__all__ = ["Preparation", "prepare"]

_THRESHOLD = 4.0  # interquartile ranges, or deviations: up to 3 there is real rain
_TELLING = 3.0  # standard errors of a correlation: among 370 columns of noise one is beyond
_NEIGHBOUR_ROWS = 2000  # that are kept to look for the nearest among
_SCALERS = {"standard": StandardScaler, "min-max": MinMaxScaler, "robust": RobustScaler}


@dataclass(frozen=True, eq=False)
class Preparation:
    """A fitted preparation of tables.

    Attributes:
        transform: what is done with which columns.
        params: what it has learnt.
    """

    transform: ByColumn
    params: Any

    def apply(self, table: Table) -> np.ndarray:
        """Turn the rows of a table into the network's inputs, float32[n, features].

        Raises:
            ValueError: for columns that are missing or of another kind, and numbers that cannot be held.
        """
        return self.transform.apply(self.params, table)

    def names(self) -> list[str]:
        """The names of the features."""
        return self.transform.feature_names(self.params)

    def owners(self) -> dict[str, list[int]]:
        """The features that each column becomes, by their indices."""
        owners: dict[str, list[int]] = {}
        first = 0
        for part, fitted in zip(self.transform.parts, self.params, strict=True):
            # Features are named after their columns: marks that no name holds say which is whose.
            marks = {f"\x00{place}\x00": name for place, name in enumerate(part.columns)}
            named = part.transform.feature_names(fitted.params, list(marks))
            for feature, words in enumerate(named, start=first):
                owner = next(name for mark, name in marks.items() if mark in words)
                owners.setdefault(owner, []).append(feature)
            first += len(named)
        return owners

    def unseen(self, table: Table) -> dict[str, int]:
        """How many cells of each column hold a category that the training rows did not, for columns that have some."""
        found: dict[str, int] = {}
        for part, fitted in zip(self.transform.parts, self.params, strict=True):
            if not isinstance(part.transform, OneHotEncoder):
                continue
            block = np.full((len(table), len(part.columns)), None, object)
            for place, name in enumerate(part.columns):
                if table[name].dtype == object:  # else all of it is missing
                    block[:, place] = table[name]
            counts = part.transform.unseen_cells(fitted.params, block).sum(axis=0)
            found |= {name: int(count) for name, count in zip(part.columns, counts, strict=True) if count}
        return found

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"transform": to_record(self.transform), "params": to_record(self.params)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Preparation:
        """Read it back.

        Raises:
            ValueError: for what ``record`` did not write.
        """
        transform = from_record(record["transform"])
        if not isinstance(transform, ByColumn):
            raise ValueError(f"the preprocessing must be a ByColumn, got {type(transform).__name__}")
        return cls(transform, from_record(record["params"]))


def prepare(config: TableConfig, table: Table, target: np.ndarray | None = None) -> Preparation:
    """Learn from training rows how their columns become numbers.

    Numbers, and dates as days: outliers are clipped unless the settings say to keep them, missing cells are filled in, then
    all are scaled. For the nearest neighbours they are scaled first, for otherwise the unit of a column would say how
    near it is; 2,000 rows at most are kept to look among. A column of 0 and 1 says where a number was missing: with
    ``indicators="telling"`` for those columns alone in which that is correlated with the target, by more than three
    standard errors, for every further column of noise costs a small table some accuracy. Categories are one-hot, the 100
    most frequent of them; the others share a column.

    A column without a single value in these rows is left out, with a warning.

    Args:
        config: the settings.
        table: the features of the training rows.
        target: of these rows, float64[n] or int32[n] labels; None: nothing is known of it, and what is missing tells.

    Raises:
        ValueError: when that leaves nothing.
    """
    missing = {name: table.missing(name) for name in table.names}
    empty = [name for name in table.names if missing[name].all()]
    if empty:
        warnings.warn(
            f"{', '.join(map(repr, empty))}: no value in the {len(table)} rows that are trained on, left out there",
            stacklevel=2,
        )
    numbers = tuple(name for name, kind in table.kinds.items() if kind != "category" and name not in empty)
    categories = tuple(name for name, kind in table.kinds.items() if kind == "category" and name not in empty)
    # Of a column of which the middle half is one number, quartiles would make all the same.
    narrow = {name for name in numbers if config.outliers == "clip" and not _has_width(table.columns[name])}
    wanted: list[tuple[tuple[str, ...], Transform]] = [
        (tuple(name for name in numbers if name not in narrow), _of_numbers(config, "iqr")),
        (tuple(name for name in numbers if name in narrow), _of_numbers(config, "z_score")),
        (_flagged(config, {name: missing[name] for name in numbers}, target), MissingIndicator()),
        (categories, OneHotEncoder(most=MOST_CATEGORIES)),
    ]
    parts = tuple(Part(names, transform) for names, transform in wanted if names)
    if not parts:
        raise ValueError(f"{table.source}: no column holds anything in the rows that are trained on")
    transform = ByColumn(parts)
    return Preparation(transform, transform.fit(table))


def _of_numbers(config: TableConfig, outliers: Any) -> Pipeline:
    scaler = _SCALERS[config.scaling]()
    clipper: tuple[Transform, ...] = ()
    if config.outliers == "clip":
        clipper = (OutlierClipper(method=outliers, threshold=_THRESHOLD),)
    if config.impute == "knn":
        return Pipeline((*clipper, scaler, NearestNeighborImputer(most=_NEIGHBOUR_ROWS)))
    imputer = MeanImputer() if config.impute == "mean" else MedianImputer()
    # Clipped first: of a column that is half missing, what fills it in would be the middle half of what is clipped by.
    return Pipeline((*clipper, imputer, scaler))


def _flagged(config: TableConfig, missing: dict[str, np.ndarray], target: np.ndarray | None) -> tuple[str, ...]:
    """The columns beside which one of 0 and 1 says where they are missing."""
    if config.indicators == "never":
        return ()
    some = [name for name in missing if missing[name].any()]
    if config.indicators == "always" or target is None or not some:
        return tuple(some)
    # Classes are as many targets of 0 and 1.
    targets = target[:, None] == np.unique(target) if config.task == "classification" else target[:, None]
    flags = np.column_stack([missing[name] for name in some]).astype(np.float64)
    deviations = [values - values.mean(axis=0) for values in (flags, targets.astype(np.float64))]
    lengths = [np.linalg.norm(values, axis=0) for values in deviations]
    together = deviations[0].T @ deviations[1]
    # Without a relation a correlation of n rows has the standard error 1 / sqrt(n).
    tells = np.abs(together) * np.sqrt(len(target)) > _TELLING * lengths[0][:, None] * lengths[1]
    return tuple(name for name, each in zip(some, tells.any(axis=1), strict=True) if each)


def _has_width(column: np.ndarray) -> bool:
    """Whether the quartiles of a column are apart."""
    numbers = days(column) if column.dtype.kind == "M" else column
    low, high = np.nanpercentile(numbers, [25.0, 75.0])
    return bool(high > low)
