"""The audit of an optimiser: its updates against its formula, and what JAX makes of it.

An optimiser is ``init(params) -> state`` and ``update(grads, state, params) -> (updates, state)``: one of
``chainrule.optim``, one of Optax, or a pair of functions. Its formula is an independent optimiser in NumPy, float64, told
the step from outside; see :mod:`chainrule.audit.optimizers.formula`.
"""

from chainrule.audit.optimizers.diagnosis import diagnose_optimizer
from chainrule.audit.optimizers.formula import Formula, leafwise
from chainrule.audit.optimizers.names import TOLERANCES
from chainrule.audit.optimizers.run import check_optimizer

__all__ = ["TOLERANCES", "Formula", "check_optimizer", "diagnose_optimizer", "leafwise"]
