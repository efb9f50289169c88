"""The mechanical mutants: every small change of every backward pass that is surveyed, and how many the audit catches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from benchmarks.audit.progress import bar
from benchmarks.machine import ForeignLoad, machine
from chainrule.audit.mutants.mechanical import Battery, explained, survey, surveyed

__all__ = ["ROOMS", "examine", "show", "unexplained"]

ROOMS = tuple(dict.fromkeys(entry.room for entry in surveyed()))


def examine(rooms: Sequence[str], seed: int) -> dict[str, Any]:
    """Survey the rules of some rooms, and give the counts and the survivors' titles as plain data."""
    chosen = [entry for entry in surveyed() if entry.room in rooms]
    load, own, start = ForeignLoad(), time.process_time(), time.perf_counter()
    with bar("mutants") as progress:
        found = survey(chosen, Battery, seed, progress)
    return {
        "machine": machine(),
        "versions": {"jax": version("jax")},
        "seed": seed,
        "rooms": list(rooms),
        "seconds": round(time.perf_counter() - start, 1),
        "foreign_load": load.read(time.process_time() - own),
        "total": found.total,
        "caught": found.total - len(found.survivors),
        "operators": found.by_operator,
        "rules": found.by_entry,
        "checks": found.by_check,
        "survivors": [mutation.title for mutation in found.survivors],
    }


def unexplained(results: dict[str, Any]) -> list[str]:
    """The survivors for which nobody has said why no check catches them."""
    return [title for title in results["survivors"] if title not in explained()]


def show(results: dict[str, Any], say: Callable[[str], None] = print) -> None:
    """Print how many were caught of each operator and of each rule, the total, and the survivors."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for title, counts in (("operator", results["operators"]), ("rule", results["rules"])):
        table = Table(title, "caught", "mutants", title=f"By {title}", title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for name, (caught, total) in counts.items():
            table.add_row(name, str(caught), str(total))
        console.print(table)
    total, caught = results["total"], results["caught"]
    for name, count in results["checks"].items():
        say(f"{count} first caught by: {name}")
    say(f"{caught} of {total} mutants caught, {100 * caught / total:.2f} %, in {results['seconds']:.0f} s")
    puzzling = unexplained(results)
    for title in results["survivors"]:
        say(f"survives{', unexplained' if title in puzzling else ''}: {title}")
