"""``chainrule check``: put every rule before the referee, and the referee before rules that are wrong on purpose."""

from __future__ import annotations

import functools
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chainrule.cli.report import seconds, table

if TYPE_CHECKING:
    from chainrule.audit import Report
    from chainrule.audit.mutants import Mutant
    from chainrule.audit.report import Check

__all__ = ["check"]


@click.command()
@click.argument("target", required=False)
@click.option("--shapes", help="Draw the arguments of TARGET from these, such as 3x4,4.")
@click.option("--static", metavar="NAME=VALUE", multiple=True, help="A static argument of TARGET; may be repeated.")
@click.option(
    "--pullback", metavar="TARGET", help="The function pullback(d_output, *arguments) that belongs to TARGET."
)
@click.option("--second-order", is_flag=True, help="Check the derivative of TARGET's pullback as well.")
@click.option("--only", metavar="NAME", multiple=True, help="Check this rule alone; may be given more than once.")
@click.option(
    "--gallery", is_flag=True, help="Check the audit too: every rule that is wrong on purpose must be caught."
)
@click.option("--thorough", is_flag=True, help="Leave no check out: takes twice as long.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON instead of the table.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write the errors as a picture to this PNG file.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the arguments and cotangents that are drawn.",
)
@click.pass_context
def check(
    context: click.Context,
    target: str | None,
    shapes: str | None,
    static: tuple[str, ...],
    pullback: str | None,
    second_order: bool,
    only: tuple[str, ...],
    gallery: bool,
    thorough: bool,
    as_json: bool,
    picture: Path | None,
    seed: int,
) -> None:
    """Check derivatives: every rule of the package, or a function of your own.

    Without TARGET, every rule, layer, loss, model and optimiser is checked. The primal is compared with an independent
    answer, the pullback with autodiff and with central differences, in float64 with random cotangents; further: linearity,
    tree, shape and dtype, jit, vmap, scan, other sizes, float32 and bfloat16, residuals, and finite values at the extremes.
    With --gallery, rules that are wrong on purpose go the same way: each must be caught.

    TARGET is package.module:function or path/to/file.py:function: a jax.custom_vjp or custom_jvp function, a rule, or a
    plain function. It is checked on arguments drawn from --shapes, such as 8x5,8:int5,scalar:positive:

    \b
      3x4, scalar      real numbers of both signs
      3x4:positive     from 0.1 to 3
      3x4:unit         between 0 and 1
      4x4:symmetric    symmetric positive definite
      8:int5           whole numbers from 0 to 4: labels, indices
      8:bool           true and false
      scalar:key       a random key

    The exit status is 1 if a derivative is wrong, or a rule that is wrong on purpose passes.
    """  # noqa: D301  (click wants the backspace itself: it keeps the lines of a table)
    of_target = {"--shapes": shapes, "--static": static, "--pullback": pullback, "--second-order": second_order}
    if target is None:
        for name, given in of_target.items():
            if given:
                raise click.UsageError(f"{name} needs the TARGET that it belongs to.", context)
    elif only or gallery or thorough:
        message = "--only, --gallery and --thorough belong to the register, give them or a TARGET, not both."
        raise click.UsageError(message, context)
    elif shapes is None:
        raise click.UsageError("TARGET needs --shapes to draw its arguments from, such as 3x4,4.", context)
    if picture is not None and (picture.suffix.lower() != ".png" or not picture.parent.is_dir()):
        raise ValueError(f"--picture must be a .png in a folder that exists, got {picture}")
    begin = functools.partial(_begin, context.obj.compilation_cache)
    begin()
    if target is not None and shapes is not None:
        from chainrule.cli.check_target import Request, check_target

        ok = check_target(Request(target, shapes, seed, second_order, static, pullback), as_json, picture)
    else:
        ok = _check_register(_Asked(only, gallery, thorough, seed, begin), as_json, picture)
    if not ok:
        context.exit(1)


def _begin(compilation_cache: bool) -> None:
    """Set a process up for checking: tracing makes many objects, few of them garbage."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    if compilation_cache:
        from chainrule.cli.compilation_cache import use_compilation_cache

        use_compilation_cache()


class _Asked(NamedTuple):
    """What is to be checked of the register, and how."""

    only: tuple[str, ...]
    gallery: bool
    thorough: bool
    seed: int
    begin: Callable[[], None]  # called in each further process


def _check_register(asked: _Asked, as_json: bool, picture: Path | None) -> bool:
    """Check the register, print what is found, and return whether all is as it should be."""
    from chainrule import audit
    from chainrule.audit import mutants

    only = dict.fromkeys(asked.only)
    chosen = [entry for name in only for entry in audit.entries(name)] if only else audit.entries()
    planted: list[Any] = [*mutants.MUTANTS, *mutants.OPTIMIZER_MUTANTS] if asked.gallery else []
    clock = time.perf_counter()
    reports: list[Report] = []
    caught: list[tuple[Mutant, Check | None]] = []
    for done in _with_progress(_findings(chosen, planted, asked), len(chosen) + len(planted)):
        if isinstance(done, tuple):
            caught.append(done)
        else:
            reports.append(done)
    missed = [mutant.name for mutant, failure in caught if failure is None]
    ok = all(report.ok for report in reports) and not missed

    if as_json:
        click.echo(json.dumps(_as_data(ok, reports, caught, asked.seed), indent=2))
    else:
        _print(reports, caught, missed, time.perf_counter() - clock)
    if picture is not None:
        from chainrule import plot

        plot.save(plot.audit_errors(reports), picture)
    return ok


_MANY = 12  # entries take longer than another process, which has to import everything first


def _findings(chosen: Any, planted: Any, asked: _Asked) -> Iterator[Any]:
    from chainrule import audit
    from chainrule.audit import mutants

    yield from audit.check_all(
        chosen, asked.seed, thorough=asked.thorough, processes=len(chosen) > _MANY, begin=asked.begin
    )
    yield from mutants.check_mutants(planted, asked.seed)


def _with_progress(findings: Iterator[Any], total: int) -> Iterator[Any]:
    """Show how far the checks are, where the standard error is a terminal."""
    if not sys.stderr.isatty():
        yield from findings
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(findings, description="checking", total=total, console=Console(stderr=True), transient=True)


def _print(reports: list[Report], caught: Any, missed: list[str], elapsed: float) -> None:
    from chainrule.audit.checks import AUTODIFF, DIFFERENCES, PRIMAL
    from chainrule.audit.optimizers.names import FORMULA

    def figure(report: Report, *names: str) -> str:
        worst = next((worst for name in names if (worst := report.worst(name)) is not None), None)
        return "" if worst is None else "0" if worst == 0 else f"{worst:.1e}"

    rows = [
        [
            report.subject,
            figure(report, AUTODIFF),
            figure(report, DIFFERENCES),
            figure(report, PRIMAL, FORMULA),
            f"{len(report.checks) - len(report.failures)} of {len(report.checks)}",
            "ok" if report.ok else "FAIL",
        ]
        for report in reports
    ]
    table(["rule", "autodiff", "differences", "primal", "checks", ""], rows)
    click.echo()
    for report in reports:
        for fault in report.failures:
            click.echo(f"{report.subject}: {fault.name} ({fault.case}): {fault.in_words}; {fault.detail}")
    failed = sum(not report.ok for report in reports)
    checks = sum(len(report.checks) for report in reports)
    click.echo(
        f"{len(reports) - failed} of {len(reports)} pass {checks:,} checks; largest relative error "
        f"{_largest(reports, AUTODIFF):.1e} against autodiff, {_largest(reports, DIFFERENCES):.1e} against differences"
    )
    if caught:
        click.echo(f"{len(caught) - len(missed)} of {len(caught)} rules that are wrong on purpose are caught")
    for name in missed:
        click.echo(f"not caught: {name}")
    click.echo(f"in {seconds(elapsed)}")


def _largest(reports: list[Report], name: str) -> float:
    return max((worst for report in reports if (worst := report.worst(name)) is not None), default=0.0)


def _as_data(ok: bool, reports: list[Report], caught: Any, seed: int) -> dict[str, Any]:
    import jax

    import chainrule

    return {
        "ok": ok,
        "chainrule": chainrule.__version__,
        "jax": jax.__version__,
        "seed": seed,
        "rules": [report.to_json() for report in reports],
        "wrong_on_purpose": [
            {"name": mutant.name, "caught_by": failure.name if failure is not None else None}
            for mutant, failure in caught
        ],
    }
