"""A step of a small GPT; the plain form is the transformer as it is written in JAX, with a softmax over the whole matrix."""

from __future__ import annotations

from typing import Any

from benchmarks.architectures.problem import Limits, Problem, Sides, random, versus
from benchmarks.architectures.problems.attention import plain_attention
from benchmarks.architectures.problems.normalization import plain_layer_norm
from benchmarks.architectures.steps import adam_twin, labels, training_step

__all__ = ["PROBLEMS"]

VOCABULARY, TIME, BATCH, FEATURES, HEADS = 96, 64, 16, 128, 4


def plain_multi_head_attention(params: Any, x: Any, *, causal: bool) -> Any:
    """Self-attention with one product for queries, keys and values."""
    import jax.numpy as jnp

    qkv = x @ params["qkv"]["weight"] + params["qkv"]["bias"]
    query, key, value = (part.reshape(*x.shape[:2], HEADS, -1) for part in jnp.split(qkv, 3, -1))
    attended = plain_attention(query, key, value, causal=causal).reshape(x.shape)
    return attended @ params["output"]["weight"] + params["output"]["bias"]


def plain_gpt(params: Any, tokens: Any) -> Any:
    """Embedding, blocks of attention and of two dense layers, each after a layer norm; the table again, transposed."""
    import jax

    embedding, positions, *blocks, last, _ = params
    x = embedding["table"][tokens] + positions["table"][: tokens.shape[1]]
    for (_, (norm, attention)), (_, (second_norm, widen, _, narrow)) in blocks:
        x = x + plain_multi_head_attention(attention, plain_layer_norm(x, **norm), causal=True)
        hidden = jax.nn.gelu(plain_layer_norm(x, **second_norm) @ widen["weight"] + widen["bias"], approximate=True)
        x = x + hidden @ narrow["weight"] + narrow["bias"]
    return plain_layer_norm(x, **last) @ embedding["table"].T


def _torch_gpt(params: Any, tokens: Any) -> Any:
    """The same by ``torch.nn.functional``."""
    from torch.nn import functional

    def norm(params: Any, x: Any) -> Any:
        return functional.layer_norm(x, (FEATURES,), params["scale"], params["bias"], 1e-5)

    def linear(params: Any, x: Any) -> Any:
        return functional.linear(x, params["weight"], params["bias"])

    embedding, positions, *blocks, last, _ = params
    x = functional.embedding(tokens, embedding["table"]) + positions["table"][: tokens.shape[1]]
    for (_, (first_norm, attention)), (_, (second_norm, widen, _, narrow)) in blocks:
        qkv = linear(attention["qkv"], norm(first_norm, x)).split(FEATURES, -1)
        heads = [part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in qkv]
        attended = functional.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).flatten(2)
        x = x + linear(attention["output"], attended)
        x = x + linear(narrow, functional.gelu(linear(widen, norm(second_norm, x)), approximate="tanh"))
    return functional.linear(norm(last, x), embedding["table"])


def _transposed(params: Any) -> Any:
    """Dense weights are (in, out) here and (out, in) there; tables are alike."""
    import jax

    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf.T if path[-1] == jax.tree_util.DictKey("weight") else leaf, params
    )


def _step() -> Sides:
    from chainrule import models

    model = models.gpt(VOCABULARY, TIME, features=FEATURES, depth=2, heads=HEADS)
    tokens = labels(BATCH, TIME, classes=VOCABULARY)
    targets = labels(BATCH, TIME, classes=VOCABULARY, seed=6)

    def twins(params: Any) -> Any:
        def twin(fused: bool | None) -> Any:
            return adam_twin(_torch_gpt, params, tokens, targets, inward=_transposed, outward=_transposed, fused=fused)

        return {"eager": twin(None), "fused Adam": twin(True)}

    return training_step(model, lambda params, state, x: (plain_gpt(params, x), state), tokens, targets, twins=twins)


def _multi_head_attention() -> Sides:
    import jax

    from chainrule import layers

    layer = layers.MultiHeadAttention(HEADS, causal=True)
    params, _ = layer.init(jax.random.key(0), (TIME, FEATURES))
    return versus(
        layer,
        lambda params, x: plain_multi_head_attention(params, x, causal=True),
        params,
        *random((BATCH, TIME, FEATURES)),
    )


SIZE = f"T={TIME}, B={BATCH}, d={FEATURES}, {HEADS} heads"

PROBLEMS = (
    Problem("MultiHeadAttention", "layers", f"{SIZE}, causal", _multi_head_attention, rules=("MultiHeadAttention",)),
    Problem(
        "gpt_step",
        "models",
        f"2 layers, {SIZE}, Adam",
        _step,
        Limits(time=0.85, torch={"eager": 1.0}),
        rules=("gpt", "tie", "transpose", "Embedding", "LearnedPositions"),
    ),
)
