"""What functions and numbers the calculus takes: said once for the files beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from chainrule.checks import describe, require_floating

__all__ = ["as_floating", "require_full_precision", "require_scalar_function"]


def as_floating(where: str, name: str, value: ArrayLike) -> Array:
    """Make an array of a floating-point array or a number, refusing everything else.

    A Python number takes JAX's default dtype, float32 unless float64 is enabled; an array keeps its own.
    """
    require_floating(where, **{name: value})
    return jnp.asarray(value, dtype=None if hasattr(value, "dtype") else float)


def require_full_precision(where: str, **arguments: Array) -> None:
    """Refuse half-precision arrays, whose 2 to 3 digits leave nothing after a difference or a factorisation."""
    for name, value in arguments.items():
        if jnp.finfo(value.dtype).bits < 32:
            raise ValueError(f"{where}: {name} must be float32 or float64, got {describe(value)}")


def require_scalar_function(where: str, f: Callable[[Array], Array], x: Any) -> None:
    """Refuse an ``f`` that does not give one floating-point number for ``x``."""
    if not callable(f):
        raise ValueError(f"{where}: f must be a function, got {describe(f)}")
    result = jax.eval_shape(f, x)
    if getattr(result, "shape", None) != () or not jnp.issubdtype(result.dtype, jnp.floating):
        raise ValueError(f"{where}: f must give one floating-point number for {describe(x)}, got {describe(result)}")
