"""The names of the checks of an optimiser, the largest figures that pass, and their units."""

from __future__ import annotations

__all__ = [
    "BFLOAT16",
    "DETERMINISTIC",
    "EXTREMES",
    "FLOAT32",
    "FORMULA",
    "JIT",
    "RETRACE",
    "SCAN",
    "STRUCTURE",
    "TOLERANCES",
    "UNITS",
    "VMAP",
    "ZERO",
]

STRUCTURE = "tree, shape, dtype"
FORMULA = "update against formula"
ZERO = "zero gradient"
JIT = "jit"
SCAN = "scan"
VMAP = "vmap"
RETRACE = "no retrace"
DETERMINISTIC = "deterministic"
FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
EXTREMES = "finite at the extremes"

# In float32 and bfloat16 the unit is the last place of the leaf's largest number, and what a last place of the gradients,
# params and state is worth to the formula. 1 - 0.999^t formed as it stands is wrong by 250 units in float32 at t = 1, and
# its root by 125: that is Optax's Adam; one that uses expm1 stays below 8. In bfloat16 a right implementation may compute
# in bfloat16 too: a handful of roundings a step.
TOLERANCES = {
    STRUCTURE: 0.0,
    FORMULA: 1e-12,
    ZERO: 1e-12,
    JIT: 1e-12,
    SCAN: 1e-12,
    VMAP: 1e-12,
    RETRACE: 0.0,
    DETERMINISTIC: 0.0,
    FLOAT32: 256.0,
    BFLOAT16: 16.0,
    EXTREMES: 0.0,
}

UNITS = dict.fromkeys((STRUCTURE, RETRACE, DETERMINISTIC, EXTREMES), "faults") | dict.fromkeys(
    (FLOAT32, BFLOAT16), "ulp"
)
