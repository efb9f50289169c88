"""Train a multilayer perceptron to classify images: the one job behind the recipes ``mnist`` and ``digits``."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from chainrule import data, losses, models, optim, train
from chainrule.data import Dataset
from chainrule.layer import Layer
from chainrule.recipes.config import Config
from chainrule.train import Run

__all__ = ["Result", "build_model", "load_data", "probabilities", "train_images"]

_LOADERS = ("digits", "mnist")


@dataclass(frozen=True, eq=False)
class Result:
    """What a recipe has made.

    Attributes:
        config: the settings that it ran with.
        dataset: what it learned from, and was tested on.
        run: what ``train.fit`` left.
        test_probabilities: softmax of the outputs for each test image, float64[n, classes].
        test_loss: the mean cross-entropy on the test images, in nats, without label smoothing.
        test_accuracy: the share of the test images that are classified rightly.
    """

    config: Config
    dataset: Dataset
    run: Run
    test_probabilities: np.ndarray
    test_loss: float
    test_accuracy: float


def load_data(config: Config) -> Dataset:
    """Load the data set of a recipe, split the same way for every seed."""
    if config.data not in _LOADERS:
        raise ValueError(f"data must be one of {', '.join(_LOADERS)}, got {config.data!r}")
    dataset: Dataset = getattr(data, config.data)()
    return dataset


def build_model(config: Config, classes: int) -> Layer:
    """Build the network of a recipe: an MLP with relu, and one output a class."""
    return models.mlp((*config.hidden, classes))


def probabilities(model: Layer, params: Any, state: Any, x: np.ndarray) -> np.ndarray:
    """Compute the probability of each class for each image: float64[n, classes]."""
    return np.exp(_log_softmax(np.asarray(train.predict(model, params, state, x))))


def train_images(config: Config, dataset: Dataset | None = None, *, progress: bool | None = None) -> Result:
    """Train and test one network.

    The test images are evaluated after each epoch, for the curves; nothing is chosen by them.

    Args:
        config: the settings; ``RECIPES`` holds those of the recipes.
        dataset: train on this instead of the data set that the settings name.
        progress: whether to show a progress bar; None: if the standard error is a terminal.

    Raises:
        ValueError: for what the optimiser, the loss or ``train.fit`` refuse, and when the loss does not stay finite.
        ModuleNotFoundError: when the package that carries the data set is not installed.
    """
    dataset = load_data(config) if dataset is None else dataset
    x, _ = dataset.train
    config = _without_idle_settings(config)
    steps = config.epochs * -(-len(x) // config.batch_size)
    with warnings.catch_warnings():
        # Here a loss that is not finite is an error: the warning would only repeat it.
        warnings.filterwarnings("ignore", message="the loss is not finite")
        run = train.fit(
            build_model(config, dataset.classes),
            losses.cross_entropy.bind(label_smoothing=float(config.label_smoothing)),
            _optimizer(config, max(steps, 1)),
            dataset.train,
            epochs=config.epochs,
            key=jax.random.key(config.seed),
            batch_size=config.batch_size,
            gradients=config.gradients,
            validation=dataset.test,
            progress=progress,
        )
    for name in ("loss", "validation_loss"):
        bad = np.flatnonzero(~np.isfinite(run.history[name]))
        if bad.size:
            raise ValueError(f"the {name} is not finite from epoch {bad[0] + 1} on: try a smaller learning rate")

    test_x, test_y = dataset.test
    log_p = _log_softmax(np.asarray(train.predict(run.model, run.params, run.state, test_x)))
    return Result(
        config=config,
        dataset=dataset,
        run=run,
        test_probabilities=np.exp(log_p),
        test_loss=float(-log_p[np.arange(len(test_y)), test_y].mean()),
        test_accuracy=float((log_p.argmax(axis=1) == test_y).mean()),
    )


def _without_idle_settings(config: Config) -> Config:
    """Set the weight decay to 0 where the optimiser has none, so that the settings say what was done."""
    factory = optim.OPTIMIZERS.get(config.optimizer)
    if factory is None or "weight_decay" in inspect.signature(factory).parameters:
        return config
    return dataclasses.replace(config, weight_decay=0.0)


def _optimizer(config: Config, steps: int) -> optim.Optimizer:
    options = {"weight_decay": config.weight_decay} if config.weight_decay else {}
    optimizer = optim.by_name(config.optimizer, config.learning_rate, **options)  # refuses what it cannot take
    if config.schedule == "constant":
        return optimizer
    return optim.by_name(config.optimizer, optim.cosine(config.learning_rate, steps=steps), **options)


def _log_softmax(outputs: np.ndarray) -> np.ndarray:
    """Compute log softmax over the last axis, on the host in float64."""
    shifted = outputs.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
