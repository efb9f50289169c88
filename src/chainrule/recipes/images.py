"""Train a network to classify images: the job behind the recipes ``mnist`` and ``digits``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import data, losses, models, plot, train
from chainrule.data import Dataset
from chainrule.data.augment import Augmentation
from chainrule.layer import Layer
from chainrule.recipes import training
from chainrule.recipes.config import Config
from chainrule.recipes.images_config import ImagesConfig
from chainrule.recipes.result import Draw, Result
from chainrule.recipes.saved_run import SavedRun

__all__ = [
    "ImagesResult",
    "Saved",
    "build_model",
    "data_record",
    "facts",
    "load_data",
    "probabilities",
    "rebuild",
    "run",
    "train_images",
]

_LOADERS = ("digits", "mnist")

Settings = ImagesConfig
"""The settings of this kind of recipe."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ImagesResult(Result):
    """What a recipe of images has made.

    Attributes:
        config: the settings that it ran with.
        dataset: what it learned from, and was tested on.
        test_probabilities: softmax of the outputs for each test image, float64[n, classes].
        test_loss: the mean cross-entropy on the test images, in nats, without label smoothing.
        test_accuracy: the share of the test images that are classified rightly.
    """

    config: ImagesConfig
    dataset: Dataset
    test_probabilities: np.ndarray
    test_loss: float
    test_accuracy: float

    def data_record(self) -> dict[str, Any]:
        """The data set, its size, and the names of its classes."""
        return data_record(self.dataset)

    def results_record(self) -> dict[str, Any]:
        """Loss and accuracy on the test images."""
        return {"test_loss": self.test_loss, "test_accuracy": self.test_accuracy}

    def pictures(self) -> dict[str, Draw]:
        """The curves, which digits are taken for which, and the test images that are classified wrongly."""
        (x, y), names, p = self.dataset.test, self.dataset.class_names, self.test_probabilities
        return {
            "curves.png": lambda path: plot.save(plot.curves(self.run.history), path),
            "confusion.png": lambda path: plot.save(plot.confusion(y, p.argmax(axis=1), names), path),
            "mistakes.png": lambda path: plot.save(plot.mistakes(x, y, p, names), path),
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Accuracy and loss of the last epoch, and on the test images."""
        # With label smoothing or augmentation the loss that is trained is another one than the test's.
        plain = not self.config.label_smoothing and not self.config.augments
        training_loss = f"{self.run.history['loss'][-1]:.4f}" if plain else ""
        return ["", "accuracy", "loss"], [
            ["training, last epoch", f"{self.run.history['accuracy'][-1]:.4f}", training_loss],
            ["test", f"{self.test_accuracy:.4f}", f"{self.test_loss:.4f}"],
        ]


def data_record(dataset: Dataset) -> dict[str, Any]:
    """What config.json says of a data set of images: its size, and the names of its classes."""
    return {
        "name": dataset.name,
        "description": dataset.description,
        "source": dataset.source,
        "train_images": len(dataset.train[0]),
        "test_images": len(dataset.test[0]),
        "in_shape": list(dataset.train[0].shape[1:]),
        "class_names": list(dataset.class_names),
    }


def load_data(config: Config) -> Dataset:
    """Load the data set of a recipe, split the same way for every seed."""
    if config.data not in _LOADERS:
        raise ValueError(f"data must be one of {', '.join(_LOADERS)}, got {config.data!r}")
    dataset: Dataset = getattr(data, config.data)()
    return dataset


def build_model(config: ImagesConfig, classes: int) -> Layer:
    """Build the network of a recipe, with one output a class."""
    if config.model == "lenet":
        (hidden,) = config.hidden
        return models.lenet(classes, channels=config.channels, hidden=hidden, dropout=config.dropout)
    if config.model == "resnet":
        return models.resnet(classes, channels=config.channels, blocks=(1,) * len(config.channels))
    return models.mlp((*config.hidden, classes))


def facts(config: ImagesConfig, dataset: Dataset) -> list[tuple[str, str]]:
    """Say what will be trained on what, line by line."""
    (x, _), (test_x, _) = dataset.train, dataset.test
    model = build_model(config, dataset.classes)
    smoothing = [f"label smoothing {config.label_smoothing:g}"] if config.label_smoothing else []
    augmentation = [
        f"{what} up to {value:g}{unit}"
        for what, value, unit in (
            ("turned", config.degrees, " degrees"),
            ("scaled", 100 * config.scale, " %"),
            ("moved", config.shift, " pixels"),
        )
        if value
    ]
    return [
        ("data", f"{dataset.name}: {len(x)} training and {len(test_x)} test images of {x.shape[1]}x{x.shape[2]}"),
        *([("augmentation", ", ".join(augmentation))] if augmentation else []),
        ("model", f"{model!r}"),
        ("parameters", f"{model.parameter_count(x.shape[1:]):,}"),
        *training.facts_of_training(config, *smoothing),
    ]


def probabilities(model: Layer, params: Any, state: Any, x: np.ndarray) -> np.ndarray:
    """Compute the probability of each class for each image: float64[n, classes]."""
    return np.exp(_log_softmax(np.asarray(train.predict(model, params, state, x))))


def train_images(config: ImagesConfig, dataset: Dataset | None = None, *, progress: bool | None = None) -> ImagesResult:
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
    config = training.without_idle_settings(config)
    trained = training.fit(
        build_model(config, dataset.classes),
        losses.cross_entropy.bind(label_smoothing=float(config.label_smoothing)),
        config,
        dataset.train,
        validation=dataset.test,
        augment=_augmentation(config),
        progress=progress,
    )
    test_x, test_y = dataset.test
    log_p = _log_softmax(np.asarray(train.predict(trained.model, trained.params, trained.state, test_x)))
    return ImagesResult(
        config=config,
        dataset=dataset,
        run=trained,
        test_probabilities=np.exp(log_p),
        test_loss=float(-log_p[np.arange(len(test_y)), test_y].mean()),
        test_accuracy=float((log_p.argmax(axis=1) == test_y).mean()),
    )


def run(config: ImagesConfig, dataset: Dataset) -> ImagesResult:
    """Train and test one network, as the command line asks for it."""
    return train_images(config, dataset)


class Saved(SavedRun):
    """A run of images, read back."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class, in the order of the labels."""
        return tuple(str(name) for name in self.record["data"]["class_names"])

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Compute the probability of each class for images float32[n, *in_shape]: float64[n, classes].

        Raises:
            ValueError: for images of another shape or dtype.
        """
        if np.shape(x)[1:] != self.in_shape:
            raise ValueError(f"images must be [n, {', '.join(map(str, self.in_shape))}], got {list(np.shape(x))}")
        return probabilities(self.model, self.params, self.state, x)


def rebuild(config: ImagesConfig, record: dict[str, Any]) -> Layer:
    """Build the network of a run from its settings and what was recorded of its data."""
    return build_model(config, len(record["class_names"]))


def _augmentation(config: ImagesConfig) -> Augmentation | None:
    if not config.augments:
        return None
    return Augmentation(degrees=config.degrees, scale=config.scale, shift=config.shift)


def _log_softmax(outputs: np.ndarray) -> np.ndarray:
    """Compute log softmax over the last axis, on the host in float64."""
    shifted = outputs.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
