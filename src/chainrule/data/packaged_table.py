"""Read a table of cells that an installed package carries, without importing the package.

``packaged.read_table`` reads images, whole numbers by the million, at the speed of C; here are small tables of any numbers
and words, each row checked on its own, so that an error names the line.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import math
import sys
import zlib
from pathlib import Path

import numpy as np

__all__ = ["find_file", "numbers", "read_rows"]


def find_file(distribution: str, module: str, file: str) -> Path:
    """Find a file in the folder of an installed package.

    Args:
        distribution: what pip calls the package.
        module: what Python calls it.
        file: the path of the file inside the package's folder.

    Raises:
        ModuleNotFoundError: when the package is not installed.
        FileNotFoundError: when it does not hold the file; the message says where it was looked for.
    """
    spec = importlib.util.find_spec(module)
    if spec is None:
        if module in sys.stdlib_module_names:
            reason = f"{module} of Python's own library, which some distributions leave out"
        else:
            reason = f'{distribution}, which is not installed: pip install "chainrule[data]"'
        raise ModuleNotFoundError(f"this data set is carried by {reason}", name=module)
    paths = [Path(folder) / file for folder in spec.submodule_search_locations or ()]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"{distribution} holds no {file}: looked for {', '.join(map(str, paths)) or 'nothing'}")
    return path


def read_rows(path: Path, rows: int, cells: int, *, header: str | None = None, delimiter: str = ",") -> list[list[str]]:
    """Read the rows of a file, compressed where it ends in .gz, as text: exactly ``rows`` of ``cells`` each.

    Args:
        path: the file, in ASCII.
        rows: how many there must be, without the header.
        cells: how many cells each must have.
        header: what the first line must be; None: there is none.
        delimiter: what stands between two cells.

    Raises:
        ValueError: naming file and line, for a file that is cut short, damaged, or holds another table.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: expected a complete gzip file, but it is damaged: {error}") from error
    try:
        table = list(csv.reader(content.decode("ascii").splitlines(), delimiter=delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: expected rows of plain text, but {error}") from error
    if header is not None:
        first = delimiter.join(table.pop(0)) if table else ""
        if first != header:
            raise ValueError(f"{path}: expected the header {header}, got {first or 'none'}")
    if len(table) != rows:
        raise ValueError(f"{path}: expected {rows} rows, got {len(table)}")
    for line, row in enumerate(table, start=1 if header is None else 2):
        if len(row) != cells:
            raise ValueError(f"{path}, line {line}: expected {cells} cells, got {len(row)}: {_cut(row)}")
    return table


def numbers(path: Path, table: list[list[str]], columns: slice, *, first_line: int = 1) -> np.ndarray:
    """Convert some of the columns to float64[rows, columns]: finite, and 0 or more, as all that is carried is.

    Args:
        path: where the rows came from, for messages.
        table: the rows.
        columns: which of the columns.
        first_line: the line of the file that the first row stands on.

    Raises:
        ValueError: naming file and line, for what is no number, not finite, or negative.
    """
    found = []
    for line, row in enumerate(table, start=first_line):
        try:
            values = [float(cell) for cell in row[columns]]
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: expected numbers, but {error}") from error
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise ValueError(f"{path}, line {line}: expected finite numbers of 0 or more, got {_cut(row)}")
        found.append(values)
    return np.array(found, dtype=np.float64)


def _cut(row: list[str]) -> str:
    text = ",".join(row)
    return text if len(text) <= 80 else f"{text[:79]}…"
