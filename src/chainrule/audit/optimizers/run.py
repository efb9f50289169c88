"""Running the checks on one optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path

from chainrule.audit.optimizers.checks import CHECKS, EAGER, OF_KIND
from chainrule.audit.optimizers.compare import Finding
from chainrule.audit.optimizers.formula import as_pair
from chainrule.audit.optimizers.names import TOLERANCES, UNITS
from chainrule.audit.optimizers.trial import Trial
from chainrule.audit.report import Check, Place
from chainrule.checks import describe

__all__ = ["check_optimizer"]


def check_optimizer(
    name: str,
    optimizer: Any,
    formula: Any,
    params: Any,
    *,
    steps: int = 6,
    seed: int = 0,
    case: str = "typical",
    kind: str = "typical",
    thorough: bool = True,
) -> Iterator[Check]:
    """Check an optimiser against its formula; the checks are run one by one, as they are asked for.

    Gradients are drawn with both signs and magnitudes from 1e-4 to 1e3, one step of them zeros; then, for the
    formula alone, from the standard normal distribution. The formula is given the
    params of the optimiser's own trajectory, so that an error does not feed on itself.

    Args:
        name: the optimiser's name, which begins the message of an error.
        optimizer: an object with ``init`` and ``update``, or a pair of these functions.
        formula: a :class:`Formula`, or anything else with its ``init`` and ``update``.
        params: a tree of floating-point NumPy arrays; use unequal shapes, a scalar and an empty leaf among them.
        steps: how many steps, at least 2.
        seed: of the gradients.
        case: what the checks name as their case.
        kind: ``"typical"`` for all checks, ``"more"`` for a further setting of an optimiser that has passed them: its
            updates in float64 and their tree.
        thorough: run two steps eagerly as well, to which the compiled ones are compared.

    Raises:
        ValueError: an optimiser or formula without ``init`` and ``update``, params without floating-point numbers or with
            other leaves, fewer than 2 steps, another kind.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise ValueError(f"{name}: steps must be a whole number of at least 2, got {steps!r}")
    if kind not in OF_KIND:
        raise ValueError(f"{name}: kind must be one of {', '.join(OF_KIND)}, got {kind!r}")
    for path, leaf in tree_leaves_with_path(params):
        if not jnp.issubdtype(getattr(leaf, "dtype", type(leaf)), jnp.floating):
            raise ValueError(f"{name}: params{keystr(path)} must be of floating-point numbers, got {describe(leaf)}")
    if not any(np.size(leaf) for leaf in jax.tree.leaves(params)):
        raise ValueError(f"{name}: params must hold at least one floating-point number, got {params!r}")
    pairs = as_pair(name, "optimizer", optimizer), as_pair(name, "formula", formula)
    names = tuple(name for name in OF_KIND[kind] if thorough or name not in EAGER)
    return _run_checks(Trial(optimizer, *pairs, params, steps, seed, thorough), case, names)


def _run_checks(trial: Trial, case: str, names: tuple[str, ...]) -> Iterator[Check]:
    for name in names:
        tolerance = TOLERANCES[name]
        try:
            # 0/0 in a formula or an optimiser is a finding, not a warning of NumPy's
            with jax.enable_x64(True), np.errstate(all="ignore"):
                found = CHECKS[name](trial)
        except Exception as error:  # whatever a wrong optimiser raises is a finding, not a crash of the audit
            lines = str(error).splitlines()
            found = Finding(math.inf, f"{type(error).__name__}: {lines[0] if lines else ''}", Place(0))
        if found.figure <= tolerance:
            found = Finding(found.figure)
        ok, unit = found.figure <= tolerance, UNITS.get(name, "relative")
        yield Check(name, case, ok, float(found.figure), tolerance, *found[1:], unit=unit)
