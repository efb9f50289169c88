"""Arguments for the cases: random, unequal in size, away from kinks, or at the extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["EXTREMES", "Draw", "away_from", "extreme", "normal", "together"]

# Of both signs: beyond where exponentials overflow, where they vanish, where they cancel, and zero.
EXTREMES = np.array([1e4, -1e4, 300.0, -300.0, 88.0, -88.0, 20.0, -20.0, 1e-4, -1e-4, 1e-30, -1e-30, 0.0, -0.0, 1.0])

Draw = Callable[[np.random.Generator], np.ndarray]


def normal(*shape: int, scale: float = 1.0) -> Draw:
    """Standard normal numbers times ``scale``."""
    return lambda rng: scale * rng.normal(size=shape)


def away_from(kinks: tuple[float, ...], *shape: int, scale: float = 2.0, gap: float = 0.05) -> Draw:
    """Normal numbers, none nearer than ``gap`` to a kink: differences straddle none."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        x = scale * rng.normal(size=shape)
        for kink in kinks:
            x = np.where(np.abs(x - kink) < gap, kink + np.where(x < kink, -2 * gap, 2 * gap), x)
        return x

    return draw


def extreme(*shape: int) -> Draw:
    """The extremes, in turn."""
    return lambda rng: np.resize(EXTREMES, shape)


def together(*draws: Any) -> Callable[[np.random.Generator], tuple[Any, ...]]:
    """Put drawn arguments together: each is a function of the generator."""
    return lambda rng: tuple(draw(rng) for draw in draws)
