"""What a contender is: set up once, then run as often as it is asked."""

from __future__ import annotations

import contextlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.problems import Data, Problem, Weights

__all__ = ["Contender", "Outcome", "Stopwatch", "stopwatch", "usable_cores"]


@dataclass(frozen=True)
class Outcome:
    """What one run leaves.

    Attributes:
        seconds: the time of the training alone: the steps, the shuffling and the batches; no initialisation, no
            compilation, no evaluation.
        weights: what was learned, to be judged by the same NumPy code for all.
        steps: the number of steps that the library's own optimiser has counted.
    """

    seconds: float
    weights: Weights
    steps: int


class Contender(ABC):
    """A library that trains the network of a problem. Its file is the code that a user of the library would write."""

    packages: tuple[str, ...] = ()  # distributions whose versions are printed

    @abstractmethod
    def __init__(self, problem: Problem, data: Data) -> None:
        """Set up: bring the data into the library's form, and define whatever it compiles."""

    @abstractmethod
    def run(self, seed: int) -> Outcome:
        """Train once from ``initial_weights(problem, seed)``, the shuffling drawn from ``seed``."""

    def threads(self) -> str:
        """Say how many threads compute, in words: the library's own default unless its title says otherwise."""
        return f"{usable_cores()} (XLA: one for each core)"


@dataclass
class Stopwatch:
    """The time that the block took, once it is done."""

    seconds: float = float("nan")


@contextlib.contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measure the time of a block."""
    watch = Stopwatch()
    start = time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - start


def usable_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
