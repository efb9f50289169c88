"""The anatomy of a floating-point number, bit by bit, and what it stands for exactly."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from chainrule.checks import describe, is_concrete

__all__ = ["FORMATS", "FloatAnatomy", "Kind", "binary_expansion", "float_anatomy"]

Kind = Literal["normal", "subnormal", "zero", "infinity", "nan"]

FORMATS: dict[str, tuple[int, int]] = {"float64": (11, 52), "float32": (8, 23), "bfloat16": (8, 7), "float16": (5, 10)}
"""The formats that are known, with how many bits their exponents and mantissas have; the sign is one more."""

_EXACT = Context(prec=1200)  # digits: the smallest float64 has 751 significant ones


class FloatAnatomy(NamedTuple):
    """A floating-point number taken apart; ``str`` of it is its bits in three groups.

    Attributes:
        format: "float64", "float32", "bfloat16" or "float16".
        kind: "normal", "subnormal", "zero", "infinity" or "nan".
        sign: the sign bit, 1 for minus.
        exponent_bits: a string of 0 and 1, the most significant first.
        mantissa_bits: likewise, what follows the point; the 1 before it, of a normal number, is not stored.
        exponent: the power of two that the mantissa is multiplied with; None for infinity and NaN.
        exact: the number that the bits stand for; None for infinity and NaN. A negative zero is 0.
        decimal: the same as a decimal number, with all of its digits; Decimal's own infinity or NaN.
        spacing: the distance to the next number away from zero, one unit in the last place; None for infinity and NaN.
    """

    format: str
    kind: Kind
    sign: int
    exponent_bits: str
    mantissa_bits: str
    exponent: int | None
    exact: Fraction | None
    decimal: Decimal
    spacing: Fraction | None

    def __str__(self) -> str:
        """Give sign, exponent and mantissa: ``0 01111011 10011001100110011001101``."""
        return f"{self.sign} {self.exponent_bits} {self.mantissa_bits}"


def float_anatomy(value: Any, format: str | None = None) -> FloatAnatomy:
    """Take a floating-point number apart, to the bit.

    ::

        sign s (1 bit)    exponent e (w bits)    mantissa m (k bits)            bias = 2^(w-1) - 1

        normal       0 < e < 2^w - 1      (-1)^s (1 + m/2^k) 2^(e - bias)
        subnormal    e = 0, m > 0         (-1)^s (m/2^k) 2^(1 - bias)
        zero         e = 0, m = 0         +0 and -0 are two
        infinity     e = 2^w - 1, m = 0
        nan          e = 2^w - 1, m > 0

    A function of Python and NumPy, in exact arithmetic: not for use under jit.

    Args:
        value: a number; one of NumPy or JAX with a floating-point dtype keeps its format, a Python number is float64.
        format: "float64", "float32", "bfloat16" or "float16": round to it first (to nearest, ties to even); None keeps
            the value's own.

    Returns:
        ``FloatAnatomy(format, kind, sign, exponent_bits, mantissa_bits, exponent, exact, decimal, spacing)``. A number
        too large for the format is its infinity, as rounding has it.

    Raises:
        ValueError: for an unknown format, a value that is no single number, is complex, or is being traced.

    Source: IEEE Standard 754-2019; D. Goldberg (1991), What every computer scientist should know about floating-point
    arithmetic.
    """
    where = "float_anatomy"
    if format is not None and format not in FORMATS:
        raise ValueError(f"{where}: format must be one of {list(FORMATS)}, got {format!r}")
    if not is_concrete(value):
        raise ValueError(f"{where}: value must be a number that can be looked at, got one that is traced")
    if not isinstance(value, (int, float)) and (not hasattr(value, "dtype") or np.ndim(value) != 0):
        raise ValueError(f"{where}: value must be a single real number, got {describe(value)}")
    number = np.asarray(_as_float(value) if isinstance(value, int) else value)
    if number.dtype.name not in FORMATS and not np.issubdtype(number.dtype, np.integer):
        raise ValueError(f"{where}: value must be of one of {list(FORMATS)}, got {describe(value)}")
    if format is None:
        format = number.dtype.name if number.dtype.name in FORMATS else "float64"
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        number = number.astype(jnp.dtype(format))
    width = 8 * number.dtype.itemsize
    return _decode(format, int(number.view(f"uint{width}")))


def _as_float(value: int) -> float:
    """A whole number as float64; beyond its range infinity, as rounding has it."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _decode(format: str, bits: int) -> FloatAnatomy:
    """Read the bits by the table of the standard, in whole numbers."""
    exponent_size, mantissa_size = FORMATS[format]
    text = f"{bits:0{1 + exponent_size + mantissa_size}b}"
    sign, stored, mantissa = int(text[0]), int(text[1 : 1 + exponent_size], 2), int(text[1 + exponent_size :], 2)
    parts = (text[1 : 1 + exponent_size], text[1 + exponent_size :])
    bias = 2 ** (exponent_size - 1) - 1
    if stored == 2**exponent_size - 1:
        kind: Kind = "nan" if mantissa else "infinity"
        special = Decimal("NaN") if mantissa else Decimal("-Infinity" if sign else "Infinity")
        return FloatAnatomy(format, kind, sign, *parts, None, None, special, None)
    kind = "normal" if stored else "subnormal" if mantissa else "zero"
    exponent = stored - bias if stored else 1 - bias
    whole = mantissa + (2**mantissa_size if stored else 0)
    spacing = Fraction(2) ** (exponent - mantissa_size)
    exact = (-1) ** sign * whole * spacing
    decimal = _EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return FloatAnatomy(format, kind, sign, *parts, exponent, exact, decimal.copy_sign(Decimal(-sign or 1)), spacing)


def binary_expansion(number: Fraction | int | float | str, *, places: int = 64) -> str:
    """Write a number in binary, exactly, with what recurs in brackets: 1/10 = ``0.0(0011)``.

    By long division: the remainder is doubled, and what has been seen before recurs. A fraction ends only if its
    denominator is a power of two, so that 0.1, 0.2 and 0.3 have no end, and no float is equal to them.

    Args:
        number: "0.1" and Fraction(1, 10) are one tenth; the float 0.1 is what its bits stand for, which ends.
        places: the most digits after the point; what has neither ended nor recurred by then ends in "...".

    Raises:
        ValueError: for what is no finite number, or fewer than 1 place.
    """
    try:
        exact = Fraction(number)
    except (ValueError, OverflowError, TypeError, ZeroDivisionError):
        raise ValueError(f"binary_expansion: number must be a finite number, got {number!r}") from None
    if places < 1:
        raise ValueError(f"binary_expansion: places must be at least 1, got {places}")
    size = abs(exact)
    whole, rest = divmod(size.numerator, size.denominator)
    head = ("-" if exact < 0 else "") + f"{whole:b}"
    digits, seen = "", {}
    while rest and rest not in seen and len(digits) < places:
        seen[rest] = len(digits)
        digit, rest = divmod(2 * rest, size.denominator)
        digits += str(digit)
    if not digits:
        return head
    if rest and rest in seen:
        return f"{head}.{digits[: seen[rest]]}({digits[seen[rest] :]})"
    return f"{head}.{digits}{'...' if rest else ''}"
