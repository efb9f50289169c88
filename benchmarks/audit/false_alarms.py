"""False alarms: derivatives of JAX's own functions, which are right, over generated arguments."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from benchmarks.audit.progress import bar
from chainrule import audit
from chainrule.audit.side_by_side import in_threads

__all__ = ["alarm", "correct_functions", "count", "show"]


def correct_functions() -> Sequence[Any]:
    """The functions, which lie with the tests: they are there when the command runs at the top of the repository.

    Raises:
        ValueError: elsewhere.
    """
    try:
        from tests.audit.correct_functions import CORRECT
    except ImportError as error:
        message = "the functions are read from tests/audit: run the command from the top of the repository"
        raise ValueError(f"{message} ({error})") from None
    return CORRECT


def alarm(correct: Any, seed: int) -> str:
    """What the audit has against a function at the arguments of a seed, in a line; empty where it has nothing."""
    args = correct.draw(np.random.default_rng(seed))
    shapes = ", ".join(f"{arg.dtype}{list(arg.shape)}" for arg in args)
    head = f"{correct.name}, seed {seed}, {shapes}"
    try:
        report = audit.audit(correct.function, *args, seed=seed)
    except Exception as error:  # an audit that stops at a right function is an alarm too
        return f"{head}: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    failures = [f"{check.name} ({check.in_words}) {check.detail}".strip() for check in report.failures]
    return f"{head}: {'; '.join(failures)}" if failures else ""


def count(functions: Sequence[Any], cases: int) -> dict[str, Any]:
    """Audit all functions at seed 0, then all at seed 1, and so on, until there are so many cases."""
    start, alarms, done = time.perf_counter(), list[str](), 0
    with bar("cases") as progress:
        for seed in range(math.ceil(cases / len(functions))):
            part = functions[: cases - done]
            for found in in_threads(lambda correct: alarm(correct, seed), list(part)):  # noqa: B023
                alarms += [found] if found else []
                done += 1
                progress(done, cases)
            jax.clear_caches()  # another seed brings other shapes: what was compiled is not needed again
    return {
        "cases": done,
        "functions": min(len(functions), cases),
        "alarms": alarms,
        "seconds": round(time.perf_counter() - start, 1),
    }


def show(results: dict[str, Any], say: Callable[[str], None] = print) -> None:
    """Print each alarm in a line, and the counts."""
    for line in results["alarms"]:
        say(f"false alarm: {line}")
    say(
        f"{len(results['alarms'])} false alarms in {results['cases']} cases of {results['functions']} functions, "
        f"in {results['seconds']:.0f} s"
    )
