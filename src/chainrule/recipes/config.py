"""The settings of a recipe: all that decides what a run becomes, and nothing else."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Config"]

_LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Config:
    """The settings of a network that learns images.

    Two runs of equal settings on one machine leave the same parameters, bit for bit.

    Attributes:
        data: the data set, ``"mnist"`` or ``"digits"``. Its split is the same for every seed.
        hidden: the width of each hidden layer; none at all is a linear classifier.
        epochs: how often to go through the training images.
        batch_size: images a step.
        learning_rate: of the first step; with the cosine schedule it falls to 0 over the run.
        optimizer: one of ``optim.OPTIMIZERS``.
        weight_decay: decoupled weight decay, for the optimisers that have it; the others train without.
        label_smoothing: the share of each label that is spread over all classes, in [0, 1).
        schedule: ``"constant"`` or ``"cosine"``.
        seed: chooses the first parameters and the order of the images.
        gradients: ``"hand"`` or ``"autodiff"``.
        ink_box: the longest side that the ink of a digit has in these images, in pixels; ``predict`` scales to it.
        ink_centre: the row and the column, counted from 0, of its centre of mass in the mean; ``predict`` moves it there.

    Raises:
        ValueError: for a setting that no training could take. What the optimiser, the loss and ``train.fit`` refuse
            (an unknown optimiser, a negative learning rate, a batch larger than the data), they refuse themselves.
    """

    data: str
    hidden: tuple[int, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str
    weight_decay: float
    label_smoothing: float
    schedule: Literal["constant", "cosine"]
    ink_box: int
    ink_centre: float
    seed: int = 0
    gradients: Literal["hand", "autodiff"] = "hand"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        for name in ("epochs", "batch_size", "ink_box"):
            _require_positive(name, getattr(self, name))
        for width in self.hidden:
            _require_positive("each width in hidden", width)
        if not _is_whole(self.seed) or not 0 <= self.seed <= _LARGEST_SEED:
            raise ValueError(f"seed must be a whole number from 0 to {_LARGEST_SEED}, got {self.seed!r}")
        for name in ("learning_rate", "weight_decay", "label_smoothing", "ink_centre"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number, got {value!r}")
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f"schedule must be 'constant' or 'cosine', got {self.schedule!r}")
        if self.gradients not in ("hand", "autodiff"):
            raise ValueError(f"gradients must be 'hand' or 'autodiff', got {self.gradients!r}")

    def changed(self, **changes: Any) -> Config:
        """The same settings but for those that are given and not None."""
        return dataclasses.replace(self, **{name: value for name, value in changes.items() if value is not None})


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _require_positive(name: str, value: Any) -> None:
    if not _is_whole(value) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")
