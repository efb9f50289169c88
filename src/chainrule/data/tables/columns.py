"""A column while its file is read, a chunk of rows at a time: what it holds is found out on the way.

Numbers become float64 at once, so that a file of numbers is never held as text. A column that begins with words is
held as codes into its distinct cells, each of which is stored and looked at once. A column that begins with numbers
and goes on with words has lost its text: it is counted to its end, and then either refused (nearly all are numbers)
or read a second time. So is a column of whole numbers some of which begin with a zero: they may be codes, which a
number would change.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.data.tables.cells import is_missing, number_of
from chainrule.data.tables.distinct import Found, decide, mixed_message, nearly_all
from chainrule.data.tables.remarks import LEADING_ZERO
from chainrule.data.tables.table import Kind

__all__ = ["Column"]


class Column:
    """The cells of one column, added in chunks.

    Args:
        name: its name, for messages.
        where: the file and what is counted in it, "wine.csv, line", for messages.
        kind: what it holds, or None: to be found out.
        missing: the words of missing cells.
        comma: whether a decimal comma is allowed.
        as_text: whether to hold text from the start.
        beside_numbers: those of the words that are missing cells unless the column is of categories.
    """

    def __init__(
        self,
        name: str,
        where: str,
        kind: Kind | None,
        missing: frozenset[str],
        comma: bool,
        as_text: bool = False,
        beside_numbers: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self._where = where
        self._kind = kind
        self._missing = missing
        self._beside_numbers = beside_numbers
        self._taken: set[str] = set()  # words that stood for missing cells among numbers
        self._comma_allowed = comma
        self._comma = False  # whether a decimal comma has been seen
        # A missing word that float() takes for a number, such as -999, must be looked for first.
        self._plain_first = not any(number_of(word, comma) is not None for word in missing)
        self._rows = 0
        self._chunks: list[np.ndarray] = []
        self._numbers = 0  # how many cells are numbers
        self._words = 0  # how many are neither numbers nor missing
        self._first_word: tuple[str, int] | None = None
        self._codes: _Codes | None = None
        if as_text or kind in ("category", "date"):
            self._codes = _Codes(missing - beside_numbers)
        self._counting = False  # whether words came after numbers, so that its text is lost
        self._whole = kind is None  # whether it may be of digits alone
        self._zeros = False  # whether a cell of digits alone begins with a zero

    def add(self, cells: Sequence[str], lines: Sequence[int], underscores: bool) -> None:
        """Add the cells of a chunk of rows.

        Args:
            cells: the cells, as they stand in the file.
            lines: the line of the file on which each one's row begins.
            underscores: whether there may be underscores among them, which ``float`` reads over: 1_000.

        Raises:
            ValueError: naming column and line, for infinity among numbers, decimal points beside decimal commas, and
                a word in a column that was to be of numbers.
        """
        if self._codes is None:
            values = self._as_numbers(cells, lines, underscores)
            if values is not None:
                self._numbers += len(values) - int(np.count_nonzero(np.isnan(values)))
                if not self._counting:
                    self._chunks.append(values)
                    if self._whole and not self._zeros:
                        self._look_for_zeros(cells, values)
            elif not self._counting:
                self._leave_numbers(cells, lines)
            else:
                self._count(cells, lines)
        if self._codes is not None:
            self._chunks.append(self._codes.encode(cells, lines))
        self._rows += len(cells)

    def finish(self) -> Found | None:
        """Say what the column holds, after the last chunk; None: read it again, as text.

        Raises:
            ValueError: naming column and line, for a column that is nearly all numbers, or nearly all dates.
        """
        if self._counting:
            if nearly_all(self._numbers, self._words) and self._first_word is not None:
                word, line = self._first_word
                total = self._numbers + self._words
                raise ValueError(
                    mixed_message(self._where, self.name, "numbers", self._numbers, total, word, line, self._missing)
                )
            return None
        if self._zeros and not any(((chunk % 1 > 0) | (chunk < 0)).any() for chunk in self._chunks):
            return None  # digits alone, it may be
        chunks, self._chunks = self._chunks, []
        if self._codes is None:
            return Found(np.concatenate(chunks), "decimal comma" if self._comma else "", tuple(sorted(self._taken)))
        codes = np.concatenate(chunks)
        distinct = self._codes
        found = decide(
            self.name,
            self._where,
            self._kind,
            distinct.texts,
            distinct.lines,
            codes,
            comma=self._comma_allowed,
            missing=self._missing,
            beside_numbers=self._beside_numbers,
        )
        return found._replace(words=tuple(sorted({*found.words, *distinct.taken})))

    def _as_numbers(self, cells: Sequence[str], lines: Sequence[int], underscores: bool) -> np.ndarray | None:
        """Read a chunk as numbers, the quickest way first; None where a cell is a word."""
        values = None if underscores and "_" in "".join(cells) else self._quickly(cells)
        if values is None:
            values = self._carefully(cells, lines)
        if values is not None and np.isinf(values).any():
            index = int(np.argmax(np.isinf(values)))
            raise ValueError(
                f"{self._where} {lines[index]}: column {self.name!r} must be of finite numbers, "
                f"got {cells[index].strip()!r}"
            )
        return values

    def _quickly(self, cells: Sequence[str]) -> np.ndarray | None:
        """Read a chunk by ``float``: without missing cells, else with missing ones that no blanks surround."""
        if self._comma:
            if not self._plain_first or "." in "".join(cells):
                return None
            cells = [cell.replace(",", ".") for cell in cells]
        if self._plain_first:
            try:
                return np.fromiter(map(float, cells), np.float64, len(cells))
            except ValueError:
                pass
            try:
                return np.fromiter(map(float, [cell or "nan" for cell in cells]), np.float64, len(cells))
            except ValueError:
                pass
        nan, missing = np.nan, self._missing
        try:
            values = np.array([nan if cell in missing else float(cell) for cell in cells], np.float64)
        except ValueError:
            return None
        if not self._plain_first:  # a missing word such as -999 with blanks about it, which float() reads over
            values[[cell.strip() in missing for cell in cells]] = nan
            self._taken.update(missing.intersection(map(str.strip, cells)) - {""})
        self._taken.update(missing.intersection(cells) - {""})
        return values

    def _carefully(self, cells: Sequence[str], lines: Sequence[int]) -> np.ndarray | None:
        """Read a chunk cell by cell, with all that a cell may be."""
        numbers, comma, pointed, taken = [], None, False, set()
        for index, cell in enumerate(cells):
            text = cell.strip()
            number = None if is_missing(text, self._missing) else number_of(text, self._comma_allowed)
            if number is not None:
                if comma is None and "," in text:
                    comma = index
                pointed = pointed or "." in text
            elif not is_missing(text, self._missing):
                return None
            elif text:
                taken.add(text)
            numbers.append(np.nan if number is None else number)
        self._taken |= taken
        if comma is not None and not self._comma:
            pointed = pointed or any((chunk % 1 != 0)[~np.isnan(chunk)].any() for chunk in self._chunks)
        self._comma = self._comma or comma is not None
        if self._comma and pointed:  # 1.234 could be either of two numbers
            index = comma or 0
            raise ValueError(
                f"{self._where} {lines[index]}: column {self.name!r} has decimal commas and decimal points, "
                f"here {cells[index].strip()!r}: write one of them alone"
            )
        return np.array(numbers, np.float64)

    def _look_for_zeros(self, cells: Sequence[str], values: np.ndarray) -> None:
        """See whether a cell of a chunk is of digits alone and begins with a zero, while all numbers may be whole."""
        if values.item(-1) % 1 > 0:  # one that is not whole is found soon, if most are not
            self._whole = False
            return
        text = "\n" + "\n".join(cells)
        zeros = text.count("\n0")
        # Where as many cells are 0 as begin with it, and none with two, all of them are plain zeros.
        plain = zeros == 0 or (zeros == len(values) - np.count_nonzero(values) and "\n00" not in text)
        if not plain or " " in text or "\t" in text or not text.isascii():
            self._zeros = LEADING_ZERO.search(text) is not None

    def _leave_numbers(self, cells: Sequence[str], lines: Sequence[int]) -> None:
        """Go on after the first chunk with a word: as text where no number has gone by, else by counting."""
        before = self._numbers
        self._count(cells, lines)
        if self._kind == "number" and self._first_word is not None:
            word, line = self._first_word
            raise ValueError(f"{self._where} {line}: column {self.name!r} must be of numbers, got {word!r}")
        words_went_by = not self._taken.isdisjoint(self._beside_numbers)  # which may be categories
        if before == 0 and not words_went_by and not nearly_all(self._numbers, self._words):
            self._codes = _Codes(self._missing - self._beside_numbers)
            self._codes.taken |= self._taken
            self._chunks = [np.zeros(self._rows, np.int32)]  # what went by so far is missing
        else:
            self._counting = True
            self._chunks = []

    def _count(self, cells: Sequence[str], lines: Sequence[int]) -> None:
        for cell, line in zip(cells, lines, strict=True):
            text = cell.strip()
            if is_missing(text, self._missing):
                continue
            if number_of(text, self._comma_allowed) is not None:
                self._numbers += 1
            else:
                self._words += 1
                if self._first_word is None:
                    self._first_word = (text, line)


class _Codes(dict[str, int]):
    """The distinct cells of a column, by a code each: 0 for missing, 1, 2, ... in the order in which they come."""

    def __init__(self, missing: frozenset[str]) -> None:
        super().__init__()
        self._missing = missing
        self.taken: set[str] = set()  # words that stood for missing cells
        self.texts: list[str | None] = [None]
        self.lines: list[int] = [0]

    def __missing__(self, cell: str) -> int:
        text = cell.strip()
        if is_missing(text, self._missing):
            code = 0
            if text:
                self.taken.add(text)
        elif text != cell and text in self:
            code = self[text]
        else:
            code = len(self.texts)
            self.texts.append(text)
            self[text] = code
        self[cell] = code
        return code

    def encode(self, cells: Sequence[str], lines: Sequence[int]) -> np.ndarray:
        """Turn cells into codes, int32; the line on which each new one comes first is kept."""
        before = len(self.texts)
        codes = np.fromiter(map(self.__getitem__, cells), np.int32, len(cells))
        if len(self.texts) > before:
            new, first = np.unique(codes, return_index=True)
            self.lines.extend(lines[index] for code, index in zip(new, first, strict=True) if code >= before)
        return codes
