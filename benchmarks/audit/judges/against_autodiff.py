"""Two comparisons by hand against autodiff, in float32, with a constant cotangent: what people write who trust autodiff.

``test_gpt2.c`` of llm.c compares every gradient of a mean loss with stored ones of PyTorch, element by element, with an
absolute tolerance (its ``check_tensor``), and the logits with another. The unit test takes the sum of the output.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.audit.judges.leaves import cotangent_of, float_leaves, split
from chainrule.rule import Rule

__all__ = ["alarm_of_llm_c", "alarm_of_unit_test"]

GRADIENTS, OUTPUTS = 2e-2, 1e-2  # the tolerances of test_gpt2.c


def alarm_of_llm_c(
    rule: Rule, args: tuple[Any, ...], static: dict[str, Any], reference: Callable[..., Any] | None
) -> bool:
    """Whether a number is farther from the right one than llm.c tolerates, or not a number."""
    output, found, expected = _both(rule, args, static, lambda leaf: jnp.full_like(leaf, 1 / max(leaf.size, 1)))
    pairs = [(*pair, GRADIENTS) for pair in zip(found, expected, strict=True)]
    if reference is not None:
        right = float_leaves(reference(*args, **static))
        pairs += [(*pair, OUTPUTS) for pair in zip(output, right, strict=True)]
    return not all(_check_tensor(*pair) for pair in pairs)


def alarm_of_unit_test(
    rule: Rule, args: tuple[Any, ...], static: dict[str, Any], reference: Callable[..., Any] | None
) -> bool:
    """Whether the gradients of the sum of the output differ from autodiff's; the forward pass is taken as right."""
    _, found, expected = _both(rule, args, static, jnp.ones_like)
    try:
        for pair in zip(found, expected, strict=True):
            np.testing.assert_allclose(*pair, rtol=1e-3, atol=1e-5)
    except AssertionError:
        return True
    return False


def _check_tensor(found: Any, expected: Any, tolerance: float) -> bool:
    """Like its namesake in C, which sees memory and no shapes."""
    a, b = (np.asarray(leaf, np.float64).reshape(-1) for leaf in (found, expected))
    return a.size == b.size and bool(np.all(np.abs(a - b) <= tolerance))


def _both(
    rule: Rule, args: tuple[Any, ...], static: dict[str, Any], cotangent: Callable[[Any], Any]
) -> tuple[list[Any], list[Any], list[Any]]:
    """The floating-point leaves of the output, of the cotangents by hand, and of those by autodiff."""
    floats, join = split(args, np.float32)

    @jax.jit
    def both(floats: Any) -> tuple[list[Any], list[Any], list[Any]]:
        output, pullback = rule.vjp(*join(floats), **static)
        _, referee = jax.vjp(functools.partial(rule, **static), *join(floats))
        d_output = cotangent_of(output, [cotangent(leaf) for leaf in float_leaves(output)])
        return float_leaves(output), float_leaves(pullback(d_output)), float_leaves(referee(d_output))

    with jax.enable_x64(False):
        return both(floats)
