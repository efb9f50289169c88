"""``python -m benchmarks.audit``: put the same rules before every judge, and print who raised an alarm.

With ``--mechanical``, count instead how many mechanical mutants the audit catches; with ``--false-alarms``, how many right
functions of JAX it raises an alarm on.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.audit import false_alarms, mechanical, tables
from benchmarks.audit.contest import Say, contest, right_rules, wrong_rules
from benchmarks.audit.judges import JUDGES


def main() -> int:
    """Run the command, and return its exit status: 1 when it could not be run, or what it found is not as it should be."""
    options = _parse()
    if options.mechanical:
        return _mechanical(options)
    return _false_alarms(options) if options.false_alarms else _contest(options)


def _mechanical(options: argparse.Namespace) -> int:
    """Fails when a mutant survives, and it is not written down why."""
    results = mechanical.examine(options.rooms or mechanical.ROOMS, options.seed)
    mechanical.show(results)
    _write(results, options.json)
    return 1 if mechanical.unexplained(results) else 0


def _false_alarms(options: argparse.Namespace) -> int:
    """Fails when there is an alarm."""
    try:
        functions = false_alarms.correct_functions()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    results = false_alarms.count(functions, options.cases or 1000)
    false_alarms.show(results)
    _write(results, options.json)
    return 1 if results["alarms"] else 0


def _contest(options: argparse.Namespace) -> int:
    """Fails when there was no judge at all."""
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
    _write(results, options.json)
    return 0


def _write(results: dict[str, Any], path: Path | None) -> None:
    if path is not None:
        tables.write(results, path)
        print(f"written: {path}", file=sys.stderr)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--mechanical", action="store_true", help="the mechanical mutants before the audit (minutes)")
    what.add_argument(
        "--false-alarms",
        action="store_true",
        help="right functions of JAX before the audit (minutes); they are read from tests/, so from the repository's top",
    )
    contest = parser.add_argument_group("of the judges")
    contest.add_argument("--only", action="append", choices=JUDGES, help="ask this judge alone; may be repeated")
    contest.add_argument(
        "--verbose", action="store_true", help="list what each judge lets through, refuses or stops at"
    )
    contest.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    rooms = ", ".join(mechanical.ROOMS)
    parser.add_argument(
        "--rooms", nargs="+", metavar="ROOM", choices=mechanical.ROOMS, help=f"with --mechanical: {rooms}"
    )
    parser.add_argument("--cases", type=_positive, metavar="N", help="with --false-alarms: how many (default: 1000)")
    parser.add_argument("--seed", type=int, help="of the arguments, for judges and mutants (default: 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found to this file")
    options = parser.parse_args()
    special = options.mechanical or options.false_alarms
    for given, allowed, option, mode in (
        (options.rooms, options.mechanical, "--rooms", "--mechanical"),
        (options.cases, options.false_alarms, "--cases", "--false-alarms"),
        (options.only, not special, "--only", "the judges"),
        (options.verbose, not special, "--verbose", "the judges"),
        (options.markdown, not special, "--markdown", "the judges"),
        (options.seed is not None, not options.false_alarms, "--seed", "the judges and --mechanical"),
    ):
        if given and not allowed:
            parser.error(f"{option} is for {mode}")
    options.seed = options.seed or 0
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


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
