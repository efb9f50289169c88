"""What mistake a wrong derivative, or a wrong optimiser, looks like: the patterns that the audit knows by name."""

from __future__ import annotations

__all__ = [
    "BATCH",
    "CONSTANT",
    "FACTOR",
    "FEW",
    "FLOAT32",
    "NONLINEAR",
    "PATTERNS",
    "PERMUTED",
    "REGION",
    "ROUNDED",
    "SIGN",
    "SQUARE",
    "STATE_LOST",
    "STEP_AHEAD",
    "STEP_BEHIND",
    "STEP_STANDS",
    "SWAPPED",
    "TRANSPOSED",
    "VMAP",
    "ZERO",
]

FACTOR = "off by a constant factor"  # also a sum for a mean, a mean for a sum: the detail names the factor
SIGN = "the sign is wrong"
TRANSPOSED = "transposed"
ZERO = "missing altogether"
SWAPPED = "the cotangents of two arguments are exchanged"
PERMUTED = "the right numbers in the wrong places"
CONSTANT = "a term is missing that vanishes for constant cotangents"
NONLINEAR = "not linear in the cotangent"
ROUNDED = "rounded to a narrower dtype"
FEW = "wrong in a few elements"
REGION = "wrong for some values of the input"
SQUARE = "right for square shapes only"
BATCH = "right for one batch size only"
VMAP = "broken under vmap"
FLOAT32 = "right in float64, unstable in float32"
STEP_AHEAD = "the bias correction or schedule is that of the next step, t + 1 for t"
STEP_BEHIND = "the bias correction or schedule is that of the step before, t - 1 for t"
STEP_STANDS = "the step count stays at its first value"
STATE_LOST = "the state is not carried from step to step"

PATTERNS = (
    FACTOR,
    SIGN,
    TRANSPOSED,
    ZERO,
    SWAPPED,
    PERMUTED,
    CONSTANT,
    NONLINEAR,
    ROUNDED,
    FEW,
    REGION,
    SQUARE,
    BATCH,
    VMAP,
    FLOAT32,
    STEP_AHEAD,
    STEP_BEHIND,
    STEP_STANDS,
    STATE_LOST,
)
