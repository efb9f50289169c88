"""``chainrule check TARGET``: the audit of one function of the caller's own, imported by name."""

from __future__ import annotations

import ast
import contextlib
import difflib
import importlib
import importlib.util
import inspect
import json
import shlex
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chainrule.cli.report import seconds

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
    with _current_folder_first():
        # What the module itself prints, at its import or as it runs, is no part of the report.
        with contextlib.redirect_stdout(sys.stderr):
            function = _callable_at("TARGET", request.target)
            pullback = None if request.pullback is None else _callable_at("--pullback", request.pullback)
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


@contextlib.contextmanager
def _current_folder_first() -> Iterator[None]:
    """Import from the current folder first, as ``python -m`` does."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def _callable_at(option: str, target: str) -> Any:
    """Import what ``package.module:function`` or ``path/to/file.py:function`` names; refuse what is no function."""
    place, colon, name = target.rpartition(":")
    is_file = place.endswith(".py")
    readable = is_file or all(part.isidentifier() for part in place.split("."))
    if not colon or not readable or not all(part.isidentifier() for part in name.split(".")):
        hint = " A rule of the register is checked by --only NAME." if option == "TARGET" and not colon else ""
        raise click.UsageError(
            f"{option} must be package.module:function or path/to/file.py:function, got {target!r}.{hint}",
            click.get_current_context(),
        )
    found: Any = _imported(place, is_file)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            near = difflib.get_close_matches(part, [word for word in dir(found) if not word.startswith("__")])
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            owner = place if isinstance(found, ModuleType) else target.removesuffix(f".{part}")
            raise ValueError(f"{owner} has no {part!r}{hint}") from error
    _require_function(target, found)
    return found


def _imported(place: str, is_file: bool) -> ModuleType:
    """Import a module, and say in one line why it cannot be."""
    try:
        return _from_file(Path(place)) if is_file else importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported, it is the answer here
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if not is_file and missing is not None and (place == missing or place.startswith(f"{missing}.")):
            raise ValueError(f"cannot import {place}: there is no module {missing!r}") from error
        if is_file and isinstance(error, FileNotFoundError) and not Path(place).exists():
            raise ValueError(f"cannot import {place}: there is no such file") from error
        raise ValueError(f"cannot import {place}: it raised {_in_words(error)}{_where(error)}") from error


def _from_file(path: Path) -> ModuleType:
    """Import a file that is in no package; its neighbours can be imported, as if it were run."""
    path = path.resolve()
    sys.path.insert(0, str(path.parent))
    name = f"target_{path.stem}"  # a name of its own, for random.py must not become everybody's random
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _where(error: BaseException) -> str:
    """The last line of the caller's own that led to an exception; a syntax error says it itself."""
    if isinstance(error, SyntaxError):
        return ""
    known = (str(Path(__file__).parent.parent), str(Path(importlib.__file__).parent), "<")
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(known) and "site-packages" not in frame.filename
    ]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def _in_words(error: BaseException) -> str:
    """An exception by its type and the first line that it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _require_function(target: str, found: Any) -> None:
    from chainrule.layer import Layer

    if isinstance(found, Layer) or (isinstance(found, type) and issubclass(found, Layer)):
        raise ValueError(
            f"{target} is a layer, and shapes cannot give its params; in Python: chainrule.audit.audit(layer, params, x)"
        )
    if isinstance(found, type) or not callable(found):
        what = "a class" if isinstance(found, type) else f"of type {type(found).__name__}"
        raise ValueError(f"{target} must be a function, it is {what}")


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

    from chainrule.audit.inputs import floats

    try:
        with jax.enable_x64(True):
            output = jax.eval_shape(inputs.subject.primal, *inputs.args)
    except (Exception, SystemExit) as error:
        shapes = ", ".join(_shape(leaf) for leaf in jax.tree.leaves(inputs.args))
        raise ValueError(f"{target} raised {_in_words(error)}{_where(error)}; it was given {shapes}") from error
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
