"""What can be done to one equation: one function, axis, branch, constant or index in the place of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import JaxprEqn, Literal

from chainrule.audit.mutants.mechanical.operators import (
    DoesNotFitError,
    Variants,
    gives_floats,
    is_leaf,
    operator,
    original,
)
from chainrule.audit.mutants.mechanical.program import dtype_of, is_floating, perform, shape_of
from chainrule.audit.mutants.mechanical.sites import Site

__all__: list[str] = []  # importing the module puts its operators among the others

RELATIVE = 1e-3

# --- One function for another ------------------------------------------------------------------------------------------

_FUNCTIONS: dict[str, tuple[str, Callable[..., Any]]] = {
    "add": ("sub", lax.sub),
    "add_any": ("sub", lax.sub),
    "sub": ("add", lax.add),
    "mul": ("div", lax.div),
    "div": ("mul", lax.mul),
    "max": ("min", lax.min),
    "min": ("max", lax.max),
    "exp": ("expm1", lax.expm1),
    "expm1": ("exp", lax.exp),
    "log": ("log1p", lax.log1p),
    "log1p": ("log", lax.log),
    "sin": ("cos", lax.cos),
    "cos": ("sin", lax.sin),
    "tanh": ("the identity", lambda x: x),
    "logistic": ("tanh", lax.tanh),
    "erf": ("erfc", lax.erfc),
    "erfc": ("erf", lax.erf),
    "sqrt": ("rsqrt", lax.rsqrt),
    "rsqrt": ("sqrt", lax.sqrt),
    "abs": ("the identity", lambda x: x),
    "sign": ("the identity", lambda x: x),
    "square": ("the identity", lambda x: x),
}


def _exchangeable(site: Site) -> Variants:
    if not gives_floats(site) or site.name not in _FUNCTIONS:
        return
    values = [item.value for item in site.inputs]
    if site.name in ("add", "add_any", "sub") and values[1] == 0.0:
        return  # x + 0 is x - 0
    if site.name in ("mul", "div") and (values[1] in (1.0, -1.0) or values[0] == 0.0):
        return  # x 1 is x / 1, and 0 x is 0 / x
    if site.name in ("max", "min") and site.inputs[0].number == site.inputs[1].number:
        return
    yield "exchange", f"{_FUNCTIONS[site.name][0]} stands for {site.name}"


@operator("exchange", _exchangeable)
def _exchange(equation: JaxprEqn, inputs: list[Any], variant: str) -> Any:
    shape = shape_of(equation.outvars[0])
    return _FUNCTIONS[equation.primitive.name][1](*(jnp.broadcast_to(x, shape) for x in inputs))


def _exponents(site: Site) -> Variants:
    if gives_floats(site) and site.name == "integer_pow":
        yield 1, "the exponent is one too large"
        yield -1, "the exponent is one too small"


@operator("exponent", _exponents)
def _exponent(equation: JaxprEqn, inputs: list[Any], by: int) -> Any:
    return lax.integer_pow(inputs[0], equation.params["y"] + by)


# --- Sums --------------------------------------------------------------------------------------------------------------


def _sums(site: Site) -> Variants:
    if not gives_floats(site) or site.name != "reduce_sum":
        return
    shape, axes = shape_of(site.equation.invars[0]), site.equation.params["axes"]
    if any(shape[axis] != 1 for axis in axes):  # the mean of one number is the number
        yield "mean", "the mean stands for the sum"
    for other in range(len(shape)):
        if len(axes) == 1 and other not in axes and shape[other] == shape[axes[0]] > 1:
            yield other, f"the sum is over axis {other}"


@operator("sum", _sums)
def _sum(equation: JaxprEqn, inputs: list[Any], variant: Any) -> Any:
    if variant == "mean":
        return jnp.mean(inputs[0], equation.params["axes"])
    if variant >= jnp.ndim(inputs[0]) or jnp.sum(inputs[0], variant).shape != shape_of(equation.outvars[0]):
        raise DoesNotFitError
    return jnp.sum(inputs[0], variant)


# --- Conditions --------------------------------------------------------------------------------------------------------

_TURNED = {"lt": lax.gt, "gt": lax.lt, "le": lax.ge, "ge": lax.le, "eq": lax.ne, "ne": lax.eq}
_AT_THE_EDGE = {"lt": lax.le, "le": lax.lt, "gt": lax.ge, "ge": lax.gt}


def _comparisons(site: Site) -> Variants:
    if is_leaf(site) and site.name in _TURNED:
        yield "turned", "the comparison is turned"
        if site.name in _AT_THE_EDGE:
            yield "edge", "equality falls on the other side"
    if is_leaf(site) and site.name in ("and", "or"):
        yield "connective", "and stands for or" if site.name == "or" else "or stands for and"


@operator("compare", _comparisons)
def _compare(equation: JaxprEqn, inputs: list[Any], variant: str) -> Any:
    name, shape = equation.primitive.name, shape_of(equation.outvars[0])
    if variant == "connective":
        return lax.bitwise_and(*inputs) if name == "or" else lax.bitwise_or(*inputs)
    other = _TURNED[name] if variant == "turned" else _AT_THE_EDGE[name]
    return other(*(jnp.broadcast_to(x, shape) for x in inputs))


def _selections(site: Site) -> Variants:
    if not is_leaf(site) or site.name != "select_n" or len(site.inputs) != 3:
        return
    if site.inputs[1].number == site.inputs[2].number:
        return  # either branch is the other
    yield "exchanged", "the branches are exchanged"
    yield 1, "the branch for false is taken everywhere"
    yield 2, "the branch for true is taken everywhere"


@operator("select", _selections)
def _select(equation: JaxprEqn, inputs: list[Any], variant: Any) -> Any:
    return original(equation, [inputs[0], inputs[2], inputs[1]]) if variant == "exchanged" else inputs[variant]


# --- Constants and indices ---------------------------------------------------------------------------------------------


def _constants(site: Site) -> Variants:
    for position, atom in enumerate(site.equation.invars):
        if not isinstance(atom, Literal) or not site.reads[position] or site.inputs[position].value is None:
            continue
        value = site.inputs[position].value
        if is_floating(atom):
            if value != 0.0:  # a thousandth of 0 is 0
                yield (position, "relative"), f"the constant {value:.6g} is off by a thousandth"
            yield (position, "one"), f"the constant {value:.6g} is off by one"
        elif jnp.issubdtype(dtype_of(atom), jnp.integer):
            yield (position, "one"), f"the constant {value:.6g} is off by one"


@operator("constant", _constants)
def _constant(equation: JaxprEqn, inputs: list[Any], variant: tuple[int, str]) -> Any:
    position, how = variant
    right = jnp.asarray(inputs[position])
    wrong = right * jnp.asarray(1 + RELATIVE, right.dtype) if how == "relative" else right + jnp.asarray(1, right.dtype)
    return perform(equation, [wrong if i == position else x for i, x in enumerate(inputs)])


def _indices(site: Site) -> Variants:
    name = site.name
    if not is_leaf(site):
        return
    if name in ("iota", "argmax", "argmin"):
        yield "result", "the index is off by one"
    if name in ("gather", "scatter", "scatter-add", "scatter_add") and not _whole(site):
        yield 1, "the index is off by one"
    if name == "dynamic_slice":
        for axis, size in enumerate(site.equation.params["slice_sizes"]):
            if size < shape_of(site.equation.invars[0])[axis]:  # a window of the whole axis is moved back to 0
                yield 1 + axis, f"the start along axis {axis} is off by one"
    if name == "slice":
        for axis, start in enumerate(site.equation.params["start_indices"]):
            sizes = shape_of(site.equation.invars[0])
            if site.equation.params["limit_indices"][axis] < sizes[axis] and axis not in site.inputs[0].uniform:
                yield ("later", axis), f"the slice begins one later along axis {axis}"
            elif start > 0 and axis not in site.inputs[0].uniform:
                yield ("earlier", axis), f"the slice begins one earlier along axis {axis}"
    if name == "rev":
        yield "dropped", "the order is not reversed"
    if name == "concatenate" and len({shape_of(a) for a in site.equation.invars}) == 1 < len(site.inputs):
        yield "exchanged", "the parts are in the reverse order"


def _whole(site: Site) -> bool:
    """Whether a gather takes everything that there is: any index is clipped to the only one, or fills nothing."""
    return tuple(site.equation.params.get("slice_sizes", ())) == tuple(shape_of(site.equation.invars[0]))


@operator("index", _indices)
def _index(equation: JaxprEqn, inputs: list[Any], variant: Any) -> Any:
    if variant == "result":
        result = original(equation, inputs)
        return result + jnp.asarray(1, result.dtype)
    if variant == "dropped":
        return inputs[0]
    if variant == "exchanged":
        return original(equation, inputs[::-1])
    if isinstance(variant, int):
        if variant >= len(inputs):
            raise DoesNotFitError
        moved = jnp.asarray(inputs[variant])
        return original(
            equation, [moved + jnp.asarray(1, moved.dtype) if i == variant else x for i, x in enumerate(inputs)]
        )
    where, axis = variant
    params = equation.params
    starts, ends = list(params["start_indices"]), list(params["limit_indices"])
    if axis >= len(starts):
        raise DoesNotFitError
    step = 1 if where == "later" else -1
    starts[axis], ends[axis] = starts[axis] + step, ends[axis] + step
    if starts[axis] < 0 or ends[axis] > jnp.shape(inputs[0])[axis]:
        raise DoesNotFitError
    return lax.slice(inputs[0], starts, ends, params["strides"])
