"""What an audit found: one row a check, each with its figure, its tolerance and its verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Check", "Report"]


@dataclass(frozen=True)
class Check:
    """One check of one case.

    Attributes:
        name: what was compared, ``"hand against autodiff"``.
        case: the inputs that it was compared on.
        ok: the verdict.
        figure: the largest relative error, or the number of faults.
        tolerance: the largest figure that passes.
        detail: where the fault is; empty when there is none.
    """

    name: str
    case: str
    ok: bool
    figure: float
    tolerance: float
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """All checks of one rule."""

    subject: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed; a report without checks has proved nothing."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.ok)

    def worst(self, name: str) -> float | None:
        """The largest figure among the checks of this name, or None where there was none."""
        return max((check.figure for check in self.checks if check.name == name), default=None)

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {"subject": self.subject, "ok": self.ok, "checks": [asdict(check) for check in self.checks]}

    def __str__(self) -> str:
        verdict = "passes" if self.ok else f"fails {len(self.failures)} of {len(self.checks)} checks"
        lines = [f"{self.subject} {verdict}"]
        for check in self.checks:
            mark = "ok  " if check.ok else "FAIL"
            lines.append(f"  {mark} {check.name:<24} {check.figure:9.1e} <= {check.tolerance:7.0e}  {check.case}")
            if check.detail:
                lines.append(f"       {check.detail}")
        return "\n".join(lines)
