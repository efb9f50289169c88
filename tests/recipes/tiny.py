"""Networks so small that a test can train them: each is compiled once, whoever asks for it."""

from __future__ import annotations

import dataclasses
import functools

from chainrule import data
from chainrule.data import Dataset
from chainrule.recipes.autoencoder_config import AutoencoderConfig
from chainrule.recipes.images_config import ImagesConfig

_SHARED = {
    "data": "digits",
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "optimizer": "adam",
}

LENET = ImagesConfig(
    model="lenet",
    channels=(3,),
    hidden=(8,),
    dropout=0.2,
    degrees=5.0,
    shift=0.5,
    ink_box=8,
    ink_centre=3.5,
    **_SHARED,
)
RESNET = ImagesConfig(model="resnet", channels=(2,), ink_box=8, ink_centre=3.5, **_SHARED)
AUTOENCODER = AutoencoderConfig(model="autoencoder", hidden=(12,), **_SHARED | {"epochs": 20})


_all_digits = data.digits  # the loader itself: tests put ``few_digits`` into its place


@functools.cache
def few_digits() -> Dataset:
    """The first 128 training and 60 test images of the digits: whole batches, so that one step is compiled and not two."""
    digits = _all_digits()
    (x, y), (test_x, test_y) = digits.train, digits.test
    return dataclasses.replace(digits, train=(x[:128], y[:128]), test=(test_x[:60], test_y[:60]))
