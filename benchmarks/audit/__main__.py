"""``python -m benchmarks.audit``: put the same rules before every judge, and print who raised an alarm."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.audit import tables
from benchmarks.audit.contest import Say, contest, right_rules, wrong_rules
from benchmarks.audit.judges import JUDGES


def main() -> int:
    """Run the command, and return its exit status: 1 when there was no judge at all."""
    options = _parse()
    judges, skipped = [], []
    for name in options.only or JUDGES:
        line = JUDGES[name].missing()
        if line is None:
            judges.append(JUDGES[name])
        else:
            print(line, file=sys.stderr)
            skipped.append({"name": name, "line": line})
    if not judges:
        return 1
    with _progress() as say:
        results = contest(judges, wrong_rules(options.seed), right_rules(options.seed), say)
    results |= {"seed": options.seed, "skipped": skipped}
    if options.markdown:
        print(tables.markdown(results))
        if options.verbose:
            print("\n".join(["", *tables.missed(results)]))
    else:
        tables.show(results, options.verbose)
    if options.json is not None:
        tables.write(results, options.json)
        print(f"written: {options.json}", file=sys.stderr)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--only", action="append", choices=JUDGES, help="ask this judge alone; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="of the arguments that all judges get (default: 0)")
    parser.add_argument("--verbose", action="store_true", help="list what each judge lets through, refuses or stops at")
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every verdict and its time to this file")
    return parser.parse_args()


@contextlib.contextmanager
def _progress() -> Iterator[Say]:
    """Say what is going on, on the standard error, if it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("starting") as status:
        yield lambda text: status.update(escape(text))


if __name__ == "__main__":
    sys.exit(main())
