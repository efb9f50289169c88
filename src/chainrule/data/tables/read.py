"""Read a table by the ending of its file's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from chainrule.data.tables.csv_file import read_csv
from chainrule.data.tables.parquet_file import read_parquet
from chainrule.data.tables.table import Kind, Table
from chainrule.data.tables.text_file import require_file

__all__ = ["read_table"]

_TEXT = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")


def read_table(
    path: str | Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    missing: Iterable[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    rest: Kind | None = None,
) -> Table:
    """Read a table from a file, as the ending of its name says.

    ``read_csv`` reads .csv, .tsv and .txt (also with .gz behind), ``read_parquet`` reads .parquet and .pq.

    Args:
        path: the file.
        delimiter: of a text file, the character between cells; None: it is found.
        encoding: of a text file; None: UTF-8, or what a byte order mark tells.
        missing: the words of missing cells, in place of the usual ones.
        kinds: what columns hold, "number", "category" or "date", by name: for those that are not to be inferred.
        rest: what the columns hold that ``kinds`` does not name; None: it is inferred. As "category" they are text, in
            which nothing can be wrong.

    Returns:
        The table; ``summarise`` says what was inferred.

    Raises:
        OSError: for a file that is not there, a folder, or one that may not be read.
        ModuleNotFoundError: for a Parquet file, when pyarrow is not installed.
        ValueError: for another ending, a delimiter or an encoding for a Parquet file, and as ``read_csv`` and
            ``read_parquet`` say.
    """
    path = Path(path)
    require_file(path)
    name = path.name.lower()
    if name.removesuffix(".gz").endswith(_TEXT):
        return read_csv(path, delimiter=delimiter, encoding=encoding, missing=missing, kinds=kinds, rest=rest)
    if name.endswith(_PARQUET):
        for argument, value in (("delimiter", delimiter), ("encoding", encoding)):
            if value is not None:
                raise ValueError(f"{path}: {argument} is for text, but the file is of Parquet by its name")
        return read_parquet(path, missing=missing, kinds=kinds, rest=rest)
    raise ValueError(
        f"{path}: expected a name that ends in {', '.join(_TEXT)} (or in that and .gz), or .parquet; "
        f"got {path.suffix or 'no ending'}"
    )
