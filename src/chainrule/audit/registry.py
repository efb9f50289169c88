"""The register: every rule, and every optimiser, with its independent answer and the cases that it is checked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.audit.optimizers import Formula
from chainrule.rule import Rule

__all__ = ["REGISTER", "Case", "Entry", "OptimizerCase", "OptimizerEntry", "register", "register_optimizer"]

Make = Callable[[np.random.Generator], tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """One set of arguments.

    Attributes:
        kind: ``"typical"`` (all checks), ``"more"`` (another shape or static argument: values and differences),
            ``"degenerate"`` (empty or single: structure and values), ``"kink"`` (values, no differences) or ``"extreme"``
            (finite in float32, and values).
        make: draws the arguments, NumPy arrays and pytrees of them.
        static: the static arguments.
        title: what the case is.
    """

    kind: str
    make: Make
    static: dict[str, Any] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True)
class Entry:
    """A rule in the register.

    Attributes:
        name: the name that the command line and the tables use.
        room: where it lives: ``"ops"``, ``"losses"``, ``"layers"``, ``"compose"`` or ``"models"``.
        rule: the rule.
        reference: the independent answer: a NumPy function of the same arguments.
        cases: what it is checked on; each register entry has at least a typical and an extreme case.
    """

    name: str
    room: str
    rule: Rule
    reference: Callable[..., Any]
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class OptimizerCase:
    """One setting of an optimiser, with the formula of that setting.

    Attributes:
        kind: ``"typical"`` (all checks) or ``"more"`` (another setting: updates in float64, and their tree).
        make: draws the one argument, the params: a tree of NumPy arrays.
        optimizer: the optimiser.
        formula: the independent answer, in NumPy.
        title: what the setting is.
    """

    kind: str
    make: Make
    optimizer: Any
    formula: Formula
    title: str


@dataclass(frozen=True)
class OptimizerEntry:
    """An optimiser, a way of clipping or averaging, or a schedule (as that of gradient descent) in the register.

    Attributes:
        name: the name that the command line and the tables use; its first word names the factory in
            ``chainrule.optim``.
        answer: the function that writes the formulas down, whose source is shown as the independent answer.
        cases: the settings that it is checked in, the typical one first.
        room: where it lives.
    """

    name: str
    answer: Callable[..., Any]
    cases: tuple[OptimizerCase, ...]
    room: str = "optim"


REGISTER: dict[str, Entry | OptimizerEntry] = {}


def register(name: str, room: str, rule: Rule, reference: Callable[..., Any], *cases: Case) -> None:
    """Put a rule into the register.

    Raises:
        ValueError: for a name that is taken, or cases without a typical and an extreme one.
    """
    _require_free(name)
    kinds = {case.kind for case in cases}
    if not {"typical", "extreme"} <= kinds:
        raise ValueError(f"{name}: cases must hold a typical and an extreme one, got {sorted(kinds)}")
    REGISTER[name] = Entry(name, room, rule, reference, cases)


def register_optimizer(name: str, answer: Callable[..., Any], *cases: OptimizerCase) -> None:
    """Put an optimiser into the register.

    Raises:
        ValueError: for a name that is taken, or cases of which the first is not typical.
    """
    _require_free(name)
    kinds = [case.kind for case in cases]
    if kinds[:1] != ["typical"]:
        raise ValueError(f"{name}: the first of the cases must be typical, got {kinds}")
    REGISTER[name] = OptimizerEntry(name, answer, cases)


def _require_free(name: str) -> None:
    if name in REGISTER:
        raise ValueError(f"{name} is in the register already")
