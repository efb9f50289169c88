"""Running the checks: over the register, side by side, or on a function of the caller's own."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

import chainrule.audit.cases  # noqa: F401  (its modules fill the register)
from chainrule.audit import diagnosis
from chainrule.audit.arguments import from_shapes, ready
from chainrule.audit.checks import CHECKS, CheckFunction, check_informative, check_second_order, of_kind, run_checks
from chainrule.audit.checks.names import AUTODIFF, SIZES, STRUCTURE
from chainrule.audit.checks.sizes import right_where_square
from chainrule.audit.inputs import Inputs
from chainrule.audit.optimizers import check_optimizer
from chainrule.audit.registry import REGISTER, Entry, OptimizerEntry
from chainrule.audit.report import Check, Report
from chainrule.audit.side_by_side import in_processes, in_threads
from chainrule.audit.subject import subject_of

__all__ = [
    "audit",
    "check_all",
    "check_entry",
    "entries",
    "inputs_for",
    "inputs_of",
    "report_of",
    "rules",
]


def entries(only: str | None = None, *, room: str | None = None) -> list[Entry | OptimizerEntry]:
    """All entries of the register, in the order of the rooms, optimisers last.

    Args:
        only: the name of the one entry that is wanted.
        room: the room whose entries are wanted.

    Raises:
        ValueError: for a name or a room that is not in the register; the message lists those that are.
    """
    # Sorting is stable: but for the optimisers, the order is that of registration.
    ordered = sorted(REGISTER.values(), key=lambda entry: isinstance(entry, OptimizerEntry))
    found = [entry for entry in ordered if room is None or entry.room == room]
    if not found:
        rooms = dict.fromkeys(entry.room for entry in ordered)
        raise ValueError(f"no room {room!r} in the register; it holds {', '.join(rooms)}")
    if only is None:
        return found
    named = [entry for entry in found if entry.name == only]
    if not named:
        place = "register" if room is None else f"room {room!r} of the register"
        raise ValueError(f"no rule {only!r} in the {place}; it holds {', '.join(entry.name for entry in found)}")
    return named


def rules() -> list[Entry]:
    """The entries of the register that are rules, which have a derivative; all but the optimisers."""
    return [entry for entry in entries() if isinstance(entry, Entry)]


def inputs_of(entry: Entry, number: int, seed: int = 0, *, thorough: bool = False) -> Inputs:
    """The arguments of one case of an entry, drawn; see ``check_entry``."""
    case = entry.cases[number]
    args = case.make(np.random.default_rng(seed + number))
    subject = subject_of(entry.rule, static=case.static)
    # An extreme case mostly has the shapes of the typical one, and shares its program.
    thorough = thorough or (case.kind in ("typical", "extreme") and entry.room not in _WHOLES)
    return Inputs(subject, args, entry.reference, case.title or case.kind, seed, strict=True, thorough=thorough)


_WHOLES = ("layers", "models")  # rooms whose entries are put together from rules that are entries themselves


def check_entry(entry: Entry | OptimizerEntry, seed: int = 0, *, thorough: bool = False) -> Report:
    """Run the checks on every case of an entry.

    Args:
        entry: of the register, or made like one.
        seed: of all that is drawn.
        thorough: all that there is, which takes twice as long to compile; what is left out otherwise, ``of_kind`` says.
            Forward mode and ``jax.grad`` are asked at the typical arguments of rules alone then.
    """
    found: list[Check] = []
    for number in range(len(entry.cases)):
        if isinstance(entry, OptimizerEntry):
            found += _check_setting(entry, number, seed, thorough)
        else:
            checks = of_kind(entry.cases[number].kind, thorough=thorough, whole=entry.room in _WHOLES)
            found += run_checks(inputs_of(entry, number, seed, thorough=thorough), checks)
    return Report(entry.name, tuple(found))


def _check_setting(entry: OptimizerEntry, number: int, seed: int, thorough: bool) -> Iterator[Check]:
    case = entry.cases[number]
    (params,) = case.make(np.random.default_rng(seed + number))
    title = case.title or case.kind
    return check_optimizer(
        entry.name, case.optimizer, case.formula, params, seed=seed, case=title, kind=case.kind, thorough=thorough
    )


def check_all(
    chosen: Sequence[Entry | OptimizerEntry],
    seed: int = 0,
    *,
    thorough: bool = False,
    processes: bool = False,
    begin: Callable[[], object] | None = None,
) -> Iterator[Report]:
    """Check entries side by side, and yield their reports in order.

    Args:
        chosen: the entries.
        seed: of all that is drawn.
        thorough: as ``check_entry`` has it.
        processes: side by side in processes rather than in threads: quicker for many entries, which must be of the register
            then. A script that asks for it must guard its own start by ``if __name__ == "__main__"``.
        begin: called once in each further process, at first.
    """
    if processes:
        check = functools.partial(_check_named, seed=seed, thorough=thorough)
        yield from in_processes(check, [entry.name for entry in chosen], begin)
    else:
        yield from in_threads(lambda entry: check_entry(entry, seed, thorough=thorough), list(chosen))


def _check_named(name: str, seed: int, thorough: bool) -> Report:
    return check_entry(entries(name)[0], seed, thorough=thorough)


def audit(
    f: Any,
    *args: Any,
    reference: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    pullback: Callable[..., Any] | None = None,
    shapes: str | None = None,
    order: int = 1,
    seed: int = 0,
    **static: Any,
) -> Report:
    """Find out whether a hand-written derivative is right, on arguments of yours or on drawn ones.

    ::

        report = audit(model, params, x)                        # a rule, layer or model of this package
        report = audit(my_custom_vjp, x, w)                     # a jax.custom_vjp or custom_jvp function, jitted or not
        report = audit(f, x, pullback=lambda d_y, x: ...)       # a function, and the pullback that you derived
        report = audit(f, shapes="3x4,4")                       # arguments drawn: unequal sizes tell the most
        print(report)
        assert report.ok

    A wrong derivative raises nothing: the report says what failed, at which argument, leaf and element, and what mistake it
    looks like. Everything is compared in float64 unless the check says otherwise; the arguments may be of any dtype.

    Args:
        f: a rule, layer or model; a ``jax.custom_vjp`` or ``jax.custom_jvp`` function; or a function of JAX arrays, whose
            derivative by JAX is then judged by differences, unless ``vjp`` or ``pullback`` is given; or an optimiser (a pair
            ``init, update``), with its formula as the ``reference``: see ``chainrule.audit.optimizers``.
        args: its arguments, as it is called: any pytrees, floating-point leaves to be differentiated; a leaf may be a
            ``jax.ShapeDtypeStruct``, and is drawn then. Use unequal sizes, for square ones hide a missing transpose.
        reference: a function of the same arguments that returns the expected output, in NumPy.
        vjp: for a plain function, ``vjp(*args) -> (output, pullback)``.
        pullback: for a plain function, ``pullback(d_output, *args)`` -> a cotangent for each argument.
        shapes: instead of ``args``, shapes to draw them from: see ``chainrule.audit.from_shapes``.
        order: 2 checks the derivative of the pullback as well.
        seed: of all that is drawn; the same seed reproduces a failure.
        static: keyword arguments of ``f``, not differentiated.

    Raises:
        TypeError: when ``f`` is no function.
        ValueError: for arguments that cannot be audited (complex, nothing to differentiate), or an ``order`` but 1 and 2.
    """
    if order not in (1, 2):
        raise ValueError(f"audit: order must be 1 or 2, got {order!r}")
    if not callable(f) and _is_optimizer(f):
        return _audit_optimizer(f, args, reference, seed)
    inputs = inputs_for(f, *args, reference=reference, vjp=vjp, pullback=pullback, shapes=shapes, seed=seed, **static)
    checks: tuple[CheckFunction, ...] = (*CHECKS, check_informative)
    return report_of(inputs, (*checks, check_second_order) if order == 2 else checks)


def inputs_for(
    f: Any,
    *args: Any,
    reference: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    pullback: Callable[..., Any] | None = None,
    shapes: str | None = None,
    seed: int = 0,
    **static: Any,
) -> Inputs:
    """What ``audit`` checks: a function of the caller's own, with arguments made ready. See ``audit`` for the arguments."""
    if shapes is not None:
        if args:
            raise ValueError("audit: give arguments or shapes, not both")
        args = from_shapes(shapes, seed)
    subject = subject_of(f, vjp, pullback, static)
    return Inputs(subject, ready(f, args, seed), reference, "given arguments", seed)


def report_of(inputs: Inputs, checks: tuple[CheckFunction, ...]) -> Report:
    """Run checks on one set of inputs, and see what mistake their failures look like."""
    return Report(inputs.subject.name, tuple(_diagnosed(inputs, list(run_checks(inputs, checks)))))


def _diagnosed(inputs: Inputs, checks: list[Check]) -> list[Check]:
    """Revise what failures look like, once all of them are known.

    A batch is to blame only where the sizes given are right; square shapes only where these sizes and others are wrong.
    """
    failed = {check.name for check in checks if not check.ok}
    if AUTODIFF in failed or STRUCTURE in failed:
        checks = [dataclasses.replace(check, diagnosis="") if check.name == SIZES else check for check in checks]
    if not failed or any(check.diagnosis for check in checks if not check.ok):
        return checks
    if SIZES in failed and failed & {AUTODIFF, STRUCTURE}:
        try:
            with jax.enable_x64(True):
                square = right_where_square(inputs)
        except Exception:  # it cannot be told, and the failure stands as it is
            return checks
        first = next(n for n, check in enumerate(checks) if check.name in (AUTODIFF, STRUCTURE) and not check.ok)
        checks[first] = dataclasses.replace(checks[first], diagnosis=diagnosis.SQUARE if square else "")
    return checks


def _is_optimizer(f: Any) -> bool:
    pair = isinstance(f, tuple) and len(f) == 2 and all(callable(part) for part in f)
    return pair or (callable(getattr(f, "init", None)) and callable(getattr(f, "update", None)))


def _audit_optimizer(optimizer: Any, args: tuple[Any, ...], formula: Any, seed: int) -> Report:
    if formula is None:
        raise ValueError("audit: an optimiser is compared with its formula: give reference=(init, update), in NumPy")
    if len(args) != 1:
        raise ValueError(f"audit: an optimiser takes one argument, the params, got {len(args)}")
    name = str(getattr(optimizer, "name", type(optimizer).__name__))
    return Report(name, tuple(check_optimizer(name, optimizer, formula, args[0], seed=seed)))
