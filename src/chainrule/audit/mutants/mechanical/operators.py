"""What an operator is: a kind of mistake that can be made in one equation, in one way or in several.

An operator lists, for a site, its variants, each with the words that say what it does; and it computes what the equation
gives instead. Variants that are evidently equivalent to the right program are not listed; the reason stands beside each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import JaxprEqn

from chainrule.audit.mutants.mechanical.program import bodies, dtype_of, is_floating, perform, shape_of
from chainrule.audit.mutants.mechanical.sites import Site

__all__ = [
    "BUMPS",
    "EQUATION_OPERATORS",
    "FACTORS",
    "SHIFT",
    "DoesNotFitError",
    "EquationOperator",
    "Variants",
    "bump",
    "equation_variants",
    "gives_floats",
    "is_leaf",
    "operator",
    "ordinal",
    "original",
]

Variants = Iterator[tuple[Any, str]]

FACTORS = (2.0, 0.5, -1.0, 1 + 1e-6)
SHIFT = 1e-3


@dataclass(frozen=True)
class EquationOperator:
    """One kind of mistake.

    Attributes:
        name: what it is called in the tables.
        variants: the ways in which it can be made at a site, each a hashable and the words for it.
        compute: what the equation gives instead, from its inputs and the variant; None where the variant does not fit.
    """

    name: str
    variants: Callable[[Site], Variants]
    compute: Callable[[JaxprEqn, list[Any], Any], Any]

    def change(self, equation: JaxprEqn, inputs: list[Any], variant: Any) -> list[Any] | None:
        """What the equation gives instead, in the shape and dtype of the original; None where the variant does not fit."""
        try:
            wrong = self.compute(equation, inputs, variant)
        except DoesNotFitError:
            return None
        if isinstance(wrong, list):
            return wrong
        shape, dtype = shape_of(equation.outvars[0]), dtype_of(equation.outvars[0])
        spread = wrong if jnp.shape(wrong) == shape else jnp.broadcast_to(wrong, shape)
        return [lax.convert_element_type(spread, dtype)]


class DoesNotFitError(Exception):
    """The same equation has another shape in another case, and the mistake cannot be made there."""


def equation_variants(site: Site) -> Iterator[tuple[str, Any, str]]:
    """Every operator's variants at a site: the operator's name, the variant, and the words for it."""
    for name, operator in EQUATION_OPERATORS.items():
        for variant, words in operator.variants(site):
            yield name, variant, words


EQUATION_OPERATORS: dict[str, EquationOperator] = {}


def operator(name: str, variants: Callable[[Site], Variants]) -> Callable[[Any], Any]:
    """Put the function that follows among the operators, with its variants."""

    def add(compute: Callable[[JaxprEqn, list[Any], Any], Any]) -> Any:
        EQUATION_OPERATORS[name] = EquationOperator(name, variants, compute)
        return compute

    return add


def is_leaf(site: Site) -> bool:
    """Whether an equation computes something itself; what a jit or a loop computes is mutated in its body."""
    return not bodies(site.equation) and len(site.equation.outvars) == 1


def gives_floats(site: Site) -> bool:
    """Whether an equation computes an array of floating point itself."""
    return is_leaf(site) and is_floating(site.equation.outvars[0])


def original(equation: JaxprEqn, inputs: list[Any]) -> Any:
    """What the equation gives from these inputs, rightly."""
    return perform(equation, inputs)[0]


def ordinal(position: int) -> str:
    """The position of an operand in words."""
    return ("first", "second", "third")[position]


BUMPS: dict[str, Callable[[Any, Any], Any]] = {
    "scale": lambda x, factor: x * jnp.asarray(factor, x.dtype),
    "shift": lambda x, by: x + jnp.asarray(by, x.dtype),
    "roll": lambda x, axis: jnp.roll(x, 1, axis),
    "zero": lambda x, _: jnp.zeros_like(x),
}


def bump(x: Any, kind: tuple[str, Any]) -> Any:
    """Scale, shift, roll or blank an array; as it is where it has no such axis."""
    name, by = kind
    return x if name == "roll" and by >= jnp.ndim(x) else BUMPS[name](jnp.asarray(x), by)
