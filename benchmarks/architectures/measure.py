"""Measuring: every problem in processes of its own, with malloc as it comes and with one that keeps large blocks."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks.architectures.memory import KEEP
from benchmarks.architectures.problem import Problem
from benchmarks.child import environment
from benchmarks.machine import ForeignLoad
from benchmarks.summary import summarise_pairs

__all__ = ["MALLOCS", "measure", "summarise", "verdict"]

MALLOCS: dict[str, dict[str, str]] = {"as it comes": {}, "large blocks kept": KEEP}
SLACK = 0.001  # of the bytes of arguments and results: below it a difference in temporary memory is none

Run = Callable[[Problem, int, int, dict[str, str]], dict[str, Any]]
Tick = Callable[[int, int], None]


def measure(
    problems: Sequence[Problem], *, rounds: int, processes: int, cores: int, tick: Tick, run: Run | None = None
) -> dict[str, Any]:
    """Measure the problems, one process at a time, and return samples, summaries and verdicts.

    The processes of a problem alternate between the two mallocs. A problem that fails is reported as such, and the
    others are measured all the same.

    Raises:
        ValueError: for no problems, rounds or processes.
    """
    if not problems or rounds < 1 or processes < 1:
        raise ValueError(f"nothing to measure: {len(problems)} problems, {rounds} rounds, {processes} processes")
    run = run or run_worker
    meter, used_before = ForeignLoad(), _children_seconds()
    results: dict[str, Any] = {"problems": {}}
    done, total = 0, len(problems) * processes * len(MALLOCS)
    for problem in problems:
        samples: dict[str, list[dict[str, Any]]] = {malloc: [] for malloc in MALLOCS}
        for _ in range(processes):
            for malloc, variables in MALLOCS.items():
                tick(done, total)
                samples[malloc].append(run(problem, rounds, cores, variables))
                done += 1
        results["problems"][problem.name] = summarise(problem, samples)
    results["foreign_load"] = meter.read(_children_seconds() - used_before)
    return results


def run_worker(problem: Problem, rounds: int, cores: int, variables: dict[str, str]) -> dict[str, Any]:
    """Measure in a process of its own, with these environment variables; an error is part of the answer."""
    command = [sys.executable, "-m", "benchmarks.architectures.worker", problem.name, str(rounds), str(cores)]
    inherited = {name: value for name, value in environment().items() if name not in KEEP}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=inherited | variables, check=False)
    if not done.stdout.strip():
        return {"error": f"the process ended without an answer, exit status {done.returncode}"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def summarise(problem: Problem, samples: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Summarise the processes of a problem: times, ratios of pairs, memory, faults, and whether the limits are kept."""
    summary: dict[str, Any] = {
        "room": problem.room,
        "size": problem.size,
        "limits": {
            "time": problem.limits.time,
            "memory": problem.limits.memory,
            "torch": dict(problem.limits.torch),
        },
    }
    errors = [process["error"] for processes in samples.values() for process in processes if "error" in process]
    if errors:
        return summary | {"error": errors[0], "verdict": "failed"}
    first = next(iter(samples.values()))[0]
    hand, autodiff = (first["about"][side] for side in ("hand", "autodiff"))
    summary |= {
        "memory": memory(problem, hand, autodiff),
        "compile_seconds": {
            side: median(
                process["about"][side]["trace_seconds"] + process["about"][side]["compile_seconds"]
                for processes in samples.values()
                for process in processes
            )
            for side in ("hand", "autodiff")
        },
        "differences": first["differences"],
        "mallocs": {malloc: _times(problem, processes) for malloc, processes in samples.items()},
        "samples": samples,
    }
    marks = [summary["memory"]["verdict"]]
    marks += [against["verdict"] for times in summary["mallocs"].values() for against in times["against"].values()]
    return summary | {"verdict": "over" if "over" in marks else "ok"}


def memory(problem: Problem, hand: dict[str, Any], autodiff: dict[str, Any]) -> dict[str, Any]:
    """Compare the temporary bytes of two programs."""
    ours, theirs = hand["temporary_bytes"], autodiff["temporary_bytes"]
    slack = SLACK * (hand["argument_bytes"] + hand["output_bytes"])
    return {
        "hand": ours,
        "autodiff": theirs,
        "ratio": ours / theirs if theirs else None,
        "verdict": "ok" if ours <= problem.limits.memory * theirs + slack else "over",
    }


def verdict(pairs: dict[str, Any], limit: float, *, least: bool) -> str:
    """Say whether a ratio keeps its limit: "ok", "noise" or "over".

    A median within the limit is "ok". A limit of 1, which says "no slower", is kept within noise as long as a quarter of the
    pairs keep it: two equal programs are each the quicker in half of them. Any other limit is to be kept by the median.
    """
    value, kind = pairs["median_paired_ratio"], "upper_quartile" if least else "lower_quartile"
    if (value >= limit) if least else (value <= limit):
        return "ok"
    if limit == 1.0 and ((pairs[kind] >= limit) if least else (pairs[kind] <= limit)):
        return "noise"
    return "over"


def _times(problem: Problem, processes: list[dict[str, Any]]) -> dict[str, Any]:
    """The times of all processes under one malloc; ratios are hand / autodiff, and twin / hand."""
    against = {}
    for name in processes[0]["pairs"]:
        hand, other = (
            [second for process in processes for second in process["pairs"][name][side]] for side in ("hand", name)
        )
        least = name != "autodiff"
        found = summarise_pairs(other, hand) if least else summarise_pairs(hand, other)
        limit = problem.limits.torch.get(name, 0.0) if least else problem.limits.time
        against[name] = found | {
            "seconds": median(other),
            "faults": median(faults for process in processes for faults in process["pairs"][name]["faults"]),
            "limit": limit,
            "verdict": verdict(found, limit, least=least),
        }
    return {
        "hand_seconds": median(second for process in processes for second in process["pairs"]["autodiff"]["hand"]),
        "hand_faults": median(faults for process in processes for faults in process["hand_faults"]),
        "against": against,
    }


def _children_seconds() -> float:
    """The processor time of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
