"""The report: a table in the terminal, the same in Markdown, a JSON file with every sample, and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.contenders import REFERENCE

__all__ = ["markdown", "show", "show_cold_start", "write", "write_cold_start"]

QUIET = 0.05  # the share of all cores that other programs may use before the report warns
COLUMNS = ("", "median", "min .. max", "x chainrule", "paired", "first run", "accuracy", "threads")


def write(results: dict[str, Any], folder: Path, name: str = "latest") -> Path:
    """Write everything that was measured as JSON, and return the file's path.

    Raises:
        ValueError: when nothing was measured.
    """
    _require(results)
    return _write(results, folder / f"{name}.json")


def write_cold_start(results: dict[str, Any], folder: Path) -> Path:
    """Write the times of whole processes as JSON, and return the file's path.

    Raises:
        ValueError: when nothing was measured.
    """
    if not results.get("jobs"):
        raise ValueError("the report needs at least one job that ran, got none")
    return _write(results, folder / "cold-start.json")


def _write(results: dict[str, Any], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return path


def show(results: dict[str, Any]) -> None:
    """Print one table for each problem.

    Raises:
        ValueError: when nothing was measured.
    """
    from rich.console import Console
    from rich.table import Table

    _require(results)
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    for measured in results["problems"].values():
        table = Table(title=measured["problem"]["title"], title_justify="left", caption=_caption(measured))
        table.caption_justify = "left"
        for column in COLUMNS:
            table.add_column(column, justify="left" if column in ("", "threads") else "right")
        for name, contender in measured["contenders"].items():
            row = _row(contender)
            row[6] += "" if contender["learned"] else " OUT OF BAND"
            table.add_row(*row, style="bold" if name == REFERENCE else None)
        console.print(table)
    for line in _footnotes(results):
        console.print(line, highlight=False)


def markdown(results: dict[str, Any]) -> str:
    """Render the tables for a README.

    Raises:
        ValueError: when nothing was measured.
    """
    _require(results)
    lines: list[str] = []
    for measured in results["problems"].values():
        lines += [f"**{measured['problem']['title']}**", ""]
        lines += [
            "| | seconds, median | min .. max | times chainrule's | test accuracy |",
            "|:--|--:|--:|--:|--:|",
        ]
        for contender in measured["contenders"].values():
            title, median, extremes, ratio, _, _, accuracy, _ = _row(contender)
            lines.append(f"| {title} | {median} | {extremes} | {ratio} | {accuracy} |")
        lines += ["", f"{_caption(measured)}", ""]
    return "\n".join([*lines, *_footnotes(results)])


def show_cold_start(results: dict[str, Any]) -> None:
    """Print the table of whole processes.

    Raises:
        ValueError: when nothing was measured.
    """
    from rich.console import Console
    from rich.table import Table

    if not results.get("jobs"):
        raise ValueError("the report needs at least one job that ran, got none")
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    table = Table(title="whole process: digits, 20 epochs, seconds of wall time", title_justify="left")
    for column in ("", "median", "min .. max", "x second run", "accuracy", "what it does"):
        table.add_column(column, justify="left" if column in ("", "what it does") else "right")
    for job in results["jobs"]:
        ratio = job["ratio_to_second_run"]
        table.add_row(
            job["title"],
            f"{job['median']:.2f}",
            f"{job['min']:.2f} .. {job['max']:.2f}",
            "" if ratio is None else f"{ratio:.2f}",
            "?" if job["accuracy"] is None else f"{job['accuracy']:.3f}",
            job["does"],
        )
    console.print(table)
    machine = results["machine"]
    lines = [f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {machine['python']}."]
    lines += _warning({"the cold start": results["foreign_load"]})
    for line in [*lines, *(skipped["line"] for skipped in results["skipped"])]:
        console.print(line, highlight=False)


def _require(results: dict[str, Any]) -> None:
    if not results.get("problems") or not all(measured["contenders"] for measured in results["problems"].values()):
        raise ValueError("the report needs at least one contender that was measured on at least one problem, got none")


def _row(contender: dict[str, Any]) -> list[str]:
    return [
        contender["title"],
        _seconds(contender["median"]),
        f"{_seconds(contender['min'])} .. {_seconds(contender['max'])}",
        _ratio(contender["ratio_of_medians"]),
        _ratio(contender["median_paired_ratio"]),
        f"{contender['first_run_seconds']:.2f}",
        f"{contender['accuracy']:.3f}",
        contender["threads"],
    ]


def _seconds(value: float) -> str:
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _caption(measured: dict[str, Any]) -> str:
    low, high = measured["problem"]["band"]
    caption = f"Accuracies must lie from {low} to {high}."
    pairs = measured.get("hand_against_autodiff")
    if pairs is None:
        return caption
    return (
        f"{caption} Hand takes {pairs['median_paired_ratio']:.3f} of the time of autodiff, "
        f"the median of {pairs['pairs']} paired runs "
        f"(quartiles {pairs['lower_quartile']:.3f} and {pairs['upper_quartile']:.3f}; "
        f"hand the quicker in {pairs['first_quicker']})."
    )


def _footnotes(results: dict[str, Any]) -> list[str]:
    machine = results["machine"]
    versions: dict[str, str] = {}
    threads: dict[str, str] = {}
    awake: list[str] = []
    for measured in results["problems"].values():
        for name, contender in measured["contenders"].items():
            versions |= contender["versions"]
            threads[contender["title"]] = contender["threads"]
            if contender["idle_load"] > 0.05:
                awake.append(f"{name} on {measured['problem']['name']} ({contender['idle_load']:.0%} of a core)")
    listed = ", ".join(f"{package} {number}" for package, number in versions.items())
    lines = [
        "Training alone, compiled before; the first run is a whole call, with compilation where there is any.",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {machine['python']}, {listed}.",
        f"Threads: {'; '.join(f'{title} {count}' for title, count in threads.items())}.",
    ]
    loads = {name: measured["foreign_load"] for name, measured in results["problems"].items()}
    lines += _warning(loads)
    if awake:
        lines.append(f"Not idle while others ran: {', '.join(awake)}.")
    return lines + [skipped["line"] for skipped in results["skipped"]]


def _warning(loads: dict[str, float | None]) -> list[str]:
    """Say so when other programs have kept the machine busy."""
    busy = [f"{load:.0%} during {name}" for name, load in loads.items() if load is not None and load > QUIET]
    if not busy:
        return []
    return [f"Other programs kept the machine busy ({', '.join(busy)}): do not trust these numbers."]
