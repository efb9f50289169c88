"""Read a table from a Parquet file, by pyarrow, which is loaded only here."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.tables.cells import MISSING_BESIDE_NUMBERS, missing_words
from chainrule.data.tables.columns import Column
from chainrule.data.tables.csv_file import require_kinds
from chainrule.data.tables.distinct import Found
from chainrule.data.tables.remarks import remarks
from chainrule.data.tables.table import Kind, Table
from chainrule.data.tables.text_file import require_file

__all__ = ["read_parquet"]


def read_parquet(
    path: str | Path,
    *,
    missing: Iterable[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    rest: Kind | None = None,
) -> Table:
    """Read a table from a Parquet file, its columns as their types say.

    Whole and floating-point numbers and decimals become numbers; strings become categories, and so do booleans
    ("True" and "False", as in a CSV file); days and times become dates, to the second, in UTC where they have a time
    zone. Nulls are missing, and so are strings that are words of missing cells.

    Args:
        path: the file.
        missing: the words of missing cells, as in ``read_csv``.
        kinds: what columns hold, by name, where it is not what their types say: a column of whole numbers that are
            categories, or of strings that are dates. A column of another type, such as lists, is read as a category
            alone, its cells as Python writes them.
        rest: the same for all columns that ``kinds`` does not name; None: as their types say.

    Returns:
        The table, ``source`` the name of the file. Fractions of a second that are cut off are noted, and strings that
        look as if something else were meant, as ``read_csv`` does.

    Raises:
        ModuleNotFoundError: when pyarrow is not installed.
        OSError: for a file that is not there, a folder, or one that may not be read.
        ValueError: for a damaged file, no rows or no columns, two columns of one name or one without, a column of
            another type (lists, bytes) that is not said to be of categories, infinity, a cell that is not of the
            kind given: naming file, column and row, counted from 1.
    """
    path = Path(path)
    words, kinds = missing_words(missing), require_kinds(kinds, rest)
    beside_numbers = frozenset(MISSING_BESIDE_NUMBERS if missing is None else ())
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'Parquet files are read by pyarrow, which is not installed: pip install "chainrule[parquet]"',
            name="pyarrow",
        ) from error
    require_file(path)
    with path.open("rb") as raw:
        try:
            file = parquet.ParquetFile(raw, page_checksum_verification=True)
            fields = list(file.schema_arrow)
            _require_names(path, [field.name for field in fields], kinds)
            if not file.metadata.num_rows:
                raise ValueError(f"{path}: expected rows, but there are none")
            columns, notes, stood = {}, {}, {}
            for field in fields:
                values = file.read(columns=[field.name], use_threads=False).column(field.name)
                values.validate(full=True)
                if len(values) != file.metadata.num_rows:
                    raise ValueError(
                        f"{path}: expected a complete Parquet file, but column {field.name!r} has {len(values)} of "
                        f"{file.metadata.num_rows} rows"
                    )
                found = _column(path, field, values, words, kinds.get(field.name, rest), beside_numbers)
                columns[field.name] = found.values
                if found.note:
                    notes[field.name] = found.note
                if found.words:
                    stood[field.name] = found.words
        # What pyarrow raises for damaged files; none of our own refusals is among them.
        except (importlib.import_module("pyarrow").ArrowException, OSError, UnicodeError, MemoryError) as error:
            raise ValueError(f"{path}: expected a complete Parquet file, but {' '.join(str(error).split())}") from error
    return Table(columns, path.name, notes, stood)


def _require_names(path: Path, names: list[str], kinds: Mapping[str, Kind]) -> None:
    if not names:
        raise ValueError(f"{path}: expected columns, but there are none")
    if not all(name.strip() for name in names):
        raise ValueError(f"{path}: every column needs a name, but one is empty")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(
            f"{path}: columns need different names, but there are two or more of {', '.join(map(repr, twice))}"
        )
    absent = [name for name in kinds if name not in names]
    if absent:
        raise ValueError(
            f"{path}: no column {', '.join(map(repr, absent))}, which kinds names; it has {', '.join(map(repr, names))}"
        )


def _column(
    path: Path, field: Any, values: Any, words: frozenset[str], kind: Kind | None, beside_numbers: frozenset[str]
) -> Found:
    """Turn a column of Arrow into one of ours, and say what is to be noted of it."""
    types = importlib.import_module("pyarrow.types")
    kind_there: Kind
    if types.is_dictionary(field.type):
        values = values.cast(field.type.value_type)
    type_ = values.type
    note = ""
    if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_) or types.is_null(type_):
        kind_there = "number"
    elif types.is_timestamp(type_) or types.is_date(type_):
        kind_there = "date"
        values, note = _seconds(values, type_)
    elif types.is_string(type_) or types.is_large_string(type_) or types.is_boolean(type_):
        kind_there = "category"
    elif kind == "category":
        kind_there = "category"
        if types.is_time(type_) or types.is_duration(type_):  # Python has no nanoseconds
            values = values.cast("string")
    else:
        raise ValueError(f"{path}: column {field.name!r} must be of numbers, strings, booleans or dates, got {type_}")
    if kind_there == "number" and kind in (None, "number"):
        numbers = np.array(values.cast("float64", safe=False).to_numpy(zero_copy_only=False), np.float64)
        if np.isinf(numbers).any():
            row = int(np.argmax(np.isinf(numbers)))
            raise ValueError(
                f"{path}, row {row + 1}: column {field.name!r} must be of finite numbers, got {numbers[row]}"
            )
        return Found(numbers, note)
    if kind_there == "date" and kind in (None, "date"):
        return Found(np.array(values.to_numpy(zero_copy_only=False), "datetime64[s]"), note)
    # Text, or to be taken as another kind than its type: from here on as a column of a CSV file.
    try:
        cells = values.to_pylist()
    except (ValueError, OverflowError):  # a moment that Python cannot hold, such as one of the year 12000
        cells = values.cast("string").to_pylist()
    texts = ["" if value is None else _text(value) for value in cells]
    column = Column(field.name, f"{path}, row", kind or "category", words, False, True, beside_numbers)
    column.add(texts, range(1, len(texts) + 1), underscores=True)
    found = column.finish()
    assert found is not None
    if kind is None and not types.is_boolean(type_):
        note = remarks(list(dict.fromkeys(text for text in found.values.tolist() if text is not None)))
    return found._replace(note=note or found.note)


def _seconds(values: Any, type_: Any) -> tuple[Any, str]:
    """Cut dates to seconds; the note says when something was cut off."""
    seconds = values.cast("timestamp[s]", safe=False)
    compute = importlib.import_module("pyarrow.compute")
    same = compute.equal(seconds.cast(type_, safe=False), values)
    zone = "UTC" if getattr(type_, "tz", None) else ""
    cut = "" if compute.all(same).as_py() in (True, None) else "fractions of a second cut off"
    return seconds, ", ".join(filter(None, (zone, cut)))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value).removesuffix(".0")
    isoformat = getattr(value, "isoformat", None)
    return str(value) if isoformat is None else isoformat()
