"""The figures of the lessons: each a function without required arguments that returns a matplotlib ``Figure``."""

from chainrule.course.figures import calculus, linear_algebra, numerics, probability, statistics

__all__ = ["calculus", "linear_algebra", "numerics", "probability", "statistics"]
