"""Putting wrong rules and optimisers through the checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from chainrule.audit.checks import CHECKS, check_extremes, check_kinks, run_checks
from chainrule.audit.inputs import Inputs
from chainrule.audit.mutants.mutant import Mutant
from chainrule.audit.mutants.steps import OptimizerMutant
from chainrule.audit.optimizers import check_optimizer
from chainrule.audit.report import Check, Report
from chainrule.audit.run import report_of
from chainrule.audit.side_by_side import in_threads
from chainrule.audit.subject import subject_of

__all__ = ["check_mutants", "first_failure", "report_on"]

_CHECKS = (*CHECKS, check_extremes, check_kinks)


def first_failure(mutant: Mutant | OptimizerMutant, seed: int = 0) -> Check | None:
    """The first check that a wrong rule or optimiser fails, or None if it passes them all.

    No further check runs, so a place or a diagnosis that only a later one would find is not looked for; the whole report is
    ``report_on``'s.
    """
    if isinstance(mutant, OptimizerMutant):
        checks = _checks_of_optimizer(mutant, seed)
    else:
        checks = run_checks(_inputs(mutant, seed), _CHECKS)
    return next((check for check in checks if not check.ok), None)


def report_on(mutant: Mutant | OptimizerMutant, seed: int = 0) -> Report:
    """The whole report on a wrong rule or optimiser."""
    if isinstance(mutant, OptimizerMutant):
        return Report(mutant.name, tuple(_checks_of_optimizer(mutant, seed)))
    return report_of(_inputs(mutant, seed), _CHECKS)


def _inputs(mutant: Mutant, seed: int) -> Inputs:
    args = mutant.make(np.random.default_rng(seed))
    return Inputs(subject_of(mutant.rule, static=mutant.static), args, mutant.reference, "planted", seed)


def _checks_of_optimizer(mutant: OptimizerMutant, seed: int) -> Iterator[Check]:
    (params,) = mutant.make(np.random.default_rng(seed))
    return check_optimizer(mutant.name, mutant.optimizer, mutant.formula, params, seed=seed, case="planted")


def check_mutants(
    chosen: Sequence[Mutant | OptimizerMutant], seed: int = 0
) -> Iterator[tuple[Mutant | OptimizerMutant, Check | None]]:
    """Put wrong rules and optimisers through the checks side by side; yield each with the first check that it fails."""
    yield from in_threads(lambda mutant: (mutant, first_failure(mutant, seed)), list(chosen))
