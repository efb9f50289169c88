"""``chainrule explain``: one rule or optimiser on one screen, from its equation to what the audit finds."""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainrule.cli.report import facts, seconds

if TYPE_CHECKING:
    from chainrule.audit import Report
    from chainrule.audit.explain import Explanation
    from chainrule.cli import Settings

__all__ = ["explain"]


@click.command()
@click.argument("name", required=False)
@click.option("--picture", type=click.Path(path_type=Path), help="Write function and derivative to this PNG file.")
@click.option("--no-check", is_flag=True, help="Leave the audit out.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_obj
def explain(settings: Settings, name: str | None, picture: Path | None, no_check: bool, as_json: bool) -> None:
    """Explain a rule or optimiser: its equation, shapes, derivation, code, and what the audit finds.

    NAME is that of `chainrule check`, in quotes if it has spaces. Without one, all names are listed, each with its equation.

    --picture draws rules that act on each number of one array, and losses of one number against the prediction.

    The exit status is 1 if it fails the audit.
    """
    from chainrule import audit
    from chainrule.audit import explain as explained

    if name is None:
        if picture is not None:
            raise click.UsageError("--picture needs the NAME of a rule.", click.get_current_context())
        _print_titles(explained.titles(), as_json)
        return
    if picture is not None and (picture.suffix.lower() != ".png" or not picture.parent.is_dir()):
        raise ValueError(f"--picture must be a .png in a folder that exists, got {picture}")
    explanation = explained.explain(name)
    drawn = explained.curve(name) if picture is not None else None
    if not as_json:
        _print(explanation)
    report = None
    if not no_check:
        if settings.compilation_cache:
            from chainrule.cli.compilation_cache import use_compilation_cache

            use_compilation_cache()
        clock = time.perf_counter()
        report = audit.check_entry(explained.find(name))
        if not as_json:
            _print_audit(report, time.perf_counter() - clock)
    if as_json:
        found = None if report is None else report.to_json()
        click.echo(json.dumps(asdict(explanation) | {"audit": found}, indent=2))
    if picture is not None and drawn is not None:
        from chainrule import plot

        plot.save(plot.function_and_derivative(drawn), picture)
    if report is not None and not report.ok:
        click.get_current_context().exit(1)


def _print_titles(titles: list[tuple[str, str, str]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([{"room": room, "name": name, "title": title} for room, name, title in titles], indent=2))
        return
    width = max(len(name) for _, name, _ in titles)
    for position, room in enumerate(dict.fromkeys(room for room, _, _ in titles)):
        click.echo("\n" * (position > 0) + click.style(room, bold=True))
        for _, name, title in (line for line in titles if line[0] == room):
            click.echo(f"  {name:<{width}}  {_prose(title)}")


def _print(explanation: Explanation) -> None:
    # What stands as the equation need not be said in the first line as well.
    stated = explanation.equation.partition("\n\n")[0]
    what = explanation.title.removesuffix(stated).rstrip(": ")
    click.echo(click.style(explanation.name, bold=True) + (f": {_prose(what)}" if what else ""))
    click.echo(f"{explanation.room}, {explanation.where}")
    _section("Equation", explanation.equation)
    _section("Shapes", explanation.shapes)
    _section("Derivation", explanation.derivation)
    # Most docstrings speak of the kink within the derivation: once is enough.
    if explanation.kinks not in " ".join(explanation.derivation.split()):
        _section("Kinks", explanation.kinks)
    _section("Residuals", explanation.residuals)
    _section("Notes", explanation.notes)
    _section("Composition", explanation.composition)
    if explanation.parts:
        _heading("Made of")
        facts(
            (f"  {part.name}", f"chainrule explain {shlex.quote(part.explained)}" if part.explained else part.where)
            for part in explanation.parts
        )
    backward = explanation.backward_code
    _code("Forward" if backward else "Code", explanation.forward_code)
    _code("Backward", backward)
    _code("Independent answer", explanation.answer_code)
    _section("Source", explanation.source)


def _heading(title: str) -> None:
    click.echo("\n" + click.style(title, bold=True))


def _section(title: str, text: str) -> None:
    if text:
        _heading(title)
        click.echo(textwrap.indent(_prose(text), "  "))


def _prose(text: str) -> str:
    """Text as it stands in a docstring, a name in single back-quotes."""
    return text.replace("``", "`")


def _code(title: str, code: str) -> None:
    if not code:
        return
    _heading(title)
    if not sys.stdout.isatty():
        click.echo(textwrap.indent(code, "  "))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.syntax import Syntax

    syntax = Syntax(code, "python", theme="ansi_dark", background_color="default", word_wrap=True)
    Console().print(Padding(syntax, (0, 0, 0, 2)))


def _print_audit(report: Report, elapsed: float) -> None:
    from chainrule.audit.checks import AUTODIFF, DIFFERENCES, PRIMAL
    from chainrule.audit.optimizers.names import FORMULA

    _heading("Audit")
    total, failed = len(report.checks), len(report.failures)
    verdict = f"all {total} checks pass" if report.ok else f"FAIL: {total - failed} of {total} checks pass"
    click.echo(f"  {verdict}, in {seconds(elapsed)}")
    against = (
        (AUTODIFF, "autodiff"),
        (DIFFERENCES, "differences"),
        (PRIMAL, "the reference"),
        (FORMULA, "the formula"),
    )
    figures = [f"{worst:.2g} against {what}" for name, what in against if (worst := report.worst(name)) is not None]
    if figures:
        click.echo(f"  largest relative error {', '.join(figures)}")
    for fault in report.failures:
        click.echo(f"  {fault.name} ({fault.case}): {fault.figure:.1e}; {fault.detail}")
    if report.diagnosis:
        click.echo(f"  looks like: {report.diagnosis}")
