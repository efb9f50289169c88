"""Mutations: every small change of a registered backward pass, and the rule that a change makes of a rule."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import chainrule.audit.mutants.mechanical.equations
import chainrule.audit.mutants.mechanical.exchanges  # noqa: F401  (the two put their operators among the others)
from chainrule.audit.mutants.mechanical.boundary import (
    argument_variants,
    border_fits,
    change_arguments,
    change_outputs,
    output_variants,
)
from chainrule.audit.mutants.mechanical.operators import EQUATION_OPERATORS, equation_variants
from chainrule.audit.mutants.mechanical.program import Program, trace
from chainrule.audit.mutants.mechanical.sites import study
from chainrule.audit.registry import Case, Entry
from chainrule.rule import Rule

__all__ = ["OPERATORS", "Mutated", "Mutation", "mutations", "unmutated"]

OPERATORS = (*EQUATION_OPERATORS, "output", "residual", "cotangent")


@dataclass(frozen=True)
class Mutation:
    """One small change of a backward pass.

    Attributes:
        entry: the name of the register's entry.
        equation: the number of the changed equation; None for a change of what goes in or comes out.
        operator: what kind of change it is, one of ``OPERATORS``.
        title: the change in words: ``"gelu_tanh: equation 7 (mul): the second factor is dropped"``.
        place: where the equation stands in the code; a program that does not come by this place is not changed.
        variant: which of the operator's changes it is; hashable.
    """

    entry: str
    equation: int | None
    operator: str
    title: str
    place: str = ""
    variant: Any = None

    def __str__(self) -> str:
        return self.title

    def fits(self, program: Program) -> bool:
        """Whether the backward pass, traced for some arguments, holds what is changed."""
        if self.operator in EQUATION_OPERATORS:
            return self.place in program.places
        return self.variant is None or border_fits(program, self.variant)

    def run(self, program: Program, leaves: list[Any]) -> list[Any]:
        """Compute the leaves of the cotangents, wrongly."""
        if self.operator == "output":
            return change_outputs(program, program.run(leaves), self.variant)
        if self.operator in ("residual", "cotangent"):
            return program.run(change_arguments(program, leaves, self.variant))
        if self.operator not in EQUATION_OPERATORS or self.place not in program.places:
            return program.run(leaves)
        operator = EQUATION_OPERATORS[self.operator]
        return program.run(
            leaves,
            program.places[self.place],
            lambda equation, inputs: operator.change(equation, inputs, self.variant),
        )


@dataclass(frozen=True)
class Mutated(Rule):
    """A rule whose backward pass has one small mistake.

    The backward function is traced for whatever it is given, and its equations are run one by one, with the change; so it
    works under ``jit`` and ``vmap`` and in every dtype. A change that does not fit (another case runs other code, or has
    other shapes) leaves the backward pass right.
    """

    rule: Rule
    mutation: Mutation

    def forward(self, *arrays: Any, **static: Any) -> tuple[Any, Any]:
        """Compute what the rule computes."""
        return self.rule.forward(*arrays, **static)

    def backward(self, residuals: Any, d_output: Any, **static: Any) -> tuple[Any, ...]:
        """Compute the rule's cotangents, with the mistake."""
        program = trace(self.rule, static, residuals, d_output)
        leaves = self.mutation.run(program, jax.tree.leaves((residuals, d_output)))
        cotangents: tuple[Any, ...] = jax.tree.unflatten(program.tree, leaves)
        return cotangents

    @property
    def name(self) -> str:
        """The name of the rule."""
        return self.rule.name

    @property
    def signature(self) -> inspect.Signature:
        """The signature of the rule."""
        return self.rule.signature

    def __repr__(self) -> str:
        return f"{self.rule!r} ({self.mutation.title})"

    def _facing(self, arrays: list[Any]) -> Rule:
        faced = self.rule._facing(arrays)
        return self if faced is self.rule else Mutated(faced, self.mutation)


def unmutated(entry: Entry) -> Mutation:
    """The change that changes nothing: its rule runs through the interpreter, and is right."""
    return Mutation(entry.name, None, "none", f"{entry.name}: nothing is changed")


def program_of(entry: Entry, case: Case, seed: int = 0) -> tuple[Program, list[Hashable]]:
    """The backward pass at a case in float64, and which of its arguments are one array given twice (equal entries)."""
    args = case.make(np.random.default_rng(seed))
    with jax.enable_x64(True):
        arrays, _, static = entry.rule._bind(args, case.static)
        rule = entry.rule._facing(arrays)
        jaxpr, (output, residuals) = jax.make_jaxpr(
            lambda *arrays: rule.forward(*arrays, **static),
            return_shape=True,
        )(*arrays)
        program = trace(rule, static, residuals, output)
    count = len(jax.tree.leaves(output))
    saved: list[Hashable] = [str(atom) for atom in jaxpr.jaxpr.outvars[count:]]
    return program, saved + [("cotangent", i) for i in range(count)]


def mutations(entry: Entry, kinds: tuple[str, ...] = ("typical",)) -> list[Mutation]:
    """List what can be changed in an entry's backward pass.

    The backward pass is traced in float64 at each of the entry's cases of the given kinds: with ``("typical", "more")``
    the other branches of its code count as well. What was listed for one case is not listed again.
    """
    found: dict[Hashable, Mutation] = {}
    for case in (case for kind in kinds for case in entry.cases if case.kind == kind):
        head = f"{entry.name}, {case.title or case.kind}" if found else entry.name
        for mutation in _of_program(entry, *program_of(entry, case), head):
            found.setdefault((mutation.operator, mutation.place, mutation.variant), mutation)
    return list(found.values())


def _of_program(entry: Entry, program: Program, alike: list[Hashable], head: str) -> Iterator[Mutation]:
    known = study(program, alike)
    for site in known.sites:
        for operator, variant, words in equation_variants(site):
            title = f"{head}: equation {site.number} ({site.name}): {words}"
            yield Mutation(entry.name, site.number, operator, title, site.place, variant)
    for operator, variant, words in (
        *output_variants(program, known),
        *argument_variants(program, known),
    ):
        yield Mutation(entry.name, None, operator, f"{head}: {words}", "", variant)
