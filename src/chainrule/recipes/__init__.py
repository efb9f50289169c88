"""Recipes: whole jobs on real data, from the data set to a folder that holds everything the run left.

::

    result = recipes.train_images(recipes.RECIPES["digits"]["mlp"])
    folder = recipes.write_run(result, "runs/digits")
    run = recipes.read_run(folder)
    image, how = recipes.read_image("seven.png", run.in_shape, run.config.ink_box, run.config.ink_centre)
    run.probabilities(image[None])

Of a table of one's own, without a recipe::

    result = recipes.fit_table("wine.csv", target="class")
    recipes.write_run(result, "runs/wine")
    run = recipes.read_run("runs/wine")
    run.predict("new.csv")
    run.evaluate("held.csv")

A kind of recipe is a module of this folder that trains: ``images``, ``autoencoder``, ``text``. Its settings, a
:class:`Config`, are here at once; what trains, reads and writes is imported when it is first used, so that the command line
can list the recipes in no time.

A module of a kind gives ``Settings`` (its class of settings), ``load_data(config)``, ``facts(config, data)`` (what will be
trained, line by line), ``run(config, data)`` (a ``Result``), and to read a run back ``rebuild(config, data_record)`` (the
network) and ``Saved`` (what can be done with it).
"""

from __future__ import annotations

import importlib
from typing import Any

from chainrule.recipes.autoencoder_config import AUTOENCODER
from chainrule.recipes.char_rnn import CHAR_RNN
from chainrule.recipes.config import Config
from chainrule.recipes.digits import DIGITS, DIGITS_RESNET
from chainrule.recipes.gpt import GPT
from chainrule.recipes.mnist import MNIST, MNIST_LENET, MNIST_RESNET
from chainrule.recipes.weather_config import WEATHER_COMPARISON, WEATHER_LSTM

_HOMES = {
    "Result": "result",
    "SavedRun": "saved_run",
    "compare_weather": "weather_comparison",
    "fit_table": "table",
    "new_folder": "run_folder",
    "read_image": "image_file",
    "read_run": "run_folder",
    "train_autoencoder": "autoencoder",
    "train_images": "images",
    "train_text": "text",
    "train_weather": "weather",
    "write_run": "run_folder",
}

__all__ = ["KINDS", "RECIPES", "Config", *_HOMES]  # noqa: PLE0604

KINDS = {
    "images": "chainrule.recipes.images",
    "autoencoder": "chainrule.recipes.autoencoder",
    "text": "chainrule.recipes.text",
    "weather": "chainrule.recipes.weather",
    "weather_comparison": "chainrule.recipes.weather_comparison",
    "table": "chainrule.recipes.table",
}
"""The module of each kind of recipe."""

RECIPES: dict[str, dict[str, Any]] = {
    "mnist": {"mlp": MNIST, "lenet": MNIST_LENET, "resnet": MNIST_RESNET},
    "digits": {"mlp": DIGITS, "resnet": DIGITS_RESNET},
    "autoencoder": {"autoencoder": AUTOENCODER},
    "text": {"gpt": GPT, "char_rnn": CHAR_RNN},
    "weather": {"comparison": WEATHER_COMPARISON, "lstm": WEATHER_LSTM},
}
"""The settings of every recipe, by its name and then by its model, the usual one first."""


def __getattr__(name: str) -> Any:
    """Import what trains, reads and writes when it is first used."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"chainrule.recipes.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'chainrule.recipes' has no attribute {name!r}")
