"""What the statistics refuse at the door, said once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from chainrule.checks import describe

__all__ = ["require_fraction", "require_key"]


def require_key(where: str, key: Any) -> None:
    """Refuse what is no single random key."""
    if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()):
        raise ValueError(
            f"{where}: key must be a single random key, as jax.random.key(0) makes one, got {describe(key)}"
        )


def require_fraction(where: str, **arguments: float) -> None:
    """Refuse a level, or a probability, that is not strictly between 0 and 1."""
    for name, value in arguments.items():
        if not 0 < value < 1:
            raise ValueError(f"{where}: {name} must be between 0 and 1, got {value}")
