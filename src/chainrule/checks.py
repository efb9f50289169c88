"""Errors at the door: what array arguments must look like, said once.

Every message names the argument, what was expected and what came. Shapes and dtypes are known while a function is
traced, so these checks cost nothing in a compiled program.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["describe", "is_concrete", "require_floating", "require_same_dtype", "require_same_shape"]


def describe(value: Any) -> str:
    """Say what came: ``float32[3, 4]``."""
    if not hasattr(value, "dtype"):
        return f"{type(value).__name__}"
    return f"{np.dtype(value.dtype).name if isinstance(value.dtype, np.dtype) else value.dtype}{list(value.shape)}"


def require_floating(where: str, **arguments: Any) -> None:
    """Refuse arguments that are not arrays of floating-point numbers."""
    for name, value in arguments.items():
        if not hasattr(value, "dtype") and not isinstance(value, (int, float)):
            raise ValueError(f"{where}: {name} must be an array of floating-point numbers, got {describe(value)}")
        if hasattr(value, "dtype") and not jnp.issubdtype(value.dtype, jnp.floating):
            raise ValueError(
                f"{where}: {name} must be of floating-point numbers, got {describe(value)}; cast it, x.astype(jnp.float32)"
            )


def require_same_dtype(where: str, **arguments: Any) -> None:
    """Refuse arguments of different dtypes: nothing is promoted silently."""
    dtypes = {name: value.dtype for name, value in arguments.items()}
    if len(set(dtypes.values())) > 1:
        found = ", ".join(f"{name} {dtype.name}" for name, dtype in dtypes.items())
        raise ValueError(f"{where}: dtypes must be equal, got {found}; cast one of them with astype")


def require_same_shape(where: str, **arguments: Any) -> None:
    """Refuse arguments of different shapes: nothing is broadcast silently."""
    shapes = {name: np.shape(value) for name, value in arguments.items()}
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise ValueError(f"{where}: shapes must be equal, got {found}")


def is_concrete(value: Any) -> bool:
    """Whether a value's numbers can be looked at: it is not being traced by a transformation."""
    return not isinstance(value, jax.core.Tracer)
