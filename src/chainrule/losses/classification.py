"""Losses for classes: cross-entropy of a softmax, and of a sigmoid, both on logits.

Both are computed from logits, never from probabilities: the logarithm and the exponential meet in one expression that
neither overflows nor loses digits.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule.checks import describe, is_concrete, require_floating, require_same_dtype, require_same_shape
from chainrule.losses.reduction import Loss
from chainrule.ops.sigmoids import softplus
from chainrule.rule import rule

__all__ = ["binary_cross_entropy", "cross_entropy", "sigmoid_cross_entropy", "softmax_cross_entropy"]


@rule
def softmax_cross_entropy(
    logits: Array, labels: Array, *, label_smoothing: float = 0.0
) -> tuple[Array, tuple[Any, ...]]:
    """Cross-entropy of labels and softmax(logits), in nats, one for each example.

    ::

        l = - sum_c q_c log p_c = s log sum_c exp(z_c) - sum_c q_c z_c        p = softmax(z), s = sum_c q_c

    Labels are classes (integers k: q is 1 at k and 0 elsewhere) or probabilities q. Smoothing by e replaces q by
    (1 - e) q + e s / C.

    Shapes: logits z (..., classes); labels (...,) of integers, or (..., classes) of the logits' dtype; l (...,).

    Derivation: d(log sum exp z)/dz = p, so dl/dz = s p - q. For probabilities, l is linear in q:
    dl/dq = (1 - e) (-log p) + e mean_c(-log p_c).

    A label outside [0, classes) is refused where its value can be seen; inside a compiled program, where it cannot, the
    example's loss is NaN, whatever its weight: an example that is masked needs a label in range all the same.

    Residuals: z and the labels, which the caller holds anyway, and two numbers an example, m = max_c z_c and
    t = sum_c exp(z_c - m). Of p nothing is kept: the backward pass computes exp(z - m) / t anew, which costs less than to
    write an array of the size of the logits to memory and to read it again.

    Raises:
        ValueError: for shapes that do not fit, integer logits, labels out of range, or a smoothing outside [0, 1).
    """
    require_floating("cross_entropy", logits=logits)
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1), got {label_smoothing}")
    if logits.ndim < 1 or logits.shape[-1] < 1:
        raise ValueError(f"cross_entropy: logits must be (..., classes), got {describe(logits)}")
    classes = logits.shape[-1]
    largest = lax.stop_gradient(jnp.max(logits, -1, keepdims=True))
    total = jnp.sum(jnp.exp(logits - largest), -1, keepdims=True)

    if jnp.issubdtype(labels.dtype, jnp.integer):
        _require_classes(labels, logits)
        # In a byte, 256 classes would wrap round to 0.
        labels = jnp.asarray(labels, jax.dtypes.canonicalize_dtype(jnp.promote_types(labels.dtype, jnp.int32)))
        # A gather here, and not a sum over a comparison: XLA would write logits - largest to memory for the two sums.
        picked = (jnp.take_along_axis(logits, labels[..., None], -1, mode="clip") - largest)[..., 0]
        if label_smoothing:
            picked = (1 - label_smoothing) * picked + label_smoothing * jnp.mean(logits - largest, -1)
        losses = jnp.log(total)[..., 0] - picked
        in_range = (labels >= 0) & (labels < classes)
        return jnp.where(in_range, losses, jnp.nan), (logits, labels, largest, total)

    require_floating("cross_entropy", labels=labels)
    require_same_shape("cross_entropy", logits=logits, labels=labels)
    require_same_dtype("cross_entropy", logits=logits, labels=labels)
    q = _smoothed(labels, label_smoothing)
    # s log total and the sum over q apart, both at least 0: so log p, which the labels' gradient needs, is not stored.
    losses = jnp.sum(q, -1) * jnp.log(total)[..., 0] - jnp.sum(q * (logits - largest), -1)
    return losses, (logits, labels, largest, total)


@softmax_cross_entropy.defbackward
def softmax_cross_entropy_backward(
    residuals: tuple[Any, ...], d_output: Array, *, label_smoothing: float
) -> tuple[Array, Array | None]:
    """Compute (s p - q) g for the logits; for soft labels also their share, -log p, smoothed, times g."""
    g = d_output[..., None]
    logits, labels, largest, total = residuals
    if jnp.issubdtype(labels.dtype, jnp.integer):
        classes = logits.shape[-1]
        p = jnp.exp(logits - largest) / total
        q = jnp.where(_one_hot(labels, classes), 1 - label_smoothing, 0.0).astype(p.dtype)
        q = q + label_smoothing / classes
        in_range = ((labels >= 0) & (labels < classes))[..., None]
        return jnp.where(in_range, (p - q) * g, 0), None
    q, shifted = _smoothed(labels, label_smoothing), logits - largest
    d_logits = jnp.exp(shifted) * (jnp.sum(q, -1, keepdims=True) / total) * g - q * g
    log_p = shifted - jnp.log(total)
    return d_logits, -_smoothed(log_p, label_smoothing) * g  # smoothing is a symmetric matrix


def _smoothed(labels: Array, label_smoothing: float) -> Array:
    """Compute (1 - e) q + e s / C, and for e = 0 nothing: XLA would sum over the classes, to multiply by zero."""
    if not label_smoothing:
        return labels
    return (1 - label_smoothing) * labels + label_smoothing * jnp.mean(labels, -1, keepdims=True)


def _one_hot(labels: Array, classes: int) -> Array:
    """True at each label's class. A comparison fuses with what follows; a scatter would not."""
    return labels[..., None] == lax.broadcasted_iota(labels.dtype, (*labels.shape, classes), labels.ndim)


def _require_classes(labels: Array, logits: Array) -> None:
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"cross_entropy: integer labels must have the shape of logits without the last axis, "
            f"{list(logits.shape[:-1])}, got {describe(labels)}"
        )
    if is_concrete(labels) and labels.size:
        low, high, classes = np.asarray(labels).min(), np.asarray(labels).max(), logits.shape[-1]
        if low < 0 or high >= classes:
            raise ValueError(f"cross_entropy: labels must be in [0, {classes}), got {low if low < 0 else high}")


@rule
def sigmoid_cross_entropy(logits: Array, labels: Array) -> tuple[Array, tuple[Array, Array]]:
    """Cross-entropy of labels t in [0, 1] and sigmoid(logits), in nats, element by element.

    ::

        l = - t log s - (1 - t) log(1 - s) = softplus(z) - t z        s = sigmoid(z)

    Shapes: logits z any; labels t the same shape and dtype (0 and 1, or probabilities); l the same.

    Derivation: d softplus(z)/dz = s, so dl/dz = s - t and dl/dt = -z.

    Residuals: z and t.

    Raises:
        ValueError: for shapes or dtypes that differ, or arrays of integers.
    """
    require_floating("binary_cross_entropy", logits=logits, labels=labels)
    require_same_shape("binary_cross_entropy", logits=logits, labels=labels)
    require_same_dtype("binary_cross_entropy", logits=logits, labels=labels)
    return softplus(logits) - labels * logits, (logits, labels)


@sigmoid_cross_entropy.defbackward
def sigmoid_cross_entropy_backward(residuals: tuple[Array, Array], d_output: Array) -> tuple[Array, Array]:
    """Compute (s - t) g for the logits, and -z g for the labels."""
    logits, labels = residuals
    return (lax.logistic(logits) - labels) * d_output, -logits * d_output


cross_entropy = Loss(softmax_cross_entropy, "cross_entropy")
binary_cross_entropy = Loss(sigmoid_cross_entropy, "binary_cross_entropy")
