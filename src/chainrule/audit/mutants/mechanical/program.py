"""A backward pass as the list of its equations, and an interpreter that can change what one of them computes.

``trace`` writes a backward function out as a jaxpr. ``evaluate`` runs it, equation by equation, and hands one equation of
the caller's choice to a function of the caller's. Equations are numbered in a walk that goes into the bodies of ``jit``,
``scan``, ``cond`` and their like where they stand, so a function that is called twice has two sets of numbers.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from chainrule.rule import Rule

__all__ = [
    "Change",
    "Program",
    "bodies",
    "dtype_of",
    "evaluate",
    "is_call",
    "is_floating",
    "length",
    "perform",
    "shape_of",
    "trace",
]

Change = Callable[[JaxprEqn, list[Any]], "list[Any] | None"]

# These run their body once, on their own operands: it can stand in their place.
_CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call"}


@dataclass(frozen=True, eq=False)
class Program:
    """A backward function, written out for arguments of given shapes and dtypes.

    Attributes:
        jaxpr: the equations.
        arguments: the path of each leaf of ``(residuals, d_output)``: ``"[0][1]"`` is residual 1, ``"[1]"`` the cotangent.
        outputs: the path of each cotangent that it returns.
        tree: the tree of what it returns.
        places: the numbers of the equations by their place in the code; see ``_places``.
    """

    jaxpr: ClosedJaxpr
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    tree: Any
    places: dict[str, int]

    def run(self, leaves: Sequence[Any], at: int = -1, change: Change | None = None) -> list[Any]:
        """Compute the leaves of the cotangents; ``change`` computes equation ``at``."""
        return evaluate(self.jaxpr.jaxpr, self.jaxpr.consts, leaves, at, change)


def trace(rule: Rule, static: dict[str, Any], residuals: Any, d_output: Any) -> Program:
    """Write out ``rule.backward(residuals, d_output, **static)``; arrays, tracers or ``ShapeDtypeStruct`` will do.

    What was written out once for these shapes and dtypes is not traced again.
    """
    leaves, tree = jax.tree.flatten((residuals, d_output))
    structs = tuple(_struct(leaf if isinstance(leaf, jax.ShapeDtypeStruct) else jax.typeof(leaf)) for leaf in leaves)
    wide = bool(jax.config.values["jax_enable_x64"])  # it decides the dtype of constants, so it is part of the key
    return _traced(rule, tuple(sorted(static.items())), tree, structs, wide)


def _struct(kind: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(kind.shape, kind.dtype, weak_type=bool(getattr(kind, "weak_type", False)))


@functools.lru_cache(maxsize=4096)
def _traced(
    rule: Rule,
    static: tuple[tuple[str, Any], ...],
    tree: Any,
    structs: tuple[jax.ShapeDtypeStruct, ...],
    wide: bool,
) -> Program:
    del wide

    def backward(residuals: Any, d_output: Any) -> Any:
        return rule.backward(residuals, d_output, **dict(static))

    arguments = jax.tree.unflatten(tree, structs)
    jaxpr, cotangents = jax.make_jaxpr(backward, return_shape=True)(*arguments)
    return Program(
        jaxpr,
        _paths(arguments),
        _paths(cotangents),
        jax.tree.structure(cotangents),
        _places(jaxpr.jaxpr),
    )


def _paths(tree: Any) -> tuple[str, ...]:
    return tuple(jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree))


def _places(jaxpr: Jaxpr) -> dict[str, int]:
    """Name the place of each equation by what is computed up to it, and give its number.

    The same code traced for other arguments takes the same primitives up to the first branch of its Python that goes the
    other way; from there on it is other code, and an equation of the same number is no longer the same equation. Changes
    of dtype come and go with the precision, so they are passed over.
    """
    places: dict[str, int] = {}
    so_far = hashlib.sha256()
    for number, equation in enumerate(_walk(jaxpr)):
        name = equation.primitive.name
        here = so_far.copy()
        here.update(f"{name};".encode())
        place = here.hexdigest()[:16]
        while place in places:  # a change of dtype after another
            place += "'"
        places[place] = number
        if name != "convert_element_type":
            so_far = here
    return places


def _walk(jaxpr: Jaxpr) -> Iterator[JaxprEqn]:
    for equation in jaxpr.eqns:
        yield equation
        for body in bodies(equation):
            yield from _walk(body.jaxpr)


def shape_of(atom: Any) -> tuple[int, ...]:
    """The shape of an operand or a result."""
    return tuple(atom.aval.shape)


def dtype_of(atom: Any) -> Any:
    """The dtype of an operand or a result."""
    return atom.aval.dtype


def is_floating(kind: Any) -> bool:
    """Whether an operand or a result, or its type, is of real floating point."""
    return bool(jnp.issubdtype(getattr(kind, "aval", kind).dtype, jnp.floating))


def bodies(equation: JaxprEqn) -> list[ClosedJaxpr]:
    """The programs that an equation carries as its parameters: of a jit, a scan, the branches of a cond."""
    found = []
    for value in equation.params.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(item, ClosedJaxpr):
                found.append(item)
            elif isinstance(item, Jaxpr):
                found.append(ClosedJaxpr(item, ()))
    return found


def length(equation: JaxprEqn) -> int:
    """How many numbers an equation takes: one, and those of its bodies."""
    return 1 + sum(length(inner) for body in bodies(equation) for inner in body.jaxpr.eqns)


def is_call(equation: JaxprEqn) -> bool:
    """Whether an equation runs its one body once, on its own operands."""
    found = bodies(equation)
    return (
        equation.primitive.name in _CALLS
        and len(found) == 1
        and len(found[0].jaxpr.invars) == len(equation.invars)
        and len(found[0].jaxpr.outvars) == len(equation.outvars)
    )


def evaluate(
    jaxpr: Jaxpr,
    consts: Sequence[Any],
    args: Sequence[Any],
    at: int = -1,
    change: Change | None = None,
    first: int = 0,
) -> list[Any]:
    """Run a jaxpr, whose first equation has the number ``first``.

    ``change(equation, inputs)`` returns what equation ``at`` is to compute, or None to leave it as it is.
    """
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    number = first
    for equation in jaxpr.eqns:
        inputs = [read(atom) for atom in equation.invars]
        outputs = change(equation, inputs) if change is not None and number == at else None
        if outputs is None:
            outputs = perform(equation, inputs, at, change, number)
        values.update(zip(equation.outvars, outputs, strict=True))
        number += length(equation)
    return [read(atom) for atom in jaxpr.outvars]


def perform(
    equation: JaxprEqn, inputs: Sequence[Any], at: int = -1, change: Change | None = None, number: int = 0
) -> list[Any]:
    """Compute what an equation of this number computes; where ``at`` lies in one of its bodies, that body is changed."""
    if is_call(equation):
        (body,) = bodies(equation)
        return evaluate(body.jaxpr, body.consts, inputs, at, change, number + 1)
    changed = dict(equation.params)
    if number < at < number + length(equation):
        first = number + 1
        for key, value in equation.params.items():
            many = isinstance(value, (tuple, list))
            items = []
            for item in value if many else (value,):
                if isinstance(item, (ClosedJaxpr, Jaxpr)):
                    closed = item if isinstance(item, ClosedJaxpr) else ClosedJaxpr(item, ())
                    rewritten = _rewritten(closed, at, change, first)
                    first += sum(length(inner) for inner in closed.jaxpr.eqns)
                    items.append(rewritten if isinstance(item, ClosedJaxpr) else rewritten.jaxpr)
                else:
                    items.append(item)
            changed[key] = tuple(items) if many else items[0]
    outputs = equation.primitive.bind(*inputs, **changed)
    return list(outputs) if equation.primitive.multiple_results else [outputs]


def _rewritten(body: ClosedJaxpr, at: int, change: Change | None, first: int) -> ClosedJaxpr:
    """The body with its change written in, for a primitive that takes a program, not a function."""
    return jax.make_jaxpr(lambda *args: evaluate(body.jaxpr, body.consts, args, at, change, first))(
        *(_struct(kind) for kind in body.in_avals)
    )
