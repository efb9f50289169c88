"""Measuring: all contenders of a problem take turns, round after round, while those that wait do nothing."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import problems
from benchmarks.child import Child
from benchmarks.contenders import CONTENDERS, REFERENCE
from benchmarks.machine import ForeignLoad
from benchmarks.problems import Data, Problem
from benchmarks.summary import summarise, summarise_pairs

__all__ = ["abba", "measure", "rotated"]

AUTODIFF = "chainrule-autodiff"
SETTLE = 0.1  # seconds before a turn, in which the threads of the one before go to sleep
TURN = 0.3  # seconds that a turn should fill: quick contenders run more than once ...
MOST_RUNS = 8  # ... though not more often than this

Say = Callable[[str], None]


def measure(problem: Problem, data: Data, names: Sequence[str], *, rounds: int, pairs: int, say: Say) -> dict[str, Any]:
    """Measure the contenders of these names on a problem, and return samples and summaries.

    Each is started in its own process and warmed up by two runs: the first compiles, the second tells how many runs a
    turn takes. Then come the rounds. Within a round each contender has one turn, in an order that rotates from round to
    round; the seeds are the same for all. After the turns of a round, hand and autodiff run ``pairs`` times against
    each other, in the order A B B A.

    Raises:
        ValueError: for no contenders, or no rounds.
        RuntimeError: when a contender fails, or takes another number of steps than the problem asks for.
    """
    if not names or rounds < 1:
        raise ValueError(f"nothing to measure: {len(names)} contenders, {rounds} rounds")
    paired = pairs > 0 and REFERENCE in names and AUTODIFF in names
    with _children(problem, data, names, say) as (children, about):
        turns = {}
        used: dict[str, float] = {}  # processor time of each child so far
        for name, child in children.items():
            say(f"{problem.name}: warming up {name}")
            first, second = (_run(child, seed, problem, used) for seed in (0, 1))
            about[name]["first_run_seconds"] = first["call_seconds"]
            turns[name] = min(max(math.ceil(TURN / second["seconds"]), 1), MOST_RUNS)

        meter, used_before = ForeignLoad(), sum(used.values())
        samples: dict[str, list[list[dict[str, Any]]]] = {name: [] for name in names}
        races: dict[str, list[dict[str, Any]]] = {REFERENCE: [], AUTODIFF: []}
        for index in range(rounds):
            for name in rotated(names, index):
                say(f"{problem.name}: round {index + 1} of {rounds}, {name}")
                time.sleep(SETTLE)
                seeds = [100 * (index + 1) + run for run in range(turns[name])]
                samples[name].append([_run(children[name], seed, problem, used) for seed in seeds])
            if paired:
                say(f"{problem.name}: round {index + 1} of {rounds}, hand against autodiff")
                for position, pair in enumerate(abba(REFERENCE, AUTODIFF, pairs)):
                    for name in pair:
                        time.sleep(SETTLE / 4)
                        races[name].append(_run(children[name], 100 * (index + 1) + position, problem, used))

        foreign_load = meter.read(sum(used.values()) - used_before)

    seconds = {name: [[run["seconds"] for run in round_] for round_ in samples[name]] for name in names}
    reference = seconds.get(REFERENCE)
    result: dict[str, Any] = {"problem": vars(problem) | {"steps": problem.steps, "title": problem.title}}
    result["foreign_load"] = foreign_load
    result["contenders"] = {
        name: {
            "title": CONTENDERS[name].title,
            **about[name],
            **summarise(seconds[name], reference),
            **_judge(problem, [run for round_ in samples[name] for run in round_]),
            "samples": seconds[name],
        }
        for name in names
    }
    if paired:
        hand, autodiff = ([run["seconds"] for run in races[name]] for name in (REFERENCE, AUTODIFF))
        result["hand_against_autodiff"] = summarise_pairs(hand, autodiff) | {
            "hand_seconds": hand,
            "autodiff_seconds": autodiff,
        }
    return result


def rotated(names: Sequence[str], index: int) -> list[str]:
    """The order of a round: each contender is first once in as many rounds as there are contenders."""
    start = index % len(names)
    return [*names[start:], *names[:start]]


def abba(first: str, second: str, pairs: int) -> list[tuple[str, str]]:
    """The order of paired runs: A B, B A, A B, ..., so that neither always goes first."""
    return [(first, second) if pair % 2 == 0 else (second, first) for pair in range(pairs)]


@contextlib.contextmanager
def _children(
    problem: Problem, data: Data, names: Sequence[str], say: Say
) -> Iterator[tuple[dict[str, Child], dict[str, dict[str, Any]]]]:
    """Start one process a contender, and end them all at the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data_file = folder / "data.npz"
        problems.write(data, data_file)
        say(f"{problem.name}: starting {', '.join(names)}")
        children = {name: stack.enter_context(Child(name, problem, data_file)) for name in names}
        yield children, {name: child.ready() for name, child in children.items()}


def _run(child: Child, seed: int, problem: Problem, used: dict[str, float]) -> dict[str, Any]:
    run = child.run(seed)
    used[child.name] = run["cpu_seconds"]
    if run["steps"] != problem.steps:
        raise RuntimeError(f"{child.name} took {run['steps']} steps; {problem.name} asks for {problem.steps}")
    return run


def _judge(problem: Problem, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Say how well a contender learned, and whether it slept while others ran."""
    accuracies = [run["accuracy"] for run in runs]
    low, high = problem.band
    return {
        "accuracy": sum(accuracies) / len(accuracies),
        "accuracy_min": min(accuracies),
        "accuracy_max": max(accuracies),
        "learned": low <= min(accuracies) and max(accuracies) <= high,
        "idle_load": sum(run["idle_cpu_seconds"] for run in runs) / sum(run["idle_seconds"] for run in runs),
    }
