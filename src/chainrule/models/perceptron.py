"""Rosenblatt's perceptron, and the rule by which it learns.

The perceptron predicts class 1 where z = x . w + b > 0. Rosenblatt's rule changes it only on a mistake::

    w += eta (t - y) x        b += eta (t - y)        with target t and prediction y = [z > 0], both 0 or 1

It is gradient descent by another name: the criterion l = max(0, -s z), with s = 2 t - 1, is 0 where the sign is right,
and its slope is -s where it is wrong; so -dl/dw = s x = (t - y) x on every mistake.

Source: Rosenblatt, The perceptron, 1958.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import require_floating, require_same_dtype, require_same_shape
from chainrule.compose import Chain, chain
from chainrule.layers.dense import Dense
from chainrule.layers.initializers import zeros
from chainrule.losses.reduction import Loss
from chainrule.rule import rule

__all__ = ["perceptron", "perceptron_error", "perceptron_loss", "rosenblatt"]


def perceptron() -> Chain:
    """Build z = x . w + b with one output, started from zero as Rosenblatt's was; the prediction is [z > 0].

    Shapes: x (batch, features), z (batch, 1).
    """
    return chain(Dense(1, weight_init=zeros))


@rule
def perceptron_error(logits: Array, labels: Array) -> tuple[Array, tuple[Array, Array]]:
    """Perceptron criterion, element by element: l = max(0, -s z) with s = 2 t - 1.

    Shapes: logits z any; labels t the same shape and dtype, 0 or 1; l the same.

    Derivation: where the sign is wrong, s z <= 0 with z = 0 predicting class 0, l = -s z; so dl/dz = -s there, else 0.
    With the prediction y = [z > 0] that is y - t. And dl/dt = -2 z where the sign is wrong.

    At the kink z = 0 the prediction is 0, so the slope is -t: what Rosenblatt's rule does.

    Residuals: z and t.
    """
    require_floating("perceptron_loss", logits=logits, labels=labels)
    require_same_shape("perceptron_loss", logits=logits, labels=labels)
    require_same_dtype("perceptron_loss", logits=logits, labels=labels)
    y = (logits > 0).astype(logits.dtype)
    return (y - labels) * logits, (logits, labels)


@perceptron_error.defbackward
def perceptron_error_backward(residuals: tuple[Array, Array], d_output: Array) -> tuple[Array, Array]:
    """Compute (y - t) g for the logits and -z g for the labels."""
    logits, labels = residuals
    y = (logits > 0).astype(logits.dtype)
    return (y - labels) * d_output, -logits * d_output


perceptron_loss = Loss(perceptron_error, "perceptron_loss")


def rosenblatt(params: Any, x: Array, labels: Array, *, learning_rate: float = 1.0, epochs: int = 1) -> Any:
    """Train a perceptron by Rosenblatt's rule, one example after the other.

    Args:
        params: those of ``perceptron()``.
        x: (examples, features), floating point.
        labels: (examples,), 0 or 1, of any dtype.
        learning_rate: eta.
        epochs: how often to go through the examples, in their order.

    Returns:
        The params after the last example. On linearly separable data the mistakes end after finitely many.

    Raises:
        ValueError: for shapes that do not fit or features of integers.
    """
    require_floating("rosenblatt", x=x)
    if x.ndim != 2 or labels.shape != x.shape[:1]:
        raise ValueError(
            f"rosenblatt: x must be (examples, features) and labels (examples,), got {x.shape}, {labels.shape}"
        )

    def step(params: Any, example: tuple[Array, Array]) -> tuple[Any, None]:
        features, target = example
        (dense,) = params
        prediction = (features @ dense["weight"] + dense["bias"] > 0).astype(x.dtype)
        change = learning_rate * (target - prediction)  # 0 unless it is a mistake
        weight = dense["weight"] + features[:, None] * change
        return ({"weight": weight, "bias": dense["bias"] + change},), None

    def epoch(params: Any, _: None) -> tuple[Any, None]:
        return lax.scan(step, params, (x, jnp.asarray(labels, x.dtype)))

    return lax.scan(epoch, params, None, length=epochs)[0]
