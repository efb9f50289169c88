"""The survey: every mutation of every entry against an audit, and how many it catches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

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
from chainrule.audit.side_by_side import in_threads

__all__ = ["ORDER", "Audit", "FirstFailure", "Result", "Survey", "survey"]

ORDER = ("typical", "more", "kink", "degenerate", "extreme")

FirstFailure = Callable[[Mutated, Sequence[int]], "Check | None"]
"""``first_failure(mutated, numbers)``: the first check that a rule fails at the cases of these numbers, or None."""

Audit = Callable[[Entry, int], FirstFailure]
"""``audit(entry, seed)`` makes ready what all mutants of an entry share; threads call it, and what it returns."""


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
    audit: Audit,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    kinds: tuple[str, ...] = ("typical",),
    choose: Callable[[list[Mutation]], list[Mutation]] | None = None,
) -> Survey:
    """Try every mutation of the entries on their cases, until one case catches it; several side by side.

    Args:
        entries: of the register.
        audit: makes ready the audit of one entry; ``battery.Battery`` is the register's own.
        seed: of the cases' arguments.
        progress: called with how many mutations are done, and how many there are.
        kinds: of the cases whose code is mutated; see ``mutations``.
        choose: chooses among the mutations of all entries; without it, all are tried.

    A case whose backward pass does not hold what a mutation changes is not tried: the rule is right there.

    Raises:
        ValueError: when the audit fails a rule that nothing was changed in: it would catch everything and prove nothing.
    """
    by_name = {entry.name: entry for entry in entries}
    chosen = [mutation for entry in by_name.values() for mutation in mutations(entry, kinds)]
    chosen = chosen if choose is None else choose(chosen)
    used = [entry for name, entry in by_name.items() if name in {mutation.entry for mutation in chosen}]
    trials = {trial.entry.name: trial for trial in in_threads(lambda entry: _Trial(entry, audit, seed), used)}
    results = list[Result]()
    for result in in_threads(lambda mutation: trials[mutation.entry].of(mutation), chosen):
        results.append(result)
        if progress is not None:
            progress(len(results), len(chosen))
    return Survey(tuple(results))


class _Trial:
    """An entry with its backward pass at each case, and the audit that has passed the rule as it is."""

    def __init__(self, entry: Entry, audit: Audit, seed: int) -> None:
        self.entry, self.first_failure = entry, audit(entry, seed)
        self.numbers = sorted(range(len(entry.cases)), key=lambda number: ORDER.index(entry.cases[number].kind))
        self.programs = [program_of(entry, case, seed + number)[0] for number, case in enumerate(entry.cases)]
        check = self.first_failure(Mutated(entry.rule, unmutated(entry)), self.numbers)
        if check is not None:
            raise ValueError(f"the audit fails {entry.name} unchanged: {check.name}, {check.case}: {check.detail}")

    def of(self, mutation: Mutation) -> Result:
        """Try one mutation on the cases that hold what it changes."""
        fitting = [number for number in self.numbers if mutation.fits(self.programs[number])]
        return Result(mutation, self.first_failure(Mutated(self.entry.rule, mutation), fitting))
