"""Optimisers, learning-rate schedules, gradient clipping and weight averaging, interchangeable with Optax's.

An optimiser is a pair of pure functions, ``init(params) -> state`` and ``update(grads, state, params=None) ->
(updates, state)``; see :mod:`chainrule.optim.optimizer`. Nothing here differentiates: gradients come from the
caller.

::

    rate = optim.cosine(1e-3, steps=1000, warmup_steps=100)
    opt = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(rate))
    state = opt.init(params)
    updates, state = opt.update(grads, state, params)
    params = optim.apply_updates(params, updates)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from chainrule.optim.adagrad import adagrad
from chainrule.optim.adam import adam, adamw, nadam
from chainrule.optim.averaging import ema
from chainrule.optim.chain import chain
from chainrule.optim.clipping import clip_by_global_norm, clip_by_value, global_norm
from chainrule.optim.lion import lion
from chainrule.optim.optimizer import Hyperparameters, Optimizer, apply_updates
from chainrule.optim.rmsprop import rmsprop
from chainrule.optim.schedules import Schedule, constant, cosine, exponential, one_cycle, step
from chainrule.optim.sgd import momentum, nesterov, sgd

__all__ = [
    "OPTIMIZERS",
    "Hyperparameters",
    "Optimizer",
    "Schedule",
    "adagrad",
    "adam",
    "adamw",
    "apply_updates",
    "by_name",
    "chain",
    "clip_by_global_norm",
    "clip_by_value",
    "constant",
    "cosine",
    "ema",
    "exponential",
    "global_norm",
    "lion",
    "momentum",
    "nadam",
    "nesterov",
    "one_cycle",
    "rmsprop",
    "sgd",
    "step",
]

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
    "nadam": nadam,
    "lion": lion,
}
"""Every optimiser by the name of its factory."""


def by_name(name: str, learning_rate: Any, **options: Any) -> Optimizer:
    """Make an optimiser from its name: ``by_name("adam", 1e-3, b1=0.8)`` is ``adam(1e-3, b1=0.8)``.

    Raises:
        ValueError: a name that is none of :data:`OPTIMIZERS`, or an option that the optimiser does not have; the message
            lists those there are.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"by_name: name must be one of {', '.join(OPTIMIZERS)}, got {name!r}")
    factory = OPTIMIZERS[name]
    known = list(inspect.signature(factory).parameters)[1:]
    for option in options:
        if option not in known:
            raise ValueError(f"by_name: {name} has the options {', '.join(known) or 'none'}, got {option!r}")
    return factory(learning_rate, **options)
