"""``jax.test_util.check_grads`` of order 1 in reverse mode, with its default tolerances and step.

It compares ``<pullback(cotangent), direction>`` with a difference of the output along one random direction of all
arguments at once. The float32 of its defaults is that of a program that leaves JAX as it comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.test_util import check_grads

from benchmarks.audit.judges.leaves import float_leaves, split
from chainrule.rule import Rule

__all__ = ["alarm_in_float32", "alarm_in_float64"]


def alarm_in_float32(
    rule: Rule, args: tuple[Any, ...], static: dict[str, Any], reference: Callable[..., Any] | None
) -> bool:
    """Whether ``check_grads`` fails in float32; it has no use for a reference."""
    with jax.enable_x64(False):
        return _alarm(rule, args, static, np.float32)


def alarm_in_float64(
    rule: Rule, args: tuple[Any, ...], static: dict[str, Any], reference: Callable[..., Any] | None
) -> bool:
    """Whether ``check_grads`` fails in float64; it has no use for a reference."""
    with jax.enable_x64(True):
        return _alarm(rule, args, static, np.float64)


def _alarm(rule: Rule, args: tuple[Any, ...], static: dict[str, Any], dtype: Any) -> bool:
    floats, join = split(args, dtype)

    def outputs(*floats: Any) -> list[Any]:
        return float_leaves(rule.by_hand(*join(floats), **static))

    try:
        check_grads(outputs, floats, order=1, modes=["rev"])
    except AssertionError:
        return True
    return False
