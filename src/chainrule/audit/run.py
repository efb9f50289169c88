"""Running the checks: over the register, side by side, or on a rule of the caller's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import chainrule.audit.cases  # noqa: F401  (its modules fill the register)
from chainrule.audit.checks import (
    CHECKS,
    check_differences,
    check_extremes,
    check_informative,
    check_primal,
    check_structure,
    check_values,
    run_checks,
)
from chainrule.audit.inputs import Inputs
from chainrule.audit.registry import REGISTER, Entry
from chainrule.audit.report import Check, Report
from chainrule.rule import Rule

__all__ = ["audit", "check_all", "check_entry", "entries", "in_threads"]

_CHECKS_OF_KIND: dict[str, tuple[Callable[[Inputs], Iterator[Any]], ...]] = {
    "typical": CHECKS,
    "more": (check_structure, check_primal, check_values, check_differences),
    "degenerate": (check_structure, check_primal, check_values),
    "kink": (check_structure, check_primal, check_values),
    "extreme": (check_structure, check_primal, check_extremes),
}


def entries(only: str | None = None) -> list[Entry]:
    """All entries of the register, in the order of the rooms; with ``only``, the one of that name.

    Raises:
        ValueError: for a name that is not in the register; the message lists those that are.
    """
    if only is None:
        return list(REGISTER.values())
    if only not in REGISTER:
        raise ValueError(f"no rule {only!r} in the register; it holds {', '.join(REGISTER)}")
    return [REGISTER[only]]


def check_entry(entry: Entry, seed: int = 0) -> Report:
    """Run every check on every case of an entry."""
    found: list[Check] = []
    for number, case in enumerate(entry.cases):
        args = case.make(np.random.default_rng(seed + number))
        title = case.title or case.kind
        inputs = Inputs(entry.rule, args, case.static, entry.reference, title, seed)
        found += run_checks(inputs, _CHECKS_OF_KIND[case.kind])
    return Report(entry.name, tuple(found))


def check_all(chosen: list[Entry], seed: int = 0) -> Iterator[Report]:
    """Check entries side by side, and yield their reports in order."""
    yield from in_threads(lambda entry: check_entry(entry, seed), chosen)


def in_threads(function: Callable[[Any], Any], arguments: list[Any]) -> Iterator[Any]:
    """Map in threads, one a processor and at most 4: compiling, which takes most of the time, leaves Python's lock free."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        yield from pool.map(function, arguments)


def audit(rule: Rule, *args: Any, reference: Callable[..., Any] | None = None, seed: int = 0, **static: Any) -> Report:
    """Check a rule, a layer or a model on arguments of yours.

    Hand against autodiff, central differences, linearity, tree, shape and dtype, jit, vmap, float32 and bfloat16, residuals,
    all in float64 unless the check says otherwise; ``reference`` adds the primal against your own answer.

    ::

        report = audit(model, params, x)
        print(report)
        assert report.ok

    Args:
        rule: the rule.
        args: its array arguments, as it is called; use unequal sizes, for square ones hide a missing transpose.
        reference: a function of the same arguments that returns the expected output, in NumPy.
        seed: of the random cotangents and directions.
        static: its static arguments.
    """
    if not isinstance(rule, Rule):
        raise TypeError(f"audit: rule must be a chainrule rule, layer or model, got {rule!r}")

    def wide(leaf: Any) -> Any:
        if jnp.issubdtype(jax.dtypes.result_type(leaf), jax.dtypes.prng_key):
            return leaf
        if jnp.issubdtype(jax.dtypes.result_type(leaf), jnp.complexfloating):
            raise ValueError("audit: arguments must be of real numbers, got complex ones")
        array = np.asarray(leaf)
        return array.astype(np.float64) if jnp.issubdtype(array.dtype, jnp.floating) else array

    inputs = Inputs(rule, jax.tree.map(wide, args), static, reference, "given arguments", seed)
    return Report(rule.name, tuple(run_checks(inputs, (*CHECKS, check_informative))))
