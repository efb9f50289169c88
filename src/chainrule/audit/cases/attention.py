"""Embedding, positions and attention, against loops in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import layers, ops
from chainrule.audit.cases.draw import extreme, normal, together
from chainrule.audit.registry import Case, register

__all__ = ["numpy_attention", "numpy_rotary"]


def _tokens(vocabulary: int, *shape: int) -> Any:
    """Draw tokens of which some occur twice (there are more than the vocabulary has) and the last occurs nowhere."""
    return lambda rng: rng.integers(0, vocabulary - 1, shape).astype(np.int32)


def _table(vocabulary: int, features: int) -> Any:
    return lambda rng: {"table": rng.normal(size=(vocabulary, features))}


def _embedding(tokens: np.ndarray, table: np.ndarray) -> np.ndarray:
    y = np.zeros((*tokens.shape, table.shape[1]))
    for place in np.ndindex(tokens.shape):
        y[place] = table[tokens[place]]
    return y


register(
    "embedding",
    "ops",
    ops.embedding,
    _embedding,
    Case("typical", together(_tokens(5, 2, 4), normal(5, 3)), title="tokens that occur twice"),
    Case("degenerate", together(_tokens(5, 0, 4), normal(5, 3)), title="empty batch"),
    Case("extreme", together(_tokens(5, 2, 4), extreme(5, 3)), title="up to 10,000"),
)

register(
    "Embedding",
    "layers",
    layers.Embedding(5, 3),
    lambda params, tokens: _embedding(tokens, params["table"]),
    Case("typical", together(_table(5, 3), _tokens(5, 2, 4))),
    Case("extreme", lambda rng: ({"table": extreme(5, 3)(rng)}, _tokens(5, 2, 4)(rng)), title="up to 10,000"),
)


def numpy_rotary(x: np.ndarray, positions: np.ndarray | None = None, base: float = 10000.0) -> np.ndarray:
    """Each pair of features as a complex number, turned by exp(i angle)."""
    half = x.shape[-1] // 2
    steps = np.arange(x.shape[-3]) if positions is None else positions
    angles = steps[..., None, None] * np.array([base ** (-2 * i / x.shape[-1]) for i in range(half)])
    turned = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], -1)


register(
    "rotary",
    "ops",
    ops.rotary,
    numpy_rotary,
    Case("typical", together(normal(3, 5, 2, 4))),
    Case(
        "more",
        together(normal(2, 3, 1, 4), lambda rng: rng.integers(0, 9, (2, 3)).astype(np.int32)),
        {"base": 100.0},
        title="positions for each example, another base",
    ),
    Case("degenerate", together(normal(0, 5, 2, 4)), title="empty batch"),
    Case("extreme", together(extreme(3, 5, 2, 4)), title="up to 10,000"),
)

register(
    "LearnedPositions",
    "layers",
    layers.LearnedPositions(6),
    lambda params, x: np.stack([example + params["table"][: x.shape[1]] for example in x]),
    Case("typical", together(_table(6, 3), normal(2, 4, 3)), title="fewer steps than positions"),
    Case("extreme", together(_table(6, 3), extreme(2, 4, 3)), title="up to 10,000"),
)


def _waves(params: Any, x: np.ndarray) -> np.ndarray:
    y = np.array(x)
    for t in range(x.shape[1]):
        for i in range(x.shape[2]):
            angle = t / 10000 ** ((i - i % 2) / x.shape[2])
            y[:, t, i] += np.cos(angle) if i % 2 else np.sin(angle)
    return y


register(
    "SinusoidalPositions",
    "layers",
    layers.SinusoidalPositions(6),
    _waves,
    Case("typical", together(lambda rng: (), normal(2, 5, 4))),
    Case("extreme", together(lambda rng: (), extreme(2, 5, 4)), title="up to 10,000"),
)


def numpy_attention(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray | None = None,
    causal: bool = False,
    scale: float | None = None,
    **blocks: int,
) -> np.ndarray:
    """One query after the other, over the keys that it sees."""
    batch, time, heads, width = q.shape
    keys, share = k.shape[1], heads // k.shape[2]
    if mask is not None:
        mask = np.broadcast_to(mask[:, None] if mask.ndim == 3 else mask, (batch, heads, time, keys))
    y = np.zeros((batch, time, heads, v.shape[3]))
    for b, t, h in np.ndindex(batch, time, heads):
        seen = [s for s in range(keys) if (mask is None or mask[b, h, t, s]) and (not causal or s <= t + keys - time)]
        if seen:
            scores = k[b, seen, h // share] @ q[b, t, h] * (width**-0.5 if scale is None else scale)
            weights = np.exp(scores - scores.max())
            y[b, t, h] = weights @ v[b, seen, h // share] / weights.sum()
    return y


def _padding(*shape: int) -> Any:
    """A mask in which some queries of the first example see nothing."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        mask = rng.random(shape) < 0.6
        mask[..., 0] = True
        mask[0, ..., -1, :] = False
        return np.asarray(mask)

    return draw


def _attention_cases(**blocks: int) -> tuple[Case, ...]:
    arrays = (normal(2, 3, 4, 5), normal(2, 6, 2, 5), normal(2, 6, 2, 3))
    return (
        Case("typical", together(*arrays), {"causal": True, **blocks}, title="causal, grouped queries, more keys"),
        Case("more", together(*arrays, _padding(2, 4, 3, 6)), {"scale": 0.3, **blocks}, title="a mask a head"),
        Case(
            "more",
            together(normal(2, 3, 2, 4), normal(2, 5, 2, 4), normal(2, 5, 2, 4), _padding(2, 1, 5)),
            dict(blocks),
            title="an example that sees nothing",
        ),
        Case(
            "degenerate",
            together(normal(0, 3, 4, 5), normal(0, 6, 2, 5), normal(0, 6, 2, 3)),
            dict(blocks),
            title="empty batch",
        ),
        Case(
            "extreme",
            together(extreme(2, 3, 4, 5), extreme(2, 6, 2, 5), extreme(2, 6, 2, 3)),
            {"causal": True, **blocks},
            title="up to 10,000",
        ),
    )


register("attention", "ops", ops.attention, numpy_attention, *_attention_cases())
register(
    "blockwise_attention",
    "ops",
    ops.blockwise_attention,
    numpy_attention,
    *(case for case in _attention_cases(block=2) if case.kind != "degenerate"),
)


def _attention_params(features: int, columns: int, bias: bool = True) -> Any:
    def affine(rng: np.random.Generator, out_features: int) -> dict[str, np.ndarray]:
        params = {"weight": rng.normal(size=(features, out_features)) / np.sqrt(features)}
        return params | {"bias": rng.normal(size=out_features)} if bias else params

    return lambda rng: {"qkv": affine(rng, columns), "output": affine(rng, features)}


def _multi_head(heads: int, shared: int, causal: bool, rotated: bool) -> Any:
    def reference(params: Any, x: Any) -> np.ndarray:
        x, padding = x if isinstance(x, tuple) else (x, None)
        qkv = x @ params["qkv"]["weight"] + params["qkv"].get("bias", 0)
        cut = np.split(qkv.reshape(*x.shape[:2], heads + 2 * shared, -1), (heads, heads + shared), axis=2)
        query, key = (numpy_rotary(part) if rotated else part for part in cut[:2])
        mask = None if padding is None else np.repeat(padding[:, None, :], x.shape[1], 1)
        attended = numpy_attention(query, key, cut[2], mask, causal).reshape(x.shape)
        return np.asarray(attended @ params["output"]["weight"] + params["output"].get("bias", 0))

    return reference


register(
    "MultiHeadAttention",
    "layers",
    layers.MultiHeadAttention(4, 2, causal=True, rotary=True),
    _multi_head(4, 2, causal=True, rotated=True),
    Case("typical", together(_attention_params(8, 16), normal(2, 3, 8)), title="causal, rotary, grouped queries"),
    Case("extreme", together(_attention_params(8, 16), extreme(2, 3, 8)), title="up to 10,000"),
)


def _padded(rng: np.random.Generator) -> Any:
    return rng.normal(size=(2, 5, 4)), np.arange(5) < np.array([[3], [5]])


register(
    "MultiHeadAttention with padding",
    "layers",
    layers.MultiHeadAttention(2, bias=False),
    _multi_head(2, 2, causal=False, rotated=False),
    Case("typical", together(_attention_params(4, 12, bias=False), _padded), title="no bias"),
    Case(
        "extreme",
        lambda rng: (_attention_params(4, 12, bias=False)(rng), (extreme(2, 5, 4)(rng), _padded(rng)[1])),
        title="up to 10,000",
    ),
)
