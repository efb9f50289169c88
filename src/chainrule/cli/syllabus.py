"""``chainrule syllabus``: each row of what is taught, with its functions, its tests and its figures."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.prose_table import prose_table
from chainrule.cli.report import facts

if TYPE_CHECKING:
    from chainrule.course.syllabus import Row

__all__ = ["syllabus"]


@click.command()
@click.argument("row", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@click.option("--markdown", is_flag=True, help="Print the rows as a table in Markdown.")
@click.option(
    "--figures",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Draw every figure of the rows, as PNG files, into this folder, which must be new or empty.",
)
@click.pass_context
def syllabus(context: click.Context, row: str | None, as_json: bool, markdown: bool, figures: Path | None) -> None:
    """Show the syllabus: for each row the functions that do it, the tests that prove it, and the figures that draw it.

    With a ROW, such as B3, that row alone is shown, with what each function computes and with its errata.
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown are two forms of the same, give one of them.", context)
    rows = _chosen(row)
    if figures is not None:
        drawn = _draw(rows, figures)
        if not (as_json or markdown):
            click.echo(f"{len(drawn)} figure{'s' * (len(drawn) != 1)} in {figures}")
            return
    if as_json:
        found = [asdict(row) for row in rows]
        click.echo(json.dumps(found, indent=2))
    elif markdown:
        click.echo(_markdown(rows))
    elif row is not None:
        _print_detail(rows[0])
    else:
        _print_table(rows)


def _chosen(id: str | None) -> Sequence[Row]:
    from chainrule.course.syllabus import ROWS

    if id is None:
        return ROWS
    rows = [row for row in ROWS if row.id == id.upper()]
    if not rows:
        raise ValueError(f"there is no row {id!r} in the syllabus; there are {', '.join(row.id for row in ROWS)}")
    return rows


def _draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw the figures of rows into a folder: all of them, or, when one fails, none."""
    from chainrule import plot
    from chainrule.recipes.run_folder import require_new

    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    if not names:
        raise ValueError(f"{', '.join(row.id for row in rows)} of the syllabus has no figure")
    require_new(folder)
    is_ours = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    try:
        for name in _with_progress(names):
            paths.append(folder / f"{name}.png")
            plot.save(_object(f"chainrule.course.figures.{name}")(), paths[-1])
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        if is_ours:
            folder.rmdir()
        raise
    return paths


def _with_progress(names: Sequence[str]) -> Iterator[str]:
    """Show how far the figures are, where the standard error is a terminal."""
    if not sys.stderr.isatty():
        yield from names
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(names, description="drawing", console=Console(stderr=True), transient=True)


def _object(name: str) -> Any:
    """What a dotted name stands for: attribute by attribute, modules imported where they are not yet.

    Raises:
        ValueError: when there is no such thing.
    """
    found: Any = None
    path = ""
    for part in name.split("."):
        path = f"{path}.{part}" if path else part
        try:
            # First the attribute: where a package exports a function of the name of its module, the function is meant.
            found = getattr(found, part) if hasattr(found, part) else importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name is None or not path.startswith(error.name):
                raise  # the module is there, and something that it needs is not
            raise ValueError(f"there is no {path}, which the syllabus names") from error
    return found


def _print_table(rows: Sequence[Row]) -> None:
    prose_table(
        ["row", "title", "functions", "tests", "figures", "errata"],
        [
            [
                row.id,
                row.title,
                "\n".join(name.removeprefix("chainrule.") for name in row.functions),
                "\n".join(name.removeprefix("tests/") for name in row.tests),
                "\n".join(row.figures),
                "\n".join(row.errata),
            ]
            for row in rows
        ],
    )
    click.echo()
    counts = [
        (len({name for row in rows for name in getattr(row, what)}), what)
        for what in ("functions", "tests", "figures", "errata")
    ]
    click.echo(f"{len(rows)} rows; {', '.join(f'{count} {what}' for count, what in counts)}")


def _print_detail(row: Row) -> None:
    click.echo(click.style(row.id, bold=True) + f": {row.title}")
    _heading("Functions")
    facts((f"  {name}", _first_line(_object(name))) for name in row.functions)
    _list("Tests", row.tests)
    if row.figures:
        _heading("Figures")
        facts((f"  {name}", _first_line(_object(f"chainrule.course.figures.{name}"))) for name in row.figures)
    if row.errata:
        from chainrule.course.errata import find

        _heading("Errata")
        for erratum in map(find, row.errata):
            click.echo(f"  {erratum.id}  {erratum.claim}: {erratum.correct}, not {erratum.printed}")


def _list(title: str, lines: Sequence[str]) -> None:
    _heading(title)
    for line in lines:
        click.echo(f"  {line}")


def _heading(title: str) -> None:
    click.echo("\n" + click.style(title, bold=True))


def _first_line(documented: Any) -> str:
    """The first line of a docstring, a name in single back-quotes."""
    lines = (getattr(documented, "__doc__", None) or "").strip().splitlines()
    return lines[0].replace("``", "`") if lines else ""


def _markdown(rows: Sequence[Row]) -> str:
    lines = ["| Row | Title | Functions | Tests | Figures | Errata |", "|---|---|---|---|---|---|"]
    for row in rows:
        title = row.title.replace("|", "\\|")
        cells = ["<br>".join(f"`{name}`" for name in names) for names in (row.functions, row.tests, row.figures)]
        lines.append(f"| {' | '.join([row.id, title, *cells, '<br>'.join(row.errata)])} |")
    return "\n".join(lines)
