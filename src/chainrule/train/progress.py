"""Progress: a bar with the metrics of the last epoch, in a terminal and nowhere else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(
    total: int, done: int = 0, wanted: bool | None = None
) -> Iterator[Callable[[int, dict[str, float]], None] | None]:
    """Yield ``show(epoch, metrics)``, or None where no progress is to be shown.

    Args:
        total: the number of epochs in all.
        done: the number that lie behind.
        wanted: whether to show it; None: if the standard error is a terminal.
    """
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total, completed=done)

        def show(epoch: int, metrics: dict[str, float]) -> None:
            text = "  ".join(
                f"{name.replace('validation_', 'held-out ')} {value:.4f}" for name, value in metrics.items()
            )
            progress.update(task, completed=epoch, description=text)

        yield show
