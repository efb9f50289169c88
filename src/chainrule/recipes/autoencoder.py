"""Train an autoencoder of images: the job behind the recipe ``autoencoder``.

What it leaves out of an image is measured beside what principal components leave out: as many of them as the code has
numbers are the best that any linear encoder and decoder can do (Baldi and Hornik, Neural networks and principal component
analysis, 1989), so that a network earns its hidden layers only by what it gains on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import losses, models, ops, plot, train
from chainrule.compose import Chain
from chainrule.data import Dataset
from chainrule.plot.style import GREY, INK, SMALL
from chainrule.recipes import images, training
from chainrule.recipes.autoencoder_config import AutoencoderConfig
from chainrule.recipes.result import Draw, Result
from chainrule.recipes.saved_run import SavedRun

__all__ = [
    "AutoencoderResult",
    "Saved",
    "build_model",
    "decode",
    "encode",
    "facts",
    "load_data",
    "principal_components",
    "rebuild",
    "run",
    "train_autoencoder",
]

Settings = AutoencoderConfig
"""The settings of this kind of recipe."""

_LOSSES = {
    "squared_error": (losses.mean_squared_error, "mean squared error of a pixel"),
    "cross_entropy": (losses.binary_cross_entropy, "cross-entropy of a pixel (nats)"),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class AutoencoderResult(Result):
    """What a recipe of autoencoders has made.

    Attributes:
        config: the settings that it ran with.
        dataset: what it learned from, and was tested on.
        test_codes: the code of each test image, float32[n, latent].
        test_reconstructions: what is decoded from it, float32[n, height, width, channels], pixels in [0, 1].
        pca_reconstructions: the same by as many principal components of the training images, pixels of any size.
        test_error: the mean squared error of a pixel of the reconstructions.
        pca_error: that of the principal components.
        mean_error: that of the mean training image, drawn for all: the variance of the test images about it.
    """

    config: AutoencoderConfig
    dataset: Dataset
    test_codes: np.ndarray
    test_reconstructions: np.ndarray
    pca_reconstructions: np.ndarray
    test_error: float
    pca_error: float
    mean_error: float

    def data_record(self) -> dict[str, Any]:
        """The data set, its size, and the names of its classes."""
        return images.data_record(self.dataset)

    def results_record(self) -> dict[str, Any]:
        """The mean squared errors of a pixel on the test images."""
        return {
            "test_squared_error": self.test_error,
            "pca_squared_error": self.pca_error,
            "mean_image_squared_error": self.mean_error,
        }

    def pictures(self) -> dict[str, Draw]:
        """The curves, an image of each class above its reconstructions, and the plane of codes that have two numbers."""
        pictures: dict[str, Draw] = {"curves.png": self._draw_curves, "reconstructions.png": self._draw_reconstructions}
        if self.config.latent == 2:
            pictures["latent.png"] = self._draw_latent
        return pictures

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The squared errors on the test images, and the share of their variance that is kept."""
        rows = [
            ("autoencoder", self.test_error),
            (self._pca, self.pca_error),
            ("mean image", self.mean_error),
        ]
        return ["test images", "squared error", "variance kept"], [
            [name, f"{error:.5f}", f"{100 * (1 - error / self.mean_error):.1f} %"] for name, error in rows
        ]

    @property
    def _pca(self) -> str:
        return f"PCA, {self.config.latent} component{'s' if self.config.latent > 1 else ''}"

    def _draw_curves(self, path: Any) -> None:
        figure = plot.curves(self.run.history)
        axes = figure.axes[0]
        axes.set_ylabel(_LOSSES[self.config.loss][1])
        if self.config.loss == "squared_error":  # then the losses can be compared with the errors of the baselines
            axes.axhline(self.pca_error, color=GREY, linewidth=1.2, linestyle="--", zorder=1.5)
            axes.annotate(
                f"{self._pca} {self.pca_error:.3g}",
                (0.99, self.pca_error),  # at the right, where the curves have fallen below
                xycoords=("axes fraction", "data"),
                xytext=(0, 3),
                textcoords="offset points",
                color=INK,
                fontsize=SMALL,
                ha="right",
            )
        plot.save(figure, path)

    def _draw_reconstructions(self, path: Any) -> None:
        x, y = self.dataset.test
        shown = [int(np.argmax(y == label)) for label in np.unique(y)]  # the first test image of each class
        again = {
            f"autoencoder\nerror {self.test_error:.4f}": self.test_reconstructions[shown],
            f"PCA\nerror {self.pca_error:.4f}": self.pca_reconstructions[shown],
        }
        plot.save(plot.reconstructions(x[shown], again), path)

    def _draw_latent(self, path: Any) -> None:
        _, y = self.dataset.test
        model, params, state = self.run.model, self.run.params, self.run.state
        figure = plot.latent_plane(
            self.test_codes, y, self.dataset.class_names, lambda z: decode(self.config, model, params, state, z)
        )
        plot.save(figure, path)


def load_data(config: AutoencoderConfig) -> Dataset:
    """Load the data set of a recipe, split the same way for every seed."""
    return images.load_data(config)


def build_model(config: AutoencoderConfig, image_shape: tuple[int, ...]) -> Chain:
    """Build the network of a recipe: a chain of the encoder and the decoder, which ends in logits for the cross-entropy."""
    output = ops.sigmoid if config.loss == "squared_error" else None
    return models.autoencoder(image_shape, hidden=config.hidden, latent=config.latent, output=output)


def encode(model: Any, params: Any, state: Any, x: np.ndarray) -> np.ndarray:
    """Compute the codes of images: float32[n, latent]."""
    return np.asarray(train.predict(model.layers[0], params[0], state[0], x))


def decode(config: AutoencoderConfig, model: Any, params: Any, state: Any, codes: np.ndarray) -> np.ndarray:
    """Draw the images of codes: float32[n, height, width, channels], pixels in [0, 1]."""
    return _pixels(config, train.predict(model.layers[1], params[1], state[1], codes))


def principal_components(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the mean of examples and the ``count`` directions in which they vary most: ``(mean, directions)``.

    The directions are the eigenvectors of the covariance with the largest eigenvalues, and have length 1: x is drawn again
    from ``count`` numbers as m + (x - m) V V^T.

    Args:
        x: [n, ...].
        count: how many directions, at most as many as x has numbers.

    Returns:
        float64[p] and float64[p, count], with p the numbers of one example.
    """
    rows = x.reshape(len(x), -1).astype(np.float64)
    mean = rows.mean(axis=0)
    centred = rows - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)  # by rising eigenvalue
    return mean, vectors[:, ::-1][:, :count]


def facts(config: AutoencoderConfig, dataset: Dataset) -> list[tuple[str, str]]:
    """Say what will be trained on what, line by line."""
    (x, _), (test_x, _) = dataset.train, dataset.test
    model = build_model(config, x.shape[1:])
    encoder, decoder = model.layers
    return [
        ("data", f"{dataset.name}: {len(x)} training and {len(test_x)} test images of {x.shape[1]}x{x.shape[2]}"),
        ("encoder", f"{encoder!r}"),
        ("decoder", f"{decoder!r}"),
        ("parameters", f"{model.parameter_count(x.shape[1:]):,}"),
        *training.facts_of_training(config, _LOSSES[config.loss][1]),
    ]


def train_autoencoder(
    config: AutoencoderConfig, dataset: Dataset | None = None, *, progress: bool | None = None
) -> AutoencoderResult:
    """Train and test one autoencoder.

    The test images are evaluated after each epoch, for the curves; nothing is chosen by them.

    Args:
        config: the settings; ``RECIPES`` holds those of the recipe.
        dataset: train on this instead of the data set that the settings name.
        progress: whether to show a progress bar; None: if the standard error is a terminal.

    Raises:
        ValueError: for what the optimiser, the loss or ``train.fit`` refuse, and when the loss does not stay finite.
        ModuleNotFoundError: when the package that carries the data set is not installed.
    """
    dataset = load_data(config) if dataset is None else dataset
    config = training.without_idle_settings(config)
    (x, _), (test_x, _) = dataset.train, dataset.test
    trained = training.fit(
        build_model(config, x.shape[1:]),
        _LOSSES[config.loss][0],
        config,
        (x, x),
        validation=(test_x, test_x),
        progress=progress,
    )
    mean, directions = principal_components(x, config.latent)
    centred = test_x.reshape(len(test_x), -1) - mean
    by_pca = (mean + centred @ directions @ directions.T).reshape(test_x.shape)
    again = _pixels(config, train.predict(trained.model, trained.params, trained.state, test_x))
    return AutoencoderResult(
        config=config,
        dataset=dataset,
        run=trained,
        test_codes=encode(trained.model, trained.params, trained.state, test_x),
        test_reconstructions=again,
        pca_reconstructions=by_pca,
        test_error=_squared_error(again, test_x),
        pca_error=_squared_error(by_pca, test_x),
        mean_error=float(np.mean(centred**2)),
    )


def run(config: AutoencoderConfig, dataset: Dataset) -> AutoencoderResult:
    """Train and test one autoencoder, as the command line asks for it."""
    return train_autoencoder(config, dataset)


class Saved(SavedRun):
    """A run of an autoencoder, read back."""

    config: AutoencoderConfig

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Compute the codes of images float32[n, *in_shape]: float32[n, latent].

        Raises:
            ValueError: for images of another shape.
        """
        if np.shape(x)[1:] != self.in_shape:
            raise ValueError(f"images must be [n, {', '.join(map(str, self.in_shape))}], got {list(np.shape(x))}")
        return encode(self.model, self.params, self.state, x)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Draw the images of codes float32[n, latent]: float32[n, *in_shape], pixels in [0, 1].

        Raises:
            ValueError: for codes of another shape.
        """
        if np.ndim(codes) != 2 or np.shape(codes)[1] != self.config.latent:
            raise ValueError(f"codes must be [n, {self.config.latent}], got {list(np.shape(codes))}")
        return decode(self.config, self.model, self.params, self.state, codes)


def rebuild(config: AutoencoderConfig, record: dict[str, Any]) -> Chain:
    """Build the network of a run from its settings and what was recorded of its data."""
    return build_model(config, tuple(int(size) for size in record["in_shape"]))


def _pixels(config: AutoencoderConfig, outputs: Any) -> np.ndarray:
    """The pixels that outputs stand for: they themselves, or the sigmoid of logits."""
    return np.asarray(outputs if config.loss == "squared_error" else ops.sigmoid(outputs))


def _squared_error(drawn: np.ndarray, x: np.ndarray) -> float:
    """The mean squared error of a pixel, in float64."""
    return float(np.mean((drawn.astype(np.float64) - x) ** 2))
