"""Floating-point operations, counted in the trace of a function.

Counted are matrix products and convolutions, two operations for each multiplication and the addition of its result: that
is where nearly all of the work of a network is, and what other frameworks' counters count. Loops count as often as they
run; what no output depends on is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax

__all__ = ["flops_of"]


def flops_of(function: Callable[..., Any], *args: Any) -> int:
    """Count the floating-point operations of products and convolutions in ``function(*args)``; nothing is computed.

    ::

        C_ij = sum_k A_ik B_kj          2 i j k operations; those of a convolution likewise, for each of its outputs
                                        2 (kh kw in_channels / groups), zeros at the border included, but not the zeros
                                        that a transposed convolution sets between the numbers

    A ``lax.scan`` counts its body once a step, a ``lax.cond`` the dearest of its branches, and the body of a
    ``lax.while_loop``, which says not how often it runs, counts once.

    Args:
        function: a function of arrays.
        args: arrays, or their shapes and dtypes (``jax.ShapeDtypeStruct``).
    """
    return _count(jax.make_jaxpr(function)(*args).jaxpr)


def _count(jaxpr: Any) -> int:
    total = 0
    wanted = {id(variable) for variable in jaxpr.outvars}
    for equation in reversed(jaxpr.eqns):
        if equation.effects or any(id(variable) in wanted for variable in equation.outvars):
            wanted |= {id(variable) for variable in equation.invars}
            total += _of_equation(equation)
    return total


def _of_equation(equation: Any) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        return 2 * math.prod(equation.outvars[0].aval.shape) * _sizes(equation.invars[0], contracted)
    if name == "conv_general_dilated":
        kernel, out_axis = equation.invars[1].aval.shape, params["dimension_numbers"].rhs_spec[0]
        taps = math.prod(size for axis, size in enumerate(kernel) if axis != out_axis)
        return 2 * math.prod(equation.outvars[0].aval.shape) * taps // math.prod(params["lhs_dilation"])
    if name == "scan":
        return int(params["length"]) * _count(params["jaxpr"].jaxpr)
    if name == "cond":
        return max(_count(branch.jaxpr) for branch in params["branches"])
    inner = [value for value in params.values() if hasattr(value, "jaxpr") or hasattr(value, "eqns")]
    return sum(_count(getattr(value, "jaxpr", value)) for value in inner)


def _sizes(variable: Any, axes: tuple[int, ...]) -> int:
    return math.prod(variable.aval.shape[axis] for axis in axes)
