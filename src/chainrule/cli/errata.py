"""``chainrule errata``: the printed figures of the sources that are wrong, and the code that decides, run on the spot."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from chainrule.cli.prose_table import prose_table
from chainrule.cli.report import facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainrule.cli import Settings
    from chainrule.course.errata import Erratum, Finding

__all__ = ["errata"]


@click.command()
@click.argument("id", required=False)
@click.option("--code", is_flag=True, help="Show the code that decides as well.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option("--markdown", is_flag=True, help="Print the page of the course, with all code.")
@click.pass_context
def errata(context: click.Context, id: str | None, code: bool, as_json: bool, markdown: bool) -> None:
    """Show the figures of the sources that are wrong or misleading, and decide each of them on the spot.

    The correct figure is computed in at least two independent ways, in float64, and the printed one made again by the
    mistake that gives it. With an ID, such as B3-sampled-derivative, that erratum alone is shown, with all that is computed.

    The exit status is 1 if a printed figure turns out to be right, or an erratum cannot be decided.
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown are two forms of the same, give one of them.", context)
    settings: Settings = context.obj
    if settings.compilation_cache:
        from chainrule.cli.compilation_cache import use_compilation_cache

        use_compilation_cache()
    from chainrule.course import errata as course

    chosen = course.ERRATA if id is None else (course.find(id),)
    findings = list(_settled(chosen))
    if as_json:
        data = [finding.to_json() | ({"code": finding.erratum.code} if code else {}) for finding in findings]
        click.echo(json.dumps({"ok": all(finding.stands for finding in findings), "errata": data}, indent=2))
    elif markdown:
        click.echo(course.page(findings), nl=False)
    elif id is not None or code:
        for position, finding in enumerate(findings):
            click.echo("\n" * (position > 0), nl=False)
            _print_detail(finding, code)
    else:
        _print_table(findings)
    if not all(finding.stands for finding in findings):
        context.exit(1)


def _settled(chosen: Sequence[Erratum]) -> Iterator[Finding]:
    """Decide one after the other, and show how far it is, where the standard error is a terminal."""
    if not sys.stderr.isatty():
        yield from (erratum.settle() for erratum in chosen)
        return
    from rich.console import Console
    from rich.progress import track

    for erratum in track(chosen, description="deciding", console=Console(stderr=True), transient=True):
        yield erratum.settle()


def _print_table(findings: Sequence[Finding]) -> None:
    prose_table(
        ["erratum", "source", "printed", "correct", "decided by", "found"],
        [
            [
                finding.erratum.id,
                finding.erratum.source,
                finding.erratum.printed + ("" if finding.erratum.quoted else " *"),
                finding.erratum.correct,
                "\n".join(finding.evidence.ways),
                str(finding.verdict) + (f": {finding.reason}" if finding.reason else ""),
            ]
            for finding in findings
        ],
    )
    click.echo()
    if not all(finding.erratum.quoted for finding in findings):
        click.echo("* not quoted to the digit: what the method of the source gives")
    stand = sum(finding.stands for finding in findings)
    click.echo(f"{stand} of {len(findings)} printed figures are wrong, as the errata say")


def _print_detail(finding: Finding, code: bool) -> None:
    from chainrule.course.errata import SOURCES

    erratum, evidence = finding.erratum, finding.evidence
    click.echo(click.style(erratum.id, bold=True) + f": {erratum.claim}")
    click.echo(f"{erratum.source}, {SOURCES[erratum.source]}")
    click.echo()
    facts(
        [
            ("printed" if erratum.quoted else "by its method", erratum.printed),
            ("correct", erratum.correct),
            ("found", str(finding.verdict) + (f": {finding.reason}" if finding.reason else "")),
        ]
    )
    _heading("Correct, computed")
    facts((f"  {way}", finding.written(value)) for way, value in evidence.ways.items())
    _heading("How the error came about")
    click.echo(textwrap.fill(erratum.how, 100, initial_indent="  ", subsequent_indent="  "))
    if evidence.mistake:
        click.echo()
        facts((f"  {way}", finding.written(value, like_printed=True)) for way, value in evidence.mistake.items())
    if evidence.remarks:
        _heading("Besides")
        for name, remark in evidence.remarks.items():
            click.echo(textwrap.fill(f"{name}: {remark}", 100, initial_indent="  ", subsequent_indent="    "))
    if code:
        _heading("The code that decides")
        _print_code(erratum.code)


def _heading(title: str) -> None:
    click.echo("\n" + click.style(title, bold=True))


def _print_code(code: str) -> None:
    if not sys.stdout.isatty():
        click.echo(textwrap.indent(code, "  "))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.syntax import Syntax

    syntax = Syntax(code, "python", theme="ansi_dark", background_color="default", word_wrap=True)
    Console().print(Padding(syntax, (0, 0, 0, 2)))
