"""``chainrule data``: the data sets that need no download, and one of them in detail or as a CSV file."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainrule.cli.prose_table import prose_table
from chainrule.cli.report import facts, table

if TYPE_CHECKING:
    from chainrule.data.catalogue import CatalogueEntry, FileCheck
    from chainrule.data.dataset import Dataset
    from chainrule.data.tables import Table
    from chainrule.data.text import Text

__all__ = ["data"]

_ROWS = 3  # that are shown
_LONGEST = 24  # characters of a cell
_CHARACTERS = 400  # of a text


@click.command()
@click.argument("name", required=False)
@click.option(
    "--out",
    metavar="FILE.csv",
    type=click.Path(path_type=Path),
    help="Write the table as a new CSV file; .csv.gz packs it.",
)
@click.pass_context
def data(context: click.Context, name: str | None, out: Path | None) -> None:
    """Show the data sets that need no download: what they are, whose, and under which licence.

    With a NAME, such as wine, that one alone, with the checksum of its file compared with the known one, its columns and its
    first rows.
    """
    if name is None:
        if out is not None:
            raise click.UsageError("--out needs the NAME of a table.", context)
        _print_all()
        return
    entry = _entry(name)
    if out is not None:
        _write(entry, out, context)
        return
    _print_detail(entry)


def _entry(name: str) -> CatalogueEntry:
    from chainrule.data.catalogue import DATA_SETS

    if name not in DATA_SETS:
        raise ValueError(f"there is no data set {name!r}; there are {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def _print_all() -> None:
    from chainrule.data.catalogue import DATA_SETS

    prose_table(
        ["name", "what", "task", "target", "carried by", "licence of the data"],
        [
            [entry.name, entry.shapes, entry.task, entry.target or "", _carriers(entry), entry.licence]
            for entry in DATA_SETS.values()
        ],
    )


def _carriers(entry: CatalogueEntry) -> str:
    file = entry.files[0]
    there = importlib.util.find_spec(file.module) is not None
    return file.distribution if there else f"{file.distribution} (not installed)"


def _print_detail(entry: CatalogueEntry) -> None:
    from chainrule.data.dataset import Dataset
    from chainrule.data.tables import Table

    checks = entry.verify()
    facts(
        [
            ("name", entry.name),
            ("what", entry.description),
            ("size", entry.shapes),
            ("task", entry.task),
            *([("target", entry.target)] if entry.target else []),
            ("in Python", entry.call),
            ("source", entry.source),
            ("licence of the data", entry.licence),
            ("of the package", entry.package_licence),
            *((what, text) for check in checks for what, text in _check(check)),
        ]
    )
    _warn(checks)
    loaded = entry.load()
    click.echo()
    if isinstance(loaded, Table):
        _print_table(loaded)
    elif isinstance(loaded, Dataset):
        _print_images(loaded)
    else:
        _print_text(loaded)


def _check(check: FileCheck) -> Iterator[tuple[str, str]]:
    yield "file", str(check.path)
    verdict = {
        "as pinned": "as expected",
        "differs": f"expected {check.pinned}",
        "not pinned": "not known for this release",
    }[check.verdict]
    yield "SHA-256", f"{check.found} ({verdict})"


def _warn(checks: tuple[FileCheck, ...]) -> None:
    for check in checks:
        if check.verdict == "differs":
            click.echo(
                f"chainrule: warning: {check.path}: the SHA-256 is not the expected one: the file is damaged or changed, "
                "or of another release of its package",
                err=True,
            )


def _write(entry: CatalogueEntry, out: Path, context: click.Context) -> None:
    from chainrule.data.catalogue import DATA_SETS
    from chainrule.data.tables import Table, write_csv

    if entry.kind != "table":
        tables = ", ".join(other.name for other in DATA_SETS.values() if other.kind == "table")
        raise click.UsageError(f"--out writes a table, {entry.name} is none; the tables are {tables}.", context)
    if not out.name.lower().endswith((".csv", ".csv.gz")):
        raise click.UsageError(f"--out must end in .csv or .csv.gz, got {str(out)!r}.", context)
    _warn(entry.verify())
    loaded = entry.load()
    assert isinstance(loaded, Table)
    write_csv(loaded, out)
    click.echo(f"{len(loaded):,} rows, {len(loaded.names)} columns in {out}; the target is {entry.target}")


def _print_table(loaded: Table) -> None:
    from chainrule.data.tables import summarise

    first = loaded.rows(slice(0, _ROWS))
    table(
        ["column", "kind", "missing", "distinct", *(f"row {row + 1}" for row in range(len(first)))],
        [
            [
                summary.name,
                summary.kind,
                str(summary.missing),
                str(summary.distinct),
                *(_cell(value) for value in first[summary.name]),
            ]
            for summary in summarise(loaded)
        ],
    )


def _cell(value: object) -> str:
    """A number as short as it is, a date as its day, words cut where they are long."""
    text = f"{value:g}" if isinstance(value, float) else str(value).removesuffix("T00:00:00")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _print_images(loaded: Dataset) -> None:
    import numpy as np

    counts = [np.bincount(y, minlength=loaded.classes) for _, y in (loaded.train, loaded.test)]
    table(
        ["class", "train", "test"],
        [[name, str(train), str(test)] for name, train, test in zip(loaded.class_names, *counts, strict=True)],
    )


def _print_text(loaded: Text) -> None:
    facts(
        [
            ("to train on", f"{len(loaded.train):,} characters, {len(loaded.characters)} distinct"),
            ("held out", f"{len(loaded.validation):,} characters"),
        ]
    )
    click.echo(f"\nIts beginning:\n\n{loaded.decode(loaded.train[:_CHARACTERS])}")
