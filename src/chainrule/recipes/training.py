"""What all recipes share in training: the optimiser of their settings, and what is refused after it."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from typing import Any, TypeVar

import jax
import numpy as np

from chainrule import optim, train
from chainrule.layer import Layer
from chainrule.recipes.config import Config
from chainrule.rule import Rule
from chainrule.train import Run

__all__ = ["facts_of_training", "fit", "optimizer_of", "without_idle_settings"]

C = TypeVar("C", bound=Config)


def fit(model: Layer, loss: Rule, config: Config, data: tuple[Any, Any], **options: Any) -> Run:
    """Train by the settings of a recipe: ``train.fit`` with their optimiser, epochs, batches, gradients and seed.

    Raises:
        ValueError: for what the optimiser, the loss or ``train.fit`` refuse, and when a loss does not stay finite.
    """
    steps = config.epochs * -(-len(data[0]) // config.batch_size)
    with warnings.catch_warnings():
        # Here a loss that is not finite is an error: the warning would only repeat it.
        warnings.filterwarnings("ignore", message="the loss is not finite")
        run = train.fit(
            model,
            loss,
            optimizer_of(config, max(steps, 1)),
            data,
            epochs=config.epochs,
            key=jax.random.key(config.seed),
            batch_size=config.batch_size,
            gradients=config.gradients,
            **options,
        )
    for name in (name for name in run.history if name.endswith("loss")):
        bad = np.flatnonzero(~np.isfinite(run.history[name]))
        if bad.size:
            raise ValueError(f"the {name} is not finite from epoch {bad[0] + 1} on: try a smaller learning rate")
    return run


def optimizer_of(config: Config, steps: int) -> optim.Optimizer:
    """Make the optimiser of a run of so many steps.

    Raises:
        ValueError: for what the optimiser or the schedule refuse.
    """
    options = {"weight_decay": config.weight_decay} if config.weight_decay else {}
    optimizer = optim.by_name(config.optimizer, config.learning_rate, **options)  # refuses what it cannot take
    if config.schedule == "cosine":
        # A run that is shorter than its warm-up rises all the way.
        schedule = optim.cosine(config.learning_rate, steps=steps, warmup_steps=min(config.warmup_steps, steps - 1))
        optimizer = optim.by_name(config.optimizer, schedule, **options)
    return (
        optimizer if config.clip_norm is None else optim.chain(optim.clip_by_global_norm(config.clip_norm), optimizer)
    )


def without_idle_settings(config: C) -> C:
    """Set the weight decay to 0 where the optimiser has none, so that the settings say what was done."""
    factory = optim.OPTIMIZERS.get(config.optimizer)
    if factory is None or "weight_decay" in inspect.signature(factory).parameters:
        return config
    return dataclasses.replace(config, weight_decay=0.0)


def facts_of_training(config: Config, *more: str) -> list[tuple[str, str]]:
    """Say how a network is trained, in two lines."""
    words = [
        f"{config.epochs} epoch{'s' if config.epochs > 1 else ''} in batches of {config.batch_size}",
        f"{config.optimizer} at {config.learning_rate:g}",
        *(["cosine schedule"] if config.schedule == "cosine" else []),
        *([f"{config.warmup_steps} steps of warm-up"] if config.warmup_steps else []),
        *([f"gradient clipped at {config.clip_norm:g}"] if config.clip_norm is not None else []),
        *more,
        f"seed {config.seed}",
    ]
    gradients = "derived by hand" if config.gradients == "hand" else "by autodiff (jax.grad)"
    return [("training", ", ".join(words)), ("gradients", gradients)]
