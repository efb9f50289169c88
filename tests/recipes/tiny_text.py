"""A text that a tiny network learns in a second, and the settings of such networks."""

from __future__ import annotations

import jax

from chainrule.recipes import RECIPES, train_text

LINE = "the cat sings.\n"
TEXT = LINE * 100 + "thé cat sings.\n" + LINE * 10
"""The held-out tenth begins a line before the end of the hundred; é stands there alone, so no network knows it."""

_SMALL = {"epochs": 30, "length": 16, "stride": 7, "features": 16, "hidden": 16, "depth": 1, "batch_size": 32}
_QUICK = {**_SMALL, "learning_rate": 1e-2, "dropout": 0.0, "warmup_steps": 5}
TINY = {name: config.changed(**_QUICK) for name, config in RECIPES["text"].items()}


def tiny_result(name, file):
    """Train a tiny network, compiled without optimisation, as the fixture ``quick_compilation`` does for one test."""
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        return train_text(TINY[name].changed(file=file), progress=False)
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
