"""The syllabus: what the sources teach, row by row, with the functions, tests and figures that stand for each."""

from chainrule.course.syllabus import calculus, linear_algebra, numerics, probability
from chainrule.course.syllabus.row import Row

__all__ = ["ROWS", "Row"]

ROWS: tuple[Row, ...] = (*linear_algebra.ROWS, *calculus.ROWS, *probability.ROWS, *numerics.ROWS)
"""Every row, in order."""
