"""chainrule: deep learning from its mathematics up, in pure JAX.

Every forward pass is a pure function, every backward pass is derived by hand, and every hand derivation is proved
against autodiff.

    rule, compose       what a rule is; chain, parallel, residual: the chain rule, written once
    ops, losses         functions of arrays with their hand-derived pullbacks
    layers, models      parameters beside the ops that they feed, and what is composed of them
    optim, train        optimisers as pairs of pure functions; whole training runs as one program
    data, plot          real data sets without a download; pictures
    audit               the referee: every rule, checked
"""

from __future__ import annotations

import importlib
from typing import Any

from chainrule.compose import chain, parallel, residual
from chainrule.layer import Layer, StatelessLayer
from chainrule.rule import Rule, rule

__version__ = "0.1.0"

_ROOMS = ("audit", "data", "layers", "losses", "models", "ops", "optim", "plot", "recipes", "train")

__all__ = ["Layer", "Rule", "StatelessLayer", "chain", "parallel", "residual", "rule", *_ROOMS]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Import a room when it is first used, so that ``import chainrule`` stays quick."""
    if name in _ROOMS:
        return importlib.import_module(f"chainrule.{name}")
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
