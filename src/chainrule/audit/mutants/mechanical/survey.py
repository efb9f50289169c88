"""The survey: every mutation of every entry against an audit, and how many it catches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.audit.mutants.mechanical.mutation import (
    OPERATORS,
    Mutated,
    Mutation,
    mutations,
    program_of,
    unmutated,
)
from chainrule.audit.registry import Entry
from chainrule.audit.report import Check
from chainrule.rule import Rule

__all__ = ["ORDER", "FirstFailure", "Result", "Survey", "survey"]

ORDER = ("typical", "more", "kink", "degenerate", "extreme")

FirstFailure = Callable[[Rule, "tuple[Any, ...]", "dict[str, Any]", "Callable[..., Any] | None", str], "Check | None"]


@dataclass(frozen=True)
class Result:
    """What became of a mutation.

    Attributes:
        mutation: the change.
        check: the first check that failed, or None where none did.
    """

    mutation: Mutation
    check: Check | None


@dataclass(frozen=True)
class Survey:
    """What became of all mutations."""

    results: tuple[Result, ...]

    @property
    def total(self) -> int:
        """How many mutations there were."""
        return len(self.results)

    @property
    def survivors(self) -> tuple[Mutation, ...]:
        """The mutations that no check caught."""
        return tuple(result.mutation for result in self.results if result.check is None)

    @property
    def caught(self) -> float:
        """The fraction that was caught; 0 where nothing was tried, for then nothing is proved."""
        return (self.total - len(self.survivors)) / self.total if self.total else 0.0

    @property
    def by_operator(self) -> dict[str, tuple[int, int]]:
        """Of each operator that occurs, how many mutations were caught, and how many there were."""
        counts = self._counts(lambda mutation: mutation.operator)
        return {name: counts[name] for name in OPERATORS if name in counts}

    @property
    def by_entry(self) -> dict[str, tuple[int, int]]:
        """Of each entry, how many mutations were caught, and how many there were."""
        return self._counts(lambda mutation: mutation.entry)

    @property
    def by_check(self) -> dict[str, int]:
        """How many mutations each check was the first to catch, the busiest first."""
        return dict(Counter(result.check.name for result in self.results if result.check is not None).most_common())

    def _counts(self, key: Callable[[Mutation], str]) -> dict[str, tuple[int, int]]:
        total = Counter(key(result.mutation) for result in self.results)
        missed = Counter(key(mutation) for mutation in self.survivors)
        return {name: (count - missed[name], count) for name, count in total.items()}

    def __str__(self) -> str:
        lines = [f"{self.total - len(self.survivors)} of {self.total} mutations caught, {100 * self.caught:.2f} %"]
        for title, counts in (("by operator", self.by_operator), ("by entry", self.by_entry)):
            lines.append(title)
            lines += [f"  {name:<28} {caught:5d} of {total:5d}" for name, (caught, total) in counts.items()]
        lines.append("by check")
        lines += [f"  {name:<28} {count:5d}" for name, count in self.by_check.items()]
        if self.survivors:
            lines.append("survivors")
            lines += [f"  {mutation.title}" for mutation in self.survivors]
        return "\n".join(lines)


def survey(
    entries: Iterable[Entry],
    first_failure: FirstFailure,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    kinds: tuple[str, ...] = ("typical",),
) -> Survey:
    """Try every mutation of the entries on their cases, until one case catches it.

    Args:
        entries: of the register.
        first_failure: the audit: ``first_failure(rule, args, static, reference, case_title)`` returns the first check that
            fails, or None.
        seed: of the cases' arguments.
        progress: called with how many mutations are done, and how many there are.
        kinds: of the cases whose code is mutated; see ``mutations``.

    A case whose backward pass does not hold what a mutation changes is not tried: the rule is right there.

    Raises:
        ValueError: when the audit fails a rule that nothing was changed in: it would catch everything and prove nothing.
    """
    chosen = [(entry, mutations(entry, kinds)) for entry in entries]
    total, results = sum(len(found) for _, found in chosen), list[Result]()
    for entry, found in chosen:
        cases = []
        for number, case in enumerate(entry.cases):
            args = case.make(np.random.default_rng(seed + number))
            cases.append((case, args, program_of(entry, case, seed + number)[0]))
        cases.sort(key=lambda item: ORDER.index(item[0].kind))
        for case, args, _ in cases:
            title = case.title or case.kind
            right = Mutated(entry.rule, unmutated(entry))
            check = first_failure(right, args, case.static, entry.reference, title)
            if check is not None:
                raise ValueError(f"the audit fails {entry.name} unchanged: {check.name}, {title}: {check.detail}")
        for mutation in found:
            rule = Mutated(entry.rule, mutation)
            check = None
            for case, args, program in cases:
                if mutation.fits(program):
                    check = first_failure(rule, args, case.static, entry.reference, case.title or case.kind)
                if check is not None:
                    break
            results.append(Result(mutation, check))
            if progress is not None:
                progress(len(results), total)
    return Survey(tuple(results))
