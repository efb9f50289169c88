"""The register's entries, one module a room, which fill it when imported; ``formulas`` holds the optimisers' answers."""

from chainrule.audit.cases import (
    activations,
    affine,
    attention,
    combinators,
    composed,
    convolution,
    dropout,
    gpt,
    image_models,
    losses,
    normalization,
    optimizers,
    penalties,
    pooling,
    recurrence,
)

__all__ = [
    "activations",
    "affine",
    "attention",
    "combinators",
    "composed",
    "convolution",
    "dropout",
    "gpt",
    "image_models",
    "losses",
    "normalization",
    "optimizers",
    "penalties",
    "pooling",
    "recurrence",
]
