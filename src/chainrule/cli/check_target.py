"""``chainrule check TARGET``: the audit of one function of the caller's own, imported by name."""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chainrule.cli.report import seconds
from chainrule.cli.target import callable_at, current_folder_first, in_words, where

if TYPE_CHECKING:
    from chainrule.audit import Report
    from chainrule.audit.inputs import Inputs

__all__ = ["Request", "check_target"]

_TRIALS = {
    "rule": "a chainrule rule",
    "custom_vjp": "a jax.custom_vjp",
    "custom_jvp": "a jax.custom_jvp",
    "pullback": "with the pullback given",
    "function": "without a derivative of its own: that of JAX is judged, by differences",
}
_WIDE = 200  # characters a line of a table may have where no terminal sets a width


class Request(NamedTuple):
    """What was asked for on the command line.

    Attributes:
        target: ``package.module:function`` or ``path/to/file.py:function``.
        shapes: what the arguments are drawn from; see ``chainrule.audit.from_shapes``.
        seed: of all that is drawn.
        second_order: whether the derivative of the pullback is checked as well.
        static: texts ``NAME=VALUE``.
        pullback: another target, or None.
    """

    target: str
    shapes: str
    seed: int
    second_order: bool
    static: tuple[str, ...]
    pullback: str | None

    @property
    def command(self) -> str:
        """The command that does the same again."""
        words = ["chainrule", "check", self.target, "--shapes", self.shapes, "--seed", str(self.seed)]
        words += ["--second-order"] * self.second_order
        words += [word for item in self.static for word in ("--static", item)]
        words += ["--pullback", self.pullback] if self.pullback is not None else []
        return shlex.join(words)


def check_target(request: Request, as_json: bool, picture: Path | None) -> bool:
    """Audit a function, print the report, and return whether it passes.

    Raises:
        click.UsageError: for a target, shapes or a static argument that cannot be read.
        ValueError: for what cannot be imported, found or audited.
    """
    from rich.console import Console

    from chainrule import audit
    from chainrule.audit.run import inputs_for

    clock = time.perf_counter()
    with current_folder_first():
        # What the module itself prints, at its import or as it runs, is no part of the report.
        with contextlib.redirect_stdout(sys.stderr):
            function = callable_at("TARGET", request.target)
            pullback = None if request.pullback is None else callable_at("--pullback", request.pullback)
            args, static = _arguments(function, request)
            options: dict[str, Any] = {"pullback": pullback, "seed": request.seed, **static}
            try:
                inputs = inputs_for(function, *args, **options)
            except TypeError as error:
                raise ValueError(str(error)) from error
            _require_primal(inputs, request.target)
            with Console(stderr=True).status(f"checking {request.target}"):  # shown in a terminal only
                report = audit.audit(function, *args, order=2 if request.second_order else 1, **options)
        if as_json:
            click.echo(json.dumps(_as_data(report, request), indent=2))
        else:
            _print(report, inputs, request, time.perf_counter() - clock)
        if picture is not None:
            from chainrule import plot

            plot.save(plot.audit_of(inputs), picture)
    return report.ok


def _arguments(function: Any, request: Request) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Draw the arguments, and give static ones by keyword, or by position where arrays come after them."""
    from chainrule.audit import audit, from_shapes
    from chainrule.audit.subject import static_positions
    from chainrule.rule import Rule, Static

    try:
        drawn = list(from_shapes(request.shapes, request.seed))
    except (ValueError, MemoryError) as error:
        raise click.BadParameter(f"{error}.", click.get_current_context(), param_hint="'--shapes'") from error
    static = dict(_static(item) for item in request.static)
    signature = _signature(function)
    if signature is None or not static:
        return tuple(drawn), static
    _require_static_names(request.target, isinstance(function, Rule), signature, static)
    args: list[Any] = []
    for parameter in signature.parameters.values():
        if not drawn or parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            break
        if parameter.name in static:
            value = static.pop(parameter.name)
            args.append(value if len(args) in static_positions(function) else Static(value))
        else:
            args.append(drawn.pop(0))
    taken = [name for name in static if name in inspect.signature(audit).parameters]
    if taken:
        raise ValueError(
            f"--static: {taken[0]!r} is an argument of the audit itself; give {request.target} it in Python"
        )
    return (*args, *drawn), static


def _static(item: str) -> tuple[str, Any]:
    """Read ``NAME=VALUE``: the value as a Python literal, else as text."""
    name, equals, text = item.partition("=")
    if not equals or not name.isidentifier():
        raise click.BadParameter(
            f"it must be NAME=VALUE, got {item!r}.", click.get_current_context(), param_hint="'--static'"
        )
    try:
        return name, ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return name, text


def _signature(function: Any) -> inspect.Signature | None:
    """The signature, or None for a function that does not tell it."""
    from chainrule.rule import Rule

    if isinstance(function, Rule):
        return function.signature
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _require_static_names(target: str, is_rule: bool, signature: inspect.Signature, static: dict[str, Any]) -> None:
    """Refuse a static argument that the function has not; those of a rule are keyword-only."""
    parameters = list(signature.parameters.values())
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    names = [
        parameter.name
        for parameter in parameters
        if parameter.kind is not parameter.VAR_POSITIONAL and (parameter.kind is parameter.KEYWORD_ONLY or not is_rule)
    ]
    for name in static:
        if name not in names:
            near = difflib.get_close_matches(name, names)
            hint = f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(names) or 'none'}"
            raise ValueError(f"--static: {target} has no static argument {name!r}; {hint}")


def _require_primal(inputs: Inputs, target: str) -> None:
    """Refuse a function that raises at these arguments: there is nothing to differentiate then."""
    import jax

    from chainrule.audit.trees import floats

    try:
        with jax.enable_x64(True):
            output = jax.eval_shape(inputs.subject.primal, *inputs.args)
    except (Exception, SystemExit) as error:
        shapes = ", ".join(_shape(leaf) for leaf in jax.tree.leaves(inputs.args))
        raise ValueError(f"{target} raised {in_words(error)}{where(error)}; it was given {shapes}") from error
    if not floats(output):
        raise ValueError(
            f"{target} must return floating-point numbers, for there is nothing to differentiate in others"
        )


def _shape(leaf: Any) -> str:
    return f"{leaf.dtype.name}{list(leaf.shape)}"


def _print(report: Report, inputs: Inputs, request: Request, elapsed: float) -> None:
    names = _names(inputs)
    click.echo(f"{request.target}, {_TRIALS[inputs.subject.kind]}")
    click.echo(f"arguments: {', '.join(f'{n} {name}' for n, name in enumerate(names))}")
    click.echo()
    _print_table(report)
    click.echo()
    if report.failures:
        _print_failures(report, names)
    total, failed = len(report.checks), len(report.failures)
    verdict = f"passes all {total} checks" if report.ok else f"FAILS {failed} of {total} checks"
    click.echo(f"{request.target} {verdict}, in {seconds(elapsed)}")
    click.echo(f"the same again: {request.command}")


def _names(inputs: Inputs) -> list[str]:
    """Every argument by its name, where the function tells it, and what it is: ``x float64[3, 4]``, ``n = 2``."""
    import jax

    signature, by_keyword = _signature(inputs.subject.function), dict(inputs.subject.static)
    names = [name for name in (signature.parameters if signature else ()) if name not in by_keyword]
    described = []
    for n, arg in enumerate(inputs.args):
        (leaf,) = jax.tree.leaves(arg) or [None]
        what = f"= {arg.value!r}" if leaf is None else _shape(leaf)
        described.append(f"{names[n]} {what}" if n < len(names) else what)
    return described


def _print_table(report: Report) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    drawn.add_column("check", no_wrap=True)
    drawn.add_column("figure", justify="right", no_wrap=True)
    drawn.add_column("case")
    drawn.add_column("", no_wrap=True)
    for check in report.checks:
        verdict = Text("ok") if check.ok else Text("FAIL", style="bold red")
        drawn.add_row(check.name, check.in_words, Text(check.case), verdict)
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(drawn)


def _print_failures(report: Report, names: list[str]) -> None:
    """Say what each failure is and where; what several checks say alike is said once."""
    by_detail: dict[str, list[str]] = {}
    for check in report.failures:
        where = "" if check.place is None or check.place.where in check.detail else f"at {check.place.where}: "
        case = "" if check.case == report.checks[0].case else f" ({check.case})"
        by_detail.setdefault(where + check.detail, []).append(check.name + case)
    for detail, checks in by_detail.items():
        more = f" and {len(checks) - 2} more" if len(checks) > 3 else ""
        click.echo(f"{', '.join(checks[:2] if more else checks)}{more}:")
        click.echo(f"  {detail}")
    click.echo()
    if report.arguments:
        wrong = ", ".join(f"{n} ({names[n]})" if n < len(names) else str(n) for n in report.arguments)
        click.echo(f"wrong: the cotangent{'s' * (len(report.arguments) > 1)} of argument {wrong}")
    if report.diagnosis:
        click.echo(f"looks like: {report.diagnosis}")


def _as_data(report: Report, request: Request) -> dict[str, Any]:
    import jax

    import chainrule

    return {
        "ok": report.ok,
        "chainrule": chainrule.__version__,
        "jax": jax.__version__,
        "seed": request.seed,
        "target": request.target,
        "shapes": request.shapes,
        "static": list(request.static),
        "again": request.command,
        "report": report.to_json(),
    }
