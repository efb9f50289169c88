"""The recipe ``text`` with a GPT."""

from __future__ import annotations

from chainrule.recipes.text_config import TextConfig

__all__ = ["GPT"]

GPT = TextConfig(
    data="python-reference",
    model="gpt",
    length=128,
    stride=64,
    features=128,
    depth=4,
    heads=4,
    dropout=0.1,
    epochs=9,
    batch_size=16,
    learning_rate=3e-3,
    optimizer="adamw",
    weight_decay=0.1,
    schedule="cosine",
    warmup_steps=100,
    clip_norm=1.0,
)
