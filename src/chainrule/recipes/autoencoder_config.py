"""The recipe ``autoencoder``: the images of MNIST pressed through two numbers, and drawn again from them.

Mean squared error of a pixel on 800 images split off the 4,000 training images, one run each; the mean image has 0.0681 and
two principal components 0.0565:

    squared error, 20 epochs                   0.0468
    squared error, 60 epochs: the recipe       0.0449
    cross-entropy of the pixels, 60 epochs     0.0447
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from chainrule.recipes.config import Config, require_choice, require_positive

__all__ = ["AUTOENCODER", "AutoencoderConfig"]


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(Config):
    """The settings of an autoencoder of images.

    Attributes:
        data: ``"mnist"`` or ``"digits"``; the labels only colour a picture.
        model: ``"autoencoder"``.
        hidden: the width of each hidden layer of the encoder; the decoder has the same in reverse. With none at all the
            code is a linear function of the image.
        latent: how many numbers an image is pressed through; two make a plane that can be drawn.
        loss: ``"squared_error"`` of the pixels, or ``"cross_entropy"``, which takes each pixel for the probability of ink.

    Raises:
        ValueError: for a setting that no training could take.
    """

    kind: ClassVar[str] = "autoencoder"

    hidden: tuple[int, ...]
    latent: int = 2
    loss: Literal["squared_error", "cross_entropy"] = "squared_error"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model != "autoencoder":
            raise ValueError(f"model must be 'autoencoder', got {self.model!r}")
        require_choice("loss", self.loss, ("squared_error", "cross_entropy"))
        object.__setattr__(self, "hidden", tuple(self.hidden))
        for width in self.hidden:
            require_positive("each width in hidden", width)
        require_positive("latent", self.latent)


AUTOENCODER = AutoencoderConfig(
    data="mnist",
    model="autoencoder",
    hidden=(256, 64),
    epochs=60,
    batch_size=64,
    learning_rate=2e-3,
    optimizer="adam",
    schedule="cosine",
    warmup_steps=100,
)
