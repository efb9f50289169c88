"""The numbers, in float64, against autodiff of the same primal and against an independent function."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.audit.checks.names import (
    ADJOINT,
    AUTODIFF,
    BY_HAND,
    FORWARD,
    INFORMATIVE,
    LINEARITY,
    PRIMAL,
    SECOND,
    fault,
    verdict,
)
from chainrule.audit.compare import Difference, difference, worst
from chainrule.audit.inputs import COTANGENTS, FACTORS, Inputs, Measured, Slack
from chainrule.audit.patterns import pattern_of
from chainrule.audit.quick import quick_jit
from chainrule.audit.report import Check, Place
from chainrule.audit.trees import combine, cotangent_of, flat, floats, is_float

__all__ = ["check_informative", "check_primal", "check_second_order", "check_values"]


def check_primal(inputs: Inputs) -> Iterator[Check]:
    """The output is that of an independent function: a wrong forward has a perfectly consistent gradient."""
    if inputs.reference is None:
        return
    expected = jax.tree.map(np.float64, inputs.reference(*inputs.args, **dict(inputs.subject.static)))
    found = jax.tree.map(np.float64, inputs.measured.output)
    yield verdict(PRIMAL, inputs, lambda slack: difference(found, expected, output=True, slack=slack and slack.output))


def check_values(inputs: Inputs) -> Iterator[Check]:
    """By hand, by autodiff and under ``jax.grad`` the same; the pullback is linear, and the adjoint of the derivative."""
    seen = inputs.measured
    yield verdict(
        FORWARD, inputs, lambda slack: difference(seen.output, seen.primal, output=True, slack=slack and slack.output)
    )
    if seen.autodiff is not None:
        check = verdict(AUTODIFF, inputs, lambda slack: _against_autodiff(seen, slack))
        yield check if check.ok else _explained(inputs, check)
    yield verdict(LINEARITY, inputs, lambda slack: _linearity(seen, slack))
    if seen.custom is not None:
        yield verdict(BY_HAND, inputs, lambda slack: difference(seen.custom, seen.hand[0], slack=_of(slack, 0)))
    if seen.pushed is not None:
        yield verdict(ADJOINT, inputs, lambda slack: _adjoint(inputs, slack))


def _explained(inputs: Inputs, check: Check) -> Check:
    """A failure with its diagnosis, and with the other arguments that are wrong as well."""
    seen = inputs.measured
    assert seen.autodiff is not None
    wrong = [
        n
        for n in range(len(inputs.args))
        if n != (check.place.argument if check.place is not None else None)
        and max(
            difference(hand[n : n + 1], right[n : n + 1], slack=slack[n : n + 1]).error
            for hand, right, slack in zip(seen.hand, seen.autodiff, inputs.slack.cotangents, strict=True)
        )
        > check.tolerance
    ]
    more = f"; argument{'s' * (len(wrong) > 1)} {', '.join(map(str, wrong))} as well" if wrong else ""
    pattern = pattern_of(inputs, check.place)
    return dataclasses.replace(check, diagnosis=pattern, also=tuple(wrong), detail=check.detail + more)


def _against_autodiff(seen: Measured, slack: Slack | None) -> Difference:
    assert seen.autodiff is not None
    pairs = enumerate(zip(seen.hand, seen.autodiff, strict=True))
    return worst(difference(*pair, slack=_of(slack, k)) for k, pair in pairs)


def _of(slack: Slack | None, k: int) -> Any:
    return None if slack is None else slack.cotangents[k]


def _linearity(seen: Measured, slack: Slack | None) -> Difference:
    """A combination of cotangents gives the combination, the negative one the negative, zero gives zero."""
    hand = seen.hand
    first, second = hand[0], hand[1]
    zero = jax.tree.map(lambda leaf: np.zeros_like(leaf) if is_float(leaf) else leaf, first)
    expected = {
        "combined": combine(*FACTORS, first, second),
        "negated": combine(-1.0, 0.0, first, second),
        "small": combine(0.0, 1e-4, first, second),
    }
    if _is_finite(first):
        expected["zero"] = zero
    indices = [(COTANGENTS.index(name), tree) for name, tree in expected.items()]
    return worst(difference(hand[k], tree, slack=_of(slack, k)) for k, tree in indices)


def _is_finite(tree: Any) -> bool:
    return bool(np.isfinite(flat(tree)).all())


def _adjoint(inputs: Inputs, slack: Slack | None) -> Difference:
    """<dy, J dx> = <J^T dy, dx>, J dx by forward mode; relative to the sum of the absolute products."""
    cotangent, pushed = flat(inputs.cotangents[0]), flat(inputs.measured.pushed)
    pulled, tangent = flat(inputs.measured.hand[0]), np.concatenate([leaf.ravel() for leaf in inputs.tangent])
    left, right = cotangent @ pushed, pulled @ tangent
    detail = f"<dy, J dx> is {left:.6g}, <J^T dy, dx> is {right:.6g}"
    if not np.isfinite(left):
        return Difference(0.0)  # forward mode has no answer here
    if not np.isfinite(right):
        return Difference(np.inf, _only_argument(inputs), detail)
    scale = max(np.abs(cotangent) @ np.abs(pushed), np.abs(pulled) @ np.abs(tangent)) or 1.0
    pardon = 0.0 if slack is None else sum(jax.tree.leaves(slack.cotangents[0])) * np.abs(tangent).sum()
    return Difference(max(abs(left - right) - pardon, 0.0) / scale, _only_argument(inputs), detail)


def _only_argument(inputs: Inputs) -> Place | None:
    """The argument at fault, where one alone is differentiable."""
    positions = [n for n, arg in enumerate(inputs.args) if floats(arg)]
    return Place(positions[0]) if len(positions) == 1 else None


def check_second_order(inputs: Inputs) -> Iterator[Check]:
    """The derivative of the pullback: differentiated itself, it is what autodiff gives of autodiff.

    By the arguments, and by the cotangent, which depends on them too where the function is a part of another.
    """
    if not inputs.has_referee:
        return
    rng = inputs.rng(4)
    directions = [rng.normal(size=leaf.shape) for leaf in floats(inputs.args)]

    def slope(vjp: Any) -> Any:
        def along(args: Any, cotangent: Any) -> Any:
            pulled = floats(vjp(*args)[1](cotangent_of(inputs.output, cotangent)))
            return sum(jnp.sum(leaf * v) for leaf, v in zip(pulled, directions, strict=True))

        return jax.vjp(along, inputs.args, floats(inputs.cotangents[0]))[1](1.0)

    def both() -> Any:
        return slope(inputs.subject.vjp), slope(lambda *args: jax.vjp(inputs.subject.primal, *args))

    found, expected = jax.tree.map(
        lambda leaf: leaf if leaf.dtype == jax.dtypes.float0 else np.asarray(leaf),
        _jitted_without_float0(both),
    )
    yield verdict(
        SECOND,
        inputs,
        lambda slack: worst(
            [
                difference(found[0], expected[0], slack=_of(slack, 0)),
                difference(found[1], expected[1], output=True),
            ]
        ),
    )


def _jitted_without_float0(function: Any) -> Any:
    structure = jax.eval_shape(function)
    leaves = iter(quick_jit(lambda: floats(function()))())
    return jax.tree.map(
        lambda leaf: next(leaves) if is_float(leaf) else np.zeros(leaf.shape, jax.dtypes.float0), structure
    )


def check_informative(inputs: Inputs) -> Iterator[Check]:
    """The derivative is somewhere finite and not 0: where it is not, right and wrong rules look alike."""
    leaves = [np.asarray(leaf) for tree in inputs.measured.autodiff or inputs.measured.hand for leaf in floats(tree)]
    told = any(np.any(np.isfinite(leaf) & (leaf != 0)) for leaf in leaves)
    detail = "the derivative is 0, not finite or empty at these arguments: nothing is proved"
    yield fault(INFORMATIVE, inputs, 0.0 if told else 1.0, detail)
