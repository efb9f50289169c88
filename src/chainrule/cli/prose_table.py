"""A table whose cells are words: wrapped to the terminal, and whole lines where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from chainrule.cli.report import ANY_WIDTH

__all__ = ["prose_table"]

_LONG = 20  # characters of a word or a number that is not broken, where the terminal has room for that
_BETWEEN = 3  # characters between two columns


def prose_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table with a line under its head; a cell may have several lines, and is wrapped in a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if terminal else ANY_WIDTH)
    heads, cells = list(columns), [list(row) for row in rows]
    longest = [
        max((len(word) for row in [heads, *cells] for word in row[position].split()), default=0)
        for position in range(len(heads))
    ]
    least = [longest[0], *(min(length, _LONG) for length in longest[1:])]
    fits = sum(least) + _BETWEEN * len(heads) <= console.width
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, head in enumerate(heads):
        whole = not terminal or position == 0
        drawn.add_column(head, no_wrap=whole, overflow="fold", min_width=least[position] if fits else None)
    for row in cells:
        drawn.add_row(*map(Text, row))
    console.print(drawn)
