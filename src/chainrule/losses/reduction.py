"""From one loss an example to one number: the reduction that every loss ends in, written once.

A loss is a pointwise rule, l_i = l(prediction_i, target_i), followed by the rule ``reduce``. ``Loss`` joins the two.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from chainrule.checks import require_same_dtype, require_same_shape
from chainrule.rule import Rule, Static, rule

__all__ = ["Loss", "reduce"]

REDUCTIONS = ("mean", "sum", "none")


@rule
def reduce(losses: Array, weights: Array | None = None, *, reduction: str = "mean") -> tuple[Array, tuple[Any, ...]]:
    """Reduce losses l_i, optionally weighted by w_i, to one number.

    ::

        "mean"   L = sum_i w_i l_i / sum_i w_i      (without weights: the mean over all n losses)
        "sum"    L = sum_i w_i l_i
        "none"   L_i = w_i l_i

    Weights of 0 and 1 are a mask. If all weights are 0 the mean is 0 / 0, NaN.

    Shapes: losses any, weights the same; L a scalar, or the shape of losses.

    Derivation, with g = dL'/dL the cotangent::

        mean   dL/dl_i = w_i / W g             dL/dw_i = (l_i - L) / W g,  W = sum_i w_i
        sum    dL/dl_i = w_i g                 dL/dw_i = l_i g
        none   dL/dl_i = w_i g_i               dL/dw_i = l_i g_i

    Residuals: the shape and dtype alone without weights; else the losses, the weights and, for the mean, L and W.

    Raises:
        ValueError: for an unknown reduction, or weights of another shape or dtype than the losses.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    if weights is None:
        residuals: tuple[Any, ...] = (Static(losses.shape),)
        if reduction == "none":
            return losses, residuals
        return (jnp.mean(losses) if reduction == "mean" else jnp.sum(losses)), residuals
    require_same_shape("weights of a loss", losses=losses, weights=weights)
    require_same_dtype("weights of a loss", losses=losses, weights=weights)
    weighted = weights * losses
    if reduction == "none":
        return weighted, (losses, weights)
    total = jnp.sum(weighted)
    if reduction == "sum":
        return total, (losses, weights)
    weight = jnp.sum(weights)
    mean = total / weight
    return mean, (losses, weights, mean, weight)


@reduce.defbackward
def reduce_backward(residuals: tuple[Any, ...], d_output: Array, *, reduction: str) -> tuple[Array, Array | None]:
    """Spread the cotangent over the losses, and over the weights where there are any."""
    if len(residuals) == 1:
        shape = residuals[0].value
        scale = max(math.prod(shape), 1) if reduction == "mean" else 1
        return jnp.broadcast_to(d_output / scale, shape), None
    if reduction == "mean":
        losses, weights, mean, weight = residuals
        return weights * (d_output / weight), (losses - mean) * (d_output / weight)
    losses, weights = residuals
    return weights * d_output, losses * d_output


@dataclass(frozen=True)
class Loss(Rule):
    """A pointwise rule l(predictions, targets), reduced to one number.

    ``loss(predictions, targets, weights=None, *, reduction="mean", ...)``; further static arguments are those of the
    pointwise rule. The default is the mean: over all elements for losses that compare element by element, over the
    examples for the cross-entropies.
    """

    pointwise: Rule
    title: str

    def forward(
        self, predictions: Any, targets: Any, weights: Any = None, *, reduction: str = "mean", **static: Any
    ) -> tuple[Any, Any]:
        """Compute the pointwise losses, then reduce them."""
        losses, pointwise_residuals = self.pointwise.forward(predictions, targets, **static)
        output, reduce_residuals = reduce.forward(losses, weights, reduction=reduction)
        return output, (pointwise_residuals, reduce_residuals)

    def backward(self, residuals: Any, d_output: Any, *, reduction: str = "mean", **static: Any) -> tuple[Any, ...]:
        """Pull back through the reduction, then through the pointwise losses."""
        pointwise_residuals, reduce_residuals = residuals
        d_losses, d_weights = reduce.backward(reduce_residuals, d_output, reduction=reduction)
        d_predictions, d_targets = self.pointwise.backward(pointwise_residuals, d_losses, **static)
        return d_predictions, d_targets, d_weights

    @property
    def name(self) -> str:
        """The name of the loss."""
        return self.title

    @property
    def signature(self) -> inspect.Signature:
        """(predictions, targets, weights=None, *, reduction="mean", then the pointwise rule's static arguments)."""
        pointwise = list(self.pointwise.signature.parameters.values())
        own = list(inspect.signature(self.forward).parameters.values())
        return inspect.Signature([*pointwise[:2], *own[2:4], *pointwise[2:]])

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """The docstring of the pointwise rule, which states the equation."""
        return f"{self.pointwise.__doc__}"

    def __repr__(self) -> str:
        return self.title
