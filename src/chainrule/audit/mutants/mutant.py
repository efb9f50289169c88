"""The record of a rule that is wrong on purpose, and the helper that plants one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.rule import Rule, rule

__all__ = ["Mutant", "plant"]


@dataclass(frozen=True)
class Mutant:
    """A wrong rule: one mistake that people really make, in one place.

    Attributes:
        name: the rule, and what is wrong with it: ``"softmax: the diagonal only"``.
        rule: the wrong rule.
        make: draws its arguments, NumPy pytrees: floating point in float64, integers in int32.
        room: the kind of mathematics, the name of the module that holds it.
        argument: the position of the argument whose cotangent is wrong (the first, where several are); None where none
            is: a wrong forward pass, a pullback that retraces, a residual that is never read.
        pattern: what a good audit would say that it looks like, one of ``chainrule.audit.diagnosis.PATTERNS``; empty where
            none of them fits.
        caught_by: the check that must find it, where it is one in particular; empty for any check that compares values.
        reference: the independent answer, where the forward pass is wrong.
        static: its static arguments.
        right: the backward function without the mistake, of the same residuals; None where the mistake lies in what the
            forward function does or saves.
    """

    name: str
    rule: Rule
    make: Callable[[np.random.Generator], tuple[Any, ...]]
    room: str
    argument: int | None = 0
    pattern: str = ""
    caught_by: str = ""
    reference: Callable[..., Any] | None = None
    static: dict[str, Any] = field(default_factory=dict)
    right: Callable[..., Any] | None = None


def plant(
    room: str,
    name: str,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    right: Callable[..., Any] | None,
    make: Callable[[np.random.Generator], tuple[Any, ...]],
    **fields: Any,
) -> Mutant:
    """Make a mutant of a forward function, a backward function with a mistake, and the same without it.

    Args:
        room: the name of the module.
        name: the rule, and what is wrong with it.
        forward: as ``chainrule.rule.rule`` takes it.
        backward: the wrong one.
        right: the right one, or None where the mistake is not in the backward function.
        make: draws the arguments.
        fields: the other fields of ``Mutant``.
    """
    wrong = rule(forward)
    wrong.defbackward(backward)
    return Mutant(name, wrong, make, room, right=right, **fields)
