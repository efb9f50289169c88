"""The report on the large table: a few lines."""

from __future__ import annotations

from typing import Any

from benchmarks.report import QUIET

__all__ = ["lines"]


def lines(results: dict[str, Any]) -> list[str]:
    """Say what was measured: times, rates, ratios, memory and the verdict."""
    table, ours, theirs = results["table"], results["chainrule"], results["scikit-learn"]
    machine, versions = results["machine"], results["versions"]
    width = 34
    said = [
        f"{table['rows']:,} rows, {table['columns']} columns, {table['bytes'] / 1e6:,.0f} MB of CSV; an MLP of "
        f"{', '.join(map(str, ours['hidden']))} hidden units, {theirs['features']} features, batches of "
        f"{ours['batch_size']:,}, {ours['epochs']} epochs of {ours['rows']:,} rows",
        f"{'':{width}}{'chainrule':>14}{'scikit-learn':>14}",
    ]
    rows = (
        ("reading, s", "reading_seconds", 1, ".1f"),
        ("preparing, s", "preparing_seconds", 1, ".1f"),
        ("compiling, s", "compile_seconds", 1, ".1f"),
        ("training, s", "training_seconds", 1, ".1f"),
        ("all the rest, s", "rest_seconds", 1, ".1f"),
        ("the whole process, s", "whole_seconds", 1, ".1f"),
        ("training, 1,000 examples a second", "examples_per_second", 1e-3, ",.0f"),
        ("memory at the peak, GiB", "peak_bytes", 2**-30, ".2f"),
        ("accuracy on other rows, %", "accuracy", 100, ".2f"),
    )
    for title, name, scale, form in rows:
        cells = [f"{scale * found[name]:{form}}" if name in found else "-" for found in (ours, theirs)]
        if set(cells) != {"-"}:
            said.append(f"{title:{width}}{cells[0]:>14}{cells[1]:>14}")
    kept = "within" if results["verdict"] == "ok" else "over"
    said += [
        "The rest of chainrule's time: preparing, the linear model that it is compared with, scores, pictures. Its reading "
        "was timed in a process of its own.",
        f"chainrule trains {results['ratio_of_rates']:.2f} times as fast as scikit-learn's MLPClassifier, and the whole "
        f"takes {results['ratio_of_whole_times']:.2f} of its time.",
        f"Peak memory {ours['peak_bytes'] / 2**30:.2f} GiB: {kept} the limit of {results['limit_bytes'] / 2**30:g} GiB.",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {machine['python']}, "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + ".",
    ]
    load = results.get("foreign_load")
    if load is not None and load > QUIET:
        said.append(
            f"Other programs kept {load:.0%} of the machine busy: do not trust the times; memory does not change."
        )
    return said
