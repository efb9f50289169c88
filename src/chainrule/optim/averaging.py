"""Weight averaging: a moving average of the params, which often predicts better than the last of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from chainrule.optim.leaves import bias_correction, first, following, full_like, leafwise, scalar
from chainrule.optim.optimizer import Hyperparameters, require

__all__ = ["Ema", "EmaState", "ema"]


class EmaState(NamedTuple):
    """The number of params seen, int32, and their moving average as it began, at zero."""

    steps: jax.Array
    average: Any


def ema(decay: Any, debias: bool = True) -> Ema:
    """An exponential moving average of the params.

    ::

        a ← β a + (1 - β) w,  a_0 = 0        the average handed out: a / (1 - β^t), or a without debias

    With ``debias`` the average of params that do not change is those params, from the first step on. It has
    two functions, ``init(params) -> state`` and ``update(params, state) -> (averaged, state)``. As
    ``optax.ema`` fed with params. Averages have the dtype of the params; in bfloat16 a decay above 0.99
    hardly moves them.

    Args:
        decay: β in [0, 1), what is left of the average after a step.
        debias: divide by 1 - β^t.

    Raises:
        ValueError: a decay out of its range.

    Source: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992; the correction
    is Adam's.
    """
    require("ema", "at least 0 and below 1", decay=decay)
    return Ema(decay, bool(debias))


@dataclass(frozen=True)
class Ema(Hyperparameters):
    """An exponential moving average of the params; see :func:`ema`."""

    decay: Any
    debias: bool = True

    def init(self, params: Any) -> EmaState:
        """The average begins at zero."""
        return EmaState(first(), full_like("ema", params))

    def update(self, params: Any, state: EmaState) -> tuple[Any, EmaState]:
        """Take in the params of a step; ``(averaged, state)``, the average ready for use."""
        count = following(state.steps)

        @functools.cache
        def scalars(dtype: Any) -> tuple[jax.Array, ...]:
            correction = bias_correction(self.decay, count, dtype)
            return (
                scalar("ema", "decay", self.decay, dtype),
                scalar("ema", "decay", 1 - self.decay, dtype),
                correction,
            )

        def step(w: Any, a: Any) -> tuple[Any, ...]:
            decay, fresh, correction = scalars(w.dtype)
            a = decay * a + fresh * w
            return a / correction if self.debias else a, a

        averaged, average = leafwise("ema", step, params, (state.average,))
        return averaged, EmaState(count, average)
