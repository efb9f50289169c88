"""Under jit, vmap and scan a derivative is what it is without; and nothing is compiled twice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax import lax

from chainrule.audit import diagnosis
from chainrule.audit.checks.names import EAGER, JIT, RETRACE, SCAN, VMAP, fault, verdict
from chainrule.audit.compare import Difference, difference, worst
from chainrule.audit.inputs import Inputs, Slack
from chainrule.audit.quick import quick_jit
from chainrule.audit.report import Check
from chainrule.audit.trees import cotangent_of, floats, is_float, stack, tangents

__all__ = ["check_eager", "check_jit", "check_mapped"]

_LANES = 3


def check_eager(inputs: Inputs) -> Iterator[Check]:
    """The forward pass without jit gives what it gives compiled."""
    output = jax.tree.map(_host, inputs.subject.primal(*jax.tree.map(jax.numpy.asarray, inputs.args)))
    seen = inputs.measured
    yield verdict(
        EAGER, inputs, lambda slack: difference(output, seen.output, output=True, slack=slack and slack.output)
    )


def _host(leaf: Any) -> Any:
    return leaf if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np.asarray(leaf)


def check_jit(inputs: Inputs) -> Iterator[Check]:
    """A pullback handed from one compiled program to another does what it does inside one; and nothing retraces."""
    if not inputs.subject.has_residuals:
        return
    cotangent = inputs.cotangents[0]
    traces = [0, 0]

    def forward(*args: Any) -> Any:
        traces[0] += 1
        return inputs.subject.vjp(*args)

    def apply(pullback: Any, cotangent: Any) -> Any:
        traces[1] += 1
        return pullback(cotangent)

    forward_jit = quick_jit(forward)
    apply_jit = quick_jit(apply)
    output, pullback = forward_jit(*inputs.args)
    found = apply_jit(pullback, cotangent)
    seen = inputs.measured
    yield verdict(
        JIT,
        inputs,
        lambda slack: worst(
            [
                difference(output, seen.output, output=True, slack=slack and slack.output),
                difference(found, seen.hand[0], slack=slack and slack.cotangents[0]),
            ]
        ),
    )

    if not inputs.subject.is_rule:
        return  # JAX makes the pullback of a custom_vjp, and a new one at every trace
    # A second call, and a rule traced anew: its pullback must be of the type that is compiled already.
    _, again = forward_jit(*inputs.cast(np.float64))
    apply_jit(again, cotangent)
    _, anew = jax.eval_shape(inputs.subject.vjp, *inputs.args)
    types: list[Any] = [jax.tree.structure(pullback) for pullback in (anew, again)]
    alike = types[0] == types[1]
    faults = sum(traces) - 2 + (not alike)
    detail = f"traced {traces[0]} times forward, {traces[1]} times backward"
    yield fault(RETRACE, inputs, faults, detail if alike else "each trace makes a pullback of a new type")


def check_mapped(inputs: Inputs) -> Iterator[Check]:
    """Mapped over a new axis of every argument, by ``vmap`` and by ``scan``, the derivative is what a loop gives."""
    rng = inputs.rng(10)
    lanes = [
        jax.tree.map(lambda leaf: np.asarray(leaf * (1 + 0.01 * lane)) if is_float(leaf) else leaf, inputs.args)  # noqa: B023
        for lane in range(_LANES)
    ]
    cotangents = [inputs.cotangent(rng) for _ in range(_LANES)]
    leaves, tree = jax.tree.flatten(stack(lanes))
    stacked = [np.stack(parts) for parts in zip(*(floats(one) for one in cotangents), strict=True)]
    structure = inputs.output

    def one(case: Any) -> Any:
        args, cotangent = case
        output, pullback = inputs.subject.vjp(*jax.tree.unflatten(tree, args))
        return floats(output), floats(pullback(cotangent_of(structure, cotangent)))

    looped = []
    for lane, cotangent in zip(lanes, cotangents, strict=True):
        output, pulled, _ = inputs.pulled(lane, cotangent)
        looped.append((floats(output), floats(pulled)))
    expected = jax.tree.map(lambda *parts: np.stack(parts), *looped)
    for name, found in _transformed(one, (leaves, stacked)).items():
        if isinstance(found, Exception):
            yield fault(name, inputs, float("inf"), f"{type(found).__name__}: {_first_line(found)}")
            continue
        compare = functools.partial(_mapped_difference, inputs, found, expected)
        yield verdict(name, inputs, compare, diagnosis.VMAP if name == VMAP else "")


def _transformed(one: Callable[[Any], Any], cases: Any) -> dict[str, Any]:
    """What each transformation makes of a function, or what it raises only there, which is a finding about it."""
    transforms: dict[str, Callable[[Any], Any]] = {VMAP: jax.vmap(one), SCAN: lambda cases: lax.map(one, cases)}
    try:  # both by one program, which is quicker to compile than two
        return quick_jit(lambda cases: {name: transform(cases) for name, transform in transforms.items()})(cases)
    except Exception:  # one of them, or both: see which
        found: dict[str, Any] = {}
        for name, transform in transforms.items():
            try:
                found[name] = quick_jit(transform)(cases)
            except Exception as error:
                found[name] = error
        return found


def _mapped_difference(inputs: Inputs, found: Any, expected: Any, slack: Slack | None) -> Difference:
    """Compare outputs and cotangents of all lanes, given as their floating-point leaves."""
    lanes = stack([tangents(inputs.args)] * _LANES)
    pulled, right = (cotangent_of(lanes, leaves) for leaves in (found[1], expected[1]))
    return worst(
        [
            difference(
                found[0], expected[0], output=True, slack=slack and _slack_of_floats(slack.output, inputs.output)
            ),
            difference(pulled, right, slack=slack and slack.cotangents[0]),
        ]
    )


def _slack_of_floats(slack: Any, output: Any) -> list[float]:
    """The slack of the floating-point leaves of an output."""
    pairs = zip(jax.tree.leaves(slack), jax.tree.leaves(output), strict=True)
    return [one for one, leaf in pairs if is_float(leaf)]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else ""
