"""A process that measures one problem, once, and prints what it found as one line of JSON."""

from __future__ import annotations

import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from benchmarks.architectures.memory import minor_faults
from benchmarks.architectures.problem import Problem, require_agreement

__all__ = ["main", "measure_here"]

TURN = 0.06  # seconds that a turn should fill ...
MOST_CALLS = 20  # ... with no more calls than this
SETTLE = 0.02  # seconds before the turn of another library, in which the threads of the one before go to sleep


def main() -> None:
    """Serve ``python -m benchmarks.architectures.worker PROBLEM ROUNDS CORES``."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    name, rounds, cores = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    from benchmarks.architectures.problems import PROBLEMS

    try:
        content = measure_here(PROBLEMS[name], rounds)
    except Exception:
        content = {"error": traceback.format_exc()}
    answers.write(json.dumps(content) + "\n")
    answers.flush()


def measure_here(problem: Problem, rounds: int) -> dict[str, Any]:
    """Check that all sides agree, then time them in this process.

    In a round, hand takes turns with autodiff and with every twin, in the order A B B A: two pairs a round.

    Raises:
        ValueError: when two sides compute different numbers.
    """
    import jax

    sides = problem.build()
    arguments = jax.device_put(sides.arguments)
    compiled, about = {}, {}
    for name, function in (("hand", sides.hand), ("autodiff", sides.autodiff)):
        compiled[name], about[name] = _compile(function, arguments)
    if sides.values is None:
        ours, plain = compiled["hand"](*arguments), compiled["autodiff"](*arguments)
    else:
        ours, plain = (jax.jit(function)(*arguments) for function in sides.values)
    differences = {"autodiff": require_agreement(f"{problem.name}, hand against autodiff", ours, plain)}

    runs: dict[str, Callable[[], Any]] = {
        name: lambda program=program: jax.block_until_ready(program(*arguments)) for name, program in compiled.items()
    }
    for name, make in sides.twins.items():
        twin = make()
        differences[name] = require_agreement(f"{problem.name}, hand against {name}", ours, twin.values())
        runs[name] = twin.run
    del ours, plain
    calls = {name: _calls(run) for name, run in runs.items()}

    pairs: dict[str, Any] = {name: {"hand": [], name: [], "faults": []} for name in runs if name != "hand"}
    hand_faults = []
    for _ in range(rounds):
        for other, found in pairs.items():
            settle = SETTLE if other in sides.twins else 0.0
            for name in ("hand", other, other, "hand"):
                time.sleep(settle)
                seconds, faults = _turn(runs[name], calls[name])
                found[name].append(seconds)
                (hand_faults if name == "hand" else found["faults"]).append(faults)
    return {
        "about": about,
        "differences": differences,
        "pairs": pairs,
        "hand_faults": hand_faults,
        "calls": calls,
        "cpu_seconds": time.process_time(),
    }


def _compile(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
    """Compile, and say how long that took and how much memory the program takes."""
    import jax

    start = time.perf_counter()
    lowered = jax.jit(function).lower(*arguments)
    lowered_after = time.perf_counter() - start
    program = lowered.compile()
    memory = program.memory_analysis()
    return program, {
        "trace_seconds": lowered_after,
        "compile_seconds": time.perf_counter() - start - lowered_after,
        "temporary_bytes": memory.temp_size_in_bytes,
        "argument_bytes": memory.argument_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
    }


def _calls(run: Callable[[], Any]) -> int:
    """Warm up, and find how many calls a turn takes."""
    for _ in _for_seconds(0.5, 3, 20):
        run()
    seconds, _ = _turn(run, 1)
    return min(max(math.ceil(TURN / seconds), 2), MOST_CALLS)


def _for_seconds(seconds: float, least: int, most: int) -> Iterator[int]:
    """Count, for about so many seconds."""
    start = time.perf_counter()
    for count in range(most):
        if count >= least and time.perf_counter() - start > seconds:
            return
        yield count


def _turn(run: Callable[[], Any], calls: int) -> tuple[float, float]:
    """Call a few times after one that does not count: the median of their seconds, and the page faults a call."""
    run()
    times, before = [], minor_faults()
    for _ in range(calls):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return median(times), (minor_faults() - before) / calls


if __name__ == "__main__":
    main()
