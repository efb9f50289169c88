"""The mean of a loss over those examples of a batch that are there."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from chainrule.rule import Rule

__all__ = ["MaskedMean", "can_be_masked"]


def can_be_masked(loss: Rule) -> bool:
    """Whether a loss takes weights and has the mean as its reduction, as those of ``losses`` do, bound or not."""
    parameters = loss.signature.parameters
    return (
        list(parameters)[2:3] == ["weights"] and "reduction" in parameters and parameters["reduction"].default == "mean"
    )


@dataclass(frozen=True)
class MaskedMean(Rule):
    """A loss of a batch that is filled up with rows that do not count.

    ::

        L = sum_i m_i l_i / sum_i m_i        m_i 1 where example i is there, and 0 elsewhere

    It is the loss with weights: all losses of an example (one for each of its targets, or time steps) have the weight of
    the example. So it equals the loss of the unfilled batch, and dL/dl_i = m_i / sum_j m_j is that of the unfilled batch
    where the example is there, and 0 elsewhere, as long as the rows that do not count are finite.

    Shapes: predictions (batch, ...); targets those of the loss, and the mask bool[batch], as a pair; L a scalar.

    Derivation, residuals: those of the loss.
    """

    loss: Rule

    def forward(self, predictions: Any, targets_and_mask: tuple[Any, Array]) -> tuple[Any, Any]:
        """Compute ``(L, residuals)``."""
        targets, mask = targets_and_mask
        losses = jax.eval_shape(functools.partial(self.loss, reduction="none"), predictions, targets)
        weights = jnp.broadcast_to(lax.expand_dims(mask, tuple(range(1, len(losses.shape)))), losses.shape)
        return self.loss.forward(predictions, targets, weights.astype(losses.dtype), **self._static())

    def backward(self, residuals: Any, d_output: Any) -> tuple[Any, Any]:
        """Pull back through the weighted loss."""
        d_predictions, d_targets, _ = self.loss.backward(residuals, d_output, **self._static())
        return d_predictions, (d_targets, None)

    def _static(self) -> dict[str, Any]:
        keyword_only = inspect.Parameter.KEYWORD_ONLY
        return {name: p.default for name, p in self.loss.signature.parameters.items() if p.kind is keyword_only}
