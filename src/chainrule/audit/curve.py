"""What a picture of a register's entry shows: an elementwise rule, or a loss of one number against its prediction."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.audit.registry import Entry
from chainrule.losses import Loss
from chainrule.rule import Rule

__all__ = ["curve_of", "is_elementwise"]


@dataclass(frozen=True)
class _AgainstZero(Rule):
    """The pointwise half of a loss as a rule of the predictions alone, every target 0."""

    loss: Loss

    def forward(self, x: Array) -> tuple[Any, Any]:
        return self.loss.pointwise.forward(x, jnp.zeros_like(x))

    def backward(self, residuals: Any, d_output: Array) -> tuple[Any, ...]:
        return self.loss.pointwise.backward(residuals, d_output)[:1]

    @property
    def name(self) -> str:
        return f"{self.loss.name} of one prediction, target 0"


def curve_of(entry: Entry) -> Rule | None:
    """The elementwise rule that shows an entry: itself, or a pointwise loss against targets of 0; None if there is none."""
    rule = _AgainstZero(entry.rule) if isinstance(entry.rule, Loss) else entry.rule
    return rule if is_elementwise(rule) else None


def is_elementwise(rule: Rule) -> bool:
    """Whether a rule of one array gives an array the same numbers that it gives its elements one by one."""
    required = [p for p in rule.signature.parameters.values() if p.default is p.empty]
    if len(required) != 1 or required[0].kind is inspect.Parameter.KEYWORD_ONLY:
        return False
    x = np.linspace(-2.5, 2.5, 6, dtype=np.float32)
    try:
        # Three axes, for a rule may treat the first or the last apart: flatten would leave two as they are.
        together = jnp.asarray(rule(jnp.asarray(x.reshape(2, 1, 3))))
        singly = jnp.asarray(jax.vmap(rule)(jnp.asarray(x.reshape(6, 1, 1, 1))))
    except (TypeError, ValueError):
        return False  # a rule that refuses these shapes is of something else than the numbers of an array
    if together.shape != (2, 1, 3) or singly.shape != (6, 1, 1, 1):
        return False
    return bool(np.allclose(together.reshape(-1), singly.reshape(-1), rtol=1e-5, atol=1e-6, equal_nan=True))
