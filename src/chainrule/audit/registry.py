"""The register: every rule with its independent answer and the cases that it is checked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.rule import Rule

__all__ = ["REGISTER", "Case", "Entry", "register"]

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


REGISTER: dict[str, Entry] = {}


def register(name: str, room: str, rule: Rule, reference: Callable[..., Any], *cases: Case) -> None:
    """Put a rule into the register.

    Raises:
        ValueError: for a name that is taken, or cases without a typical and an extreme one.
    """
    if name in REGISTER:
        raise ValueError(f"{name} is in the register already")
    kinds = {case.kind for case in cases}
    if not {"typical", "extreme"} <= kinds:
        raise ValueError(f"{name}: cases must hold a typical and an extreme one, got {sorted(kinds)}")
    REGISTER[name] = Entry(name, room, rule, reference, cases)
