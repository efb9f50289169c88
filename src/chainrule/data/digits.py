"""The 1,797 handwritten digits of 8 by 8 pixels that scikit-learn carries."""

from __future__ import annotations

import jax
import numpy as np

from chainrule.data.dataset import Dataset
from chainrule.data.packaged import read_table
from chainrule.data.split import stratified_split

__all__ = ["digits"]


def digits(*, key: jax.Array | None = None, test_size: int = 360) -> Dataset:
    """Load 1,797 handwritten digits, 8 by 8 pixels: large enough to learn from, small enough for seconds.

    Features are float32[n, 8, 8, 1] (NHWC) in [0, 1], the file's counts from 0 to 16 divided by 16; labels
    are int32[n].

    Args:
        key: chooses the split; ``None`` means ``jax.random.key(0)``.
        test_size: how many digits to hold out, each class in proportion (see ``stratified_split``).

    Raises:
        ModuleNotFoundError: when scikit-learn is not installed.
        ValueError: for a ``test_size`` out of range, or a damaged file.

    Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, doi:10.24432/C50P49; the part that scikit-learn distributes.
    """
    pixels, y = read_table(
        "scikit-learn",
        "sklearn",
        "datasets/data/digits.csv.gz",
        shape=(1797, 65),
        largest=16,
        labels=10,
        otherwise=_from_package,
    )
    x = pixels.reshape(-1, 8, 8, 1).astype(np.float32) / np.float32(16)
    train, test = stratified_split(y, test_size, key=jax.random.key(0) if key is None else key)
    return Dataset(
        name="digits",
        train=(x[train], y[train]),
        test=(x[test], y[test]),
        class_names=tuple("0123456789"),
        description="1,797 handwritten digits of 8 by 8 pixels, each pixel a count of ink from 0 to 16.",
        source="Alpaydin and Kaynak (1998), UCI Machine Learning Repository; carried by scikit-learn",
    )


def _from_package() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)
