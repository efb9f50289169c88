"""Figures of the sources that are wrong or misleading, each decided by code that runs on the spot.

An :class:`Erratum` holds what was printed, what is correct, and a function that computes both: the correct figure in at
least two independent ways, and the printed one by the mistake that gives it. ``settle`` runs it, and finds the printed
figure wrong, or right, or cannot decide. Everything is computed in float64, and no configuration is changed.
"""

from chainrule.course.errata import calculus, linear_algebra, probability
from chainrule.course.errata.erratum import SOURCES, Erratum, Evidence, Finding, Verdict
from chainrule.course.errata.page import page

__all__ = ["ERRATA", "SOURCES", "Erratum", "Evidence", "Finding", "Verdict", "find", "page"]

ERRATA: tuple[Erratum, ...] = (*linear_algebra.ERRATA, *calculus.ERRATA, *probability.ERRATA)
"""Every erratum, in the order of the syllabus."""


def find(id: str) -> Erratum:
    """Find the erratum of an id, in upper or lower case.

    Raises:
        ValueError: when there is none; the message names all ids.
    """
    for erratum in ERRATA:
        if erratum.id.lower() == id.lower():
            return erratum
    raise ValueError(f"there is no erratum {id!r}; there are {', '.join(erratum.id for erratum in ERRATA)}")
