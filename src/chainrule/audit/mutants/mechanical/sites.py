"""What the structure of a program says about each of its equations, so that no mutant is made that cannot be wrong.

A mutant that computes the same numbers for every input is equivalent: no audit can find it. Some are evident from the
equations alone, and this module finds the facts that make them so: which equations the result does not depend on, which
arrays are one number throughout, or along an axis, and which are computed twice. No value is ever compared: two
programs that merely agree on the inputs at hand are a gap in the audit, and that is what mutants are to show.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal

from chainrule.audit.mutants.mechanical.facts import MOVES, Fact, known
from chainrule.audit.mutants.mechanical.program import Program, bodies, is_call, is_floating, length, shape_of

__all__ = ["Site", "Study", "reads_only_the_sign", "study"]


@dataclass(frozen=True)
class Site:
    """An equation that the result depends on.

    Attributes:
        number: of the equation, in the program.
        place: of the equation, in the code.
        equation: the equation.
        inputs: what is known of its operands.
        output: what is known of its (first) result.
        consumers: the equations that read the result; inside a body, those of the body.
        returned: whether the result leaves the program or the body.
        reads: which of its operands the result depends on.
        copied: whether it only moves what another equation computed for it alone: it is that equation's result again.
    """

    number: int
    place: str
    equation: JaxprEqn
    inputs: tuple[Fact, ...]
    output: Fact
    consumers: tuple[tuple[JaxprEqn, int], ...]
    returned: bool
    reads: tuple[bool, ...] = ()
    copied: bool = False

    @property
    def name(self) -> str:
        """The name of the primitive."""
        return str(self.equation.primitive.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the (first) result."""
        return shape_of(self.equation.outvars[0])

    def read_only_by(self, condition: Callable[[JaxprEqn, int], bool]) -> bool:
        """Whether every reader of the result meets a condition, given the equation and the operand that it is."""
        return not self.returned and all(condition(*consumer) for consumer in self.consumers)


@dataclass
class Study:
    """What is known of a program.

    Attributes:
        sites: the equations that the result depends on, in order.
        arguments: of each argument, the equations that read it, and whether it leaves the program as it is.
        live: whether the result depends on the argument.
        outputs: what is known of each result.
        listed: whether the result is that of one site, and nothing else reads it: to change it is to change the site's.
    """

    sites: list[Site] = field(default_factory=list)
    arguments: list[tuple[tuple[tuple[JaxprEqn, int], ...], bool]] = field(default_factory=list)
    live: list[bool] = field(default_factory=list)
    outputs: list[Fact] = field(default_factory=list)
    listed: list[bool] = field(default_factory=list)


def reads_only_the_sign(equation: JaxprEqn, position: int) -> bool:
    """Whether a positive factor on an operand leaves what an equation computes as it is."""
    if equation.primitive.name == "sign":
        return True
    if equation.primitive.name not in ("lt", "le", "gt", "ge", "eq", "ne"):
        return False
    other = equation.invars[1 - position]
    return isinstance(other, Literal) and np.ndim(other.val) == 0 and float(other.val) == 0.0


def study(program: Program, alike: Sequence[Hashable]) -> Study:
    """Study a program; arguments for which ``alike`` has equal entries are one array given twice."""
    jaxpr = program.jaxpr.jaxpr
    places = {number: place for place, number in program.places.items()}
    follower = _Follower(places)
    arguments = [Fact(follower.number(("argument", entry))) for entry in alike]
    found = follower.sites
    result = Study(outputs=follower.follow(jaxpr, arguments, 0))
    live, live_arguments = _live(jaxpr, [True] * len(jaxpr.outvars), 0, found)
    result.live = live_arguments
    result.sites = [replace(found[number], reads=tuple(live[number])) for number in sorted(live)]
    read = _readers(jaxpr)
    result.arguments = [(tuple(read.get(v, ())), v in jaxpr.outvars) for v in jaxpr.invars]
    computed = {variable for equation in jaxpr.eqns for variable in _computed(equation)}
    for atom in jaxpr.outvars:
        alone = not isinstance(atom, Literal) and not read.get(atom) and list(jaxpr.outvars).count(atom) == 1
        result.listed.append(alone and atom in computed)
    return result


def _computed(equation: JaxprEqn) -> list[Any]:
    """The results of an equation, or of a call, that an equation listed as a site computes."""
    if not bodies(equation):
        return list(equation.outvars) if len(equation.outvars) == 1 else []
    if not is_call(equation):
        return []
    body = bodies(equation)[0].jaxpr
    inner = {variable for item in body.eqns for variable in _computed(item)}
    pairs = zip(equation.outvars, body.outvars, strict=True)
    return [outer for outer, atom in pairs if not isinstance(atom, Literal) and atom in inner]


def _only_reader(read: dict[Any, list[Any]], atom: Any) -> bool:
    return not isinstance(atom, Literal) and len(read[atom]) == 1


def _readers(jaxpr: Jaxpr) -> dict[Any, list[tuple[JaxprEqn, int]]]:
    read: dict[Any, list[tuple[JaxprEqn, int]]] = {}
    for equation in jaxpr.eqns:
        for position, atom in enumerate(equation.invars):
            if not isinstance(atom, Literal):
                read.setdefault(atom, []).append((equation, position))
    return read


# ----------------------------------------------------------------------------------------------------------------------
# Forwards: what is known of each array.
# ----------------------------------------------------------------------------------------------------------------------


class _Follower:
    """Walks through a program forwards, and collects its sites."""

    def __init__(self, places: dict[int, str]) -> None:
        self.places = places
        self.sites: dict[int, Site] = {}
        self.numbers: dict[Hashable, int] = {}

    def number(self, key: Hashable) -> int:
        """The number of an array that is computed as ``key`` says; the same for the same key."""
        return self.numbers.setdefault(key, len(self.numbers))

    def constant(self, literal: Literal) -> Fact:
        """What is known of a literal."""
        value = np.asarray(literal.val)
        plain = value.ndim == 0 and value.dtype.kind in "fiub"
        return Fact(self.number((str(literal.aval), value.tobytes())), float(value) if plain else None)

    def follow(self, jaxpr: Jaxpr, arguments: Sequence[Fact], first: int) -> list[Fact]:
        """What is known of the results, given what is known of the arguments."""
        facts: dict[Any, Fact] = dict(zip(jaxpr.invars, arguments, strict=True))
        facts.update({constant: Fact(self.number(("constant", first, str(constant)))) for constant in jaxpr.constvars})
        read, number = _readers(jaxpr), first
        own: set[Any] = set()  # what an equation of this program computes, of floating point
        for equation in jaxpr.eqns:
            inputs = tuple(self.constant(a) if isinstance(a, Literal) else facts[a] for a in equation.invars)
            outputs = self.results(equation, inputs, number)
            consumers = tuple(read.get(equation.outvars[0], ())) if equation.outvars else ()
            returned = any(variable in jaxpr.outvars for variable in equation.outvars)
            result = outputs[0] if outputs else Fact(-1)
            place = self.places[number]
            copied = (
                equation.primitive.name in MOVES
                and _only_reader(read, equation.invars[0])
                and equation.invars[0] in own
            )
            self.sites[number] = Site(number, place, equation, inputs, result, consumers, returned, copied=copied)
            own |= {v for v in _computed(equation) if is_floating(v) and v not in jaxpr.outvars}
            facts.update(zip(equation.outvars, outputs, strict=True))
            number += length(equation)
        return [self.constant(a) if isinstance(a, Literal) else facts[a] for a in jaxpr.outvars]

    def results(self, equation: JaxprEqn, inputs: tuple[Fact, ...], number: int) -> list[Fact]:
        """What is known of the results of one equation."""
        if is_call(equation):
            return self.follow(bodies(equation)[0].jaxpr, inputs, number + 1)
        inner = number + 1
        for body in bodies(equation):  # of a loop: nothing is known of what goes in, for it changes from turn to turn
            unknown = [Fact(self.number(("turn", inner, i))) for i in range(len(body.jaxpr.invars))]
            self.follow(body.jaxpr, unknown, inner)
            inner += sum(length(item) for item in body.jaxpr.eqns)
        key: tuple[Any, ...] = ("equation", number)
        if not bodies(equation) and not equation.effects:
            key = (equation.primitive.name, str(equation.params), tuple(item.number for item in inputs))
        facts = [Fact(self.number((*key, i))) for i in range(len(equation.outvars))]
        if len(facts) == 1:
            facts = [Fact(facts[0].number, *known(equation, inputs))]
        return facts


# ----------------------------------------------------------------------------------------------------------------------
# Backwards: what the result depends on.
# ----------------------------------------------------------------------------------------------------------------------


def _live(
    jaxpr: Jaxpr, wanted: Sequence[bool], first: int, found: dict[int, Site]
) -> tuple[dict[int, list[bool]], list[bool]]:
    """The equations that the wanted results depend on, each with the operands that it needs; and the arguments needed."""
    needed = {atom for atom, want in zip(jaxpr.outvars, wanted, strict=True) if want and not isinstance(atom, Literal)}
    live: dict[int, list[bool]] = {}
    numbers, number = [], first
    for equation in jaxpr.eqns:
        numbers.append(number)
        number += length(equation)
    for equation, own in zip(reversed(jaxpr.eqns), reversed(numbers), strict=True):
        if not any(variable in needed for variable in equation.outvars):
            continue
        reads = [True] * len(equation.invars)
        if is_call(equation):
            want = [variable in needed for variable in equation.outvars]
            inner, reads = _live(bodies(equation)[0].jaxpr, want, own + 1, found)
            live.update(inner)
        elif bodies(equation):
            start = own + 1
            for body in bodies(equation):
                live.update(_live(body.jaxpr, [True] * len(body.jaxpr.outvars), start, found)[0])
                start += sum(length(item) for item in body.jaxpr.eqns)
        elif found[own].output.value is not None:
            # A number known beforehand does not depend on what it is computed from: scaling p in 0 * p changes nothing.
            # Its constant operands stay, for another constant is another number.
            reads = [item.value is not None for item in found[own].inputs]
        live[own] = reads
        needed |= {a for a, read in zip(equation.invars, reads, strict=True) if read and not isinstance(a, Literal)}
    return live, [variable in needed for variable in jaxpr.invars]
