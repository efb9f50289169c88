"""Losses: rules that end in one number, on logits where there are logits, with the mean as their reduction."""

from chainrule.losses.classification import (
    binary_cross_entropy,
    cross_entropy,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from chainrule.losses.penalties import l1_penalty, l2_penalty
from chainrule.losses.reduction import Loss, reduce
from chainrule.losses.regression import (
    absolute_error,
    huber,
    huber_error,
    mean_absolute_error,
    mean_squared_error,
    squared_error,
)

__all__ = [
    "Loss",
    "absolute_error",
    "binary_cross_entropy",
    "cross_entropy",
    "huber",
    "huber_error",
    "l1_penalty",
    "l2_penalty",
    "mean_absolute_error",
    "mean_squared_error",
    "reduce",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "squared_error",
]
