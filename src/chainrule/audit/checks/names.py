"""The names of the checks, the largest figures that pass, and how a verdict is formed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.audit.compare import Difference
from chainrule.audit.inputs import Inputs, Slack
from chainrule.audit.report import Check

__all__ = [
    "ADJOINT",
    "AUTODIFF",
    "BFLOAT16",
    "BYTES",
    "BY_HAND",
    "COORDINATES",
    "DETERMINISTIC",
    "DIFFERENCES",
    "EAGER",
    "EXTREMES",
    "FLOAT32",
    "FORWARD",
    "INFORMATIVE",
    "JACOBIAN",
    "JIT",
    "KEYS",
    "KINKS",
    "LINEARITY",
    "PRIMAL",
    "PURE",
    "RESIDUALS",
    "RETRACE",
    "SCAN",
    "SECOND",
    "SIZES",
    "STRUCTURE",
    "TAYLOR",
    "TOLERANCES",
    "VALUES",
    "VMAP",
    "fault",
    "verdict",
]

STRUCTURE = "tree, shape, dtype"
PURE = "no JAX derivative"
RESIDUALS = "residuals used"
BYTES = "residual bytes"
PRIMAL = "primal"
FORWARD = "forward is the primal"
AUTODIFF = "hand against autodiff"
LINEARITY = "linearity"
BY_HAND = "under jax.grad"
ADJOINT = "adjoint identity"
DIFFERENCES = "central differences"
COORDINATES = "differences, each number"
JACOBIAN = "whole Jacobian"
TAYLOR = "Taylor remainder"
SECOND = "second order"
EAGER = "eager"
JIT = "jit"
RETRACE = "no retrace"
VMAP = "vmap"
SCAN = "scan"
SIZES = "other sizes"
VALUES = "other values"
FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
EXTREMES = "finite at the extremes"
KINKS = "between one-sided slopes"
DETERMINISTIC = "deterministic"
KEYS = "no key used twice"
INFORMATIVE = "arguments that tell"

TOLERANCES = {
    STRUCTURE: 0.0,
    PURE: 0.0,
    RESIDUALS: 0.0,
    BYTES: 1.0,
    PRIMAL: 1e-12,
    FORWARD: 1e-12,
    AUTODIFF: 1e-12,
    LINEARITY: 1e-12,
    BY_HAND: 1e-12,
    ADJOINT: 1e-12,
    DIFFERENCES: 1e-6,
    COORDINATES: 1e-6,
    JACOBIAN: 1e-6,
    TAYLOR: 1.5,
    SECOND: 1e-11,
    EAGER: 1e-12,
    JIT: 1e-12,
    RETRACE: 0.0,
    VMAP: 1e-12,
    SCAN: 1e-12,
    SIZES: 1e-12,
    VALUES: 1e-9,
    FLOAT32: 64.0,
    BFLOAT16: 16.0,
    EXTREMES: 0.0,
    KINKS: 0.0,
    DETERMINISTIC: 0.0,
    KEYS: 0.0,
    INFORMATIVE: 0.0,
}
"""Relative errors; the order of the Taylor remainder (at least); float32 and bfloat16 in units in the last place; bytes
as a multiple of autodiff's; the rest counts faults."""

Compare = Callable[[Slack | None], Difference]


def verdict(
    name: str, inputs: Inputs, compare: Compare, diagnosis: str = "", slack: Callable[[], Slack] | None = None
) -> Check:
    """Judge a relative error, ``compare(None)``.

    Where it is too large, two things may excuse it: a primal that computes in float32 itself allows float32's epsilon for
    float64's; and rounding, measured on this very problem, allows what it leaves, ``compare(slack)``.
    """
    tolerance = TOLERANCES[name]
    found = compare(None)
    if tolerance < found.error < float("inf"):
        tolerance *= inputs.epsilon / 2.0**-52
        if found.error > tolerance:
            found = compare(slack() if slack is not None else inputs.slack)
    ok = bool(found.error <= tolerance)
    return Check(
        name,
        inputs.case,
        ok,
        float(found.error),
        float(tolerance),
        "" if ok else found.detail,
        None if ok else found.place,
        "" if ok else diagnosis,
    )


def fault(name: str, inputs: Inputs, count: float, detail: str = "", place: Any = None, diagnosis: str = "") -> Check:
    """Judge a number of faults, of which none may be, or of times."""
    ok = bool(count <= TOLERANCES[name])
    return Check(
        name,
        inputs.case,
        ok,
        float(count),
        TOLERANCES[name],
        "" if ok else detail,
        None if ok else place,
        "" if ok else diagnosis,
        unit="times" if name == BYTES else "faults",
    )
