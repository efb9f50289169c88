"""A row of the syllabus: what is taught, and where it stands in the code."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the syllabus.

    Attributes:
        id: its letter and number: "A3".
        title: what it is about.
        functions: full dotted names of the functions that do it, of chainrule, or of JAX where JAX has them already.
        tests: where each is proved: "tests/maths/calculus/test_limits.py::test_sine_over_x".
        figures: names of the functions of ``chainrule.course.figures`` that draw it: "calculus.parabola_and_slope".
        errata: ids of the errata that belong to it.
    """

    id: str
    title: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]
    figures: tuple[str, ...] = ()
    errata: tuple[str, ...] = ()
