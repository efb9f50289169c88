"""Run a process, and learn how long it took and how much memory it held at its peak."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.child import environment

__all__ = ["Ended", "run"]


@dataclass(frozen=True)
class Ended:
    """What a process leaves.

    Attributes:
        seconds: from its start to its end.
        cpu_seconds: the processor time that it used.
        peak_bytes: the most of the machine's memory that it held at any time (resident set).
        output: what it wrote to the standard output.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def run(command: Sequence[str]) -> Ended:
    """Run a command to its end.

    The peak is that of this very child, by ``wait4``. On Linux it counts from the memory of the parent, which the child
    shares until it becomes the command: the parent must be the smaller of the two.

    Raises:
        RuntimeError: when it fails, with the end of what it wrote to the standard error.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        child = subprocess.Popen([*command], stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment())
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)  # Popen did not wait itself
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {child.returncode}:\n{texts[1][-2000:]}")
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Ended(seconds, used.ru_utime + used.ru_stime, peak, texts[0])
