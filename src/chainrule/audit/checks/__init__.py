"""The checks: what must hold of a derivative on one set of arguments.

Every check is a function of ``Inputs`` that yields one or more ``Check``; an exception inside it is a fault of what is
audited, and becomes a failed check with the exception as its detail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import jax

from chainrule.audit.checks import names
from chainrule.audit.checks.differences import check_coordinates, check_differences, check_taylor
from chainrule.audit.checks.jacobian import check_jacobian
from chainrule.audit.checks.names import AUTODIFF, DIFFERENCES, PRIMAL, TOLERANCES
from chainrule.audit.checks.precision import check_precision
from chainrule.audit.checks.probes import check_extremes, check_kinks, check_probes
from chainrule.audit.checks.randomness import check_deterministic, check_keys
from chainrule.audit.checks.sizes import check_sizes
from chainrule.audit.checks.structure import check_bytes, check_pure, check_residuals, check_structure
from chainrule.audit.checks.transformations import check_eager, check_jit, check_mapped
from chainrule.audit.checks.values import check_informative, check_primal, check_second_order, check_values
from chainrule.audit.inputs import Inputs
from chainrule.audit.report import Check, Place
from chainrule.audit.trees import floats
from chainrule.rule import CotangentError

__all__ = [
    "AUTODIFF",
    "CHECKS",
    "DIFFERENCES",
    "PRIMAL",
    "TOLERANCES",
    "CheckFunction",
    "check_informative",
    "check_second_order",
    "of_kind",
    "run_checks",
]

CheckFunction = Callable[[Inputs], Iterator[Check]]

_VALUES: tuple[CheckFunction, ...] = (check_structure, check_primal, check_values)
_DIFFERENCES: tuple[CheckFunction, ...] = (check_differences, check_coordinates, check_taylor)

CHECKS: tuple[CheckFunction, ...] = (
    check_structure,
    check_pure,
    check_primal,
    check_values,
    *_DIFFERENCES,
    check_jacobian,
    check_jit,
    check_residuals,
    check_bytes,
    check_mapped,
    check_precision,
    check_deterministic,
    check_keys,
    check_eager,
    check_sizes,
    check_probes,
)
"""All checks, in the order in which a fault shows best; second order is asked for by name."""

_OF_KIND: dict[str, tuple[CheckFunction, ...]] = {
    "typical": CHECKS,
    "more": (*_VALUES, *_DIFFERENCES),
    "degenerate": _VALUES,
    "kink": (*_VALUES, check_kinks),
    "extreme": (check_structure, check_primal, check_extremes),
}

_NAMES: dict[CheckFunction, str] = {
    check_structure: names.STRUCTURE,
    check_pure: names.PURE,
    check_residuals: names.RESIDUALS,
    check_bytes: names.BYTES,
    check_primal: names.PRIMAL,
    check_values: names.AUTODIFF,
    check_differences: names.DIFFERENCES,
    check_coordinates: names.COORDINATES,
    check_taylor: names.TAYLOR,
    check_jacobian: names.JACOBIAN,
    check_jit: names.JIT,
    check_mapped: names.VMAP,
    check_precision: names.FLOAT32,
    check_deterministic: names.DETERMINISTIC,
    check_keys: names.KEYS,
    check_eager: names.EAGER,
    check_sizes: names.SIZES,
    check_probes: names.EXTREMES,
    check_extremes: names.EXTREMES,
    check_kinks: names.KINKS,
    check_second_order: names.SECOND,
    check_informative: names.INFORMATIVE,
}


_LEFT_TO_THOROUGH: dict[str, tuple[CheckFunction, ...]] = {"typical": (check_eager,), "more": _DIFFERENCES}
_LEFT_TO_PARTS = (check_mapped, check_precision, check_sizes, check_probes)


def of_kind(kind: str, *, thorough: bool = True, whole: bool = False) -> tuple[CheckFunction, ...]:
    """The checks of a kind of case; see ``registry.Case``.

    Args:
        kind: of the case.
        thorough: all of them. Else those are left out that are dear and have least to tell: eager evaluation, and
            differences at a second static argument, where autodiff is the judge.
        whole: a layer or model is checked: unless thorough, mapping, other sizes, extreme values and narrower dtypes are
            left to the rules that it is put together from.
    """
    left = () if thorough else (*_LEFT_TO_THOROUGH.get(kind, ()), *(_LEFT_TO_PARTS if whole else ()))
    return tuple(check for check in _OF_KIND[kind] if check not in left)


def run_checks(inputs: Inputs, checks: tuple[CheckFunction, ...]) -> Iterator[Check]:
    """Run checks on one set of inputs, in float64; outside of a check the caller's configuration holds."""
    for check in checks:
        with jax.enable_x64(True):
            found = list(_guarded(inputs, check))
        yield from found


def _guarded(inputs: Inputs, check: CheckFunction) -> Iterator[Check]:
    try:
        yield from check(inputs)
    except Exception as error:  # whatever a wrong rule raises is a finding, not a crash of the audit
        message = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        name = _NAMES[check]
        yield Check(name, inputs.case, False, float("inf"), TOLERANCES[name], message, _place_of(error, inputs))


def _place_of(error: Exception, inputs: Inputs) -> Place | None:
    """The argument that an exception speaks of, or the only one that there is."""
    if isinstance(error, CotangentError):
        return Place(error.argument)
    named = re.search(r"\bat output\[(\d+)\]", str(error))  # as JAX says it of a custom_vjp's backward
    if named:
        return Place(int(named[1]))
    positions = [n for n, arg in enumerate(inputs.args) if floats(arg)]
    return Place(positions[0]) if len(positions) == 1 else None
