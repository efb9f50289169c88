"""Read and write tables as text: CSV and its kin, with any delimiter."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from chainrule.data.tables.cells import MISSING_BESIDE_NUMBERS, missing_words, number_of
from chainrule.data.tables.columns import Column
from chainrule.data.tables.delimiter import dialect, find_delimiter
from chainrule.data.tables.distinct import Found
from chainrule.data.tables.table import Kind, Table
from chainrule.data.tables.text_file import HEAD, Lines, encoding_of, head_of, opened, require_file

__all__ = ["read_csv", "require_kinds"]

_CELLS = 16_000  # of a chunk: about what the caches of a processor hold as text
_FEWEST_ROWS = 16


def read_csv(
    path: str | Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    missing: Iterable[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    rest: Kind | None = None,
) -> Table:
    r"""Read a table from text: a line that names the columns, then a row a line.

    Cells are read as RFC 4180 says: those that hold delimiters, quotes or line ends stand in double quotes. Blanks
    at both ends of a cell do not count; blank lines are skipped. A column is of

    - numbers, when every cell that is not missing is one as ``float`` reads it (in a file whose delimiter is no
      comma also with a decimal comma, which the table notes); also when all are missing;
    - dates, when every one is YYYY-MM-DD or YYYY/MM/DD, with or without a time of day HH:MM or HH:MM:SS after T or a
      blank;
    - categories otherwise; and where all cells are of digits alone and some begin with a zero, as 00123 does: such codes
      would be changed by being read as numbers. ``kinds`` makes numbers of them.

    The table notes leading zeros, and categories that look as if something else were meant: numbers with a unit, dates
    in another form, words that differ only by case or blanks. Where nearly all cells (90 %, and at least 10) have no
    such zero, and they are of several lengths, the column is of numbers all the same, and the note says so.

    In a table of one column a line of blanks, or of two quotes, is a missing cell; an empty line is none.

    Numbers are float64: whole numbers above 2^53, such as long identifiers, are rounded unless ``kinds`` makes them
    categories.

    Args:
        path: the file; a name that ends in .gz is unpacked.
        delimiter: one character; None: the one of , ; tab | with which the first rows have equally many cells.
        encoding: as Python names it; None: UTF-8, or what a byte order mark tells.
        missing: the words of missing cells, in place of NA, N/A, n/a, NaN, null, NULL and ?, and, where the column's
            other cells are all numbers or all dates, None, none and -, which are categories among categories. The
            empty cell, and "nan" in any spelling, are missing in any case.
        kinds: what columns hold, "number", "category" or "date", by name: for those that are not to be inferred.
        rest: what the columns hold that ``kinds`` does not name; None: it is inferred. As "category" they are text, in
            which nothing can be wrong.

    Returns:
        The table, ``source`` the name of the file; ``missing_words`` says which words stood for missing cells.

    Raises:
        OSError: for a file that is not there, a folder, or one that may not be read.
        ValueError: with one line that names the file, the line in it and the column: no text, or in another
            encoding; an empty file, or a header without rows; columns without a name, or two of one name; a first
            line of numbers; a row with more or fewer cells than the header; a quote that is not closed; infinity; a
            date that no calendar has; a column of which nearly all cells are numbers (or dates) and some are words;
            a cell that is not of the kind given.

    Source: Y. Shafranovich, RFC 4180, "Common Format and MIME Type for Comma-Separated Values (CSV) Files", 2005.
    """
    path = Path(path)
    words, kinds = missing_words(missing), require_kinds(kinds, rest)
    _require_delimiter(delimiter)
    require_file(path)
    head = head_of(path)
    encoding = encoding_of(path, head, encoding)
    if delimiter is None:
        with opened(path, encoding) as file:
            text = file.read(HEAD)
        prefer = "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else None
        try:
            delimiter = find_delimiter(text, len(text) < HEAD, prefer)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    beside_numbers = frozenset(MISSING_BESIDE_NUMBERS if missing is None else ())
    layout = _Layout(path, encoding, delimiter, words, beside_numbers, kinds, rest)
    found, again = layout.read(None)
    if again:
        found |= layout.read(again)[0]
    return Table(
        {name: found[name].values for name in layout.names},
        path.name,
        {name: found[name].note for name in layout.names if found[name].note},
        {name: found[name].words for name in layout.names if found[name].words},
    )


def require_kinds(kinds: Mapping[str, Kind] | None, rest: Kind | None = None) -> dict[str, Kind]:
    """Refuse kinds that are none.

    Raises:
        ValueError: for no mapping, or another kind than number, category and date.
    """
    if rest is not None and rest not in get_args(Kind):
        raise ValueError(f"rest must be one of {', '.join(get_args(Kind))}, or None, got {rest!r}")
    if kinds is None:
        return {}
    if not isinstance(kinds, Mapping):
        raise ValueError(f'kinds must be a mapping, such as {{"grade": "category"}}, got {kinds!r}')
    for name, kind in kinds.items():
        if kind not in get_args(Kind):
            raise ValueError(f"kinds[{name!r}] must be one of {', '.join(get_args(Kind))}, got {kind!r}")
    return dict(kinds)


def _require_delimiter(delimiter: str | None) -> None:
    if delimiter is None:
        return
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise ValueError(f"delimiter must be one character, and no quote or line end, got {delimiter!r}")


@dataclass
class _Layout:
    """How a file is to be read; ``names`` are those of its header, once it has been read."""

    path: Path
    encoding: str
    delimiter: str
    words: frozenset[str]
    beside_numbers: frozenset[str]
    kinds: dict[str, Kind]
    rest: Kind | None
    names: tuple[str, ...] = ()

    def read(self, as_text: frozenset[str] | None) -> tuple[dict[str, Found], frozenset[str]]:
        """Read all columns, or (as text) those of these names; the others to be read so are named, too."""
        with opened(self.path, self.encoding) as file:
            lines = Lines(self.path, file)
            rows = _Rows(str(self.path), lines, self.delimiter)
            self.names = rows.header()
            absent = [name for name in self.kinds if name not in self.names]
            if absent:
                raise ValueError(
                    f"{self.path}: no column {', '.join(map(repr, absent))}, which kinds names; it has "
                    f"{', '.join(map(repr, self.names))}"
                )
            comma = self.delimiter != ","
            columns = [
                Column(
                    name,
                    f"{self.path}, line",
                    self.kinds.get(name, self.rest),
                    self.words,
                    comma,
                    as_text is not None,
                    self.beside_numbers,
                )
                if as_text is None or name in as_text
                else None
                for name in self.names
            ]
            for starts, cells in rows.chunks():
                for column, those in zip(columns, cells, strict=True):
                    if column is not None:
                        column.add(those, starts, lines.underscores)
                lines.underscores = False
        found: dict[str, Found] = {}
        again: set[str] = set()
        for i, column in enumerate(columns):
            if column is not None:
                values = column.finish()
                columns[i] = None  # its chunks are freed one column after the other
                if values is None:
                    again.add(column.name)
                else:
                    found[column.name] = values
        return found, frozenset(again)


class _Rows:
    """The rows of a file: the header, then chunks of columns."""

    def __init__(self, where: str, lines: Lines, delimiter: str) -> None:
        self._where = where
        self._delimiter = delimiter
        self._reader = csv.reader(lines, **dialect(delimiter))
        self._width = 0

    def header(self) -> tuple[str, ...]:
        """Read the names of the columns.

        Raises:
            ValueError: when there is none; for columns without a name, two of one name, or numbers in place of names.
        """
        for line, row in self._numbered():
            names = tuple(cell.strip().removeprefix("\ufeff") for cell in row)
            if not any(names) and len(names) == 1:
                continue
            where = f"{self._where}, line {line}"
            if all(number_of(name) is not None for name in names):
                raise ValueError(f"{where}: looks like data: the first line must name the columns, got {_some(names)}")
            empty = [str(i) for i, name in enumerate(names, 1) if not name]
            if empty:
                raise ValueError(f"{where}: every column needs a name, but that of column {_some(empty, str)} is empty")
            twice = (
                list(dict.fromkeys(name for name in names if names.count(name) > 1))
                if len(set(names)) < len(names)
                else []
            )
            if twice:
                raise ValueError(f"{where}: columns need different names, but there are two or more of {_some(twice)}")
            self._width = len(names)
            return names
        raise ValueError(f"{self._where}: expected a table, but the file holds blank lines alone")

    def chunks(self) -> Iterator[tuple[list[int], Sequence[tuple[str, ...]]]]:
        """Read chunks: the line on which each row begins, and the cells by column.

        Raises:
            ValueError: for a row with more or fewer cells than the header, and for no row at all.
        """
        size = max(_FEWEST_ROWS, _CELLS // self._width)
        starts: list[int] = []
        rows: list[list[str]] = []
        some = False
        for line, row in self._numbered():
            if len(row) != self._width:
                if len(row) == 1 and not row[0].strip():
                    continue
                raise self._ragged(line, row)
            starts.append(line)
            rows.append(row)
            if len(rows) == size:
                some = True
                yield starts, list(zip(*rows, strict=True))
                starts, rows = [], []
        if rows:
            yield starts, list(zip(*rows, strict=True))
        elif not some:
            raise ValueError(f"{self._where}: expected rows below the header, but there are none")

    def _numbered(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that are not blank, with the line on which each begins."""
        reader = self._reader
        before = reader.line_num
        try:
            for row in reader:
                if row:
                    yield before + 1, row
                before = reader.line_num
        except csv.Error as error:
            what = str(error)
            if "end of data" in what or "field limit" in what:
                what = f"a quote is not closed, or a cell is longer than {csv.field_size_limit()} characters"
            elif "expected after" in what:
                what = f"a quote is closed in the middle of a cell; quotes within quotes are doubled ({what})"
            raise ValueError(f"{self._where}, line {before + 1}: cannot tell the cells of this row: {what}") from error

    def _ragged(self, line: int, row: list[str]) -> ValueError:
        cells = "1 cell" if self._width == 1 else f"{self._width} cells"
        return ValueError(
            f"{self._where}, line {line}: expected {cells}, as in the header, but found {len(row)} "
            f"(the delimiter is {self._delimiter!r}; another one is given by --delimiter, in Python delimiter=)"
        )


def _some(names: Sequence[str], show: Callable[[str], str] = repr) -> str:
    """The first names of a list, which may be long."""
    shown = ", ".join(map(show, names[:5]))
    return shown if len(names) <= 5 else f"{shown}, ... ({len(names)} in all)"
