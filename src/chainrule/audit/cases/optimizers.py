"""The optimisers, ways of clipping and averaging, and schedules of ``chainrule.optim``, each beside its formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from chainrule import optim
from chainrule.audit.cases import formulas
from chainrule.audit.optimizers import Formula
from chainrule.audit.registry import OptimizerCase, register_optimizer
from chainrule.optim.optimizer import Hyperparameters

__all__ = ["draw_params"]


def draw_params(rng: np.random.Generator) -> tuple[dict[str, Any]]:
    """Draw params: unequal shapes, a scalar, an empty leaf and a None among them."""
    params = {
        "layer": {"weight": rng.normal(size=(2, 3)), "bias": rng.normal(size=3)},
        "scale": rng.normal(size=()),
        "empty": rng.normal(size=(0, 2)),
        "none": None,
    }
    return (params,)


def _typical(optimizer: Any, formula: Formula) -> OptimizerCase:
    return OptimizerCase("typical", draw_params, optimizer, formula, "gradients from 1e-4 to 1e3")


def _more(title: str, optimizer: Any, formula: Formula) -> OptimizerCase:
    return OptimizerCase("more", draw_params, optimizer, formula, title)


@dataclass(frozen=True)
class _OfParams(Hyperparameters):
    """Averaging as an optimiser: what it averages comes in the place of the gradients."""

    averaging: Any

    def init(self, params: Any) -> Any:
        return self.averaging.init(params)

    def update(self, grads: Any, state: Any, params: Any) -> Any:
        return self.averaging.update(grads, state)


def _weights_only(params: Any) -> Any:
    return jax.tree.map_with_path(lambda path, leaf: "weight" in jax.tree_util.keystr(path), params)


def _halved(updates: Any, state: Any, params: Any = None) -> Any:
    return jax.tree.map(lambda u: u / 2, updates), state


_MASK = {"layer": {"weight": True, "bias": False}, "scale": True, "empty": False, "none": None}
_BEGINNING = {"layer": False, "scale": True, "empty": True, "none": None}
_WEIGHTS = {"layer": {"weight": True, "bias": False}, "scale": False, "empty": False, "none": None}
_RATE = np.asarray(0.05)  # an array is a leaf of the optimiser where a Python number would be static
_FALL = optim.step(0.1, 2, 0.3), formulas.step(0.1, 2, 0.3)  # a learning rate for those that keep it in their state

# ----------------------------------------------------------------------------------------------------------------------
# Optimisers.
# ----------------------------------------------------------------------------------------------------------------------

register_optimizer("sgd", formulas.sgd, _typical(optim.sgd(0.1), formulas.sgd(0.1)))

register_optimizer(
    "momentum",
    formulas.momentum,
    _typical(optim.momentum(0.1), formulas.momentum(0.1)),
    _more("falling rate, decay 0.5", optim.momentum(_FALL[0], 0.5), formulas.momentum(_FALL[1], 0.5)),
)

register_optimizer(
    "nesterov",
    formulas.momentum,
    _typical(optim.nesterov(0.1), formulas.momentum(0.1, nesterov=True)),
    _more("falling rate, decay 0.5", optim.nesterov(_FALL[0], 0.5), formulas.momentum(_FALL[1], 0.5, nesterov=True)),
)

register_optimizer(
    "adagrad",
    formulas.adagrad,
    _typical(optim.adagrad(0.1), formulas.adagrad(0.1)),
    _more("accumulator 0.1, ε 0.01", optim.adagrad(0.1, 0.1, 1e-2), formulas.adagrad(0.1, 0.1, 1e-2)),
)

register_optimizer(
    "rmsprop",
    formulas.rmsprop,
    _typical(optim.rmsprop(0.1), formulas.rmsprop(0.1)),
    _more("decay 0.5, ε 0.01", optim.rmsprop(_RATE, 0.5, 1e-2), formulas.rmsprop(0.05, 0.5, 1e-2)),
)

register_optimizer(
    "adam",
    formulas.adam,
    _typical(optim.adam(0.1), formulas.adam(0.1)),
    _more(
        "β1 0, β2 0.9, ε 0.01",
        optim.adam(_RATE, 0.0, np.asarray(0.9), 1e-2),
        formulas.adam(0.05, 0.0, 0.9, 1e-2),
    ),
)

register_optimizer(
    "adamw",
    formulas.adam,
    _typical(optim.adamw(0.1, weight_decay=0.3), formulas.adam(0.1, weight_decay=0.3)),
    _more("weight decay 0", optim.adamw(0.1, weight_decay=0.0), formulas.adam(0.1)),
    _more("falling rate", optim.adamw(_FALL[0]), formulas.adam(_FALL[1], weight_decay=0.01)),
    *(
        _more(
            title,
            optim.adamw(0.1, mask=mask),
            formulas.masked(chosen, formulas.adam(0.1, weight_decay=0.01), formulas.adam(0.1)),
        )
        for title, mask, chosen in (
            ("mask", _MASK, _MASK),
            ("mask that begins the tree", _BEGINNING, _BEGINNING),
            ("mask by function", _weights_only, _WEIGHTS),
        )
    ),
)

register_optimizer(
    "nadam",
    formulas.nadam,
    _typical(optim.nadam(0.1), formulas.nadam(0.1)),
    _more("constant momentum", optim.nadam(0.1, momentum_decay=None), formulas.nadam(0.1, momentum_decay=None)),
    _more(
        "β1 0.5, β2 0.9, ε 0.01, momentum decay 2",
        optim.nadam(_RATE, 0.5, 0.9, 1e-2, 2.0),
        formulas.nadam(0.05, 0.5, 0.9, 1e-2, 2.0),
    ),
)

register_optimizer(
    "lion",
    formulas.lion,
    _typical(optim.lion(0.1), formulas.lion(0.1)),
    _more("β1 0.5, β2 0.8, weight decay 0.1", optim.lion(_RATE, 0.5, 0.8, 0.1), formulas.lion(0.05, 0.5, 0.8, 0.1)),
    _more(
        "mask",
        optim.lion(0.1, weight_decay=0.1, mask=_MASK),
        formulas.masked(_MASK, formulas.lion(0.1, weight_decay=0.1), formulas.lion(0.1)),
    ),
)

# ----------------------------------------------------------------------------------------------------------------------
# Clipping, averaging and chains.
# ----------------------------------------------------------------------------------------------------------------------

register_optimizer(
    "clip_by_value",
    formulas.clip_by_value,
    _typical(optim.clip_by_value(0.5), formulas.clip_by_value(0.5)),
)

register_optimizer(
    "clip_by_global_norm",
    formulas.clip_by_global_norm,
    _typical(optim.clip_by_global_norm(500.0), formulas.clip_by_global_norm(500.0)),
)

register_optimizer(
    "chain of updates",  # "chain" is that of the layers
    formulas.chain,
    _typical(
        optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.1)),
        formulas.chain(formulas.clip_by_global_norm(1.0), formulas.adam(0.1)),
    ),
    _more("of none", optim.chain(), formulas.chain()),
    _more(
        "of a foreign pair, clipping and momentum",
        optim.chain((lambda params: (), _halved), optim.clip_by_value(0.5), optim.momentum(0.1)),
        formulas.chain(formulas.sgd(-0.5), formulas.clip_by_value(0.5), formulas.momentum(0.1)),
    ),
)

register_optimizer(
    "ema",
    formulas.ema,
    _typical(_OfParams(optim.ema(0.9)), formulas.ema(0.9)),
    _more("without debias", _OfParams(optim.ema(0.5, debias=False)), formulas.ema(0.5, debias=False)),
)

# ----------------------------------------------------------------------------------------------------------------------
# Schedules, as the learning rate of gradient descent.
# ----------------------------------------------------------------------------------------------------------------------

register_optimizer(
    "constant schedule",
    formulas.constant,
    _typical(optim.sgd(optim.constant(0.1)), formulas.sgd(formulas.constant(0.1))),
)

register_optimizer(
    "step schedule",
    formulas.step,
    _typical(optim.sgd(optim.step(0.1, 2, 0.3)), formulas.sgd(formulas.step(0.1, 2, 0.3))),
)

register_optimizer(
    "exponential schedule",
    formulas.exponential,
    _typical(optim.sgd(optim.exponential(0.1, 0.5, 3)), formulas.sgd(formulas.exponential(0.1, 0.5, 3))),
)

register_optimizer(
    "cosine schedule",
    formulas.cosine,
    _typical(optim.sgd(optim.cosine(0.1, 5, 2, 0.01, 0.02)), formulas.sgd(formulas.cosine(0.1, 5, 2, 0.01, 0.02))),
)

register_optimizer(
    "one_cycle schedule",
    formulas.one_cycle,
    _typical(optim.sgd(optim.one_cycle(0.1, 5, 0.6)), formulas.sgd(formulas.one_cycle(0.1, 5, 0.6))),
    _more("without a rise", optim.sgd(optim.one_cycle(0.1, 5, 0.1)), formulas.sgd(formulas.one_cycle(0.1, 5, 0.1))),
)
