"""chainrule: deep learning from its mathematics up, in pure JAX.

Every forward pass is a pure function, every backward pass is derived by hand, and every hand derivation is proved
against autodiff.

    rule, compose       what a rule is; chain, parallel, residual, scan, repeat, tie, remat: the chain rule, written once
    ops, losses         functions of arrays with their hand-derived pullbacks
    layers, models      parameters beside the ops that they feed, and what is composed of them
    optim, train        optimisers as pairs of pure functions; whole training runs as one program
    data, plot          real data sets without a download; pictures
    maths, course       the mathematics underneath; the syllabus, its figures, and the errata of its sources
    audit               the referee: every rule, checked
    summary             a model layer by layer: shapes, parameters, operations, memory
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.compose import chain, parallel, remat, repeat, residual, scan, tie
    from chainrule.layer import Layer, StatelessLayer
    from chainrule.model_summary import summary
    from chainrule.rule import Rule

__version__ = "0.1.0"

_ROOMS = (
    "audit",
    "compose",
    "course",
    "data",
    "layers",
    "losses",
    "maths",
    "models",
    "ops",
    "optim",
    "plot",
    "recipes",
    "rule",
    "train",
)
_HOMES = {
    "Layer": "layer",
    "Rule": "rule",
    "StatelessLayer": "layer",
    "chain": "compose",
    "parallel": "compose",
    "remat": "compose",
    "repeat": "compose",
    "residual": "compose",
    "scan": "compose",
    "summary": "model_summary",
    "tie": "compose",
}

__all__ = [  # noqa: PLE0604
    "Layer",
    "Rule",
    "StatelessLayer",
    "chain",
    "parallel",
    "remat",
    "repeat",
    "residual",
    "scan",
    "summary",
    "tie",
    *_ROOMS,
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is first used: ``import chainrule`` loads nothing, not even JAX."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"chainrule.{_HOMES[name]}"), name)
    if name in _ROOMS:
        return importlib.import_module(f"chainrule.{name}")
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
