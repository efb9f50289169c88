"""The generative pre-trained transformer: it reads tokens and says, at each, what may come next."""

from __future__ import annotations

import math
from typing import Any, Literal

from chainrule.compose import Chain, Tied, chain, repeat, residual, tie, transpose
from chainrule.layers.attention import MultiHeadAttention
from chainrule.layers.dense import Dense
from chainrule.layers.dropout import Dropout
from chainrule.layers.embedding import Embedding, Normal
from chainrule.layers.layer_norm import LayerNorm
from chainrule.layers.positions import LearnedPositions
from chainrule.ops.gelu import gelu_tanh
from chainrule.rule import Rule

__all__ = ["gpt"]

_DEVIATION = 0.02  # of the weights at the start, as in GPT-2


def gpt(
    vocabulary: int,
    length: int,
    *,
    features: int = 128,
    depth: int = 2,
    heads: int = 4,
    key_value_heads: int | None = None,
    hidden: int | None = None,
    positions: Literal["learned", "rotary"] = "learned",
    dropout: float = 0.0,
    tied: bool = True,
    block: int | None = None,
    compile_once: bool = False,
) -> Chain | Tied:
    """Build a decoder-only transformer with normalisation before each part.

    ::

        x = E[tokens] + P
        x = x + attention(norm(x))                             ``depth`` times, each with parameters of its own
        x = x + gelu(norm(x) W_1 + b_1) W_2 + b_2
        logits = norm(x) E^T

    The logits at step t depend on the tokens up to t; trained with ``losses.cross_entropy`` on the tokens one step later,
    they predict the next one.

    Shapes: tokens (batch, time) of integers, time at most ``length``; logits (batch, time, vocabulary).

    Args:
        vocabulary: how many tokens there are.
        length: the longest sequence, for learned positions; it does not limit rotary ones.
        features: the width of x.
        depth: how many blocks.
        heads: how many heads of attention.
        key_value_heads: how many heads of keys and values; ``heads`` unless given.
        hidden: the width within a block; 4 times ``features`` unless given.
        positions: ``"learned"``, P, or ``"rotary"``: no P, and queries and keys turned by their positions.
        dropout: the rate at which numbers are dropped after the embedding, and at the end of each part.
        tied: whether the output layer is the embedding's table, transposed, or has a weight of its own.
        block: the block size of attention in linear memory; None for the plain form.
        compile_once: run the blocks in a loop (``repeat``), so that one is compiled however many there are, and their
            params are stacked; it compiles in less time and runs a little slower.

    Raises:
        ValueError: for sizes below 1, features that are no multiple of ``heads``, or unknown positions.

    Source: Radford et al., Language models are unsupervised multitask learners, 2019; weights start as there, those of the
    layers that end a part smaller by sqrt(2 depth).
    """
    for name, value in (("length", length), ("features", features), ("depth", depth), ("heads", heads)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    if features % heads:
        raise ValueError(f"features must be a multiple of heads, got {features} and {heads}")
    if positions not in ("learned", "rotary"):
        raise ValueError(f"positions must be 'learned' or 'rotary', got {positions!r}")
    weight_init, end_init = Normal(_DEVIATION), Normal(_DEVIATION / math.sqrt(2 * depth))
    dropped: list[Rule] = [Dropout(dropout)] if dropout else []
    attention = MultiHeadAttention(
        heads,
        key_value_heads,
        causal=True,
        rotary=positions == "rotary",
        block=block,
        weight_init=weight_init,
        output_init=end_init,
    )
    hidden_layer = Dense(4 * features if hidden is None else hidden, weight_init=weight_init)
    end = Dense(features, weight_init=end_init)
    one = chain(
        residual(chain(LayerNorm(), attention, *dropped)),
        residual(chain(LayerNorm(), hidden_layer, gelu_tanh, end, *dropped)),
    )
    blocks: Any = [repeat(one, depth)] if compile_once else [one] * depth
    begin: list[Rule] = [Embedding(vocabulary, features, Normal(_DEVIATION))]
    if positions == "learned":
        begin.append(LearnedPositions(length, Normal(_DEVIATION)))
    logits = Dense(vocabulary, bias=False, weight_init=weight_init)
    model = chain(*begin, *dropped, *blocks, LayerNorm(), logits)
    return tie(model, {(-1, "weight"): (0, "table")}, transform=transpose) if tied else model
