"""What a column of text holds, decided by its distinct cells: numbers, dates or categories, and nothing in between."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.data.tables.cells import dates_of, impossible_date, looks_like_commas, missing_words, number_of
from chainrule.data.tables.remarks import LEADING_ZERO, remarks, spellings
from chainrule.data.tables.table import Kind

__all__ = ["Found", "decide", "mixed_message", "nearly_all"]

_NEARLY, _ENOUGH = 0.9, 10


class Found(NamedTuple):
    """A column as it was read: its values, what is to be said of them, and the words that stood for missing cells."""

    values: np.ndarray
    note: str
    words: tuple[str, ...] = ()


def nearly_all(numbers: int, words: int) -> bool:
    """Whether a column with so many numbers is of numbers, and its words a mistake: 90 % of the cells, and at least 10."""
    return numbers >= _ENOUGH and numbers >= _NEARLY * (numbers + words)


def mixed_message(
    where: str, name: str, what: str, count: int, total: int, word: str, line: int, missing: frozenset[str]
) -> str:
    """Say that a column is neither one thing nor the other, and the way out.

    Words of missing cells take the place of the usual ones: so those that were given are said again.
    """
    given = [] if missing == missing_words(None) else sorted(missing - {""})
    words = [*given, word]
    options = " ".join(f"--missing {shlex.quote(each)}" for each in words)
    return (
        f"{where} {line}: column {name!r} holds {what} in {count} of {total} cells, but here {word!r}: "
        f"if that means a missing cell, say {options} (in Python missing={words!r}), "
        f"if the column is of categories, --categorical {shlex.quote(name)} (in Python kinds={{{name!r}: 'category'}})"
    )


def decide(
    name: str,
    where: str,
    kind: Kind | None,
    texts: Sequence[str | None],
    lines: Sequence[int],
    codes: np.ndarray,
    *,
    comma: bool,
    missing: frozenset[str],
    beside_numbers: frozenset[str] = frozenset(),
) -> Found:
    """Decide what a column holds, and make it.

    Numbers when every cell that is not missing is one (with a decimal comma, where that is allowed); dates when
    every one looks like a date; else categories. A column without any cell is of numbers, all NaN. Words that are
    missing beside numbers and dates are categories among categories.

    Cells of digits alone, some of which begin with a zero that a number would lose, are codes, and so categories, unless
    ``kind`` says "number". They are numbers all the same, with a note, where nearly all have no such zero and the cells
    are of several lengths: a few odd ones among numbers. What looks as if something else were meant is noted: see
    ``remarks``.

    Args:
        name: the column, for messages.
        where: the file and what is counted in it, "wine.csv, line", for messages.
        kind: what it must hold, or None.
        texts: its distinct cells, stripped; the first is None, for missing ones.
        lines: the line on which each comes first.
        codes: int32[n], which of them each cell is.
        comma: whether a decimal comma is allowed.
        missing: the words of missing cells, for messages.
        beside_numbers: words that are missing cells unless the column is of categories.

    Raises:
        ValueError: naming column and line: a cell that is not of the kind asked for; infinity; a date that no
            calendar has; words in a column that is nearly all numbers or dates; numbers with commas or with
            their thousands set apart.
    """
    column = _Distinct(name, where, [text for text in texts if text is not None], list(lines[1:]), codes)
    if kind == "category":
        return column.categories(spellings(column.texts))
    whole, column = column, column.without(beside_numbers)
    numbers = [number_of(text, comma) for text in column.texts]
    if kind == "number" or (kind is None and None not in numbers):
        zeros = [] if kind else column.leading_zeros()
        if zeros and not column.plain_but_for(zeros):
            return column.categories(
                f"codes with leading zeros such as {zeros[0]!r}: read as words; for numbers strip the zeros, "
                f"or in Python kinds={{{name!r}: 'number'}}"
            )
        found = column.as_numbers(numbers, comma)
        if not zeros:
            return found
        few = f"a few leading zeros such as {zeros[0]!r}: read as numbers; for words --categorical {shlex.quote(name)}"
        return found._replace(note=few)
    dates = dates_of(column.texts)
    if kind == "date" or None not in dates:
        return column.as_dates(dates)
    column.refuse_mixed("numbers", numbers, missing)
    column.refuse_mixed("dates", dates, missing)
    column.refuse_commas(numbers)
    return whole.categories(remarks(whole.texts))


class _Distinct:
    """The distinct cells of a column, none of them missing, and where they stand."""

    def __init__(
        self,
        name: str,
        where: str,
        texts: list[str],
        lines: list[int],
        codes: np.ndarray,
        words: tuple[str, ...] = (),
    ) -> None:
        self.name, self.where, self.texts, self.lines, self.codes = name, where, texts, lines, codes
        self.words = words  # that were taken for missing cells

    def without(self, words: frozenset[str]) -> _Distinct:
        """The same column where these words are missing cells."""
        keep = [text not in words for text in self.texts]
        if all(keep):
            return self
        codes = np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.int32)[self.codes]
        texts = [text for text, kept in zip(self.texts, keep, strict=True) if kept]
        lines = [line for line, kept in zip(self.lines, keep, strict=True) if kept]
        return _Distinct(self.name, self.where, texts, lines, codes, tuple(t for t in self.texts if t in words))

    def leading_zeros(self) -> list[str]:
        """The cells that begin with a zero that a number would lose; none where a cell is not of digits alone."""
        if not all(text.isdecimal() for text in self.texts):
            return []
        return [text for text in self.texts if LEADING_ZERO.match(text)]

    def plain_but_for(self, zeros: Sequence[str]) -> bool:
        """Whether these cells are a few odd ones: nearly all are others, and they are not all of one length."""
        odd = set(zeros)
        counts = np.bincount(self.codes, minlength=len(self.texts) + 1)[1:].tolist()
        few = sum(count for text, count in zip(self.texts, counts, strict=True) if text in odd)
        return len(set(map(len, self.texts))) > 1 and nearly_all(sum(counts) - few, few)

    def categories(self, note: str) -> Found:
        values = np.empty(len(self.texts) + 1, object)
        values[0] = None
        values[1:] = self.texts
        return Found(values[self.codes], note, self.words)

    def as_numbers(self, numbers: list[float | None], comma: bool) -> Found:
        for text, number, line in zip(self.texts, numbers, self.lines, strict=True):
            if number is None:
                raise self._error(line, "of numbers", text)
            if number in (np.inf, -np.inf):
                raise self._error(line, "of finite numbers", text)
        commas = [i for i, text in enumerate(self.texts) if comma and "," in text]
        if commas and any("." in text for text in self.texts):
            raise ValueError(
                f"{self.where} {self.lines[commas[0]]}: column {self.name!r} has decimal commas and decimal points, "
                f"here {self.texts[commas[0]]!r}: write one of them alone"
            )
        values = np.array([np.nan, *numbers], np.float64)
        return Found(values[self.codes], "decimal comma" if commas else "", self.words)

    def as_dates(self, dates: list[str | None]) -> Found:
        for text, date, line in zip(self.texts, dates, self.lines, strict=True):
            if date is None:
                raise self._error(line, "of dates YYYY-MM-DD, with or without a time HH:MM:SS", text)
        known = [date for date in dates if date is not None]
        wrong = impossible_date(known)
        if wrong is not None:
            raise self._error(self.lines[wrong], "of dates that exist", self.texts[wrong])
        values = np.array(["NaT", *known], "datetime64[s]")
        return Found(values[self.codes], "", self.words)

    def refuse_mixed(self, what: str, parsed: Sequence[object], missing: frozenset[str]) -> None:
        counts = np.bincount(self.codes, minlength=len(self.texts) + 1)[1:]
        fits = np.array([value is not None for value in parsed], bool)
        count, total = int(counts[fits].sum()), int(counts.sum())
        if nearly_all(count, total - count):
            first = int(np.argmin(fits))
            word, line = self.texts[first], self.lines[first]
            raise ValueError(mixed_message(self.where, self.name, what, count, total, word, line, missing))

    def refuse_commas(self, numbers: list[float | None]) -> None:
        for text, number in zip(self.texts, numbers, strict=True):
            if number is None and not looks_like_commas(text):
                return
        first = next(i for i, number in enumerate(numbers) if number is None)
        raise ValueError(
            f"{self.where} {self.lines[first]}: column {self.name!r} holds numbers with commas, or with thousands "
            f"set apart, such as {self.texts[first]!r}: write them as 1234.5, or say --categorical {shlex.quote(self.name)} "
            f"(in Python kinds={{{self.name!r}: 'category'}})"
        )

    def _error(self, line: int, expected: str, text: str) -> ValueError:
        return ValueError(f"{self.where} {line}: column {self.name!r} must be {expected}, got {text!r}")
