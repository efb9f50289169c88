"""Cold start: the wall time of whole processes, from the command to the last line, first run and second.

``chainrule train digits`` writes parameters, metrics and three pictures, which the other programs do not. Its first
run finds no cache folder, and its second run the one that the first has left.
"""

from __future__ import annotations

import importlib.util
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.child import environment
from benchmarks.contenders import CONTENDERS
from benchmarks.machine import ForeignLoad

__all__ = ["found_accuracy", "measure_cold_start"]

EPOCHS = 20
SECOND = "chainrule train digits, second run"
PEERS = {
    "scikit-learn": ("scikit-learn", "benchmarks.whole_process.scikit_learn"),
    "pytorch": ("PyTorch eager", "benchmarks.whole_process.pytorch"),
}


def measure_cold_start(rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure whole processes, and return the jobs, what was skipped, and how busy other programs kept the machine.

    One run of each goes before, not counted: it leaves Python's compiled files, matplotlib's list of fonts and the
    system's copy of the libraries in memory. Then, in each round, one run of each.

    Raises:
        ValueError: for no rounds.
        RuntimeError: when a process fails.
    """
    if rounds < 1:
        raise ValueError(f"cold start needs at least one round, got {rounds}")
    skipped = []
    peers = {}
    for name, (title, module) in PEERS.items():
        line = CONTENDERS[name].missing()
        if line is not None:
            skipped.append({"name": name, "line": line})
        else:
            peers[title] = [sys.executable, "-m", module]
    command = [sys.executable, "-m", "chainrule", "train", "digits", "--epochs", str(EPOCHS), "--out"]
    with_cli = importlib.util.find_spec("chainrule.cli") is not None
    if not with_cli:
        skipped.append({"name": "chainrule", "line": "chainrule is skipped: this version has no command line"})

    first = "chainrule train digits, first run"
    does = {
        first: "learns; writes a run folder with three pictures; compiles",
        SECOND: "the same; compiled programs come from the cache folder",
    } | dict.fromkeys(peers, "learns and prints the accuracy; writes nothing")
    seconds: dict[str, list[float]] = {}
    accuracies: dict[str, list[float]] = {}

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def run(title: str, arguments: list[str], variables: dict[str, str], counted: bool) -> None:
            say(f"cold start: {title}")
            start = time.perf_counter()
            done = subprocess.run(
                arguments,
                env=environment() | variables | {"MPLCONFIGDIR": str(folder / "matplotlib")},
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            elapsed = time.perf_counter() - start
            if done.returncode:
                raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
            if counted:
                seconds.setdefault(title, []).append(elapsed)
                accuracies.setdefault(title, []).extend(found_accuracy(done.stdout))

        meter, used_before = ForeignLoad(), _used()
        for index in range(rounds + 1):
            if with_cli:
                cache = {"XDG_CACHE_HOME": str(folder / f"cache-{index}")}
                (folder / f"cache-{index}").mkdir()
                for title in (first, SECOND):
                    out = folder / f"run-{index}-{'first' if title == first else 'second'}"
                    run(title, [*command, str(out)], cache, index > 0)
            for title, arguments in peers.items():
                run(title, arguments, {}, index > 0)

        foreign_load = meter.read(_used() - used_before)

    reference = median(seconds[SECOND]) if SECOND in seconds else None
    jobs = [
        {
            "title": title,
            "does": does[title],
            "median": median(samples),
            "min": min(samples),
            "max": max(samples),
            "samples": samples,
            "accuracy": median(accuracies[title]) if accuracies[title] else None,
            "ratio_to_second_run": None if reference is None else median(samples) / reference,
        }
        for title, samples in seconds.items()
    ]
    return {"jobs": jobs, "skipped": skipped, "foreign_load": foreign_load}


def _used() -> float:
    """The processor time of the processes that have ended, and of this one."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + time.process_time()


def found_accuracy(output: str) -> list[float]:
    """Find the accuracy on held-out examples that a program has printed: after the word accuracy, or test."""
    found = re.findall(r"^\W*(?:accuracy|test)\W+([01]\.\d+)", output, re.MULTILINE)
    return [float(found[-1])] if found else []
