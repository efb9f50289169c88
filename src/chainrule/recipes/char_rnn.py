"""The recipe ``text`` with a recurrent network."""

from __future__ import annotations

from chainrule.recipes.text_config import TextConfig

__all__ = ["CHAR_RNN"]

CHAR_RNN = TextConfig(
    data="python-reference",
    model="char_rnn",
    length=64,
    stride=32,
    features=64,
    hidden=256,
    depth=1,
    epochs=8,
    batch_size=32,
    learning_rate=5e-3,
    optimizer="adamw",
    weight_decay=0.1,
    schedule="cosine",
    warmup_steps=100,
    clip_norm=1.0,
)
