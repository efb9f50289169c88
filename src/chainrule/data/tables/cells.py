"""What one cell of a text table says: a number, a date, a word, or that it is missing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np

__all__ = [
    "MISSING_BESIDE_NUMBERS",
    "MISSING_WORDS",
    "dates_of",
    "impossible_date",
    "is_missing",
    "looks_like_commas",
    "missing_words",
    "number_of",
]

MISSING_WORDS = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "none", "?", "-")
"""Cells that are missing, after their blanks are stripped, unless the reader is given other words."""

MISSING_BESIDE_NUMBERS = ("None", "none", "-")
"""Those of them that are missing only in a column whose other cells are all numbers, or all dates: in a column of
categories "none" is one, and a class or a level would be gone without a word."""

_DATE = re.compile(r"([0-9]{4})([-/])([0-9]{2})\2([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?")
_COMMAS = re.compile(
    r"[+-]?[0-9]{1,3}([,' \u00a0\u202f])[0-9]{3}(?:\1[0-9]{3})*(?:\.[0-9]+)?"  # 1,234,567.8
    r"|[+-]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+"  # 1.234.567,8
    r"|[+-]?[0-9]+,[0-9]+"  # 1,5
)


def missing_words(words: Iterable[str] | None) -> frozenset[str]:
    """Collect the words that stand for a missing cell: those given, or the usual ones; and always the empty cell.

    Raises:
        ValueError: for a single string (its letters would be taken for words) or what is no string.
    """
    if words is None:
        return frozenset(MISSING_WORDS)
    words = words if isinstance(words, str) else tuple(words)
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        raise ValueError(f'missing must be words in a list, such as ["unknown"], got {words!r}')
    return frozenset(word.strip() for word in words) | {""}


def is_missing(text: str, words: frozenset[str]) -> bool:
    """Whether a stripped cell is missing: one of the words, or "nan" in any spelling, which is no number."""
    return text in words or (len(text) < 5 and text.lstrip("+-").lower() == "nan")


def number_of(text: str, comma: bool = False) -> float | None:
    """Read a stripped cell as a number, or return None: as ``float`` reads it, but without underscores.

    Args:
        text: the cell.
        comma: whether a decimal comma is allowed; a cell with comma and point is no number.
    """
    if "_" in text:
        return None
    if comma and "," in text:
        if "." in text:
            return None
        text = text.replace(",", ".")
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def dates_of(texts: Sequence[str]) -> list[str | None]:
    """Write stripped cells that look like dates in one form, YYYY-MM-DDTHH:MM:SS; None stands for the others.

    A date is YYYY-MM-DD or YYYY/MM/DD, with or without a time of day HH:MM or HH:MM:SS after a T or a blank (ISO 8601
    without a time zone). Whether there is such a day is not asked here: see ``impossible_date``.
    """
    found = [_DATE.fullmatch(text) for text in texts]
    return [
        f"{match[1]}-{match[3]}-{match[4]}T{match[5] or '00'}:{match[6] or '00'}:{match[7] or '00'}" if match else None
        for match in found
    ]


def impossible_date(dates: Sequence[str]) -> int | None:
    """Find the first of dates in the form of ``dates_of`` that no calendar has, such as 2023-02-30; None if all exist."""
    try:
        np.array(dates, "datetime64[s]")
    except ValueError:
        for index, date in enumerate(dates):
            try:
                np.datetime64(date, "s")
            except ValueError:
                return index
    return None


def looks_like_commas(text: str) -> bool:
    """Whether a stripped cell looks like a number with a comma, or with its thousands set apart: 1,5 or 1 234.5."""
    return _COMMAS.fullmatch(text) is not None
