"""Write a table as CSV, so that reading it gives the same values."""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np

from chainrule.data.tables.table import Table

__all__ = ["write_csv"]

_ROWS = 10_000  # formatted at a time
_WHOLE = 2.0**53  # below, every whole number is a float64


def write_csv(table: Table, path: str | Path, *, overwrite: bool = False) -> None:
    r"""Write a table as RFC 4180 says: commas, lines that end in \r\n, quotes where they are needed; in UTF-8.

    Numbers are written as the shortest text that reads back as the same float64 (in a column of whole numbers below
    2^53 without a point: 127, not 127.0), dates as YYYY-MM-DD or (where a
    column has times of day) YYYY-MM-DDTHH:MM:SS, missing cells as nothing. ``read_csv`` gives the same table back,
    but for categories that look like something else: those that are words of missing cells, such as NA, blanks at
    their ends, and columns whose categories are all numbers or dates (read those with ``kinds``).

    Args:
        table: the table.
        path: the file; a name that ends in .gz is packed.
        overwrite: whether a file of this name may be replaced.

    Raises:
        FileExistsError: when there is one and ``overwrite`` is False.
        ValueError: for what is no table, infinity, a category that is no string, or characters that UTF-8 does not
            have; no file is left behind.
    """
    if not isinstance(table, Table):
        raise ValueError(f"write_csv: table must be a Table, got {type(table).__name__}")
    path = Path(path)
    for name, column in table.columns.items():
        _require_writable(name, column)
    part = path.with_name(path.name + ".part") if overwrite else path
    with part.open("wb" if overwrite else "xb") as raw:
        try:
            if path.name.lower().endswith(".gz"):
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                    _write(table, cast("IO[bytes]", packed))
            else:
                _write(table, raw)
        except BaseException as error:
            part.unlink()
            if isinstance(error, UnicodeEncodeError):
                raise ValueError(f"{path}: a cell cannot be written in UTF-8: {error}") from error
            raise
    if overwrite:
        part.replace(path)


def _write(table: Table, raw: IO[bytes]) -> None:
    text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    try:
        _write_rows(table, text)
    finally:
        text.detach()  # flushes; the file below is closed by its owner


def _write_rows(table: Table, text: IO[str]) -> None:
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.names)
    forms = {name: _form(column) for name, column in table.columns.items()}
    for start in range(0, len(table), _ROWS):
        chunk = [_cells(column[start : start + _ROWS], forms[name]) for name, column in table.columns.items()]
        writer.writerows(zip(*chunk, strict=True))


def _form(column: np.ndarray) -> str:
    """How all cells of a column are written: "whole" numbers or numbers, dates to the "s" or the "D", or words."""
    if column.dtype.kind == "f":
        known = column[~np.isnan(column)]
        return "whole" if np.all((known == np.round(known)) & (np.abs(known) < _WHOLE)) else "number"
    if column.dtype.kind == "M":
        return "s" if _has_times(column) else "D"
    return "word"


def _cells(column: np.ndarray, form: str) -> Iterator[str]:
    if form == "whole":
        return ("" if math.isnan(number) else f"{number:.0f}" for number in column.tolist())
    if form == "number":
        return ("" if math.isnan(number) else repr(number) for number in column.tolist())
    if form == "word":
        return ("" if word is None else word for word in column.tolist())
    days = np.datetime_as_string(column, unit="s" if form == "s" else "D")
    return ("" if day == "NaT" else day for day in days.tolist())


def _has_times(column: np.ndarray) -> bool:
    known = column[~np.isnat(column)]
    return bool((known != known.astype("datetime64[D]")).any())


def _require_writable(name: str, column: np.ndarray) -> None:
    if column.dtype.kind == "f" and np.isinf(column).any():
        row = int(np.argmax(np.isinf(column)))
        raise ValueError(f"write_csv: column {name!r} must be of finite numbers or NaN, got {column[row]} in row {row}")
    if column.dtype.kind == "M":
        years = column.astype("datetime64[Y]").astype(int) + 1970
        if ((years < 0) | (years > 9999))[~np.isnat(column)].any():
            raise ValueError(f"write_csv: column {name!r} must be of dates in the years 0 to 9999")
    if column.dtype.kind == "O":
        for row, word in enumerate(column):
            if word is not None and not isinstance(word, str):
                raise ValueError(f"write_csv: column {name!r} must be of str or None, got {word!r} in row {row}")
