"""The rules that are surveyed, and the mutants that no check catches: each is explained in ``SURVIVORS.md``, beside this."""

from __future__ import annotations

import re
from pathlib import Path

from chainrule.audit.registry import REGISTER, Entry

__all__ = ["EXPLANATIONS", "SURVEYED", "explained", "surveyed"]

EXPLANATIONS = Path(__file__).with_name("SURVIVORS.md")

# A rule joins when all its mutants have been tried, and each that survives is explained.
# fmt: off
SURVEYED = (
    "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "softplus", "hard_swish",
    "softmax", "log_softmax", "affine", "flatten", "Dense", "Dense without bias", "chain", "chain of none",
    "residual", "residual with shortcut", "parallel, sum", "parallel, concatenate", "parallel along the batch",
    "perceptron", "mlp, relu", "mlp, gelu", "mlp, softmax", "mean_squared_error", "mean_absolute_error", "huber",
    "binary_cross_entropy", "perceptron_loss", "cross_entropy", "reduce",
)
# fmt: on

_ITEM = re.compile(r"^- `(?P<title>[^`]+)`$", re.MULTILINE)


def explained() -> tuple[str, ...]:
    """The titles of the mutations that are explained, in the order of the file."""
    return tuple(_ITEM.findall(EXPLANATIONS.read_text(encoding="utf-8")))


def surveyed() -> list[Entry]:
    """The entries of the register that the survey is over."""
    entries = [REGISTER[name] for name in SURVEYED]
    return [entry for entry in entries if isinstance(entry, Entry)]
