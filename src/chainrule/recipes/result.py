"""What a recipe has made, whatever its kind: enough to write the folder of the run, and to tell of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.recipes.config import Config
from chainrule.train import Run

__all__ = ["Result"]

Draw = Callable[[Path], Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(ABC):
    """What a recipe has made. Each kind of recipe adds what it has found out.

    Attributes:
        config: the settings that it ran with.
        run: what ``train.fit`` left.
    """

    config: Config
    run: Run

    @abstractmethod
    def data_record(self) -> dict[str, Any]:
        """What config.json says of the data: enough to build the network again, ``in_shape`` at the least."""

    @abstractmethod
    def results_record(self) -> dict[str, Any]:
        """What config.json says of the results, times apart."""

    @abstractmethod
    def pictures(self) -> dict[str, Draw]:
        """The pictures, by the names of their files: each a function that writes it."""

    def texts(self) -> dict[str, str]:
        """Files of text that belong to the run, by their names; none unless a kind of recipe has some."""
        return {}

    @abstractmethod
    def table(self) -> tuple[list[str], list[list[str]]]:
        """The results as a short table: the heads of its columns, and its rows."""
