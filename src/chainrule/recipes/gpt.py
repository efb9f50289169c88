"""The recipe ``text`` with a GPT.

The network was chosen for what two cores can do in six minutes, before any was trained. Characters of training text for a
second of one core, in batches of 16 windows of 128 with hand-derived gradients:

    4 blocks of 128 features, 0.8 million parameters     10,400        the recipe; 10,000 with dropout
    6 blocks of 128 features, 1.2 million                 7,400
    4 blocks of 192 features, 1.8 million                 5,800        4,800 with windows of 256
    4 blocks of 256 features, 3.2 million                 4,100

The smallest goes through the text 18 times (an epoch is two times, for windows overlap by half) in 660 seconds of one core,
the others less often. Learning rate, weight decay, dropout and clipping are usual ones and were not varied. Held-out nats
per character of one run on the texts of Python 3.11, in windows that do not overlap:

    after epoch     1      2      3      4      5      6      7      8      9
    held out      1.882  1.596  1.513  1.469  1.425  1.401  1.377  1.369  1.373
    training      2.220  1.513  1.324  1.223  1.147  1.084  1.029  0.987  0.964

and 1.330 at the end in windows that overlap by half. By counting, a 5-gram has 1.493 with the smoothing of Kneser and Ney
and 1.653 with that of Witten and Bell. The last two epochs gained nothing on the held-out text: more than 9 would not pay.
"""

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
