"""Progress: a bar with the metrics of the last epoch, in a terminal and nowhere else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(
    total: int, done: int = 0, wanted: bool | None = None, unit: str = "epoch"
) -> Iterator[Callable[[int, dict[str, float]], None] | None]:
    """Yield ``show(epoch, metrics)``, or None where no progress is to be shown.

    Args:
        total: the number of epochs in all.
        done: the number that lie behind.
        wanted: whether to show it; None: if the standard error is a terminal.
        unit: what is counted.
    """
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(unit),
        MofNCompleteColumn(),
        BarColumn(bar_width=12),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total, completed=done)

        def show(epoch: int, metrics: dict[str, float]) -> None:
            progress.update(task, completed=epoch, description=_in_words(metrics))

        yield show


def _in_words(metrics: dict[str, float]) -> str:
    """Each metric in four digits, and beside it in brackets that of the held-out data."""
    words = []
    for name in (name for name in metrics if not name.startswith("validation_")):
        held_out = metrics.get(f"validation_{name}")
        words.append(f"{name} {metrics[name]:.4g}" + (f" ({held_out:.4g})" if held_out is not None else ""))
    return "  ".join(words)
