"""The settings that every recipe has: all that decides how a network is trained, and nothing else."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

__all__ = ["Config", "require_choice", "require_finite", "require_positive"]

_LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Config:
    """How a network is trained. Each kind of recipe adds settings of its own: its data and its network.

    Two runs of equal settings on one machine leave the same parameters, bit for bit.

    Attributes:
        kind: the kind of recipe, a class attribute: ``recipes.KINDS`` says which module trains it.
        data: the data set. Its split is the same for every seed.
        model: the network, by its name.
        epochs: how often to go through the training data.
        batch_size: examples a step.
        learning_rate: of the first step, or the peak after the warm-up; with the cosine schedule it falls to 0 over the run.
        optimizer: one of ``optim.OPTIMIZERS``.
        weight_decay: decoupled weight decay, for the optimisers that have it; the others train without.
        schedule: ``"constant"`` or ``"cosine"``.
        warmup_steps: the steps in which the learning rate rises from 0, with the cosine schedule.
        clip_norm: the largest global norm that the gradient may have, or None.
        seed: chooses the first parameters and the order of the examples.
        gradients: ``"hand"`` or ``"autodiff"``.

    Raises:
        ValueError: for a setting that no training could take. What the optimiser, the loss and ``train.fit`` refuse
            (an unknown optimiser, a negative learning rate, a batch larger than the data), they refuse themselves.
    """

    kind: ClassVar[str]

    data: str
    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = 0
    clip_norm: float | None = None
    seed: int = 0
    gradients: Literal["hand", "autodiff"] = "hand"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            require_positive(name, getattr(self, name))
        if not is_whole(self.seed) or not 0 <= self.seed <= _LARGEST_SEED:
            raise ValueError(f"seed must be a whole number from 0 to {_LARGEST_SEED}, got {self.seed!r}")
        if not is_whole(self.warmup_steps) or self.warmup_steps < 0:
            raise ValueError(f"warmup_steps must be a whole number from 0, got {self.warmup_steps!r}")
        if self.warmup_steps and self.schedule != "cosine":
            raise ValueError(f"warmup_steps are for the cosine schedule, got {self.schedule!r}")
        require_finite("learning_rate", self.learning_rate)
        require_finite("weight_decay", self.weight_decay)
        if self.clip_norm is not None:
            require_finite("clip_norm", self.clip_norm)
        require_choice("schedule", self.schedule, ("constant", "cosine"))
        require_choice("gradients", self.gradients, ("hand", "autodiff"))

    def changed(self, **changes: Any) -> Self:
        """The same settings but for those that are given and not None."""
        return dataclasses.replace(self, **{name: value for name, value in changes.items() if value is not None})


def is_whole(value: Any) -> bool:
    """Whether a value is an integer, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def require_positive(name: str, value: Any) -> None:
    """Refuse what is no positive integer."""
    if not is_whole(value) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")


def require_finite(name: str, value: Any) -> None:
    """Refuse what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")


def require_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse what is none of the choices."""
    if value not in choices:
        *most, last = map(repr, choices)
        raise ValueError(f"{name} must be {' or '.join([', '.join(most), last] if most else [last])}, got {value!r}")
