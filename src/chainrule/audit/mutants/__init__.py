"""The gallery: rules and optimisers that are wrong on purpose, one module a kind of mathematics.

An audit that lets one of them through is worth nothing. Each has one mistake that people really make, in one place, and
says which argument's cotangent it spoils and what a good audit would say that it looks like.
"""

from chainrule.audit.mutants import (
    affine,
    attention,
    combinators,
    construction,
    convolution,
    elementwise,
    embedding,
    losses,
    normalization,
    randomness,
    recurrence,
    reductions,
    softmax,
)
from chainrule.audit.mutants.mutant import Mutant
from chainrule.audit.mutants.optimizers import OPTIMIZER_MUTANTS
from chainrule.audit.mutants.run import check_mutants, first_failure, report_on
from chainrule.audit.mutants.steps import OptimizerMutant

__all__ = [
    "MUTANTS",
    "OPTIMIZER_MUTANTS",
    "Mutant",
    "OptimizerMutant",
    "check_mutants",
    "first_failure",
    "report_on",
]

MUTANTS: list[Mutant] = [
    *elementwise.MUTANTS,
    *affine.MUTANTS,
    *softmax.MUTANTS,
    *losses.MUTANTS,
    *reductions.MUTANTS,
    *normalization.MUTANTS,
    *convolution.MUTANTS,
    *recurrence.MUTANTS,
    *attention.MUTANTS,
    *embedding.MUTANTS,
    *randomness.MUTANTS,
    *combinators.MUTANTS,
    *construction.MUTANTS,
]
