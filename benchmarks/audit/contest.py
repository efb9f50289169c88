"""The contest: every judge on every wrong rule of the gallery, and on the right rules of the register."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from benchmarks.audit.judges import Judge
from benchmarks.machine import ForeignLoad, machine
from chainrule import audit
from chainrule.audit import diagnosis
from chainrule.audit.mutants import MUTANTS
from chainrule.rule import Rule

__all__ = ["DERIVATIVE", "OTHER", "RIGHT", "Trial", "contest", "right_rules", "verdict", "wrong_rules"]

DERIVATIVE = "wrong derivative"
OTHER = "other fault"  # shows in no derivative at any arguments: a wrong forward pass, vmap, retracing, dead residuals
RIGHT = "right rule"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """One rule with the arguments that all judges get.

    Attributes:
        name: the mutant, or the entry of the register and its case.
        room: where it belongs: ``"softmax"``, ``"losses"``, ...
        kind: ``DERIVATIVE``, ``OTHER`` or ``RIGHT``: what there is to find.
        rule: the rule.
        args: its array arguments, pytrees of NumPy arrays.
        static: its static arguments.
        reference: an independent answer for the output, or None.
    """

    name: str
    room: str
    kind: str
    rule: Rule
    args: tuple[Any, ...]
    static: dict[str, Any] = field(default_factory=dict)
    reference: Callable[..., Any] | None = None


def wrong_rules(seed: int = 0) -> list[Trial]:
    """The gallery of wrong rules, each with arguments drawn by ``seed``."""
    return [
        Trial(
            mutant.name,
            mutant.room,
            OTHER if mutant.argument is None or mutant.pattern == diagnosis.VMAP else DERIVATIVE,
            mutant.rule,
            mutant.make(np.random.default_rng(seed)),
            mutant.static,
            mutant.reference,
        )
        for mutant in MUTANTS
    ]


def right_rules(seed: int = 0) -> list[Trial]:
    """The typical cases of the register, each with arguments drawn by ``seed``."""
    found = []
    for entry in audit.rules():
        for number, case in enumerate(case for case in entry.cases if case.kind == "typical"):
            name = f"{entry.name}, {case.title or f'typical case {number + 1}'}"
            args = case.make(np.random.default_rng(seed))
            found.append(Trial(name, entry.room, RIGHT, entry.rule, args, case.static, entry.reference))
    return found


def verdict(judge: Judge, trial: Trial) -> dict[str, Any]:
    """What a judge says of one rule: whether it raises an alarm, in how many seconds, and the error that it stopped at.

    Whatever a judge raises that is not its own way to say no is an alarm too: a test that stops at an error has failed.
    """
    function, error = judge.load(), ""
    start = time.perf_counter()
    try:
        with warnings.catch_warnings(action="ignore"):  # of overflow, say: a warning is no verdict
            alarm = function(trial.rule, trial.args, trial.static, trial.reference)
    except Exception as raised:  # wrong rules raise all kinds of things, and which ones is the judge's affair
        alarm, error = True, f"{type(raised).__name__}: {str(raised).partition(chr(10))[0]}"
    return {"alarm": bool(alarm), "seconds": time.perf_counter() - start, "error": error}


def contest(judges: Iterable[Judge], wrong: list[Trial], right: list[Trial], say: Say) -> dict[str, Any]:
    """Put all rules before every judge, and count.

    Each judge begins with no compiled program and one right rule that is not counted, so that imports and first
    compilations are not in its times.

    Args:
        judges: who judges.
        wrong: wrong rules.
        right: right rules.
        say: is told what is going on.

    Raises:
        ValueError: when there is no judge, no wrong rule or no right one.
    """
    judges = list(judges)
    if not judges or not wrong or not right:
        raise ValueError(
            "the contest needs at least one judge, one wrong and one right rule, "
            f"got {len(judges)}, {len(wrong)} and {len(right)}"
        )
    trials = [*wrong, *right]
    rows = [{"name": trial.name, "room": trial.room, "kind": trial.kind} for trial in trials]
    load, own = ForeignLoad(), time.process_time()
    results: dict[str, Any] = {"machine": machine(), "versions": _versions(judges), "trials": rows, "judges": {}}
    for judge in judges:
        say(f"{judge.title}: warming up")
        jax.clear_caches()
        verdict(judge, right[0])
        verdicts = []
        for number, trial in enumerate(trials, 1):
            say(f"{judge.title}: {number} of {len(trials)}, {trial.name}")
            verdicts.append(verdict(judge, trial))
        results["judges"][judge.name] = {
            "title": judge.title,
            "settings": judge.settings,
            "counts": _counts(trials, verdicts),
            "median_seconds": statistics.median(v["seconds"] for v in verdicts),
            "verdicts": verdicts,
        }
    results["foreign_load"] = load.read(time.process_time() - own)
    return results


def _counts(trials: list[Trial], verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    """How many alarms there are of how many rules, by kind and, of wrong derivatives, by room."""
    by_kind = {kind: [0, 0] for kind in (DERIVATIVE, OTHER, RIGHT)}
    by_room: dict[str, list[int]] = {}
    for trial, found in zip(trials, verdicts, strict=True):
        tallies = [by_kind[trial.kind]]
        if trial.kind == DERIVATIVE:
            tallies.append(by_room.setdefault(trial.room, [0, 0]))
        for tally in tallies:
            tally[0] += found["alarm"]
            tally[1] += 1
    return {"kinds": by_kind, "rooms": by_room, "errors": sum(bool(found["error"]) for found in verdicts)}


def _versions(judges: list[Judge]) -> dict[str, str]:
    packages = dict.fromkeys(["jax", *(package for judge in judges for package in judge.needs)])
    return {package: version(package) for package in packages}
