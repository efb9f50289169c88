"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.contenders.contender import usable_cores

__all__ = ["ForeignLoad", "machine"]


def machine() -> dict[str, Any]:
    """The processor, the system and the versions that the measuring process itself uses."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "device": "cpu",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


class ForeignLoad:
    """How much of the machine other programs use, from when it is made; known on Linux only."""

    def __init__(self) -> None:
        self._start, self._busy = time.perf_counter(), _busy_seconds()

    def read(self, own_seconds: float) -> float | None:
        """Return the share of all cores that programs other than ours, which used ``own_seconds``, kept busy."""
        busy = _busy_seconds()
        if busy is None or self._busy is None:
            return None
        available = (time.perf_counter() - self._start) * (os.cpu_count() or 1)
        return max(busy - self._busy - own_seconds, 0.0) / available


def _busy_seconds() -> float | None:
    """The time that all cores together have computed since the system started: user, nice, system, irq, softirq."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, *_ = (int(field) for field in fields[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
