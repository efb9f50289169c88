"""Combinators and whole models, against the same networks written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from chainrule import chain, layers, models, ops, parallel, residual
from chainrule.audit.cases.draw import extreme, normal, together
from chainrule.audit.registry import Case, register


def _dense(in_features: int, out_features: int) -> Any:
    return lambda rng: {
        "weight": rng.normal(size=(in_features, out_features)) / np.sqrt(in_features),
        "bias": rng.normal(size=out_features),
    }


def _params(*widths: tuple[int, int] | None) -> Any:
    """Draw the params of a compound: a dense layer for each pair of widths, nothing for each None."""
    return lambda rng: tuple(() if width is None else _dense(*width)(rng) for width in widths)


def _apply(dense: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(x @ dense["weight"] + dense["bias"])


register(
    "chain",
    "compose",
    chain(layers.Dense(4), ops.tanh, layers.Dense(2)),
    lambda params, x: _apply(params[2], np.tanh(_apply(params[0], x))),
    Case("typical", together(_params((3, 4), None, (4, 2)), normal(5, 3))),
    Case("extreme", together(_params((3, 4), None, (4, 2)), extreme(5, 3)), title="up to 10,000"),
)

register(
    "chain of none",
    "compose",
    chain(),
    lambda params, x: x,
    Case("typical", together(_params(), normal(5, 3))),
    Case("extreme", together(_params(), extreme(5, 3)), title="up to 10,000"),
)

register(
    "residual",
    "compose",
    residual(chain(layers.Dense(4), ops.silu, layers.Dense(3))),
    lambda params, x: x + _apply(params[1][2], _silu(_apply(params[1][0], x))),
    Case("typical", lambda rng: (((), _params((3, 4), None, (4, 3))(rng)), rng.normal(size=(5, 3)))),
    Case("extreme", lambda rng: (((), _params((3, 4), None, (4, 3))(rng)), extreme(5, 3)(rng)), title="up to 10,000"),
)

register(
    "residual with shortcut",
    "compose",
    residual(layers.Dense(2), shortcut=layers.Dense(2, bias=False)),
    lambda params, x: x @ params[0]["weight"] + _apply(params[1], x),
    Case("typical", lambda rng: (({"weight": rng.normal(size=(3, 2))}, _dense(3, 2)(rng)), rng.normal(size=(5, 3)))),
    Case("extreme", lambda rng: (({"weight": np.ones((3, 2))}, _dense(3, 2)(rng)), extreme(5, 3)(rng))),
)

register(
    "parallel, sum",
    "compose",
    parallel(layers.Dense(2), chain(ops.tanh, layers.Dense(2)), layers.Dense(2)),
    lambda params, x: _apply(params[0], x) + _apply(params[1][1], np.tanh(x)) + _apply(params[2], x),
    Case(
        "typical",
        lambda rng: ((_dense(3, 2)(rng), ((), _dense(3, 2)(rng)), _dense(3, 2)(rng)), rng.normal(size=(5, 3))),
    ),
    Case(
        "extreme",
        lambda rng: ((_dense(3, 2)(rng), ((), _dense(3, 2)(rng)), _dense(3, 2)(rng)), extreme(5, 3)(rng)),
        title="up to 10,000",
    ),
)

register(
    "parallel, concatenate",
    "compose",
    parallel(layers.Dense(2), ops.tanh, layers.Dense(4), combine="concatenate"),
    lambda params, x: np.concatenate([_apply(params[0], x), np.tanh(x), _apply(params[2], x)], axis=-1),
    Case("typical", together(_params((3, 2), None, (3, 4)), normal(5, 3))),
    Case("extreme", together(_params((3, 2), None, (3, 4)), extreme(5, 3)), title="up to 10,000"),
)

register(
    "parallel along the batch",
    "compose",
    parallel(ops.sigmoid, ops.tanh, combine="concatenate", axis=0),
    lambda params, x: np.concatenate([special.expit(x), np.tanh(x)], axis=0),
    Case("typical", together(_params(None, None), normal(5, 3))),
    Case("extreme", together(_params(None, None), extreme(5, 3)), title="up to 10,000"),
)

register(
    "perceptron",
    "models",
    models.perceptron(),
    lambda params, x: _apply(params[0], x),
    Case("typical", together(_params((3, 1)), normal(5, 3))),
    Case("extreme", together(_params((3, 1)), extreme(5, 3)), title="up to 10,000"),
)


def _silu(x: np.ndarray) -> np.ndarray:
    return np.asarray(x * special.expit(x))


def _mlp(activation: Any) -> Any:
    def reference(params: Any, x: np.ndarray) -> np.ndarray:
        x = x.reshape(len(x), -1)
        dense = [entry for entry in params if entry]
        for hidden in dense[:-1]:
            x = activation(_apply(hidden, x))
        return _apply(dense[-1], x)

    return reference


for _name, _activation, _reference in (
    ("mlp, relu", ops.relu, lambda x: np.maximum(x, 0)),
    ("mlp, gelu", ops.gelu, lambda x: x * special.ndtr(x)),
    ("mlp, softmax", ops.softmax.bind(axis=-1), lambda x: special.softmax(x, axis=-1)),
):
    register(
        _name,
        "models",
        models.mlp((6, 5, 2), activation=_activation),
        _mlp(_reference),
        Case("typical", together(_params(None, (12, 6), None, (6, 5), None, (5, 2)), normal(7, 3, 4, 1))),
        Case("extreme", together(_params(None, (12, 6), None, (6, 5), None, (5, 2)), extreme(7, 3, 4, 1))),
    )
