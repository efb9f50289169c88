"""The target of a table on its way to a network and back: standardised numbers, or labels and probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["TargetScale", "probabilities_of"]


@dataclass(frozen=True)
class TargetScale:
    """By what a target of numbers is standardised: its mean and deviation over the training rows.

    Attributes:
        mean: in the unit of the target.
        deviation: likewise, above 0.
    """

    mean: float
    deviation: float

    @classmethod
    def of(cls, y: np.ndarray) -> TargetScale:
        """Learn from the training rows.

        Raises:
            ValueError: when they are all alike, or so large that their squares overflow.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = float(y.mean()), float(y.std())
        if not np.isfinite(deviation):
            raise ValueError(f"the target must be of numbers whose squares float64 can hold, got {np.abs(y).max():g}")
        if not deviation > 1e-12 * abs(mean):
            raise ValueError(
                f"the target is {mean:g} in all {len(y)} rows that are trained on: there is nothing to learn"
            )
        return cls(mean, deviation)

    def standardise(self, y: np.ndarray) -> np.ndarray:
        """Numbers as the network learns them, float32[n, 1]."""
        return ((y - self.mean) / self.deviation).astype(np.float32)[:, None]

    def restore(self, outputs: np.ndarray) -> np.ndarray:
        """What outputs [n, 1] say, in the unit of the target, float64[n]."""
        found: np.ndarray = outputs[:, 0] * self.deviation + self.mean
        return found


def probabilities_of(outputs: np.ndarray) -> np.ndarray:
    """The softmax of outputs, float64[n, classes]."""
    shifted = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    found: np.ndarray = shifted / shifted.sum(axis=-1, keepdims=True)
    return found
