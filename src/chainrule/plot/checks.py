"""Errors at the door of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["require_class_names", "require_images", "require_labels"]


def require_labels(where: str, name: str, value: Any, classes: int) -> np.ndarray:
    """Return a vector of integer labels from 0 to classes - 1 as NumPy; refuse anything else."""
    labels = np.asarray(value)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"{where}: {name} must be a vector of integers, got {labels.dtype}{list(labels.shape)}")
    if not labels.size:
        raise ValueError(f"{where}: {name} must have at least one label, got none")
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise ValueError(f"{where}: {name} must be from 0 to {classes - 1}, got {labels[bad[0]]} at index {bad[0]}")
    return labels


def require_class_names(where: str, class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of two classes or more; refuse anything else."""
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
        raise ValueError(f"{where}: class_names must be a sequence of strings, got {class_names!r}")
    if len(class_names) < 2:
        raise ValueError(f"{where}: class_names must name at least two classes, got {list(class_names)}")
    return tuple(class_names)


def require_images(where: str, name: str, value: Any) -> np.ndarray:
    """Return images as NumPy, float32[n, h, w] in grey or float32[n, h, w, 3] in colour; refuse anything else."""
    images = np.asarray(value)
    shape = list(images.shape)
    if not (images.ndim == 3 or (images.ndim == 4 and images.shape[-1] in (1, 3))) or 0 in shape:
        raise ValueError(f"{where}: {name} must be [n, h, w], [n, h, w, 1] or [n, h, w, 3], got {shape}")
    images = images.astype(np.float32)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if not np.isfinite(images).all():
        raise ValueError(f"{where}: {name} must be finite, got NaN or infinity")
    if images.ndim == 4 and (images.min() < 0 or images.max() > 1):
        raise ValueError(f"{where}: {name} in colour must be from 0 to 1, got {images.min()} to {images.max()}")
    return images
