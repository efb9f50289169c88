"""A data set: examples to train on, examples held out, and what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples in two halves that share no example.

    The arrays live on the host (NumPy), so that a data set may be larger than the memory of a device and
    costs no compilation to make.

    Attributes:
        name: a short name, for tables and file names.
        train: ``(x, y)`` to learn from: x float32[n, ...], y int32[n] in [0, classes).
        test: ``(x, y)`` held out, shaped alike: never seen by an optimiser.
        class_names: the name of each class, in the order of the labels.
        description: what the examples are, in one sentence.
        source: whose data they are, and which package carries them.
    """

    name: str
    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    class_names: tuple[str, ...]
    description: str
    source: str

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def __repr__(self) -> str:
        (x, _), (held_out, _) = self.train, self.test
        shape = " x ".join(str(size) for size in x.shape[1:])
        return f"Dataset({self.name}: {len(x)} train, {len(held_out)} test, of {shape}, {self.classes} classes)"
