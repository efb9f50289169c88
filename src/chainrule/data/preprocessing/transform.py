"""What a transform is: what it learns from training data, apart from how it changes any data.

::

    scaler = StandardScaler()
    params = scaler.fit(train)              # learnt from the training rows, and from nothing else
    x = scaler.apply(params, train)         # a pure function of what was learnt and of the rows
    held_out = scaler.apply(params, test)   # nothing of the test rows has been looked at
    test = scaler.inverse(params, held_out)

A transform holds settings alone, and is frozen; what it has learnt is a value that goes in and comes out, a pytree. So
nothing of held-out data can leak into it: ``apply`` learns nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.checks import describe

__all__ = ["Transform", "as_numbers", "namespace"]


class Transform(ABC):
    """Settings of a transform of the columns of a matrix: subclasses are frozen dataclasses.

    Matrices have a row an example and a column a feature, (n, columns): of floating-point numbers, NaN where one is
    missing, or of categories, object, str or None. ``fit`` works on the host, in float64; ``apply`` and ``inverse`` of
    numbers work on the host for NumPy's arrays, and for JAX's in a compiled program as well, in the dtype of the matrix.
    """

    @abstractmethod
    def fit(self, x: Any) -> Any:
        """Learn from the rows of training data, (n, columns); returns a pytree."""

    @abstractmethod
    def apply(self, params: Any, x: Any) -> Any:
        """Transform rows, (n, columns) to (n, columns out), by what was learnt."""

    def inverse(self, params: Any, x: Any) -> Any:
        """Undo ``apply``, (n, columns out) to (n, columns).

        Raises:
            ValueError: for a transform that cannot be undone.
        """
        raise ValueError(f"{type(self).__name__} cannot be undone: what it changed is not kept")

    def feature_names(self, params: Any, names: Sequence[str]) -> list[str]:
        """Name the columns that ``apply`` puts out, given the names of those that it takes."""
        return list(names)


def namespace(x: Any) -> Any:
    """The functions that compute with an array: ``jax.numpy`` for one of JAX, ``numpy`` for the host's."""
    return jnp if isinstance(x, jax.Array) else np


def as_numbers(where: str, x: Any, columns: int | None = None) -> Any:
    """Require a matrix of floating-point numbers, (n, columns); NaN stands for a missing one.

    Raises:
        ValueError: for another dtype or shape, other columns than were fitted, or (on the host) infinity.
    """
    if not hasattr(x, "dtype") or not jnp.issubdtype(x.dtype, jnp.floating) or x.ndim != 2:
        raise ValueError(f"{where}: x must be of floating-point numbers (rows, columns), got {describe(x)}")
    if columns is not None and x.shape[1] != columns:
        raise ValueError(f"{where}: x must have the {columns} columns that were fitted, got {describe(x)}")
    if isinstance(x, np.ndarray) and np.isinf(x).any():
        row, column = np.argwhere(np.isinf(x))[0]
        raise ValueError(f"{where}: x must be finite, or NaN where missing, got {x[row, column]} at x[{row}, {column}]")
    return x
