"""A run, read back from its folder; each kind of recipe adds what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.layer import Layer
from chainrule.recipes.config import Config

__all__ = ["SavedRun"]


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A run, read back from its folder.

    Attributes:
        path: the folder.
        config: the settings that it ran with.
        in_shape: the shape of one example.
        model: the network.
        params: its trained parameters.
        state: its state.
        history: for each metric, its value after each epoch.
        record: all of config.json.
    """

    path: Path
    config: Config
    in_shape: tuple[int, ...]
    model: Layer
    params: Any
    state: Any
    history: dict[str, list[float]]
    record: dict[str, Any]
