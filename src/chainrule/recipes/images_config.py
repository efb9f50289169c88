"""The settings of a network that learns to classify images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chainrule.recipes.config import Config, require_choice, require_finite, require_positive

__all__ = ["ImagesConfig"]

MODELS = ("mlp", "lenet", "resnet")


@dataclass(frozen=True, kw_only=True)
class ImagesConfig(Config):
    """The settings of a network that learns images.

    Attributes:
        data: ``"mnist"`` or ``"digits"``.
        model: ``"mlp"``, ``"lenet"`` or ``"resnet"``.
        hidden: the width of each hidden layer of an MLP, none at all is a linear classifier; of a LeNet the one width of the
            dense layer after the convolutions. A ResNet has none.
        channels: of the convolutions of a LeNet, or of the stages of a ResNet, which have one block each. An MLP has none.
        dropout: the rate of dropout of a LeNet, before its last layer.
        label_smoothing: the share of each label that is spread over all classes, in [0, 1).
        degrees: augmentation: the largest angle, in degrees, that a training image is turned by, either way.
        scale: augmentation: the largest share by which it is scaled up or down.
        shift: augmentation: the most pixels that it is moved by, along each axis.
        ink_box: the longest side that the ink of a digit has in these images, in pixels; ``predict`` scales to it.
        ink_centre: the row and the column, counted from 0, of its centre of mass in the mean; ``predict`` moves it there.

    Raises:
        ValueError: for a setting that no training could take.
    """

    kind: ClassVar[str] = "images"

    hidden: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    dropout: float = 0.0
    label_smoothing: float = 0.0
    degrees: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    ink_box: int
    ink_centre: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("model", self.model, MODELS)
        for name in ("hidden", "channels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            for width in getattr(self, name):
                require_positive(f"each width in {name}", width)
        _require_those_of_the_model(self)
        require_positive("ink_box", self.ink_box)
        for name in ("dropout", "label_smoothing", "degrees", "scale", "shift", "ink_centre"):
            require_finite(name, getattr(self, name))

    @property
    def augments(self) -> bool:
        """Whether training images are turned, scaled or moved."""
        return bool(self.degrees or self.scale or self.shift)


def _require_those_of_the_model(config: ImagesConfig) -> None:
    """Refuse a network's settings that it lacks, and those of another network."""
    if config.model == "lenet" and len(config.hidden) != 1:
        raise ValueError(f"hidden must be one width for lenet, got {config.hidden}")
    if config.model == "resnet" and config.hidden:
        raise ValueError(f"hidden must be empty for resnet, got {config.hidden}")
    if (config.model == "mlp") == bool(config.channels):
        what = "empty for mlp" if config.channels else f"one width or more for {config.model}"
        raise ValueError(f"channels must be {what}, got {config.channels}")
    if config.model != "lenet" and config.dropout:
        raise ValueError(f"dropout must be 0 for {config.model}, got {config.dropout}")
