"""The recurrent language model: what has been read so far, in one state, tells the next character."""

from __future__ import annotations

from chainrule.compose import Chain, chain
from chainrule.layers.dense import Dense
from chainrule.layers.embedding import Embedding
from chainrule.layers.recurrent import LSTM

__all__ = ["char_rnn"]


def char_rnn(
    vocabulary: int, features: int = 64, hidden: int = 128, depth: int = 1, *, carry_batch: int | None = None
) -> Chain:
    """Build an embedding, LSTMs one above the other, and logits of the next token at every step.

    ::

        a_0 = E[tokens]
        a_l = LSTM_l(a_{l-1})            for l = 1 ... depth
        y   = a_depth W + b

    Args:
        vocabulary: how many different tokens there are.
        features: the width of the embedding.
        hidden: the width of every LSTM.
        depth: how many LSTMs.
        carry_batch: how many sequences the LSTMs carry their states of, from each call to the next: training on
            consecutive windows of long texts (truncated backpropagation through time) takes the batch size, and reading a
            text token by token takes 1. The params are those of the same model with another ``carry_batch``. With None
            every call starts from zeros.

    Shapes: tokens (batch, time) of integers, y (batch, time, vocabulary).

    Raises:
        ValueError: for sizes that are not positive integers.

    Source: Sutskever, Martens and Hinton, Generating text with recurrent neural networks, 2011; Graves, Generating sequences
    with recurrent neural networks, 2013.
    """
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
        raise ValueError(f"depth must be a positive integer, got {depth!r}")
    recurrent = [LSTM(hidden, carry_batch=carry_batch)] * depth
    return chain(Embedding(vocabulary, features), *recurrent, Dense(vocabulary))
