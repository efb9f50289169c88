"""``python -m benchmarks``: measure, print a table, and write JSON and a picture."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.contenders import CONTENDERS
from benchmarks.machine import machine
from benchmarks.measure import Say, measure
from benchmarks.problems import PROBLEMS, load

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> int:
    """Run the command, and return its exit status: 1 when a contender did not learn or failed."""
    options = _parse()
    try:
        if options.cold_start:
            return _cold_start(options)
        return _contest(options)
    except (ValueError, RuntimeError, ModuleNotFoundError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1


def _contest(options: argparse.Namespace) -> int:
    names, skipped = [], []
    for name in options.only or CONTENDERS:
        line = CONTENDERS[name].missing()
        if line is None:
            names.append(name)
        else:
            print(line, file=sys.stderr)
            skipped.append({"name": name, "line": line})
    results: dict[str, Any] = {"machine": machine(), "problems": {}, "skipped": skipped}
    results["settings"] = {"rounds": options.rounds, "pairs_per_round": options.pairs}
    with _progress() as say:
        for name in options.problem or PROBLEMS:
            problem = PROBLEMS[name]
            results["problems"][name] = measure(
                problem, load(problem), names, rounds=options.rounds, pairs=options.pairs, say=say
            )
    if options.markdown:
        print(report.markdown(results))
    else:
        report.show(results)
    written = [report.write(results, options.out)]
    with contextlib.suppress(ValueError):  # without chainrule by hand there is nothing to compare with
        from benchmarks import picture

        written.append(picture.save(results, options.out))
    print(f"written: {', '.join(map(str, written))}", file=sys.stderr)
    contenders = [c for measured in results["problems"].values() for c in measured["contenders"].values()]
    return 0 if all(contender["learned"] for contender in contenders) else 1


def _cold_start(options: argparse.Namespace) -> int:
    from benchmarks.cold_start import measure_cold_start

    with _progress() as say:
        results = {"machine": machine(), **measure_cold_start(options.rounds, say)}
    report.show_cold_start(results)
    path = report.write_cold_start(results, options.out)
    print(f"written: {path}", file=sys.stderr)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=CONTENDERS, help="measure this contender; may be repeated")
    parser.add_argument("--problem", action="append", choices=PROBLEMS, help="measure this problem; may be repeated")
    parser.add_argument("--rounds", type=int, default=7, help="rounds in which each has a turn (default: 7)")
    parser.add_argument("--pairs", type=int, default=6, help="hand against autodiff, pairs a round (default: 6)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file and the picture")
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    parser.add_argument("--cold-start", action="store_true", help="measure whole processes instead")
    return parser.parse_args()


@contextlib.contextmanager
def _progress() -> Iterator[Say]:
    """Say what is going on, on the standard error, if it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update


if __name__ == "__main__":
    sys.exit(main())
