"""``python -m benchmarks.architectures``: ops, layers and models, by hand, by autodiff and in PyTorch."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.architectures import report
from benchmarks.architectures.measure import measure
from benchmarks.architectures.problems import PROBLEMS
from benchmarks.audit.progress import bar
from benchmarks.machine import machine


def main() -> int:
    """Run the command, and return its exit status: 1 when a problem failed or is over a limit."""
    options = _parse()
    problems = [PROBLEMS[name] for name in options.only or PROBLEMS]
    try:
        with bar("architectures") as tick:
            results: dict[str, Any] = {"machine": machine() | {"used_cores": options.cores}}
            results["settings"] = {"rounds": options.rounds, "processes": options.processes}
            results |= measure(
                problems, rounds=options.rounds, processes=options.processes, cores=options.cores, tick=tick
            )
    except (ValueError, RuntimeError) as error:
        print(f"benchmarks.architectures: {error}", file=sys.stderr)
        return 1
    if options.markdown:
        print(report.markdown(results))
    else:
        report.show(results)
    written = []
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        written.append(options.json)
    if options.picture is not None:
        from benchmarks.architectures import picture

        written.append(picture.save(results, options.picture))
    if written:
        print(f"written: {', '.join(map(str, written))}", file=sys.stderr)
    return 0 if all(problem["verdict"] == "ok" for problem in results["problems"].values()) else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.architectures", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PROBLEMS, metavar="NAME", help="measure these problems alone")
    parser.add_argument("--rounds", type=int, default=5, help="A B B A, so often in each process (default: 5)")
    parser.add_argument("--processes", type=int, default=3, help="for each malloc (default: 3)")
    parser.add_argument("--cores", type=int, default=2, help="how many a process may use, on Linux (default: 2)")
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
