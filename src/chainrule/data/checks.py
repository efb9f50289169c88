"""The door: what data must look like before anything is trained on it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.checks import describe

__all__ = ["check_supervised"]


def check_supervised(
    x: Any,
    y: Any,
    *,
    classes: int | None = None,
    tokens: bool = False,
    vocabulary: int | None = None,
    what: str = "training data",
) -> None:
    """Refuse features and targets that would train wrongly, or fail far from their cause.

    Nothing is copied or converted: each array is read once where it is on the host, and is fetched from a
    device.

    Args:
        x: floating-point features, one example a row: [n, ...].
        y: the target of each example. With ``classes``, integer labels in [0, classes), shaped as the leading
            axes of x: [n], or [n, time] for x of [n, time, features] or tokens [n, time]. Without, numbers of any
            shape [n, ...], as in regression.
        classes: the number of classes, or ``None`` where the targets are no labels.
        tokens: whether x holds integers, the ids of tokens, as for a model that begins with an embedding.
        vocabulary: how many kinds of tokens there are, or ``None`` where nobody knows.
        what: what the message calls the data.

    Raises:
        ValueError: with one line that names the argument, what was expected and what came: data that are no
            array, or are empty; x and y of different lengths; features that are not floating-point numbers, or
            tokens that are not integers of the vocabulary; NaN or infinity (how many, and where the first is); labels
            that are not integers or are out of range (the first, and its index).
    """
    for name, value in (("x", x), ("y", y)):
        if not isinstance(value, (np.ndarray, jax.Array)):
            raise ValueError(f"{what}: {name} must be a NumPy or JAX array, got {describe(value)}")
        if value.ndim == 0:
            raise ValueError(f"{what}: {name} must have one row an example, got the single value {describe(value)}")
        if value.size == 0:
            raise ValueError(f"{what}: {name} must have at least one example, got {describe(value)}")
    if len(x) != len(y):
        raise ValueError(f"{what}: x and y must have as many examples, got {len(x)} and {len(y)}")
    if tokens:
        _require_tokens(what, x, vocabulary)
    elif not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(
            f"{what}: x must be of floating-point numbers, got {describe(x)}; cast it, x.astype(np.float32)"
        )
    else:
        _require_finite(what, "x", x)
    if classes is not None:
        _require_labels(what, x, y, classes, tokens)
    elif jnp.issubdtype(y.dtype, jnp.floating):
        _require_finite(what, "y", y)
    elif not jnp.issubdtype(y.dtype, jnp.integer):
        raise ValueError(f"{what}: y must be of numbers, got {describe(y)}; cast it, y.astype(np.float32)")


def _require_finite(what: str, name: str, value: Any) -> None:
    """Refuse NaN and infinity.

    A sum in which any term is not finite is itself not finite, so one pass without temporaries clears good
    data. (The sum of good data may overflow: then the elements themselves are looked at.)
    """
    array = np.asarray(value)
    with np.errstate(all="ignore"):
        if np.isfinite(np.add.reduce(array, axis=None)):
            return
    bad = ~np.isfinite(array)
    count = int(np.count_nonzero(bad))
    if count:
        index = _first(bad)
        raise ValueError(
            f"{what}: {name} must be finite, got NaN or infinity in {count} of {array.size} numbers, "
            f"the first at {name}{list(index)}: {array[index]}"
        )


def _require_tokens(what: str, x: Any, vocabulary: int | None) -> None:
    """Refuse what are no ids of tokens; compiled programs do not look."""
    if not jnp.issubdtype(x.dtype, jnp.integer):
        raise ValueError(f"{what}: x must be of integers, the ids of tokens, got {describe(x)}")
    tokens = np.asarray(x)
    last = np.iinfo(tokens.dtype).max if vocabulary is None else vocabulary - 1
    if tokens.min() < 0 or tokens.max() > last:
        index = _first((tokens < 0) | (tokens > last))
        bounds = "0" if vocabulary is None else f"0 to {last}, the vocabulary of the model"
        raise ValueError(f"{what}: x must be of ids of tokens from {bounds}, got {tokens[index]} at x{list(index)}")


def _require_labels(what: str, x: Any, y: Any, classes: int, tokens: bool) -> None:
    """Refuse targets that are not labels from 0 to classes - 1."""
    if not jnp.issubdtype(y.dtype, jnp.integer):
        raise ValueError(f"{what}: y must be of integer labels, got {describe(y)}; cast it, y.astype(np.int32)")
    axes = x.ndim if tokens else x.ndim - 1  # the last axis of x holds features, but a token has none
    if y.ndim > 1 and (y.ndim > axes or y.shape != x.shape[: y.ndim]):
        raise ValueError(
            f"{what}: y must be one label an example, int[{len(x)}], got {describe(y)}; "
            "of one-hot rows take y.argmax(axis=-1)"
        )
    labels = np.asarray(y)
    if labels.min() < 0 or labels.max() >= classes:
        index = _first((labels < 0) | (labels >= classes))
        raise ValueError(f"{what}: y must be of labels from 0 to {classes - 1}, got {labels[index]} at y{list(index)}")


def _first(mask: np.ndarray) -> tuple[int, ...]:
    """Find the index of the first true element."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))
