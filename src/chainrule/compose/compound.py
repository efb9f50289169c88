"""What combinators share: each layer's part of params, state and key; for one layer alone, what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from chainrule.layer import Layer

__all__ = ["Compound", "Wrapper"]


@dataclass(frozen=True)
class Compound(Layer):
    """What combinators share: each layer's part of the params, of the state and of the key."""

    layers: tuple[Layer, ...]

    @property
    def uses_key(self) -> bool:
        """Whether any of the layers draws random numbers."""
        return any(layer.uses_key for layer in self.layers)

    @property
    def takes_integers(self) -> bool:
        """Whether x holds integers: as the first layer says."""
        return bool(self.layers) and self.layers[0].takes_integers

    @property
    def vocabulary_size(self) -> int | None:
        """How many kinds of tokens x may hold: as the first layer says."""
        return self.layers[0].vocabulary_size if self.layers else None

    def parts(self, params: Any, state: Any, key: Any) -> list[tuple[Layer, Any, Any, Any]]:
        """Sort params, state and key to the layers; a key goes only to those that draw from it."""
        count = len(self.layers)
        if not isinstance(params, tuple) or len(params) != count:
            found = f"{len(params)} entries" if isinstance(params, tuple) else type(params).__name__
            raise ValueError(
                f"{self.name}: params must be a tuple with one entry for each of {count} layers, got {found}"
            )
        states = (None,) * count if state is None else state
        if not isinstance(states, tuple) or len(states) != count:
            raise ValueError(f"{self.name}: state must be a tuple with one entry for each of {count} layers")
        keys = [
            jax.random.fold_in(key, position) if key is not None and layer.uses_key else None
            for position, layer in enumerate(self.layers)
        ]
        return list(zip(self.layers, params, states, keys, strict=True))

    def __repr__(self) -> str:
        return f"{self.name.lower()}({', '.join(layer.name for layer in self.layers)})"


@dataclass(frozen=True, repr=False)
class Wrapper(Layer):
    """A combinator of one layer, which says of itself what that layer says."""

    layer: Layer

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The one layer."""
        return (self.layer,)

    @property
    def uses_key(self) -> bool:
        """Whether the layer draws random numbers."""
        return self.layer.uses_key

    @property
    def takes_integers(self) -> bool:
        """Whether x holds integers: as the layer says."""
        return self.layer.takes_integers

    @property
    def vocabulary_size(self) -> int | None:
        """How many kinds of tokens x may hold: as the layer says."""
        return self.layer.vocabulary_size

    def __repr__(self) -> str:
        return f"{self.name.lower()}({self.layer.name})"
