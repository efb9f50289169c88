"""Which character stands between the cells of a text table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

__all__ = ["DELIMITERS", "dialect", "find_delimiter"]

DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT = 20  # rows


def dialect(delimiter: str, strict: bool = True) -> dict[str, Any]:
    """How ``csv.reader`` is to read: RFC 4180, blanks before a cell skipped, and a quote out of place refused."""
    return {"delimiter": delimiter, "strict": strict, "skipinitialspace": delimiter != " "}


def find_delimiter(text: str, complete: bool, prefer: str | None = None) -> str:
    """Find the delimiter: the one with which the first rows have equally many cells, more than one.

    Where several do, the one that gives the most cells. Where none does, the one with which most rows are as the header,
    so that the error for a ragged line names the right line. Without any of them in the header: a table of one column.

    Args:
        text: the beginning of the file.
        complete: whether it is the whole file, so that its last line is one.
        prefer: the delimiter that the file's name tells, taken wherever it occurs in the header.

    Raises:
        ValueError: for a table of one column that looks as if blanks stood between its cells.
    """
    candidates = []
    for delimiter in DELIMITERS:
        widths = [len(row) for row in _rows(text, delimiter, complete)]
        if widths and widths[0] > 1:
            if delimiter == prefer:
                return delimiter
            alike = sum(width == widths[0] for width in widths)
            candidates.append((alike == len(widths), alike, widths[0], delimiter))
    if candidates:
        return max(candidates, key=lambda each: each[:3])[3]  # the first of equals: in the order of DELIMITERS
    _refuse_blanks([row[0] for row in _rows(text, DELIMITERS[0], complete)])
    return DELIMITERS[0]


def _rows(text: str, delimiter: str, complete: bool) -> Iterator[list[str]]:
    """Split the first rows; one that the text cuts off is left out."""
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, **dialect(delimiter, strict=False))
    found = 0
    try:
        for row in reader:
            if not complete and reader.line_num >= len(lines) and found:
                return
            if any(cell.strip() for cell in row) or len(row) > 1:
                found += 1
                yield row
            if found == _LOOKED_AT:
                return
    except csv.Error:  # it comes again, with its line, when the file is read
        return


def _refuse_blanks(rows: list[str]) -> None:
    parts = [row.split() for row in rows]
    if len(parts) > 1 and len(parts[0]) > 1 and all(len(each) == len(parts[0]) for each in parts):
        try:
            [float(cell) for each in parts[1:] for cell in each]
        except ValueError:
            return
        raise ValueError(
            f"none of the delimiters {' '.join(map(repr, DELIMITERS))} occurs in the header {rows[0].strip()!r}; "
            "if blanks stand between its cells, say --delimiter ' ' (in Python delimiter=' ')"
        )
