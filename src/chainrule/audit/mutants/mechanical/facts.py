"""What an equation's operands say about its result: one number throughout, or equal along an axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jax.extend.core import JaxprEqn

from chainrule.audit.mutants.mechanical.program import is_floating, shape_of

__all__ = ["MOVES", "Fact", "known"]


@dataclass(frozen=True)
class Fact:
    """What is known of an array.

    Attributes:
        number: two arrays of the same number are computed alike from the same arguments.
        value: the number that it holds throughout, where that is known.
        uniform: the axes along which all its elements are equal.
    """

    number: int
    value: float | None = None
    uniform: frozenset[int] = frozenset()


_ARITHMETIC: dict[str, Callable[..., float]] = {
    "neg": lambda a: -a,
    "add": lambda a, b: a + b,
    "add_any": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "convert_element_type": lambda a: a,
    "copy": lambda a: a,
}

MOVES = frozenset(("convert_element_type", "copy", "broadcast_in_dim", "reshape", "transpose", "squeeze"))

_FUNCTIONS = (
    "sign abs floor ceil round exp exp2 expm1 log log1p sin cos tan tanh sinh cosh asin acos atan logistic erf erfc"
)
_OTHERS = "erf_inv sqrt rsqrt cbrt square integer_pow lgamma digamma is_finite not and or xor eq ne lt le gt ge"
_OPERATIONS = "div rem pow max min atan2 select_n clamp"
_ELEMENTWISE = {*_ARITHMETIC, *f"{_FUNCTIONS} {_OTHERS} {_OPERATIONS}".split()}


def known(equation: JaxprEqn, inputs: Sequence[Fact]) -> tuple[float | None, frozenset[int]]:
    """The value that the result of an equation holds throughout, and the axes along which it is uniform."""
    name = equation.primitive.name
    values = [item.value for item in inputs]
    shape = shape_of(equation.outvars[0])
    value: float | None = None
    if name == "mul" and 0.0 in values:
        value = 0.0  # whatever the other factor is, as long as it is finite
    elif name == "div" and values[0] == 0.0:
        value = 0.0
    elif name in MOVES:
        value = values[0] if is_floating(equation.outvars[0]) else None
    elif name in _ARITHMETIC and None not in values:
        value = _ARITHMETIC[name](*values)
    if value is not None:
        return value, frozenset(range(len(shape)))
    return None, _uniform(equation, inputs, len(shape))


def _uniform(equation: JaxprEqn, inputs: Sequence[Fact], rank: int) -> frozenset[int]:
    name = equation.primitive.name
    shapes = [shape_of(atom) for atom in equation.invars]
    rule = _UNIFORM.get("elementwise" if name in _ELEMENTWISE else name)
    return frozenset(axis for axis in range(rank) if rule is not None and rule(equation, inputs, shapes, axis))


def _along_each(equation: JaxprEqn, inputs: Sequence[Fact], shapes: Sequence[tuple[int, ...]], axis: int) -> bool:
    return all(not shape or axis in item.uniform for shape, item in zip(shapes, inputs, strict=True))


def _broadcast(equation: JaxprEqn, inputs: Sequence[Fact], shapes: Sequence[tuple[int, ...]], axis: int) -> bool:
    source = {into: own for own, into in enumerate(equation.params["broadcast_dimensions"])}
    if axis not in source or source[axis] in inputs[0].uniform:
        return True
    return shapes[0][source[axis]] == 1 < shape_of(equation.outvars[0])[axis]


def _permuted(equation: JaxprEqn, inputs: Sequence[Fact], shapes: Sequence[tuple[int, ...]], axis: int) -> bool:
    return equation.params["permutation"][axis] in inputs[0].uniform


def _reduced(equation: JaxprEqn, inputs: Sequence[Fact], shapes: Sequence[tuple[int, ...]], axis: int) -> bool:
    kept = [own for own in range(len(shapes[0])) if own not in equation.params["axes"]]
    return kept[axis] in inputs[0].uniform


def _multiplied(equation: JaxprEqn, inputs: Sequence[Fact], shapes: Sequence[tuple[int, ...]], axis: int) -> bool:
    summed, batch = equation.params["dimension_numbers"]
    free = [
        (side, own)
        for side in (0, 1)
        for own in range(len(shapes[side]))
        if own not in summed[side] and own not in batch[side]
    ]
    if axis < len(batch[0]):
        return False
    side, own = free[axis - len(batch[0])]
    return own in inputs[side].uniform


def _reshaped(equation: JaxprEqn, inputs: Sequence[Fact], shapes: Sequence[tuple[int, ...]], axis: int) -> bool:
    return len(inputs[0].uniform) == len(shapes[0])  # one number throughout, in whatever shape


def _counted(equation: JaxprEqn, inputs: Sequence[Fact], shapes: Sequence[tuple[int, ...]], axis: int) -> bool:
    return axis != equation.params["dimension"]


_UNIFORM: dict[str, Callable[[JaxprEqn, Sequence[Fact], Sequence[tuple[int, ...]], int], bool]] = {
    "elementwise": _along_each,
    "broadcast_in_dim": _broadcast,
    "transpose": _permuted,
    "reduce_sum": _reduced,
    "reduce_max": _reduced,
    "reduce_min": _reduced,
    "dot_general": _multiplied,
    "reshape": _reshaped,
    "iota": _counted,
}
