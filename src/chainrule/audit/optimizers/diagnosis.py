"""What mistake wrong updates look like."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from chainrule.audit import diagnosis
from chainrule.audit.optimizers.compare import compare
from chainrule.audit.optimizers.formula import expected_updates
from chainrule.audit.optimizers.trees import tree_fault

__all__ = ["diagnose_optimizer"]

_ALIKE = 1e-9  # how near a known mistake comes to the updates that it explains


@np.errstate(all="ignore")
def diagnose_optimizer(found: list[Any], formula: Any, grads: list[Any], params: list[Any]) -> tuple[str, str]:
    """Name the mistake that explains wrong updates: ``(pattern, words)``, both empty where none is known.

    Tried are a constant factor (0 and -1 are missing and of the wrong sign), a result rounded to float32, the formula at
    the next and the last step, at the first step always, and without its state.

    Args:
        found: the updates of each step.
        formula: what they should be; see :class:`Formula`.
        grads: the gradients of each step.
        params: the params before each step.
    """
    expected = expected_updates(formula, grads, params)
    if tree_fault(found, expected):
        return "", ""

    def alike(variant: list[Any]) -> bool:
        return compare(found, variant).figure < _ALIKE

    pairs = list(zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True))
    a, b = (np.concatenate([np.ravel(pair[i]) for pair in pairs]) for i in (0, 1))
    if len(a) != len(b):
        return "", ""
    largest = int(np.argmax(np.abs(b)))
    factor = float(a[largest] / b[largest])
    if math.isfinite(factor) and alike(jax.tree.map(lambda leaf: factor * leaf, expected)):
        pattern = {0.0: diagnosis.ZERO, -1.0: diagnosis.SIGN}.get(round(factor, 9), diagnosis.FACTOR)
        return pattern, f"every update is {factor:.6g} times what it should be"
    if np.array_equal(a, a.astype(np.float32)) and compare(found, expected).figure < 1e-5:
        return diagnosis.ROUNDED, "every update is a float32 number"
    variants: tuple[tuple[str, dict[str, Any]], ...] = (
        (diagnosis.STEP_AHEAD, {"at": lambda t: t + 1}),
        (diagnosis.STEP_BEHIND, {"at": lambda t: t - 1}),
        (diagnosis.STEP_STANDS, {"at": lambda t: 1}),
        (diagnosis.STATE_LOST, {"forget": True}),
        (diagnosis.STATE_LOST, {"forget": True, "at": lambda t: 1}),
    )
    for pattern, options in variants:
        try:
            if alike(expected_updates(formula, grads, params, **options)):
                return pattern, f"the found numbers are the formula's if {pattern}"
        except ArithmeticError:  # a formula in Python numbers divides by 1 - β^0
            continue
    return "", ""
