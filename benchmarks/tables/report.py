"""The report on quality: one line a table and variant, in a terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean
from typing import Any

from benchmarks.tables.quality import COMPARISONS, CONTENDERS

__all__ = ["footnotes", "markdown", "rows", "show"]

COLUMNS = (
    "",
    "variant",
    "score",
    "mlp",
    "MLP of scikit-learn",
    "gain",
    "ridge",
    "ridge of scikit-learn",
    "gain",
    "mlp over the best",
)
LEFT = ("", "variant", "score")
TITLES = dict(
    zip(COMPARISONS, ("mlp against MLP", "ridge against ridge", "mlp against the better of the two"), strict=True)
)
MARKS = {"ok": "", "short": "!"}


def rows(results: dict[str, Any]) -> list[list[str]]:
    """One row of text for each table and variant."""
    return [
        _row(found["title"] if not number else "", variant, found["task"], summary)
        for found in results["sets"].values()
        for number, (variant, summary) in enumerate(found["variants"].items())
    ]


def show(results: dict[str, Any]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in LEFT else "right", no_wrap=column in LEFT)
    for row in rows(results):
        table.add_row(*row, style="bold red" if row[-1].endswith(("!", "failed")) else None)
    console.print(table)
    for line in footnotes(results):
        console.print(line, highlight=False, markup=False)


def markdown(results: dict[str, Any]) -> str:
    """Render the table for a README."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "|".join(":--" if name in LEFT else "--:" for name in COLUMNS) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows(results)]
    return "\n".join([*lines, "", *footnotes(results)])


def footnotes(results: dict[str, Any]) -> list[str]:
    """What the columns mean, how many verdicts hold, which trainings did not converge, what failed, and versions."""
    seeds, machine, versions = results["settings"]["seeds"], results["machine"], results["versions"]
    summaries = [summary for found in results["sets"].values() for summary in found["variants"].values()]
    measured = [summary for summary in summaries if "comparisons" in summary]
    lines = [
        f"Means over {len(seeds)} seeds ({seeds[0]} to {seeds[-1]}), on rows held out. Gains: positive where chainrule is "
        "the better, with the standard error of the difference within a seed.   ! worse by more than one standard error.",
        "At least as good, minus one standard error: "
        + _counts(measured, lambda found: found["verdict"] == "ok", len(measured)),
        "The same by the standard error of scikit-learn's own mean over the seeds: "
        + _counts(measured, lambda found: found["within_peer_error"], len(measured)),
        "Fits that are the better : the worse: "
        + ", ".join(
            f"{title} {sum(summary['comparisons'][name]['better'] for summary in measured)} : "
            f"{sum(summary['comparisons'][name]['worse'] for summary in measured)}"
            for name, title in TITLES.items()
        )
        + ".",
        _efforts(measured),
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {machine['python']}, "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + ".",
    ]
    for found in results["sets"].values():
        for variant, summary in found["variants"].items():
            if "error" in summary:
                lines.append(f"{found['title']}, {variant}, failed: {summary['error']}")
    return [line for line in lines if line]


def _counts(measured: list[dict[str, Any]], holds: Callable[[dict[str, Any]], bool], total: int) -> str:
    """In how many of the tables and variants something holds, for each of the comparisons."""
    return (
        ", ".join(
            f"{title} {sum(holds(summary['comparisons'][name]) for summary in measured)} of {total}"
            for name, title in TITLES.items()
        )
        + "."
    )


def _efforts(measured: list[dict[str, Any]]) -> str:
    """Seconds a fit, and how many of scikit-learn's stopped at the limit of iterations."""
    runs = [run for summary in measured for run in summary["runs"]]
    if not runs:
        return ""
    words = [f"{name} {mean(run[name]['seconds'] for run in runs):.2g}" for name in CONTENDERS]
    short = sum(not run["scikit-learn mlp"]["converged"] for run in runs)
    return (
        f"Seconds from file to scores, mean: {', '.join(words)}. "
        f"{short} of {len(runs)} MLPs of scikit-learn had not converged after 1000 iterations."
    )


def _row(title: str, variant: str, task: str, summary: dict[str, Any]) -> list[str]:
    kind = "accuracy, %" if task == "classification" else "RMSE"
    cells = [title, variant, kind]
    if "comparisons" not in summary:
        return [*cells, *[""] * (len(COLUMNS) - 4), "failed"]
    means, comparisons = summary["means"], summary["comparisons"]
    for model in ("mlp", "ridge"):
        cells += [_score(task, means[f"{library} {model}"]) for library in ("chainrule", "scikit-learn")]
        cells.append(_gain(task, comparisons[model]))
    return [*cells, _gain(task, comparisons["best"])]


def _score(task: str, value: float) -> str:
    return f"{100 * value:.1f}" if task == "classification" else f"{value:#.3g}".rstrip(".")


def _gain(task: str, comparison: dict[str, Any]) -> str:
    scale, digits = (100, 1) if task == "classification" else (1, 2)
    gain, error = scale * comparison["gain"], scale * comparison["standard_error"]
    return f"{gain:+.{digits}f} ± {error:.{digits}f}{MARKS[comparison['verdict']]}"
