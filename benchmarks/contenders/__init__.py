"""The contenders: who they are, what they need, and how to make one. No library is imported before it is needed."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

from benchmarks.contenders.contender import Contender, Outcome, stopwatch

__all__ = ["CONTENDERS", "REFERENCE", "Contender", "Entry", "Outcome", "stopwatch"]

INSTALL = 'pip install "chainrule[benchmarks]"'


@dataclass(frozen=True)
class Entry:
    """One contender: its name, its title in tables, the file and class that make it, and the packages it needs."""

    name: str
    title: str
    module: str
    factory: str
    needs: tuple[str, ...]

    def missing(self) -> str | None:
        """Say what is not installed, and how to install it; None if all is there."""
        absent = [package for package in self.needs if importlib.util.find_spec(package) is None]
        return f"{self.title} is skipped: {', '.join(absent)} not installed: {INSTALL}" if absent else None

    def load(self) -> type[Contender]:
        """Import the library and give the contender's class."""
        return getattr(importlib.import_module(f"benchmarks.contenders.{self.module}"), self.factory)


REFERENCE = "chainrule-hand"

CONTENDERS = {
    entry.name: entry
    for entry in (
        Entry(REFERENCE, "chainrule, by hand", "chainrule_fit", "Hand", ("jax", "chainrule")),
        Entry("chainrule-autodiff", "chainrule, autodiff", "chainrule_fit", "Autodiff", ("jax", "chainrule")),
        Entry("jax-optax", "JAX + Optax, jitted step", "jax_optax", "JaxOptax", ("jax", "optax")),
        Entry("flax-nnx", "Flax NNX", "flax_nnx", "FlaxNnx", ("jax", "optax", "flax")),
        Entry("pytorch", "PyTorch eager", "pytorch", "Pytorch", ("torch",)),
        Entry("pytorch-tuned", "PyTorch, fused Adam, 1 thread", "pytorch", "PytorchTuned", ("torch",)),
        Entry("scikit-learn", "scikit-learn", "scikit_learn", "ScikitLearn", ("sklearn",)),
    )
}
