"""What the measures of information refuse at the door, and the unit that they answer in."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.checks import describe, is_concrete, require_floating, require_same_dtype, require_same_shape

__all__ = ["in_base", "require_base", "require_distributions", "require_logits"]


def require_base(where: str, base: float | None) -> None:
    """Refuse a base of logarithms that is not greater than 1."""
    if base is not None and not 1 < base < np.inf:
        raise ValueError(f"{where}: base must be greater than 1, or None for nats, got {base}")


def in_base(nats: Array, base: float | None) -> Array:
    """Convert nats into the unit of a base: bits for 2."""
    return nats if base is None else nats / float(np.log(base))


def require_logits(where: str, **logits: Any) -> None:
    """Refuse what is no array of logits, (..., k) with k >= 1, or logits of different shapes or dtypes."""
    _require_rows(where, **logits)


def require_distributions(where: str, *, axes: int = 1, **distributions: Any) -> None:
    """Refuse what is no array of probabilities over its last axes.

    Shapes and dtypes are always looked at; whether the numbers are non-negative and sum to 1, to within the rounding of
    the dtype, only where they are concrete.
    """
    _require_rows(where, axes=axes, **distributions)
    for name, value in distributions.items():
        if not is_concrete(value):
            continue
        numbers = np.asarray(value).astype(np.float64)
        if np.any(numbers < 0):
            raise ValueError(f"{where}: {name} must be of probabilities, got {numbers.min():.6g} among them")
        total = numbers.sum(axis=tuple(range(-axes, 0)))
        allowed = float(np.sqrt(float(jnp.finfo(value.dtype).eps)))
        if np.any(np.abs(total - 1) > allowed):
            wrong = np.ravel(total)[np.argmax(np.abs(np.ravel(total) - 1))]
            raise ValueError(f"{where}: {name} must sum to 1, got a sum of {wrong:.6g}")


def _require_rows(where: str, *, axes: int = 1, **arrays: Any) -> None:
    wanted = "(..., k)" if axes == 1 else "(..., n, k)"
    for name, value in arrays.items():
        if not hasattr(value, "dtype") or np.ndim(value) < axes or 0 in np.shape(value)[-axes:]:
            raise ValueError(f"{where}: {name} must be {wanted} with nothing empty, got {describe(value)}")
    require_floating(where, **arrays)
    require_same_shape(where, **arrays)
    require_same_dtype(where, **arrays)
