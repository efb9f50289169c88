"""What a trace shows, before any number is computed: trees and dtypes, residuals, and who differentiates."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from chainrule.audit import diagnosis
from chainrule.audit.checks.names import BYTES, PURE, RESIDUALS, STRUCTURE, fault
from chainrule.audit.compare import structure_fault
from chainrule.audit.inputs import Inputs, live_equations
from chainrule.audit.report import Check
from chainrule.audit.trees import tangents

__all__ = ["check_bytes", "check_pure", "check_residuals", "check_structure"]


def check_structure(inputs: Inputs) -> Iterator[Check]:
    """The pullback returns, for each argument, a cotangent of its tree, shape and (strong) dtype; float0 for integers."""
    cotangent = inputs.cotangent(inputs.rng(10))

    def pull(args: Any, cotangent: Any) -> tuple[Any, Any]:
        output, pullback = inputs.subject.vjp(*args)
        return output, pullback(cotangent)

    output, cotangents = jax.eval_shape(pull, inputs.args, cotangent)
    found = structure_fault(output, inputs.output, output=True)
    if not found.fault:
        found = structure_fault(cotangents, tangents(jax.tree.map(_shape, inputs.args)))
    yield fault(
        STRUCTURE, inputs, 1.0 if found.fault else 0.0, found.fault, found.place, _pattern(found, cotangents, inputs)
    )


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _pattern(found: Any, cotangents: Any, inputs: Inputs) -> str:
    """A shape in reverse is the shape of a transpose; the right shapes in another order are of other arguments."""
    if not found.fault:
        return ""
    expected, got = ([tuple(leaf.shape) for leaf in jax.tree.leaves(tree)] for tree in (inputs.args, cotangents))
    if expected != got and sorted(expected) == sorted(got):
        return diagnosis.SWAPPED
    wrong = [pair for pair in zip(expected, got, strict=False) if pair[0] != pair[1]]
    return diagnosis.TRANSPOSED if wrong and all(len(a) > 1 and a == b[::-1] for a, b in wrong) else ""


def check_residuals(inputs: Inputs) -> Iterator[Check]:
    """The pullback reads every residual: across the border of a compiled program a dead one is real memory."""
    if not inputs.subject.has_residuals:
        return
    pullback = jax.eval_shape(lambda *args: inputs.subject.vjp(*args)[1], *inputs.args)
    leaves, tree = jax.tree.flatten(pullback)
    cotangent = inputs.cotangent(inputs.rng(10))
    jaxpr = jax.make_jaxpr(lambda leaves: jax.tree.unflatten(tree, leaves)(cotangent))(leaves).jaxpr
    read = {variable for variable in jaxpr.outvars if not hasattr(variable, "val")}
    for equation in live_equations(jaxpr):
        read |= {variable for variable in equation.invars if not hasattr(variable, "val")}
    dead = [leaf for leaf, variable in zip(leaves, jaxpr.invars, strict=True) if variable not in read]
    shapes = ", ".join(f"{leaf.dtype.name}{list(leaf.shape)}" for leaf in dead)
    yield fault(RESIDUALS, inputs, len(dead), f"never read by the pullback: {shapes}")


def check_bytes(inputs: Inputs) -> Iterator[Check]:
    """The residuals take how many times the memory of autodiff's; for the rules of this package that is at most once."""
    if not inputs.subject.has_residuals or not inputs.has_referee:
        return
    ours = _bytes(lambda *args: inputs.subject.vjp(*args)[1], inputs)
    theirs = _bytes(lambda *args: jax.vjp(inputs.subject.primal, *args)[1], inputs)
    ratio = ours / theirs if theirs else float(ours > 0)
    detail = f"{ours} bytes by hand, {theirs} by autodiff"
    if inputs.strict:
        yield fault(BYTES, inputs, ratio, detail)
    else:
        yield Check(BYTES, inputs.case, True, ratio, float("inf"), detail, unit="times")


def _bytes(pullback_of: Any, inputs: Inputs) -> int:
    """The memory of all that a pullback holds; what it holds twice is one array."""
    jaxpr = jax.make_jaxpr(pullback_of)(*inputs.args).jaxpr
    held = {id(variable): variable.aval for variable in jaxpr.outvars}
    return sum(int(np.prod(value.shape)) * value.dtype.itemsize for value in held.values())


def check_pure(inputs: Inputs) -> Iterator[Check]:
    """Forward and pullback of a rule are traced without a call of JAX's differentiation, by whatever name."""
    if not inputs.subject.is_rule:
        return
    cotangent = inputs.cotangent(inputs.rng(10))

    def both(args: Any, cotangent: Any) -> Any:
        output, pullback = inputs.subject.vjp(*args)
        return output, pullback(cotangent)

    found: list[str] = []
    with _Watched(found):
        jaxpr = str(jax.make_jaxpr(both)(inputs.args, cotangent))
    found += [name for name in ("custom_jvp_call", "custom_vjp_call") if name in jaxpr]
    yield fault(PURE, inputs, len(found), f"calls {', '.join(sorted(set(found)))}")


class _Watched:
    """Note every call of JAX's public differentiation in this thread while the block runs.

    The functions are known by their code, so that ``from jax import vjp`` hides nothing.
    """

    names = ("grad", "value_and_grad", "vjp", "jvp", "linearize", "jacfwd", "jacrev", "hessian", "linear_transpose")

    def __init__(self, found: list[str]) -> None:
        self.found = found
        self.codes = {_innermost(getattr(jax, name)).__code__: f"jax.{name}" for name in self.names}

    def __enter__(self) -> None:
        self.before = sys.getprofile()
        sys.setprofile(self._note)

    def _note(self, frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code in self.codes:
            self.found.append(self.codes[frame.f_code])

    def __exit__(self, *exception: object) -> None:
        sys.setprofile(self.before)


def _innermost(function: Any) -> Any:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function
