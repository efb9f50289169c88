"""The embedding layer: a table of vectors, one for each token of the vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from jax import Array
from jax.typing import DTypeLike

from chainrule.layer import StatelessLayer
from chainrule.layers.initializers import Initializer
from chainrule.ops.embedding import embedding

__all__ = ["Embedding", "Normal"]


@dataclass(frozen=True)
class Normal:
    """Draw numbers of mean 0 and a given standard deviation, whatever the shape."""

    deviation: float

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jax.numpy.float32) -> Array:
        """Draw an array of this shape by key."""
        return self.deviation * jax.random.normal(key, shape, dtype)


@dataclass(frozen=True)
class Embedding(StatelessLayer):
    """y = E[tokens], by the rule ``ops.embedding``; what it says of ids outside the vocabulary holds here.

    Params: ``{"table": (vocabulary, features)}``, drawn from a normal distribution of standard deviation 0.02 (Radford et
    al., Language models are unsupervised multitask learners, 2019) unless ``table_init`` says otherwise.

    Shapes: x (batch, ...) of integers, y (batch, ..., features).

    Raises:
        ValueError: for a vocabulary or features below 1; when called, for an x that is no array of integers.
    """

    vocabulary: int
    features: int
    table_init: Initializer = Normal(0.02)

    def __post_init__(self) -> None:
        for name in ("vocabulary", "features"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")

    @property
    def takes_integers(self) -> bool:
        """True: x holds tokens."""
        return True

    @property
    def vocabulary_size(self) -> int | None:
        """The vocabulary."""
        return self.vocabulary

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[dict[str, Array], tuple[()]]:
        """Draw the table; the shape of an example does not matter."""
        return {"table": self.table_init(key, (self.vocabulary, self.features), dtype)}, ()

    def evaluate(self, params: Any, x: Any) -> tuple[Any, Any]:
        """Compute ``(E[x], residuals)``."""
        return embedding.forward(x, params["table"])

    def evaluate_backward(self, residuals: Any, d_y: Any) -> tuple[Any, Any]:
        """Compute ``({"table": dL/dE}, None)``: tokens have no derivative."""
        d_x, d_table = embedding.backward(residuals, d_y)
        return {"table": d_table}, d_x

    @property
    def name(self) -> str:
        """Embedding, its vocabulary and its width."""
        return f"Embedding({self.vocabulary}, {self.features})"
