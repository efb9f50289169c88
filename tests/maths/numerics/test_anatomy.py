import math
import struct
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.maths.numerics import FORMATS, binary_expansion, float_anatomy

TENTH = {
    "float64": "0 01111111011 1001100110011001100110011001100110011001100110011010",
    "float32": "0 01111011 10011001100110011001101",
    "bfloat16": "0 01111011 1001101",
    "float16": "0 01011 1001100110",
}


@pytest.mark.parametrize("format", FORMATS)
def test_one_tenth(format):
    number = float_anatomy(0.1, format)
    assert str(number) == TENTH[format]
    assert number.exact == Fraction(float(jnp.asarray(0.1, "float32" if format == "float64" else format))) or (
        format == "float64" and number.exact == Fraction(0.1)
    )
    assert (number.kind, number.sign, number.exponent) == ("normal", 0, -4)
    assert Fraction(number.decimal) == number.exact
    assert abs(number.exact - Fraction(1, 10)) <= number.spacing / 2


def test_all_digits_of_one_tenth():
    assert str(float_anatomy(0.1).decimal) == "0.1000000000000000055511151231257827021181583404541015625"
    assert str(float_anatomy(np.float32(0.1)).decimal) == "0.100000001490116119384765625"


def test_one_tenth_recurs_in_binary():
    assert binary_expansion("0.1") == "0.0(0011)"
    # As the syllabus prints it.
    assert "0.0" + 3 * "0011" == "0.0001100110011"
    # The mantissa of the float holds the same digits from the first 1 on, rounded in the last.
    digits = float_anatomy(0.1).mantissa_bits
    assert ("1" + digits)[:-3] == ("1100" * 14)[: len(digits) - 2]
    assert binary_expansion(0.1).endswith("1001101")  # the float ends


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("0", "0"), (1, "1"), ("-5.75", "-101.11"), (Fraction(1, 3), "0.(01)"), ("0.3", "0.0(1001)"), (2.5, "10.1"),
        (Fraction(1, 1000003), "0." + "0" * 19 + f"{2**64 // 1000003:045b}" + "..."),
    ],
)  # fmt: skip
def test_binary_expansions(number, written):
    assert binary_expansion(number) == written


@settings(max_examples=25, deadline=None)
@given(st.floats())
def test_bits_are_those_that_the_machine_stores(value):
    number = float_anatomy(value)
    (stored,) = struct.unpack(">Q", struct.pack(">d", value))
    assert int(str(number).replace(" ", ""), 2) == stored
    if math.isfinite(value):
        assert number.exact == Fraction(value)
        assert number.decimal == Decimal(value)
        assert number.spacing == Fraction(math.ulp(value))
    else:
        assert number.exact is number.spacing is number.exponent is None


@pytest.mark.parametrize("format", ["float16", "bfloat16", "float32"])
def test_every_kind_in_every_format(format):
    dtype = jnp.dtype(format)
    information = jnp.finfo(dtype)
    tiny, least = float(information.tiny), float(information.smallest_subnormal)
    for value, kind in (
        (1.5, "normal"),
        (float(information.max), "normal"),
        (tiny, "normal"),
        (tiny - least, "subnormal"),
        (-least, "subnormal"),
        (0.0, "zero"),
        (-0.0, "zero"),
        (np.inf, "infinity"),
        (-np.inf, "infinity"),
        (np.nan, "nan"),
    ):
        number = float_anatomy(np.asarray(value).astype(dtype))
        assert (number.format, number.kind) == (format, kind)
        if kind != "nan":
            assert number.sign == (math.copysign(1, value) < 0)
            assert float(number.decimal) == value
        if kind in ("normal", "subnormal", "zero"):
            assert number.exact == Fraction(value)
            assert number.spacing == max(
                Fraction(float(information.eps)) * Fraction(2) ** number.exponent, Fraction(least)
            )
    assert str(float_anatomy(-0.0).decimal) == "-0"
    assert float_anatomy(1e300, format).kind == "infinity"


def test_what_may_come():
    assert float_anatomy(3).format == "float64"
    assert float_anatomy(np.int32(3)).exact == 3
    assert float_anatomy(10**400).kind == "infinity"
    assert float_anatomy(jnp.asarray(0.1)).format == "float32"
    assert float_anatomy(jnp.asarray(0.1, jnp.bfloat16)).format == "bfloat16"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: float_anatomy(0.1, "float8"), "float_anatomy: format must be one of .*, got 'float8'"),
        (lambda: float_anatomy(np.ones(2)), r"float_anatomy: value must be a single real number, got float64\[2\]"),
        (lambda: float_anatomy("0.1"), "float_anatomy: value must be a single real number, got str"),
        (lambda: float_anatomy(np.complex64(1)), "float_anatomy: value must be of one of"),
        (lambda: jax.jit(float_anatomy)(1.0), "float_anatomy: value must be a number that can be looked at"),
        (lambda: binary_expansion("one"), "binary_expansion: number must be a finite number, got 'one'"),
        (lambda: binary_expansion(float("nan")), "binary_expansion: number must be a finite number, got nan"),
        (lambda: binary_expansion(1, places=0), "binary_expansion: places must be at least 1, got 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
