"""Figures of the calculus: slopes, gradients, integrals, ways down."""

from chainrule.course.figures.calculus.derivatives import difference_errors, parabola_and_slope
from chainrule.course.figures.calculus.descent import descent_paths, descent_rates, three_methods_on_the_bowl
from chainrule.course.figures.calculus.gradients import gradient_field, taylor_polynomials
from chainrule.course.figures.calculus.integrals import quadrature_errors, quadrature_shapes

__all__ = [
    "descent_paths",
    "descent_rates",
    "difference_errors",
    "gradient_field",
    "parabola_and_slope",
    "quadrature_errors",
    "quadrature_shapes",
    "taylor_polynomials",
    "three_methods_on_the_bowl",
]
