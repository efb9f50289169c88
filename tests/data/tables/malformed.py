"""Files that are malformed, or odd, and what reading each of them must say, or give: data, for the command line as well."""

from __future__ import annotations

import datetime
import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BESIDE_NUMBERS = ("None", "none", "-")  # missing there, categories among categories
NUMBERS = [str(i) for i in range(1, 21)]
DAY = datetime.date(2023, 1, 31)


@dataclass(frozen=True)
class Malformed:
    """A file, and what comes of it.

    Attributes:
        name: of the case, and of the file.
        suffix: the ending of the file's name.
        content: what the file holds; None: ``make`` makes it.
        error: a regular expression that the error must match, or None: it is a table.
        table: the columns that it must give: numbers, str and datetime.date or datetime.datetime, None where missing.
        options: what else ``read_table`` is given.
        make: makes what is at a path, where that is no file of some bytes.
        for_root: whether it is an error for the superuser as well.
        notes: what the table must note of its columns.
    """

    name: str
    suffix: str
    content: bytes | None
    error: str | None = None
    table: dict[str, list[Any]] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    make: Callable[[Path], None] | None = None
    for_root: bool = True
    notes: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Make the file in a folder; returns its path."""
        path = folder / (self.name.replace(" ", "_").replace("/", "_") + self.suffix)
        if self.make is not None:
            self.make(path)
        elif self.content is not None:
            path.write_bytes(self.content)
        return path


def wrong(name: str, content: str | bytes, error: str, suffix: str = ".csv", **options: Any) -> Malformed:
    """A file of which one line must be said."""
    return Malformed(name, suffix, content.encode() if isinstance(content, str) else content, error, options=options)


def right(
    name: str,
    content: str | bytes,
    table: dict[str, list[Any]],
    suffix: str = ".csv",
    notes: dict[str, str] | None = None,
    **options: Any,
) -> Malformed:
    """A file that is odd, and gives a table all the same."""
    raw = content.encode() if isinstance(content, str) else content
    return Malformed(name, suffix, raw, None, table, options, notes=notes or {})


def twenty_and(cell: str, delimiter: str = ",") -> str:
    """A column of twenty numbers and then, on line 22, a cell; a second column of ones."""
    return "x,y\n".replace(",", delimiter) + "".join(f"{n}{delimiter}1\n" for n in NUMBERS) + f"{cell}{delimiter}1\n"


AB = {"a": [1.0, 3.0], "b": [2.0, 4.0]}
TEXT = "name,city\nJürgen,Köln\nZoë,Zürich\n"
NAMES = {"name": ["Jürgen", "Zoë"], "city": ["Köln", "Zürich"]}
PACKED = gzip.compress(("a,b\n" + "".join(f"{i},{i * i % 977}\n" for i in range(2000))).encode(), mtime=0)


def damaged(index: int) -> bytes:
    """The packed file with one byte changed."""
    return PACKED[:index] + bytes([PACKED[index] ^ 0xFF]) + PACKED[index + 1 :]


EMPTY = [
    wrong("empty file", "", "empty_file.csv: expected a table, but the file is empty"),
    wrong("blank lines alone", "\n\n\r\n", "the file holds blank lines alone"),
    wrong("blanks alone", "   \n \n", "the file holds blank lines alone"),
    wrong("byte order mark alone", b"\xef\xbb\xbf", "the file holds blank lines alone"),
    wrong("header only", "a,b\n", "expected rows below the header, but there are none"),
    wrong("header without line end", "a,b", "expected rows below the header, but there are none"),
    wrong("header and blank lines", "a,b\n\n\n", "expected rows below the header, but there are none"),
    wrong("header of one column only", "a\n", "expected rows below the header, but there are none"),
    wrong("one newline", "\n", "the file holds blank lines alone"),
    wrong("empty archive", gzip.compress(b"", mtime=0), "but the file is empty", ".csv.gz"),
    wrong("empty file named gz", b"", "but the file is empty", ".csv.gz"),
]

HEADERS = [
    wrong("name empty", "a,,c\n1,2,3\n", r"line 1: every column needs a name, but that of column 2 is empty"),
    wrong("names of blanks", "a,  ,\n1,2,3\n", r"that of column 2, 3 is empty"),
    wrong("first name empty", ",a,b\n0,1,2\n", r"that of column 1 is empty"),
    wrong("trailing delimiter", "a,b,\n1,2,\n", r"that of column 3 is empty"),
    wrong("names all empty", ",,\n1,2,3\n", r"that of column 1, 2, 3 is empty"),
    wrong("duplicate names", "a,b,a\n1,2,3\n", r"line 1: columns need different names, .* two or more of 'a'"),
    wrong("duplicate but for blanks", "a,b, a \n1,2,3\n", r"two or more of 'a'"),
    wrong("many duplicates", ",".join(["a", "b", "c", "d", "e", "f", "g"] * 2) + "\n", r"\(7 in all\)"),
    wrong("no header", "1,2\n3,4\n", r"line 1: looks like data: the first line must name the columns, got '1', '2'"),
    wrong("no header, decimals", "1.5,-2e3\n3,4\n", "looks like data"),
    wrong("no header, one column", "1\n2\n", "looks like data"),
    right("names with blanks", " a , b \n1,2\n3,4\n", AB),
    right("names that look like numbers, some", "a,2020\n1,2\n", {"a": [1.0], "2020": [2.0]}),
    right("quoted names", '"a,1","b ""x"""\n1,2\n', {"a,1": [1.0], 'b "x"': [2.0]}),
    right("name over two lines", '"a\nb",c\n1,2\n', {"a\nb": [1.0], "c": [2.0]}),
    right("blank lines above the header", "\n\na,b\n1,2\n3,4\n", AB),
    right("names that differ in case", "a,A\n1,2\n", {"a": [1.0], "A": [2.0]}),
    wrong(
        "comment above the header",
        "# made by hand\na,b\n1,2\n",
        r"line 2: expected 1 cell, as in the header, but found 2",
    ),
]

RAGGED = [
    wrong("row too short", "a,b,c\n1,2,3\n4,5\n", r"line 3: expected 3 cells, as in the header, but found 2"),
    wrong("row too long", "a,b,c\n1,2,3\n4,5,6,7\n", r"line 3: expected 3 cells, as in the header, but found 4"),
    wrong("rows all one longer", "a,b\n0,1,2\n1,3,4\n", r"line 2: expected 2 cells, as in the header, but found 3"),
    wrong("footer", "a,b\n1,2\n3,4\ntotal: 2 rows\n", r"line 4: expected 2 cells, as in the header, but found 1"),
    wrong(
        "comma in an unquoted cell", "a,b\n1,x\n2,y, z\n", r"line 3: expected 2 cells, as in the header, but found 3"
    ),
    wrong("ragged below a cell of two lines", 'a,b\n"x\ny",2\n3\n', r"line 4: expected 2 cells"),
    wrong("ragged below blank lines", "a,b\n1,2\n\n\n3\n", r"line 5: expected 2 cells"),
    wrong("ragged with Windows lines", "a,b\r\n1,2\r\n3\r\n", r"line 3: expected 2 cells"),
    wrong("ragged with old Mac lines", "a,b\r1,2\r3\r", r"line 3: expected 2 cells"),
    wrong("cut off in a row", "a,b,c\n1,2,3\n4,5", r"line 3: expected 3 cells, as in the header, but found 2"),
    wrong("one column, then two", "a\n1\n2,3\n", r"line 3: expected 1 cell, as in the header, but found 2"),
    *(
        wrong(f"ragged at row {row}", "a,b\n" + "1,2\n" * row + "3\n", rf"line {row + 2}: expected 2 cells")
        for row in (0, 100, 6_000, 20_000)  # in the first chunk of rows, and in later ones
    ),
]

DELIMITERS = [
    *(
        right(f"delimiter {name}", f"a{d}b\n1{d}2\n3{d}4\n", AB, suffix)
        for name, d, suffix in [
            ("comma", ",", ".csv"),
            ("semicolon", ";", ".csv"),
            ("tab", "\t", ".tsv"),
            ("tab in csv", "\t", ".csv"),
            ("bar", "|", ".txt"),
        ]
    ),
    right("delimiter given", "a:b\n1:2\n3:4\n", AB, delimiter=":"),
    right("delimiter blank given", "a b\n1 2\n3 4\n", AB, delimiter=" "),
    right("one column", "a\n1\n2\n", {"a": [1.0, 2.0]}),
    right("one column of words", "a\nx y\nz\n", {"a": ["x y", "z"]}),
    right("commas within semicolons", "a;b\nx, y;1\nu, v;2\n", {"a": ["x, y", "u, v"], "b": [1.0, 2.0]}),
    right("semicolons within quotes", 'a,b\n"x;y",1\n"u;v",2\n', {"a": ["x;y", "u;v"], "b": [1.0, 2.0]}),
    right("commas in the header within tabs", "a, b\tc\n1\t2\n", {"a, b": [1.0], "c": [2.0]}, ".tsv"),
    wrong("blanks for delimiters", "a b c\n1 2 3\n4 5 6\n", r"none of the delimiters .* --delimiter ' '"),
    wrong(
        "wrong delimiter given", "a,b\n1,2\n3;4\n", r"line 3: expected 1 cell, .* .the delimiter is ';'", delimiter=";"
    ),
    wrong(
        "header of another delimiter", "a;b\n1,2\n3,4\n", r"line 2: expected 2 cells, .* found 1 \(the delimiter is ';'"
    ),
    wrong("delimiter of two characters", "a,b\n1,2\n", "delimiter must be one character", delimiter="::"),
    wrong("delimiter empty", "a,b\n1,2\n", "delimiter must be one character", delimiter=""),
    wrong("delimiter a quote", "a,b\n1,2\n", "delimiter must be one character", delimiter='"'),
    wrong("delimiter a line end", "a,b\n1,2\n", "delimiter must be one character", delimiter="\n"),
]

QUOTES = [
    wrong("lone quote", 'a,b\n1,2\n"3,4\n5,6\n', r"line 3: cannot tell the cells of this row: a quote is not closed"),
    wrong(
        "lone quote in the header", '"a,b\n1,2\n', r"line 1: cannot tell the cells of this row: a quote is not closed"
    ),
    wrong("quote at the end", 'a,b\n1,2\n3,"\n', r"line 3: .* a quote is not closed"),
    wrong("text behind a quote", 'a,b\n1,2\n"3"x,4\n', r"line 3: .* a quote is closed in the middle of a cell"),
    wrong("cell too long", "a,b\n1," + "x" * 200_000 + "\n", r"line 2: .* longer than 131072 characters"),
    wrong("quote never closed in a long file", 'a,b\n"1,2\n' + "3,4\n" * 40_000, r"line 2: .* a quote is not closed"),
    right("quote within a cell", 'a,b\n5" pipe,1\n', {"a": ['5" pipe'], "b": [1.0]}),
    right("doubled quotes", 'a,b\n"say ""x""",1\n', {"a": ['say "x"'], "b": [1.0]}),
    right("single quotes are text", "a,b\n'x',1\n", {"a": ["'x'"], "b": [1.0]}),
    right("cell of three lines", 'a,b\n"x\n\ny",1\nz,2\n', {"a": ["x\n\ny", "z"], "b": [1.0, 2.0]}),
    right("quoted numbers", '"a","b"\n"1","2"\n"3","4"\n', AB),
    right("quotes behind blanks", 'a, b\n"1", "2"\n3, "4"\n', AB),
    right("quoted empty cell", 'a\n1\n""\n', {"a": [1.0, None]}),
]

LINES = [
    right("Windows lines", "a,b\r\n1,2\r\n3,4\r\n", AB),
    right("old Mac lines", "a,b\r1,2\r3,4\r", AB),
    right("mixed lines", "a,b\r\n1,2\n3,4\r", AB),
    right("no line end at the end", "a,b\n1,2\n3,4", AB),
    right("blank lines between", "a,b\n\n1,2\n   \n\n3,4\n\n\n", AB),
    right("line separators within cells", "a,b\nx\u2028y,1\n", {"a": ["x\u2028y"], "b": [1.0]}),
    right("blanks about cells", "a , b\n 1,2 \n\t3 , 4\t\n", AB),
    right("no-break spaces about cells", "a,b\n1,\u00a02\u00a0\n3,4\n", AB),
]

ENCODINGS = [
    right("UTF-8", TEXT.encode(), NAMES),
    right("UTF-8 with its mark", TEXT.encode("utf-8-sig"), NAMES),
    right("UTF-8 with its mark, given", TEXT.encode("utf-8-sig"), NAMES, encoding="utf-8"),
    right("UTF-8 with its mark, quoted name", '\ufeff"a",b\n1,2\n3,4\n', AB),
    right("UTF-16 little", b"\xff\xfe" + TEXT.encode("utf-16-le"), NAMES),
    right("UTF-16 big", b"\xfe\xff" + TEXT.encode("utf-16-be"), NAMES),
    right("UTF-16 without its mark, given", TEXT.encode("utf-16-le"), NAMES, encoding="utf-16-le"),
    right("UTF-16 with its mark, order given", b"\xff\xfe" + TEXT.encode("utf-16-le"), NAMES, encoding="utf-16-le"),
    right("UTF-32", TEXT.encode("utf-32"), NAMES),
    right("cp1252 given", TEXT.encode("cp1252"), NAMES, encoding="cp1252"),
    right("latin-1 given", TEXT.encode("latin-1"), NAMES, encoding="latin-1"),
    right(
        "shift_jis given",
        "名前,数\n東京,1\n".encode("shift_jis"),
        {"名前": ["東京"], "数": [1.0]},
        encoding="shift_jis",
    ),
    right("emoji", "a,b\n🙂,1\n", {"a": ["🙂"], "b": [1.0]}),
    wrong(
        "cp1252",
        TEXT.encode("cp1252"),
        r"line 2: expected utf-8, but the byte 0xfc is none of it: say --encoding cp1252",
    ),
    wrong("latin-1 on line 3", "a,b\n1,2\n3,é\n".encode("latin-1"), r"line 3: expected utf-8, but the byte 0xe9"),
    wrong(
        "latin-1 far down",
        b"a,b\n" + b"1,2\n" * 40_000 + "3,é\n".encode("latin-1"),
        r"line 40002: expected utf-8, but the byte 0xe9 is none of it",
    ),
    wrong("latin-1 with Windows lines", "a,b\r\n1,2\r\n3,é\r\n".encode("latin-1"), r"line 3: expected utf-8"),
    wrong("shift_jis", "名前,数\n東京,1\n".encode("shift_jis"), r"line 1: expected utf-8, but the byte"),
    wrong("UTF-8 cut within a character", "a,b\n1,é".encode()[:-1], r"line 2: expected utf-8, but the byte 0xc3"),
    wrong("UTF-16 without its mark", TEXT.encode("utf-16-le"), r"NUL bytes: it is binary, or UTF-16 without its mark"),
    wrong(
        "UTF-16 without its mark, given as UTF-16", TEXT.encode("utf-16-be"), r"expected utf-16, but", encoding="utf-16"
    ),
    wrong("UTF-16 cut off", (b"\xff\xfe" + TEXT.encode("utf-16-le"))[:-1], r"expected utf-16, but"),
    wrong(
        "byte that cp1252 does not have",
        b"a,b\n1,\x81\n",
        r"line 2: expected cp1252, but the byte 0x81",
        encoding="cp1252",
    ),
    wrong(
        "unknown encoding", "a,b\n1,2\n", r"encoding must be one that Python knows, .* got 'utf-9'", encoding="utf-9"
    ),
    wrong("encoding that is none of text", "a,b\n1,2\n", r"encoding must be one that Python knows", encoding="base64"),
    wrong("NUL in a cell", "a,b\n1,2\n3,\x004\n", r"NUL bytes: it is binary"),
    wrong(
        "NUL far down", "a,b\n" + "1,2\n" * 40_000 + "3,\x004\n", r"line 40002: expected text, but it holds a NUL byte"
    ),
]

BINARY = [
    *(
        wrong(name, start + bytes(range(256)), rf"it is {what}")
        for name, start, what in [
            ("PNG", b"\x89PNG\r\n\x1a\n", "a PNG image"),
            ("JPEG", b"\xff\xd8\xff\xe0", "a JPEG image"),
            ("GIF", b"GIF89a", "a GIF image"),
            ("PDF", b"%PDF-1.7\n", "a PDF document"),
            ("spreadsheet", b"PK\x03\x04\x14\x00", "a zip archive, such as a spreadsheet"),
            ("old spreadsheet", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old spreadsheet"),
            ("Parquet named csv", b"PAR1\x15\x04", "a Parquet file: name it .parquet"),
            ("array of NumPy", b"\x93NUMPY\x01\x00", "an array of NumPy"),
            ("HDF5", b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
            ("SQLite", b"SQLite format 3\x00", "a data base of SQLite"),
            ("program", b"\x7fELF\x02\x01", "a program"),
            ("bzip2", b"BZh91AY&SY", "a bzip2 archive"),
            ("xz", b"\xfd7zXZ\x00", "an xz archive"),
            ("zstd", b"(\xb5/\xfd\x04", "a zstd archive"),
        ]
    ),
    wrong("gzip named csv", PACKED, r"it is a gzip archive: let its name end in .gz"),
    wrong("pickle", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00]\x94.", r"NUL bytes: it is binary"),
    wrong("bytes of no kind", bytes(range(254, 127, -1)), r"line 1: expected utf-8, but the byte 0xfe"),
    wrong("web page", "<!DOCTYPE html>\n<html><body>404</body></html>\n", "a web page or XML"),
    wrong("web page in small letters", "\n<html>a,b\n1,2</html>\n", "a web page or XML"),
    wrong("XML", '<?xml version="1.0"?>\n<rows/>\n', "a web page or XML"),
    wrong("JSON", '{"a": [1, 2]}\n', "it is JSON"),
    wrong("JSON records", '[{"a": 1}, {"a": 2}]\n', "it is JSON"),
]

ARCHIVES = [
    right("gzip", gzip.compress(b"a,b\n1,2\n3,4\n", mtime=0), AB, ".csv.gz"),
    right(
        "gzip of two members", gzip.compress(b"a,b\n1,2\n", mtime=0) + gzip.compress(b"3,4\n", mtime=0), AB, ".csv.gz"
    ),
    right("gzip of tabs", gzip.compress(b"a\tb\n1\t2\n3\t4\n", mtime=0), AB, ".TSV.GZ"),
    wrong(
        "csv named gz",
        "a,b\n1,2\n",
        r"expected a complete gzip archive, but it is damaged: Not a gzipped file",
        ".csv.gz",
    ),
    *(
        wrong(f"gzip cut at {cut}", PACKED[:cut], r"expected a complete gzip archive, but it is damaged", ".csv.gz")
        for cut in (1, 5, 12, 100, len(PACKED) // 2, len(PACKED) - 9, len(PACKED) - 4, len(PACKED) - 1)
    ),
    *(
        wrong(f"gzip with a changed byte at {index}", damaged(index), r"it is damaged", ".csv.gz")
        for index in (0, 1, 2, len(PACKED) - 7, len(PACKED) - 2)
    ),
    wrong("gzip with more behind", PACKED + b"and more", r"it is damaged", ".csv.gz"),
]

MISSING = [
    *(
        right(
            f"missing word {word!r}" if word else "missing cell empty",
            f"x,c,d\n1,u,2023-01-31\n{word},{word},{word}\n",
            {"x": [1.0, None], "c": ["u", word if word in BESIDE_NUMBERS else None], "d": [DAY, None]},
        )
        for word in [
            "",
            "NA",
            "N/A",
            "n/a",
            "NaN",
            "nan",
            "null",
            "NULL",
            "None",
            "none",
            "?",
            "-",
            " NA ",
            '""',
            "NAN",
            "-nan",
        ]
    ),
    *(
        right(f"category {word}", f"x\n{word}\n\u0020{word} \nu\nNA\n", {"x": [word, word, "u", None]})
        for word in BESIDE_NUMBERS
    ),
    right("none below missing cells", "x,y\n,1\nnone,2\nu,3\n", {"x": [None, "none", "u"], "y": [1.0, 2.0, 3.0]}),
    right(
        "none, then words in a later chunk",
        "x\n" + "none\n" * 40_000 + "u\n",
        {"x": ["none"] * 40_000 + ["u"]},
    ),
    right(
        "none, then numbers in a later chunk",
        "x\n" + "none\n" * 40_000 + "1.5\n",
        {"x": [None] * 40_000 + [1.5]},
    ),
    right("none alone", "x,y\nnone,1\n-,2\n", {"x": [None, None], "y": [1.0, 2.0]}),
    right("none said to be a category", "x\nnone\n1\n", {"x": ["none", "1"]}, kinds={"x": "category"}),
    right("none where a number is said", "x\nnone\n1\n", {"x": [None, 1.0]}, kinds={"x": "number"}),
    right("none given as missing", "x\nnone\nu\n-\n", {"x": [None, "u", "-"]}, missing=["none"]),
    wrong("none beside nearly all numbers", twenty_and("-") + "a,1\n", "20 of 21 cells, but here 'a'"),
    right(
        "rest as text",
        "x,y,d\n" + "1,inf,2023-02-30\n" * 20 + '2,"1,234",soon\n',
        {"x": [1.0] * 20 + [2.0], "y": ["inf"] * 20 + ["1,234"], "d": ["2023-02-30"] * 20 + ["soon"]},
        kinds={"x": "number"},
        rest="category",
    ),
    wrong(
        "rest that is no kind", "x\n1\n", "rest must be one of number, category, date, or None, got 'text'", rest="text"
    ),
    right("all missing", "a,b\n1,\n2,NA\n", {"a": [1.0, 2.0], "b": [None, None]}),
    right("all missing, of dates", "a,b\n1,\n", {"a": [1.0], "b": [None]}, kinds={"b": "number"}),
    right("missing word of the user", "x\n1\nunknown\n", {"x": [1.0, None]}, missing=["unknown"]),
    right("missing number of the user", "x\n1\n-999\n 2\n -999 \n", {"x": [1.0, None, 2.0, None]}, missing=["-999"]),
    right("missing words replaced", "x\nu\nNA\n\u0020\nv\n", {"x": ["u", "NA", None, "v"]}, missing=["unknown"]),
    right("missing from the first", "x,y\n,1\n,2\nu,3\n", {"x": [None, None, "u"], "y": [1.0, 2.0, 3.0]}),
    right("dashes and numbers", "x,y\n-,1\n-1,2\n", {"x": [None, -1.0], "y": [1.0, 2.0]}),
    wrong("missing words no list", "x\n1\n", "missing must be words in a list", missing="unknown"),
    wrong("missing words no words", "x\n1\n", "missing must be words in a list", missing=[-999]),
]

NUMBER_CELLS = [
    *(
        right(f"number {cell}", f"x\n{cell}\n1\n", {"x": [value, 1.0]})
        for cell, value in [
            ("1e3", 1000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+3", 3.0),
            ("-0", -0.0),
            ("1E-5", 1e-5),
            ("1e-400", 0.0),
            ("0", 0.0),
            ("-007", -7.0),
            ("00.5", 0.5),
            ("0e3", 0.0),
            ("0.1000000000000000055511151231257827", 0.1),
            ("１２", 12.0),
        ]
    ),
    *(
        wrong(
            f"infinity {cell}",
            twenty_and(cell),
            rf"line 22: column 'x' must be of finite numbers, got '{cell.replace('+', '[+]')}'",
        )
        for cell in ["inf", "-inf", "+inf", "Inf", "INF", "infinity", "-Infinity", "1e999", "-1e400"]
    ),
    wrong("infinity below a missing cell", "x,y\n,1\ninf,2\n", r"line 3: column 'x' must be of finite numbers"),
    wrong("infinity far down", "x\n" + "1\n" * 40_000 + "inf\n", r"line 40002: column 'x' must be of finite numbers"),
    right("inf among words", "x\ninf\nabc\n", {"x": ["inf", "abc"]}),
    *(
        wrong(
            f"mixed {cell}",
            twenty_and(cell),
            rf"line 22: column 'x' holds numbers in 20 of 21 cells, but here '{pattern}': .*--missing",
        )
        for cell, pattern in [
            ("unknown", "unknown"),
            ("abc", "abc"),
            ("1_000", "1_000"),
            ("0x10", "0x10"),
            ('"1,234"', "1,234"),
            ("12%", "12%"),
            ("$5", r"\$5"),
            ("1e", "1e"),
            ("--1", "--1"),
            ("½", "½"),
            ("2023-01-31", "2023-01-31"),
            ("1 2", "1 2"),
            ("1.2.3", r"1\.2\.3"),
            ("True", "True"),
            ("12 kg", "12 kg"),
            ("#N/A", "#N/A"),
            ("#DIV/0!", "#DIV/0!"),
            (".", r"\."),
        ]
    ),
    wrong(
        "mixed in a later chunk",
        "x\n" + "1\n" * 40_000 + "abc\n",
        r"line 40002: .* in 40000 of 40001 cells, but here 'abc'",
    ),
    wrong("mixed, the word first", "x,y\nabc,1\n" + "1,1\n" * 20, r"line 2: .* in 20 of 21 cells, but here 'abc'"),
    wrong(
        "mixed, quoted for a shell",
        twenty_and("not known"),
        r"--missing 'not known' \(in Python missing=\['not known'\]\)",
    ),
    wrong(
        "mixed, with cells missing",
        "x,y\n" + "1,1\n" * 12 + ",1\n" * 12 + "abc,1\n",
        r"in 12 of 13 cells, but here 'abc'",
    ),
    wrong(
        "mixed, with words given",
        twenty_and("NA"),
        r"but here 'NA': .* say --missing '\?\?' --missing gone --missing NA \(in Python missing=\['\?\?', 'gone', 'NA'\]\)",
        missing=["gone", "??"],
    ),
    right("few numbers and a word", "x,y\n1,1\n2,1\nabc,1\n", {"x": ["1", "2", "abc"], "y": [1.0, 1.0, 1.0]}),
    right(
        "words and a few numbers",
        "x\n" + "a\n" * 10 + "1\n" * 10,
        {"x": ["a"] * 10 + ["1"] * 10},
    ),
    right(
        "numbers, then words in a later chunk",
        "x\n" + "01\n" * 34_000 + "a\n" * 6_000,
        {"x": ["01"] * 34_000 + ["a"] * 6_000},
    ),
    right(
        "missing, then words in a later chunk",
        "x,y\n" + ",1\n" * 20_000 + "a,1\n",
        {"x": [None] * 20_000 + ["a"], "y": [1.0] * 20_001},
    ),
    right("underscores are words", "x\n1_0\n2_0\n", {"x": ["1_0", "2_0"]}),
    wrong(
        "thousands in quotes",
        'x,y\n"1,234",1\n"5,678",2\n',
        r"line 2: column 'x' holds numbers with commas, .* '1,234'",
    ),
    wrong("decimal commas in quotes", 'x,y\n2,1\n"1,5",2\n', r"line 3: column 'x' holds numbers with commas, .* '1,5'"),
    wrong("thousands behind points", "x;y\n1.234,5;1\n", r"line 2: column 'x' holds numbers with commas, .* '1.234,5'"),
    wrong("thousands behind blanks", "x;y\n1 234;1\n10;2\n", r"line 2: column 'x' holds numbers with commas"),
    right(
        "decimal comma",
        "x;y\n1,5;1\n-2,25;2\n3;3\n",
        {"x": [1.5, -2.25, 3.0], "y": [1.0, 2.0, 3.0]},
        notes={"x": "decimal comma"},
    ),
    right(
        "decimal comma of tabs",
        "x\ty\n1,5\t1\n\t2\n",
        {"x": [1.5, None], "y": [1.0, 2.0]},
        ".tsv",
        {"x": "decimal comma"},
    ),
    wrong(
        "decimal comma and point",
        "x;y\n1.5;1\n2,5;2\n",
        r"line 3: column 'x' has decimal commas and decimal points, here '2,5'",
    ),
    right("categories of commas", 'x,y\n"1,5",1\n', {"x": ["1,5"], "y": [1.0]}, kinds={"x": "category"}),
    wrong(
        "number asked for", "x,y\n1,a\n2,b\n", r"line 2: column 'y' must be of numbers, got 'a'", kinds={"y": "number"}
    ),
    wrong(
        "number asked for, far down",
        "x\n" + "1\n" * 40_000 + "a\n",
        r"line 40002: column 'x' must be of numbers",
        kinds={"x": "number"},
    ),
    right("number made a category", "x,y\n01,1\n1,2\n", {"x": ["01", "1"], "y": [1.0, 2.0]}, kinds={"x": "category"}),
    right(
        "mixed made a category", twenty_and("abc"), {"x": [*NUMBERS, "abc"], "y": [1.0] * 21}, kinds={"x": "category"}
    ),
    right(
        "mixed made missing", twenty_and("abc"), {"x": [*map(float, NUMBERS), None], "y": [1.0] * 21}, missing=["abc"]
    ),
    wrong(
        "kind of no column", "x,y\n1,2\n", r"no column 'z', which kinds names; it has 'x', 'y'", kinds={"z": "number"}
    ),
    wrong(
        "kind that is none",
        "x,y\n1,2\n",
        r"kinds\['x'\] must be one of number, category, date, got 'int'",
        kinds={"x": "int"},
    ),
    wrong("kinds no mapping", "x,y\n1,2\n", r"kinds must be a mapping", kinds=["x"]),
    right("booleans", "x\nTrue\nFalse\n", {"x": ["True", "False"]}),
    right(
        "ten thousand categories",
        "x\n" + "".join(f"w{i}\n" for i in range(10_000)),
        {"x": [f"w{i}" for i in range(10_000)]},
    ),
    right("constant", "x,y\n1,a\n1,a\n", {"x": [1.0, 1.0], "y": ["a", "a"]}),
    right(
        "a thousand columns",
        ",".join(f"c{i}" for i in range(1000)) + "\n" + ",".join(["1"] * 1000) + "\n",
        {f"c{i}": [1.0] for i in range(1000)},
    ),
]


def moment(*numbers: int) -> datetime.datetime:
    return datetime.datetime(*numbers)  # type: ignore[arg-type]


DATES = [
    *(
        right(f"date {cell}", f"d\n{cell}\n2023-02-01\n", {"d": [value, datetime.date(2023, 2, 1)]})
        for cell, value in [
            ("2023-01-31", DAY),
            ("2023/01/31", DAY),
            ("2023-01-31T13:45", moment(2023, 1, 31, 13, 45)),
            ("2023-01-31 13:45:59", moment(2023, 1, 31, 13, 45, 59)),
            ("2023/01/31 00:00", DAY),
            ("2024-02-29", datetime.date(2024, 2, 29)),
            ("0001-01-01", datetime.date(1, 1, 1)),
        ]
    ),
    *(
        wrong(
            f"date {cell}",
            f"d,x\n2023-01-30,1\n{cell},2\n2023-02-01,3\n",
            rf"line 3: column 'd' must be of dates that exist, got '{cell}'",
        )
        for cell in [
            "2023-02-30",
            "2023-02-29",
            "2023-13-01",
            "2023-00-10",
            "2023-01-00",
            "2023-04-31",
            "2023-01-31 24:01",
            "2023-01-31T10:61",
            "2023-01-31T10:10:61",
        ]
    ),
    *(
        right(f"no date {cell}", f"d,x\n{cell},1\n2023-02-01,2\n", {"d": [cell, "2023-02-01"], "x": [1.0, 2.0]})
        for cell in [
            "31.01.2023",
            "01/31/2023",
            "2023-1-31",
            "2023-01/31",
            "20230131T10",
            "2023-01-31T10",
            "2023-W05",
            "10:30",
            "2023-01-31T10:30:00Z",
        ]
    ),
    right("dates without hyphens are numbers", "d\n20230131\n", {"d": [20230131.0]}),
    right("date made a category", "d\n2023-01-31\n", {"d": ["2023-01-31"]}, kinds={"d": "category"}),
    wrong(
        "date asked for",
        "d\n2023-01-31\nsoon\n",
        r"line 3: column 'd' must be of dates YYYY-MM-DD, .* got 'soon'",
        kinds={"d": "date"},
    ),
    wrong("number where a date is asked for", "d\n5\n", r"line 2: column 'd' must be of dates", kinds={"d": "date"}),
    wrong(
        "dates and a word",
        "d,x\n" + "2023-01-31,1\n" * 20 + "soon,1\n",
        r"line 22: column 'd' holds dates in 20 of 21 cells, but here 'soon': .*--missing soon .*--categorical d",
    ),
    wrong(
        "date impossible where asked for",
        "d\n2023-02-30\n",
        r"line 2: column 'd' must be of dates that exist",
        kinds={"d": "date"},
    ),
]


def _folder(path: Path) -> None:
    path.mkdir()


def _unreadable(path: Path) -> None:
    path.write_text("a,b\n1,2\n")
    path.chmod(0)


def _nothing(path: Path) -> None:
    pass


def _broken_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere.csv"))


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _link(path: Path) -> None:
    other = path.with_name("other.csv")
    other.write_text("a,b\n1,2\n3,4\n")
    path.symlink_to(other)


PATHS = [
    Malformed("folder", ".csv", None, "Is a directory", make=_folder),
    Malformed("folder without ending", "", None, "Is a directory", make=_folder),
    Malformed("folder named gz", ".csv.gz", None, "Is a directory", make=_folder),
    Malformed("folder named parquet", ".parquet", None, "Is a directory", make=_folder),
    Malformed("no permission", ".csv", None, "Permission denied", make=_unreadable, for_root=False),
    Malformed("no such file", ".csv", None, "No such file", make=_nothing),
    Malformed("no such file named gz", ".csv.gz", None, "No such file", make=_nothing),
    Malformed("no such file of no ending", "", None, "No such file", make=_nothing),
    Malformed("name too long" + "x" * 300, ".csv", None, "File name too long", make=_nothing),
    Malformed("broken link", ".csv", None, "No such file", make=_broken_link),
    Malformed("link to itself", ".csv", None, "symbolic links", make=_loop),
    Malformed("link", ".csv", None, table=AB, make=_link),
    Malformed("pipe", ".csv", None, "expected a file, got a pipe or a device", make=os.mkfifo),
    wrong("spreadsheet by name", "a,b\n1,2\n", r"expected a name that ends in .* got .xlsx", ".xlsx"),
    wrong("no ending", "a,b\n1,2\n", r"expected a name that ends in .* got no ending", ""),
    wrong("zip by name", "a,b\n1,2\n", r"expected a name that ends in .* got .zip", ".zip"),
    wrong(
        "delimiter for Parquet",
        b"PAR1",
        r"delimiter is for text, but the file is of Parquet",
        ".parquet",
        delimiter=",",
    ),
    wrong(
        "encoding for Parquet",
        b"PAR1",
        r"encoding is for text, but the file is of Parquet",
        ".parquet",
        encoding="utf-8",
    ),
    right("ending in capitals", "a,b\n1,2\n3,4\n", AB, ".CSV"),
    right("ending txt", "a,b\n1,2\n3,4\n", AB, ".txt"),
]

CASES: list[Malformed] = [
    *EMPTY,
    *HEADERS,
    *RAGGED,
    *DELIMITERS,
    *QUOTES,
    *LINES,
    *ENCODINGS,
    *BINARY,
    *ARCHIVES,
    *MISSING,
    *NUMBER_CELLS,
    *DATES,
    *PATHS,
]
