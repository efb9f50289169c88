"""The problems: a network, its data, and how it is to be trained, the same for every contender."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["PROBLEMS", "Data", "Problem", "Weights", "accuracy", "initial_weights", "load", "read", "write"]

Weights = list[tuple[np.ndarray, np.ndarray]]  # for each layer (in_features, out_features) and (out_features,)


@dataclass(frozen=True)
class Problem:
    """A multilayer perceptron with relu, its cross-entropy minimised by Adam over shuffled epochs of batches.

    Attributes:
        name: what it is called.
        widths: inputs, hidden units, classes.
        train_size: the number of training examples.
        batch_size: examples a step; the last batch of an epoch is smaller and is kept.
        epochs: how often each run goes through the data.
        band: between which values the final accuracy on held-out examples must lie, so that nobody is fast by not
            learning.
        learning_rate: of Adam, as are b1, b2 and eps.
    """

    name: str
    widths: tuple[int, ...]
    train_size: int
    batch_size: int
    epochs: int
    band: tuple[float, float]
    learning_rate: float = 1e-3
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    @property
    def steps(self) -> int:
        """The number of Adam's steps in a run."""
        return self.epochs * math.ceil(self.train_size / self.batch_size)

    @property
    def title(self) -> str:
        """The problem in one line."""
        network = "-".join(str(width) for width in self.widths)
        return f"{self.name}: MLP {network}, {self.train_size:,} images, batch {self.batch_size}, {self.epochs} epochs"


@dataclass(frozen=True, eq=False)
class Data:
    """float32 features (n, in_features) and int32 labels (n,), to train on and held out."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("digits", (64, 32, 10), train_size=1437, batch_size=64, epochs=20, band=(0.90, 0.98)),
        Problem("mnist", (784, 256, 10), train_size=4000, batch_size=64, epochs=10, band=(0.92, 0.97)),
    )
}


def load(problem: Problem) -> Data:
    """Load the data of a problem by ``chainrule.data``, each image as one row."""
    import jax

    from chainrule import data

    loaders = {"digits": data.digits, "mnist": data.mnist}
    dataset = loaders[problem.name](key=jax.random.key(0))
    (x, y), (x_test, y_test) = dataset.train, dataset.test
    assert len(x) == problem.train_size
    return Data(x.reshape(len(x), -1), y, x_test.reshape(len(x_test), -1), y_test)


def write(data: Data, path: Path) -> None:
    """Write data to a file, for processes that shall import neither JAX nor chainrule."""
    np.savez(path, **vars(data))


def read(path: Path) -> Data:
    """Read what ``write`` wrote."""
    with np.load(path) as arrays:
        return Data(**arrays)


def initial_weights(problem: Problem, seed: int) -> Weights:
    """Draw the weights that every contender starts from: normal, variance 2 / fan_in, and 1 / fan_in for the output."""
    random = np.random.default_rng(seed)
    layers: Weights = []
    for fan_in, fan_out in zip(problem.widths[:-1], problem.widths[1:], strict=True):
        gain = 1.0 if len(layers) == len(problem.widths) - 2 else 2.0
        weight = math.sqrt(gain / fan_in) * random.standard_normal((fan_in, fan_out), np.float32)
        layers.append((weight.astype(np.float32), np.zeros(fan_out, np.float32)))
    return layers


def accuracy(weights: Weights, x: np.ndarray, y: np.ndarray) -> float:
    """Compute the share of examples that a network of these weights gets right, in NumPy for every contender alike.

    By ``einsum``, which calls no BLAS: its threads would spin on after the product, in the next contender's time.

    Raises:
        ValueError: for weights that are not finite.
    """
    for layer, (weight, bias) in enumerate(weights):
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError(f"the weights of layer {layer} are not finite")
        x = np.einsum("ij,jk->ik", np.maximum(x, 0) if layer else x, np.ascontiguousarray(weight)) + bias
    return float(np.mean(np.argmax(x, axis=1) == y))
