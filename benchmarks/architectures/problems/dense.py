"""Dense networks."""

from __future__ import annotations

from typing import Any

from benchmarks.architectures.problem import Problem, Sides, random
from benchmarks.architectures.steps import labels, training_step

__all__ = ["PROBLEMS"]


def plain_mlp(params: Any, x: Any) -> Any:
    """Affine maps with a relu between each two."""
    import jax

    x = x.reshape(len(x), -1)
    *hidden, last = [layer for layer in params if layer]
    for layer in hidden:
        x = jax.nn.relu(x @ layer["weight"] + layer["bias"])
    return x @ last["weight"] + last["bias"]


def _mlp() -> Sides:
    from chainrule import models

    x = random((128, 28, 28, 1))[0]
    plain = lambda params, state, x: (plain_mlp(params, x), state)  # noqa: E731
    return training_step(models.mlp((256, 128, 10)), plain, x, labels(128, classes=10))


PROBLEMS = (Problem("mlp_step", "models", "784-256-128-10, batch 128, Adam", _mlp, rules=("mlp",)),)
