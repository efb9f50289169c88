"""Numerics: floating point to the bit, sums without round-off, stable formulas."""

from chainrule.maths.numerics.anatomy import FORMATS, FloatAnatomy, Kind, binary_expansion, float_anatomy
from chainrule.maths.numerics.cancellation import (
    Roots,
    quadratic_roots,
    textbook_quadratic_roots,
    textbook_variance,
    welford_variance,
)
from chainrule.maths.numerics.conditioning import relative_condition
from chainrule.maths.numerics.stability import (
    StabilityCase,
    naive_log_sigmoid,
    naive_log_softmax,
    naive_logsumexp,
    naive_sigmoid,
    naive_softmax,
    naive_softplus,
    stability_cases,
)
from chainrule.maths.numerics.summation import kahan_sum, neumaier_sum, pairwise_sum, sequential_sum, two_sum

__all__ = [
    "FORMATS",
    "FloatAnatomy",
    "Kind",
    "Roots",
    "StabilityCase",
    "binary_expansion",
    "float_anatomy",
    "kahan_sum",
    "naive_log_sigmoid",
    "naive_log_softmax",
    "naive_logsumexp",
    "naive_sigmoid",
    "naive_softmax",
    "naive_softplus",
    "neumaier_sum",
    "pairwise_sum",
    "quadratic_roots",
    "relative_condition",
    "sequential_sum",
    "stability_cases",
    "textbook_quadratic_roots",
    "textbook_variance",
    "two_sum",
    "welford_variance",
]
