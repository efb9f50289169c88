"""The parent's side of a worker: start it, ask it for a run, end it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from benchmarks.problems import Problem

__all__ = ["Child", "environment"]

ROOT = Path(__file__).resolve().parent.parent


def environment() -> dict[str, str]:
    """The environment of a measured process: every library computes on the CPU, and JAX keeps no compiled program."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION_CACHE")}
    inherited = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = [str(ROOT), *map(os.path.abspath, inherited)]  # a child may run in another folder
    return variables | {"PYTHONPATH": os.pathsep.join(paths), "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}


class Child:
    """One contender in a process of its own. Between its turns it waits on a pipe."""

    def __init__(self, name: str, problem: Problem, data_file: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.worker", name, json.dumps(asdict(problem)), str(data_file)]
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )

    def ready(self) -> dict[str, Any]:
        """Wait until the library is imported and the contender set up, and return what it says of itself."""
        return self._answer()

    def run(self, seed: int) -> dict[str, Any]:
        """Train once, and return the times and the accuracy."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"seed": seed}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended without an answer, exit status {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.name} failed:\n{answer['error']}")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
