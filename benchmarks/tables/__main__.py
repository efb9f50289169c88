"""``python -m benchmarks.tables``: ``chainrule fit`` beside scikit-learn, in quality and on a million rows."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.audit.progress import bar
from benchmarks.machine import machine
from benchmarks.tables import large, large_report, quality, report
from benchmarks.tables.sets import SETS
from benchmarks.tables.variants import VARIANTS

ORDER = "quality: six tables as they are and spoilt;  large: one of a million rows"


def main() -> int:
    """Run the command, and return its exit status: 1 when something failed or a verdict is not kept."""
    options = _parse()
    try:
        with bar(f"tables, {options.job}") as tick:
            if options.job == "quality":
                seeds = range(options.first_seed, options.first_seed + options.seeds)
                results = quality.measure(
                    options.only or list(SETS), options.variants or list(VARIANTS), seeds, tick=tick
                )
            else:
                results = large.measure(options.rows, options.columns, epochs=options.epochs, tick=tick)
    except (ValueError, RuntimeError) as error:
        print(f"benchmarks.tables: {error}", file=sys.stderr)
        return 1
    results = {"machine": machine(), **results}
    written = _tell(options, results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        written.append(options.json)
    if written:
        print(f"written: {', '.join(map(str, written))}", file=sys.stderr)
    return 0 if _kept(options.job, results) else 1


def _tell(options: argparse.Namespace, results: dict[str, Any]) -> list[Path]:
    """Print the report, draw the picture if one is asked for, and return what was written."""
    if options.job == "large":
        print("\n".join(large_report.lines(results)))
        return []
    if options.markdown:
        print(report.markdown(results))
    else:
        report.show(results)
    if options.picture is None:
        return []
    from benchmarks.tables import picture

    return [picture.save(results, options.picture)]


def _kept(job: str, results: dict[str, Any]) -> bool:
    if job == "large":
        return bool(results["verdict"] == "ok")
    return all(
        summary["verdict"] == "ok" for found in results["sets"].values() for summary in found["variants"].values()
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True, help=ORDER)
    job = jobs.add_parser("quality", help="scores on rows held out, of six tables in four variants")
    job.add_argument("--seeds", type=int, default=5, help="how many splits (default: 5)")
    job.add_argument("--first-seed", type=int, default=0, help="the first of them (default: 0)")
    job.add_argument("--only", nargs="+", choices=SETS, metavar="NAME", help=f"these tables alone: {', '.join(SETS)}")
    job.add_argument(
        "--variants", nargs="+", choices=VARIANTS, metavar="NAME", help=f"these variants alone: {', '.join(VARIANTS)}"
    )
    job.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    job.add_argument("--json", type=Path, metavar="FILE", help="write every score")
    job.add_argument("--picture", type=Path, metavar="FILE", help="draw the gains")
    job = jobs.add_parser("large", help="time and memory on a large table")
    job.add_argument("--rows", type=int, default=1_000_000, help="(default: 1000000)")
    job.add_argument("--columns", type=int, default=20, help="the target among them (default: 20)")
    job.add_argument("--epochs", type=int, help="the most that chainrule may take (default: as the command has it)")
    job.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
