"""The text of a table's file: opened, unpacked and decoded, with the line of whatever is wrong with it."""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

__all__ = ["HEAD", "Lines", "encoding_of", "head_of", "opened", "require_file", "unpacked"]

HEAD = 65_536
"""How many bytes at the beginning of a file are looked at before it is read."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive, such as a spreadsheet (.xlsx) or an .npz file"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet (.xls)"),
    (b"PAR1", "a Parquet file: name it .parquet"),
    (b"ARROW1", "an Arrow file"),
    (b"\x93NUMPY", "an array of NumPy (.npy)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "a data base of SQLite"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive: let its name end in .gz"),
    (b"BZh", "a bzip2 archive: unpack it"),
    (b"\xfd7zXZ", "an xz archive: unpack it"),
    (b"(\xb5/\xfd", "a zstd archive: unpack it"),
)


def require_file(path: Path) -> None:
    """Refuse what is no file that can be read twice.

    Raises:
        FileNotFoundError: when there is none.
        IsADirectoryError: for a folder.
        ValueError: for a pipe or a device.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path}: expected a file, got a pipe or a device: write it to a file first")


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for its bytes, unpacked where its name ends in .gz.

    Raises:
        ValueError: for a gzip archive that is damaged or cut off.
    """
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as file:
            yield cast("IO[bytes]", file)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: expected a complete gzip archive, but it is damaged: {error}") from error


def head_of(path: Path) -> bytes:
    """Read the beginning of a file, and refuse what is no text.

    Raises:
        ValueError: for an empty file, and for an image, an archive, a web page or another file that is no table.
    """
    with unpacked(path) as file:
        head = file.read(HEAD)
    if not head:
        raise ValueError(f"{path}: expected a table, but the file is empty")
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            raise ValueError(f"{path}: expected text, rows of cells, but it is {what}")
    start = head[:512].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError(f"{path}: expected rows of cells, but it is a web page or XML")
    if start.startswith((b'{"', b"{\n", b"{\r", b"[{", b"[[")):
        raise ValueError(f"{path}: expected rows of cells, but it is JSON")
    return head


def encoding_of(path: Path, head: bytes, encoding: str | None) -> str:
    """Tell the encoding: the one given; or by the mark at the beginning; or UTF-8.

    Raises:
        ValueError: for an encoding that Python does not know, or NUL bytes in what is to be UTF-8.
    """
    marked = next((name for bom, name in _BOMS if head.startswith(bom)), None)
    if encoding is None:
        if marked is None and b"\0" in head:
            raise ValueError(
                f"{path}: expected text, but it holds NUL bytes: it is binary, or UTF-16 without its mark "
                "(then say --encoding utf-16-le or utf-16-be)"
            )
        return marked or "utf-8"
    try:
        name = codecs.lookup(encoding).name
        b"".decode(encoding)  # refuses codecs that are no encodings of text
        "".encode(encoding)
    except (LookupError, ValueError, TypeError) as error:
        raise ValueError(
            f"encoding must be one that Python knows, such as utf-8, cp1252 or latin-1, got {encoding!r}"
        ) from error
    return "utf-8-sig" if name == "utf-8" else name


@contextmanager
def opened(path: Path, encoding: str) -> Iterator[IO[str]]:
    """Open a file for its text; line ends stay as they are.

    Raises:
        ValueError: while it is read, for bytes that are none of the encoding, naming the line.
    """
    try:
        with unpacked(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
            yield text
    except UnicodeError as error:
        line, what = _undecodable(path, encoding)
        way = "" if "utf-8" not in encoding else ": say --encoding cp1252 or --encoding latin-1 if that is what it is"
        raise ValueError(f"{path}, line {line}: expected {encoding.removesuffix('-sig')}, but {what}{way}") from error


def _undecodable(path: Path, encoding: str) -> tuple[int, str]:
    """Find the line of the first byte that cannot be decoded, and say which byte it is."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines, last = 1, ""
    with unpacked(path) as file:
        while True:
            block = file.read(HEAD)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(encoding, "ignore")
                byte = error.object[error.start]
                return lines + _line_ends(last, before), f"the byte 0x{byte:02x} is none of it"
            except UnicodeError as error:  # UTF-16 without its mark
                return lines, str(error)
            lines += _line_ends(last, text)
            last = text[-1:] or last
            if not block:
                return lines, "its bytes are none of it"


def _line_ends(last: str, text: str) -> int:
    ends = text.count("\n") + text.count("\r") - text.count("\r\n")
    return ends - (last == "\r" and text.startswith("\n"))


class Lines:
    """The lines of a file, one after the other, with a note of what the reader of cells would not see.

    Attributes:
        underscores: whether a line since the flag was last lowered has an underscore, which ``float`` reads over.

    Raises:
        ValueError: at a line that holds a NUL.
    """

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path = path
        self._file = file
        self.underscores = False

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._file, 1):
            if "_" in line:
                self.underscores = True
            if "\0" in line:
                raise ValueError(f"{self._path}, line {number}: expected text, but it holds a NUL byte: is it binary?")
            yield line
