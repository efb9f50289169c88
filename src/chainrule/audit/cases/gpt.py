"""The transformer, against the same network written out in NumPy, one query at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import models
from chainrule.audit.cases.attention import numpy_attention
from chainrule.audit.registry import Case, register

_VOCABULARY, _LENGTH, _FEATURES, _HEADS, _HIDDEN = 5, 4, 4, 2, 6


def _params(rng: np.random.Generator, scale: float = 1.0) -> Any:
    """Draw the params of a model of one block."""

    def norm() -> dict[str, np.ndarray]:
        return {"scale": 1 + 0.3 * rng.normal(size=_FEATURES), "bias": rng.normal(size=_FEATURES)}

    def affine(in_features: int, out_features: int) -> dict[str, np.ndarray]:
        weight = scale * rng.normal(size=(in_features, out_features)) / np.sqrt(in_features)
        return {"weight": weight, "bias": rng.normal(size=out_features)}

    block = (
        ((), (norm(), {"qkv": affine(_FEATURES, 3 * _FEATURES), "output": affine(_FEATURES, _FEATURES)})),
        ((), (norm(), affine(_FEATURES, _HIDDEN), (), affine(_HIDDEN, _FEATURES))),
    )
    table = {"table": scale * rng.normal(size=(_VOCABULARY, _FEATURES))}
    return (table, {"table": rng.normal(size=(_LENGTH, _FEATURES))}, block, norm(), {"weight": None})


def _tokens(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, _VOCABULARY, (2, 3)).astype(np.int32)


def _norm(params: Any, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return np.asarray(centred / deviation * params["scale"] + params["bias"])


def _apply(params: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(x @ params["weight"] + params["bias"])


def _gpt(params: Any, tokens: np.ndarray) -> np.ndarray:
    table = params[0]["table"]
    (_, (norm_1, attention)), (_, (norm_2, first, _, second)) = params[2]
    x = table[tokens] + params[1]["table"][: tokens.shape[1]]
    qkv = _apply(attention["qkv"], _norm(norm_1, x))
    q, k, v = (part.reshape(*tokens.shape, _HEADS, -1) for part in np.split(qkv, 3, -1))
    x = x + _apply(attention["output"], numpy_attention(q, k, v, causal=True).reshape(x.shape))
    u = _apply(first, _norm(norm_2, x))
    x = x + _apply(second, u * (1 + np.tanh(np.sqrt(2 / np.pi) * (u + 0.044715 * u**3))) / 2)
    return np.asarray(_norm(params[3], x) @ table.T)


register(
    "gpt",
    "models",
    models.gpt(_VOCABULARY, _LENGTH, features=_FEATURES, depth=1, heads=_HEADS, hidden=_HIDDEN),
    _gpt,
    Case("typical", lambda rng: (_params(rng), _tokens(rng)), title="one block, tied weights"),
    Case("extreme", lambda rng: (_params(rng, 100.0), _tokens(rng)), title="weights 100 times as large"),
)
