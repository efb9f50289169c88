"""What an audit found: one row a check, each with its figure, its tolerance, its verdict and, where it fails, the place."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Check", "Place", "Report"]


@dataclass(frozen=True)
class Place:
    """Where the largest error is.

    Attributes:
        argument: the position of the argument whose cotangent is wrong; None for the output of the forward pass.
        path: the leaf within that argument, ``"['weight']"``; empty for an argument that is an array.
        index: the element within the leaf; empty for a scalar.
        expected: the number that should be there, or NaN where no single number is wrong.
        found: the number that is there.
    """

    argument: int | None
    path: str = ""
    index: tuple[int, ...] = ()
    expected: float = math.nan
    found: float = math.nan

    @property
    def where(self) -> str:
        """The place in words: ``argument 1['weight'][2, 0]``."""
        leaf = "the output" if self.argument is None else f"argument {self.argument}"
        return f"{leaf}{self.path}{list(self.index) if self.index else ''}"

    def __str__(self) -> str:
        if math.isnan(self.expected) and math.isnan(self.found):
            return f"at {self.where}"
        return f"at {self.where}: expected {self.expected:.6g}, found {self.found:.6g}"


@dataclass(frozen=True)
class Check:
    """One check of one case.

    Attributes:
        name: what was compared, ``"hand against autodiff"``.
        case: the inputs that it was compared on.
        ok: the verdict.
        figure: the largest relative error, an order, a number of units in the last place or of faults.
        tolerance: the largest figure that passes; for an order, the smallest.
        detail: what the fault is; empty when there is none.
        place: which argument, leaf and element the fault is at, where it is at one.
        diagnosis: what mistake would look like this, where the pattern is known; see ``chainrule.audit.diagnosis``.
        also: positions of other arguments that are wrong as well.
        unit: of figure and tolerance: ``"relative"``, ``"order"``, ``"ulp"``, ``"times"`` or ``"faults"``.
    """

    name: str
    case: str
    ok: bool
    figure: float
    tolerance: float
    detail: str = ""
    place: Place | None = None
    diagnosis: str = ""
    unit: str = "relative"
    also: tuple[int, ...] = ()

    @property
    def in_words(self) -> str:
        """The figure beside its tolerance: ``1.2e-16 <= 1e-12``, ``order 2.0 >= 1.5``, ``3 ulp <= 64``."""
        if self.unit == "order":
            return f"order {self.figure:.2g} {'>=' if self.ok else '<'} {self.tolerance:.2g}"
        sign = "<=" if self.figure <= self.tolerance else ">"
        if self.unit == "ulp":
            return f"{self.figure:.3g} ulp {sign} {self.tolerance:.3g}"
        if self.unit == "times":
            return f"{self.figure:.2g} times" + (
                f" {sign} {self.tolerance:.2g}" if math.isfinite(self.tolerance) else ""
            )
        if self.unit == "faults":
            return "none" if self.figure == 0 else "1 fault" if self.figure == 1 else f"{self.figure:.0f} faults"
        return f"{self.figure:.1e} {sign} {self.tolerance:.0e}"


@dataclass(frozen=True)
class Report:
    """All checks of one subject."""

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

    @property
    def diagnosis(self) -> str:
        """What mistake the failures look like; empty where the audit knows no such pattern."""
        return next((check.diagnosis for check in self.failures if check.diagnosis), "")

    @property
    def arguments(self) -> tuple[int, ...]:
        """The positions of the arguments whose cotangents failed a check."""
        worst = [c.place.argument for c in self.failures if c.place is not None and c.place.argument is not None]
        return tuple(sorted({*worst, *(argument for check in self.failures for argument in check.also)}))

    def worst(self, name: str) -> float | None:
        """The largest figure among the checks of this name, or None where there was none."""
        return max((check.figure for check in self.checks if check.name == name), default=None)

    def to_json(self) -> dict[str, Any]:
        """The report as plain data; numbers that JSON has no word for are given as text."""
        return {
            "subject": self.subject,
            "ok": self.ok,
            "diagnosis": self.diagnosis,
            "checks": [_plain(asdict(check)) for check in self.checks],
        }

    def __str__(self) -> str:
        verdict = "passes" if self.ok else f"fails {len(self.failures)} of {len(self.checks)} checks"
        lines = [f"{self.subject} {verdict}"]
        for check in self.checks:
            mark = "ok  " if check.ok else "FAIL"
            lines.append(f"  {mark} {check.name:<25} {check.in_words:<18}  {check.case}")
            if check.detail:
                lines.append(f"       {check.detail}")
        if self.diagnosis:
            lines.append(f"  looks like: {self.diagnosis}")
        return "\n".join(lines)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
