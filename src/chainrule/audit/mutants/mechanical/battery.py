"""The audit before which mechanical mutants go: the register's own checks, the quickest first.

There are thousands of mutants, and compiling is what each of them costs. Nearly all of them differ from autodiff, and to see
that takes the pullback on trial alone: the primal and its derivative are those of the rule that was mutated, measured once.
What agrees with autodiff at every case goes on to all the checks. So the verdict is that of all the checks; which of them
is the first to say no may be another.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import lax

from chainrule.audit.checks import AUTODIFF, of_kind, run_checks
from chainrule.audit.checks.names import verdict
from chainrule.audit.checks.values import check_values
from chainrule.audit.compare import Difference, difference, worst
from chainrule.audit.inputs import COTANGENTS, Inputs, Slack
from chainrule.audit.mutants.mechanical.mutation import Mutated
from chainrule.audit.quick import quick_jit
from chainrule.audit.registry import Entry
from chainrule.audit.report import Check
from chainrule.audit.run import inputs_of
from chainrule.audit.subject import subject_of
from chainrule.audit.trees import cotangent_of, floats, tangents

__all__ = ["Battery"]


class Battery:
    """The audit of mutants of one entry of the register.

    Args:
        entry: whose rule was mutated.
        seed: of the cases' arguments and of all else that is drawn.
    """

    def __init__(self, entry: Entry, seed: int = 0) -> None:
        self.entry = entry
        self._right = [inputs_of(entry, number, seed) for number in range(len(entry.cases))]
        with jax.enable_x64(True):
            for number, right in enumerate(self._right):
                if self._compares_values(number):
                    _ = right.measured, right.slack, right.epsilon  # kept by the inputs, for all mutants

    def __call__(self, mutated: Mutated, numbers: Sequence[int]) -> Check | None:
        """The first check that a mutant fails at the cases of these numbers; None where it passes them all."""
        for number in filter(self._compares_values, numbers):
            check = self._against_autodiff(mutated, number)
            if check is not None and not check.ok:
                return check
        for number in numbers:
            checks = run_checks(self._inputs(mutated, number), of_kind(self.entry.cases[number].kind))
            failed = next((check for check in checks if not check.ok), None)
            if failed is not None:
                return failed
        return None

    def _compares_values(self, number: int) -> bool:
        return check_values in of_kind(self.entry.cases[number].kind)

    def _inputs(self, mutated: Mutated, number: int) -> Inputs:
        right = self._right[number]
        subject = subject_of(mutated, static=self.entry.cases[number].static)
        return Inputs(subject, right.args, right.reference, right.case, right.seed, right.strict)

    def _against_autodiff(self, mutated: Mutated, number: int) -> Check | None:
        """The verdict of ``check_values`` on the pullback, without a diagnosis; None where the mutant raises an error."""
        right = self._right[number]
        with jax.enable_x64(True):
            try:
                hand = _hand(self._inputs(mutated, number), right)
            except Exception:  # what a mutant raises is judged by the checks themselves
                return None
            return verdict(AUTODIFF, right, functools.partial(_apart, hand, right.measured.autodiff))


def _hand(inputs: Inputs, right: Inputs) -> list[Any]:
    """The cotangents on trial for each of ``COTANGENTS``, as ``Measured.hand`` has them.

    The program is forgotten with the call: thousands of them would not fit into memory.
    """
    structure = right.output
    stacked = [np.stack(leaves) for leaves in zip(*(floats(one) for one in right.cotangents), strict=True)]

    def pulled(args: Any, cotangents: Any) -> Any:
        _, pullback = inputs.subject.vjp(*args)
        return lax.map(lambda leaves: floats(pullback(cotangent_of(structure, leaves))), cotangents)

    found = [np.asarray(stack) for stack in quick_jit(pulled)(right.args, stacked)]
    return [cotangent_of(tangents(right.args), [stack[k] for stack in found]) for k in range(len(COTANGENTS))]


def _apart(hand: list[Any], autodiff: list[Any] | None, slack: Slack | None) -> Difference:
    assert autodiff is not None  # a rule has a referee
    pardons = [None] * len(hand) if slack is None else slack.cotangents
    return worst(difference(*three[:2], slack=three[2]) for three in zip(hand, autodiff, pardons, strict=True))
