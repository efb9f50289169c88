"""Penalties of parameters, against sums over every number that counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import losses
from chainrule.audit.cases.draw import extreme
from chainrule.audit.registry import Case, register


def _penalty(cost: Callable[[Any], Any]) -> Callable[..., Any]:
    def reference(params: Any, strength: float, leaves: str = "weights") -> float:
        (layer, shift) = params
        numbers = list(layer["weight"].ravel())
        if leaves == "all":
            numbers += [*layer["bias"], float(shift)]
        return strength * sum(cost(number) for number in numbers)

    return reference


def _params(rng: np.random.Generator) -> tuple[Any, ...]:
    return (({"weight": rng.normal(size=(3, 4)), "bias": rng.normal(size=4)}, np.array(rng.normal())),)


def _extreme(rng: np.random.Generator) -> tuple[Any, ...]:
    return (({"weight": extreme(3, 4)(rng), "bias": extreme(4)(rng)}, np.array(1e4)),)


def _with_zeros(rng: np.random.Generator) -> tuple[Any, ...]:
    weight = np.array([[0.0, 1.0, -2.0, 0.0], [0.5, -0.5, 0.0, 3.0], [1.0, 0.0, 2.0, -1.0]])
    return (({"weight": weight, "bias": np.zeros(4)}, np.array(0.0)),)


for _rule, _cost, _kinks in (
    (losses.l2_penalty, lambda w: w**2 / 2, ()),
    (losses.l1_penalty, abs, (Case("kink", _with_zeros, {"strength": 0.3, "leaves": "all"}, "zeros"),)),
):
    register(
        _rule.name,
        "losses",
        _rule,
        _penalty(_cost),
        Case("typical", _params, {"strength": 0.3}, "weights"),
        Case("more", _params, {"strength": 0.3, "leaves": "all"}, "all leaves"),
        Case("extreme", _extreme, {"strength": 0.3}, "up to 10,000"),
        *_kinks,
    )
