"""An erratum, and how it is decided: what was printed against what is computed on the spot.

A number that is written with decimals stands for every number that rounds to it; a whole number for itself.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SOURCES", "Erratum", "Evidence", "Finding", "Verdict"]

SOURCES = {
    "S0": "Math and NumPy fundamentals",
    "S1": "the guide in seven steps",
    "S2": "the overview of the mathematics of deep learning",
    "S3": "the tutorial on mathematical foundations",
}
"""What the sources of the course are called."""

_WHOLE = 1e-9  # how far a computed number may lie from a whole number that it is said to be


class Verdict(StrEnum):
    """What is found of a printed figure."""

    WRONG = "printed figure is wrong"
    RIGHT = "printed figure is right"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What ``decide`` computes.

    Attributes:
        ways: independent ways to the correct figure, by name; all of one shape.
        mistake: ways to the printed figure, by name, the first of which gives it: how the error came about. Empty for
            a misprint that no computation gives.
        remarks: whatever else was found, in words.
    """

    ways: Mapping[str, npt.ArrayLike]
    mistake: Mapping[str, npt.ArrayLike] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Erratum:
    """A figure of a source that is wrong or misleading.

    Attributes:
        id: the row of the syllabus that it belongs to, and a word: "B3-sampled-derivative".
        source: the id of the source, one of ``SOURCES``.
        claim: what the source says that the figure is.
        printed: the figure as it was printed: a number, or nested lists of numbers.
        quoted: True where ``printed`` is the source's own figure to its last digit; False where it is what the method of the
            source gives on the numbers of the source or, where those are not known, on numbers of ours.
        correct: the correct figure, to as many digits.
        how: how the error came about, in a sentence or two.
        decide: computes both, without arguments, and leans on nothing but Python, NumPy and JAX.
    """

    id: str
    source: str
    claim: str
    printed: str
    quoted: bool
    correct: str
    how: str
    decide: Callable[[], Evidence]

    @property
    def code(self) -> str:
        """The source code of ``decide``."""
        return inspect.getsource(self.decide).rstrip()

    def settle(self) -> Finding:
        """Compute, compare, and return what is found."""
        return _judge(self, self.decide())


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An erratum with its evidence and the verdict.

    Attributes:
        erratum: what was decided.
        evidence: what was computed.
        verdict: wrong, right, or undecided.
        reason: why it is undecided; empty otherwise.
    """

    erratum: Erratum
    evidence: Evidence
    verdict: Verdict
    reason: str = ""

    @property
    def stands(self) -> bool:
        """Whether the erratum is one: the printed figure is wrong, and the correct one is what is computed."""
        return self.verdict is Verdict.WRONG

    def written(self, value: npt.ArrayLike, *, like_printed: bool = False, most: int = 16) -> str:
        """Write a computed figure with the decimals of the correct one, or of the printed one, and ``most`` at the most."""
        text = self.erratum.printed if like_printed else self.erratum.correct
        return _written(np.asarray(value, dtype=np.float64).tolist(), min(_decimals(text), most))

    def to_json(self) -> dict[str, Any]:
        """Everything, in types that JSON has; figures unrounded."""
        erratum, evidence = self.erratum, self.evidence
        plain = {
            part: {name: np.asarray(value, dtype=np.float64).tolist() for name, value in figures.items()}
            for part, figures in (("ways", evidence.ways), ("mistake", evidence.mistake))
        }
        return {
            "id": erratum.id,
            "source": erratum.source,
            "claim": erratum.claim,
            "printed": json.loads(erratum.printed),
            "quoted": erratum.quoted,
            "correct": json.loads(erratum.correct),
            "how": erratum.how,
            **plain,
            "remarks": dict(evidence.remarks),
            "verdict": str(self.verdict),
            "reason": self.reason,
            "stands": self.stands,
        }


def _judge(erratum: Erratum, evidence: Evidence) -> Finding:
    def found(verdict: Verdict, reason: str = "") -> Finding:
        return Finding(erratum=erratum, evidence=evidence, verdict=verdict, reason=reason)

    if len(evidence.ways) < 2:
        return found(Verdict.UNDECIDED, "one way alone decides nothing")
    off = [name for name, value in evidence.ways.items() if not _agree(erratum.correct, value)]
    # That all ways agree with a figure that is near the printed one is not enough to call that one wrong.
    if all(_agree(erratum.printed, value) for value in evidence.ways.values()):
        return found(Verdict.RIGHT)
    if off:
        return found(Verdict.UNDECIDED, f"the figure that is said to be correct is not that of: {', '.join(off)}")
    if evidence.mistake and not _agree(erratum.printed, next(iter(evidence.mistake.values()))):
        return found(Verdict.UNDECIDED, "the mistake that is said to be made does not give the printed figure")
    return found(Verdict.WRONG)


def _agree(text: str, value: npt.ArrayLike) -> bool:
    """Whether a computed figure is the one that is written."""
    stated, computed = np.asarray(json.loads(text), dtype=np.float64), np.asarray(value, dtype=np.float64)
    if stated.shape != computed.shape:
        return False
    decimals = _decimals(text)
    # Beyond half a unit of the last decimal: rounding errors of a sum of some numbers in float64.
    rounding = 4 * np.finfo(np.float64).eps * np.abs(stated)
    tolerance = 0.5 * 10.0**-decimals if decimals else _WHOLE
    return bool(np.all(np.abs(stated - computed) <= tolerance + rounding))


def _decimals(text: str) -> int:
    """Count the decimals of the number in a text that has most of them."""
    return max((len(decimals) for decimals in re.findall(r"\.(\d+)", text)), default=0)


def _written(value: Any, decimals: int) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_written(part, decimals) for part in value)}]"
    # Adding zero makes -0 a zero.
    return f"{round(value, decimals) + 0.0:.{decimals}f}"
