"""Narrower floating point: the error against float64 on the same, rounded, numbers, in units in the last place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.audit import diagnosis
from chainrule.audit.checks.names import BFLOAT16, FLOAT32, TOLERANCES, fault
from chainrule.audit.compare import Difference, difference, structure_fault, worst
from chainrule.audit.inputs import Inputs, hand_program
from chainrule.audit.quick import quick_jit
from chainrule.audit.report import Check
from chainrule.audit.subject import Subject
from chainrule.audit.trees import is_float, tangents, widened

__all__ = ["NarrowRun", "check_precision", "narrow_run"]

_FLOOR = 2.0**-6  # a leaf that cancels to less than this part of the others is measured by it


def check_precision(inputs: Inputs) -> Iterator[Check]:
    """In float32 and bfloat16: every cotangent has its argument's dtype, and the values are near those of float64.

    The figure is in units in the last place of the leaf's largest number. It may be more than the tolerance where autodiff
    of the primal does no better (4 times its error), or where the problem itself moves that much when the arguments are
    rounded. Where the derivative on trial is autodiff's own, bfloat16 is told and not judged, as long as it is finite: of a
    number that cancels, eight bits leave nothing, whoever derives.
    """
    if inputs.epsilon > 2.0**-52:
        return  # the primal fixes its own precision: there is no float64 to compare with
    for name, dtype in ((FLOAT32, jnp.float32), (BFLOAT16, jnp.bfloat16)):
        run = narrow_run(inputs, dtype)
        if run is None:
            continue
        ulps, judged, fault_found, condition = _errors(inputs, run, float(jnp.finfo(dtype).eps))
        if fault_found.fault:
            yield fault(name, inputs, float("inf"), fault_found.fault, fault_found.place)
            continue
        allowed = TOLERANCES[name]
        referee = judged() if ulps.error > allowed else 0.0
        allowed = max(allowed, 4 * referee)
        if dtype == jnp.bfloat16 and not inputs.has_referee:
            allowed = float(np.finfo(np.float64).max)
        if ulps.error > allowed:
            allowed = max(allowed, min(32 * condition(), 1e-2 / float(jnp.finfo(dtype).eps)))
        ok = bool(ulps.error <= allowed)
        detail = "" if ok else f"{ulps.detail}; autodiff is off by {referee:.3g} units in the last place"
        yield Check(
            name,
            inputs.case,
            ok,
            ulps.error,
            allowed,
            detail,
            None if ok else ulps.place,
            "" if ok else diagnosis.FLOAT32,
            unit="ulp",
        )


class NarrowRun(NamedTuple):
    """One evaluation in a narrow dtype."""

    args: Any
    cotangent: Any
    output: Any
    found: Any  # the cotangents on trial
    referee: Callable[[], Any]  # those of autodiff, or None: computed when they are asked for, which is seldom


def narrow_run(inputs: Inputs, dtype: Any) -> NarrowRun | None:
    """Evaluate with floating-point arguments in this dtype; None where the primal does not take it.

    Much of linear algebra does not take bfloat16, and some of it says so only when it is compiled.
    """

    def referee() -> Any:
        return hand_program(inputs.subject, True, args, cotangent)[2] if inputs.has_referee else None

    args = inputs.cast(dtype)
    try:
        output = jax.eval_shape(inputs.subject.primal, *args)
    except Exception:  # whatever the primal raises, it is no fault of its derivative
        return None
    cotangent = jax.tree.map(
        lambda wide, leaf: np.asarray(wide, leaf.dtype) if is_float(leaf) else wide,
        inputs.cotangent(inputs.rng(10)),
        output,
    )
    try:
        output, found, _ = hand_program(inputs.subject, False, args, cotangent)
    except Exception:
        if _is_refused(inputs.subject, args):
            return None
        raise
    return NarrowRun(args, cotangent, output, found, referee)


def _is_refused(subject: Subject, args: Any) -> bool:
    try:
        quick_jit(subject.primal)(*args)
    except Exception:
        return True
    return False


def _errors(inputs: Inputs, run: NarrowRun, epsilon: float) -> tuple[Difference, Any, Difference, Any]:
    """Errors in units in the last place: of the derivative on trial, of the referee, a fault of structure, the condition.

    Those of the referee and the condition are functions: both are asked for where the first is large.
    """
    args, cotangent, output, found, referee = run
    structure = structure_fault(found, tangents(args))
    if structure.fault:
        return structure, None, structure, None
    wide, wide_cotangent = widened(args), widened(cotangent)
    wide_output, expected, wide_referee = inputs.pulled(wide, wide_cotangent)

    def error(cotangents: Any, right: Any) -> Difference:
        return worst(
            [
                difference(widened(output), widened(wide_output), output=True, floor=_FLOOR),
                difference(widened(cotangents), right, floor=_FLOOR),
            ]
        )

    own = error(found, expected)

    def judged() -> float:
        return error(referee(), wide_referee).error / epsilon if inputs.has_referee else 0.0

    def condition() -> float:
        rng = inputs.rng(6)
        moved = jax.tree.map(
            lambda leaf: leaf * (1 + epsilon * rng.choice([-1.0, 1.0], size=leaf.shape)) if is_float(leaf) else leaf,
            wide,
        )
        there_output, there, there_referee = inputs.pulled(moved, wide_cotangent)
        pair = (there, expected) if there_referee is None else (there_referee, wide_referee)
        return (
            worst(
                [difference(there_output, wide_output, output=True, floor=_FLOOR), difference(*pair, floor=_FLOOR)]
            ).error
            / epsilon
        )

    return own._replace(error=own.error / epsilon), judged, structure, condition
