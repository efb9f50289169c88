"""What can be done to one equation: a term dropped, operands swapped, a sign turned, a result scaled, moved or lost."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax.extend.core import JaxprEqn

from chainrule.audit.mutants.mechanical.operators import (
    FACTORS,
    SHIFT,
    DoesNotFitError,
    Variants,
    bump,
    gives_floats,
    operator,
    ordinal,
    original,
)
from chainrule.audit.mutants.mechanical.program import dtype_of, shape_of
from chainrule.audit.mutants.mechanical.sites import Site, reads_only_the_sign

__all__: list[str] = []  # importing the module puts its operators among the others

# --- Terms, factors and operands ---------------------------------------------------------------------------------------

_NEUTRAL = {"add": 0.0, "add_any": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0}
_COMMUTE = ("add", "add_any", "mul")


def _droppable(site: Site) -> Variants:
    if not gives_floats(site) or site.name not in _NEUTRAL:
        return
    alike = site.inputs[0].number == site.inputs[1].number
    for dropped in (0, 1):
        if alike and dropped and site.name in _COMMUTE:
            continue  # x x without its first factor is x x without its second
        if site.inputs[dropped].value == _NEUTRAL[site.name]:
            continue  # x + 0 is x, and 1 x is x
        kept = site.inputs[1 - dropped].value
        if kept == 0.0 and site.output.value == 0.0:
            continue  # what remains of 0 x is 0
        word = "factor" if site.name in ("mul", "div") else "term"
        if site.name == "div":
            word = "numerator" if dropped == 0 else "divisor"
            yield dropped, f"the {word} is dropped"
        else:
            yield dropped, f"the {ordinal(dropped)} {word} is dropped"


@operator("drop", _droppable)
def _drop(equation: JaxprEqn, inputs: list[Any], dropped: int) -> Any:
    kept = inputs[1 - dropped]
    if dropped == 0 and equation.primitive.name == "sub":
        return -kept
    if dropped == 0 and equation.primitive.name == "div":
        return 1 / kept
    return kept


def _swappable(site: Site) -> Variants:
    # Sums, products, maxima and minima commute; x - x and x / x do not change.
    different = len({item.number for item in site.inputs}) > 1
    if gives_floats(site) and site.name in ("sub", "div", "pow", "atan2", "rem") and different:
        yield "swap", "the operands are swapped"


@operator("swap", _swappable)
def _swap(equation: JaxprEqn, inputs: list[Any], variant: str) -> Any:
    return original(equation, inputs[::-1])


def _operands(site: Site) -> Variants:
    if not gives_floats(site) or site.name != "dot_general":
        return
    for position, atom in enumerate(site.equation.invars):
        shape = shape_of(atom)
        # A matrix of equal numbers is its own transpose.
        if len(shape) == 2 and shape[0] == shape[1] > 1 and len(site.inputs[position].uniform) < 2:
            yield position, f"the {ordinal(position)} operand is transposed"


@operator("operand", _operands)
def _operand(equation: JaxprEqn, inputs: list[Any], position: int) -> Any:
    shape = jnp.shape(inputs[position])
    if len(shape) != 2 or shape[0] != shape[1]:
        raise DoesNotFitError
    return original(equation, [x.T if i == position else x for i, x in enumerate(inputs)])


# --- The result --------------------------------------------------------------------------------------------------------


def _scalable(site: Site) -> Variants:
    if not gives_floats(site) or site.copied or site.output.value == 0.0:  # 0 times anything is 0
        return
    for factor in FACTORS:
        if factor == -1.0 and site.name == "sub":
            continue  # swapping the operands is the same mistake
        if factor > 0 and site.read_only_by(reads_only_the_sign):
            continue
        yield factor, f"the result is {'negated' if factor == -1.0 else f'scaled by {factor:.7g}'}"


@operator("scale", _scalable)
def _scale(equation: JaxprEqn, inputs: list[Any], factor: float) -> Any:
    return bump(original(equation, inputs), ("scale", factor))


def _shiftable(site: Site) -> Variants:
    if gives_floats(site) and not site.copied:
        yield SHIFT, f"{SHIFT} is added to the result"


@operator("shift", _shiftable)
def _shift(equation: JaxprEqn, inputs: list[Any], by: float) -> Any:
    return bump(original(equation, inputs), ("shift", by))


def _rollable(site: Site) -> Variants:
    if not gives_floats(site) or (site.copied and site.shape == shape_of(site.equation.invars[0])):
        return
    for axis, size in enumerate(site.shape):
        # One number along the axis has no order; nor does a sum over the axis see one.
        if size == 1 or axis in site.output.uniform or site.read_only_by(lambda e, _: axis in _summed(e)):  # noqa: B023
            continue
        yield axis, f"the result is rolled by one along axis {axis}"


def _summed(equation: JaxprEqn) -> tuple[int, ...]:
    known = equation.primitive.name in ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod")
    return tuple(equation.params["axes"]) if known else ()


@operator("roll", _rollable)
def _roll(equation: JaxprEqn, inputs: list[Any], axis: int) -> Any:
    return bump(original(equation, inputs), ("roll", axis))


def _erasable(site: Site) -> Variants:
    if gives_floats(site) and not site.copied and site.output.value != 0.0:
        yield "zero", "the result is zero"


@operator("zero", _erasable)
def _zero(equation: JaxprEqn, inputs: list[Any], variant: str) -> Any:
    return jnp.zeros(shape_of(equation.outvars[0]), dtype_of(equation.outvars[0]))


def _square(site: Site) -> Variants:
    shape = site.shape
    if not gives_floats(site) or len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] == 1:
        return
    if {len(shape) - 1, len(shape) - 2} <= site.output.uniform:
        return  # a matrix of equal numbers is its own transpose
    yield "transpose", "the result is transposed"


@operator("transpose", _square)
def _transpose(equation: JaxprEqn, inputs: list[Any], variant: str) -> Any:
    result = original(equation, inputs)
    if jnp.ndim(result) < 2 or result.shape[-1] != result.shape[-2]:
        raise DoesNotFitError
    return jnp.swapaxes(result, -1, -2)
