"""Recipes: whole jobs on real data, from the data set to a folder that holds everything the run left.

::

    result = recipes.train_images(recipes.RECIPES["digits"])
    folder = recipes.write_run(result, "runs/digits")
    run = recipes.read_run(folder)
    image, how = recipes.read_image("seven.png", run.in_shape, run.config.ink_box, run.config.ink_centre)
    run.probabilities(image[None])

The settings are here at once; what trains, reads and writes is imported when it is first used, so that the command
line can list the recipes in no time.
"""

from __future__ import annotations

import importlib
from typing import Any

from chainrule.recipes.config import Config
from chainrule.recipes.digits import DIGITS
from chainrule.recipes.mnist import MNIST

_HOMES = {
    "Result": "images",
    "SavedRun": "run_folder",
    "new_folder": "run_folder",
    "read_image": "image_file",
    "read_run": "run_folder",
    "train_images": "images",
    "write_run": "run_folder",
}

__all__ = ["RECIPES", "Config", *_HOMES]  # noqa: PLE0604

RECIPES: dict[str, Config] = {"mnist": MNIST, "digits": DIGITS}
"""Every recipe's settings, by its name."""


def __getattr__(name: str) -> Any:
    """Import what trains, reads and writes when it is first used."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"chainrule.recipes.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'chainrule.recipes' has no attribute {name!r}")
