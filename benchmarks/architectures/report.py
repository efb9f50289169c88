"""The report: one line a problem, in a terminal or in Markdown."""

from __future__ import annotations

from typing import Any

from benchmarks.architectures.measure import MALLOCS
from benchmarks.report import QUIET

__all__ = ["footnotes", "markdown", "rows", "show"]

PLAIN, KEPT = MALLOCS
COLUMNS = (
    "",
    "size",
    "hand, ms",
    "x autodiff",
    "faults",
    "kept: ms",
    "x autodiff",
    "faults",
    "memory, x autodiff",
    "PyTorch, x hand",
    "limits",
)
LEFT = ("", "size", "PyTorch, x hand", "limits")
MARKS = {"ok": "", "noise": "~", "over": "!"}


def rows(results: dict[str, Any]) -> list[list[str]]:
    """One row of text for each problem."""
    return [_row(name, problem) for name, problem in results["problems"].items()]


def show(results: dict[str, Any]) -> None:
    """Print a table for each room."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=190)
    for room, names in _rooms(results).items():
        table = Table(title=room, title_justify="left")
        for column in COLUMNS:
            table.add_column(column, justify="left" if column in LEFT else "right", no_wrap=column == "")
        for name in names:
            problem = results["problems"][name]
            style = {"over": "bold red", "failed": "bold red"}.get(problem["verdict"])
            table.add_row(*_row(name, problem), style=style)
        console.print(table)
    for line in footnotes(results):
        console.print(line, highlight=False)


def markdown(results: dict[str, Any]) -> str:
    """Render the tables for a README."""
    lines: list[str] = []
    for room, names in _rooms(results).items():
        lines += [f"**{room}**", "", f"| {' | '.join(COLUMNS)} |"]
        lines += ["|" + "|".join(":--" if column in LEFT else "--:" for column in COLUMNS) + "|"]
        lines += [f"| {' | '.join(_row(name, results['problems'][name]))} |" for name in names]
        lines += [""]
    return "\n".join([*lines, *footnotes(results)])


def footnotes(results: dict[str, Any]) -> list[str]:
    """What the numbers were measured on, what the marks mean, what failed, and a warning about company."""
    machine, settings = results["machine"], results["settings"]
    lines = [
        "Forward and backward in float32, medians; ratios are medians over pairs of turns (A B B A), with their quartiles. "
        "The last columns hold for both mallocs.",
        "~ over a limit of 1, though within noise: a quarter of the pairs keep it.   ! over the limit.",
        f"{machine['processor']}, {machine['used_cores']} of {machine['cores']} cores, {machine['system']}; "
        f"Python {machine['python']}; {settings['processes']} processes of {settings['rounds']} rounds for each malloc.",
    ]
    load = results.get("foreign_load")
    if load is not None and load > QUIET:
        lines.append(
            f"Other programs kept {load:.0%} of the machine busy: do not trust the times; memory does not change."
        )
    for name, problem in results["problems"].items():
        if problem["verdict"] == "failed":
            lines += [f"{name} failed:", problem["error"].rstrip()]
    return lines


def _rooms(results: dict[str, Any]) -> dict[str, list[str]]:
    rooms: dict[str, list[str]] = {}
    for name, problem in results["problems"].items():
        rooms.setdefault(problem["room"], []).append(name)
    return rooms


def _row(name: str, problem: dict[str, Any]) -> list[str]:
    if problem["verdict"] == "failed":
        return [name, problem["size"], *[""] * (len(COLUMNS) - 3), "failed"]
    cells = [name, problem["size"]]
    for malloc in (PLAIN, KEPT):
        times = problem["mallocs"][malloc]
        pairs = times["against"]["autodiff"]
        cells += [_milliseconds(times["hand_seconds"]), _ratio(pairs), f"{times['hand_faults']:.0f}"]
    return [*cells, _memory(problem["memory"]), _torch(problem), _limits(problem)]


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def _ratio(pairs: dict[str, Any]) -> str:
    quartiles = f"{pairs['lower_quartile']:.2f}..{pairs['upper_quartile']:.2f}"
    return f"{pairs['median_paired_ratio']:.2f} ({quartiles}){MARKS[pairs['verdict']]}"


def _memory(memory: dict[str, Any]) -> str:
    mark = MARKS[memory["verdict"]]
    if memory["ratio"] is None:
        return "none" if not memory["hand"] else f"{memory['hand']:,} bytes against none{mark}"
    return f"{memory['ratio']:.2f}{mark}" if memory["ratio"] >= 0.01 else f"{memory['ratio']:.2g}{mark}"


def _torch(problem: dict[str, Any]) -> str:
    plain, kept = (problem["mallocs"][malloc]["against"] for malloc in (PLAIN, KEPT))
    return "; ".join(
        f"{name} {plain[name]['median_paired_ratio']:.2f}{MARKS[plain[name]['verdict']]}, "
        f"kept {kept[name]['median_paired_ratio']:.2f}{MARKS[kept[name]['verdict']]}"
        for name in plain
        if name != "autodiff"
    )


def _limits(problem: dict[str, Any]) -> str:
    limits = problem["limits"]
    words = [f"time <= {limits['time']:g}"] if limits["time"] != 1 else []
    words += [f"memory <= {limits['memory']:g}"] if limits["memory"] != 1 else []
    words += [f"{name} >= {limit:g}" for name, limit in limits["torch"].items()]
    return " ".join([*words, problem["verdict"]]) if not words else f"{', '.join(words)}: {problem['verdict']}"
