"""All problems, by name."""

from benchmarks.architectures.problem import Problem
from benchmarks.architectures.problems import (
    attention,
    combinators,
    dense,
    elementwise,
    gpt,
    image_models,
    images,
    losses,
    normalization,
    recurrence,
)

__all__ = ["PROBLEMS"]

ROOMS = ("ops", "losses", "layers", "models")
TOPICS = (
    elementwise,
    images,
    normalization,
    recurrence,
    attention,
    losses,
    combinators,
    dense,
    image_models,
    gpt,
)

PROBLEMS: dict[str, Problem] = {
    problem.name: problem for room in ROOMS for topic in TOPICS for problem in topic.PROBLEMS if problem.room == room
}
"""In the order of the table: ops, losses, layers, models."""
