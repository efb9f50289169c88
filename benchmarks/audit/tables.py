"""The result of the contest: tables in the terminal, the same in Markdown, and the list of what each judge lets through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.audit.contest import DERIVATIVE, OTHER, RIGHT
from benchmarks.audit.judges import OURS

__all__ = ["markdown", "missed", "show", "write"]

QUIET = 0.05  # the share of all cores that other programs may use before the times are not to be trusted


def show(results: dict[str, Any], verbose: bool = False) -> None:
    """Print the totals and the counts by room; with ``verbose``, also what each judge lets through."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    for title, heads, rows in (_totals(results), _rooms(results)):
        table = Table(title=title, title_justify="left")
        for number, head in enumerate(heads):
            table.add_column(head, justify="right" if number else "left", no_wrap=not number)
        for row in rows:
            table.add_row(*row, style="bold" if row[0] == results["judges"].get(OURS, {}).get("title") else None)
        console.print(table)
    for line in [*_footnotes(results), *(missed(results) if verbose else [])]:
        console.print(line, highlight=False, markup=False)


def markdown(results: dict[str, Any]) -> str:
    """Render the tables for a README."""
    lines: list[str] = []
    for title, heads, rows in (_totals(results), _rooms(results)):
        lines += [f"**{title}**", "", f"| {' | '.join(heads)} |", f"|:--{'|--:' * (len(heads) - 1)}|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines.append("")
    return "\n".join([*lines, *_footnotes(results)])


def missed(results: dict[str, Any]) -> list[str]:
    """A line for each wrong rule that a judge lets through, each right one that it refuses, and each error it stops at."""
    lines = []
    for judge in results["judges"].values():
        for trial, verdict in zip(results["trials"], judge["verdicts"], strict=True):
            if verdict["alarm"] == (trial["kind"] == RIGHT):
                said = "refuses" if verdict["alarm"] else "lets through"
                lines.append(f"{judge['title']} {said} the {trial['kind']} {trial['room']} / {trial['name']}")
            if verdict["error"]:
                lines.append(f"{judge['title']} stops at {trial['room']} / {trial['name']}: {verdict['error']}")
    return lines


def write(results: dict[str, Any], path: Path) -> None:
    """Write every verdict, its time and all versions as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


Rendered = tuple[str, list[str], list[list[str]]]


def _totals(results: dict[str, Any]) -> Rendered:
    first = next(iter(results["judges"].values()))["counts"]["kinds"]
    heads = [
        "",
        f"of {first[DERIVATIVE][1]} wrong derivatives",
        f"of {first[OTHER][1]} other faults",
        f"of {first[RIGHT][1]} right rules",
        "stopped at errors",
        "seconds a rule, median",
    ]
    rows = []
    for judge in results["judges"].values():
        kinds, errors = judge["counts"]["kinds"], judge["counts"]["errors"]
        alarms = [str(kinds[kind][0]) for kind in (DERIVATIVE, OTHER, RIGHT)]
        rows.append([judge["title"], *alarms, str(errors), f"{judge['median_seconds']:.3f}"])
    return "Alarms", heads, rows


def _rooms(results: dict[str, Any]) -> Rendered:
    judges = list(results["judges"].values())
    heads = ["", "rules", *results["judges"]]
    rows = []
    for room, (_, count) in judges[0]["counts"]["rooms"].items():
        rows.append([room, str(count), *(str(judge["counts"]["rooms"][room][0]) for judge in judges)])
    return "Wrong derivatives caught, by room", heads, rows


def _footnotes(results: dict[str, Any]) -> list[str]:
    judges, machine = results["judges"].values(), results["machine"]
    versions = ", ".join(f"{package} {number}" for package, number in results["versions"].items())
    settings = "; ".join(f"{judge['title']}: {judge['settings']}" for judge in judges)
    lines = [
        "An alarm for a right rule is false. Other faults show in no derivative at any arguments: a wrong forward pass, a "
        "fault under vmap or across jit alone, a pullback that is new to jit each time, a residual that is never read, or a "
        "call of jax.vjp. The peers are not made to see them. An error that a judge stops at counts as an alarm.",
        f"Defaults: {settings}.",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {machine['python']}, {versions}.",
    ]
    load = results["foreign_load"]
    if load is not None and load > QUIET:
        lines.append(f"Other programs kept the machine busy ({load:.0%}): do not trust the times.")
    return lines + [skipped["line"] for skipped in results.get("skipped", [])]
