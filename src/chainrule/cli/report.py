"""What commands print: small tables, and every time in one form."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

__all__ = ["ANY_WIDTH", "facts", "seconds", "table"]

ANY_WIDTH = 10_000
"""Characters, more than any line has: what is written to a file or a pipe is neither wrapped nor cut off."""


def seconds(value: float) -> str:
    """Write a time: ``0.083 s``, ``4.21 s``, ``75.3 s``; three digits whatever its size."""
    decimals = 3 if value < 1 else 2 if value < 10 else 1
    return f"{value:.{decimals}f} s"


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Print a name and a text a line, the texts below each other."""
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        click.echo(f"{name:<{width}}  {text}")


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table with a line under its head; the columns after the first are numbers, flush right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, column in enumerate(columns):
        drawn.add_column(column, justify="right" if position else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else ANY_WIDTH).print(drawn)
