"""Windows: sizes and padding against XLA's own arithmetic, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from jax import lax

from chainrule.ops.windows import pad, per_axis, resolve_padding, under_tap, windows

GRID = [
    ((n, n + 3), (k, k + 1), (s, 2), (d, 1))
    for n, k, s, d in itertools.product((5, 6, 9), (1, 2, 3), (1, 2, 4), (1, 2))
]


def test_same_padding_is_that_of_xla():
    for sizes, kernel, stride, dilation in GRID:
        lay = windows("test", sizes, kernel, stride=stride, padding="SAME", dilation=dilation)
        assert lay.padding == tuple(lax.padtype_to_pads(sizes, lay.span, stride, "SAME"))
        assert lay.out_sizes == tuple(-(-n // s) for n, s in zip(sizes, stride, strict=True))


@pytest.mark.parametrize("padding", ["VALID", "SAME", 2, ((0, 3), (2, 1))], ids=str)
def test_the_last_window_fits_and_no_further_one_would(padding):
    for sizes, kernel, stride, dilation in GRID:
        lay = windows("test", sizes, kernel, stride=stride, padding=padding, dilation=dilation)
        for n, m, s, span, (low, high) in zip(
            lay.in_sizes, lay.out_sizes, lay.stride, lay.span, lay.padding, strict=True
        ):
            assert (m - 1) * s + span <= n + low + high < m * s + span


def test_under_a_tap_lie_the_pixels_of_the_formula():
    lay = windows("test", (7, 8), (2, 3), stride=(3, 2), padding=((1, 2), 0), dilation=(2, 1))
    x = np.arange(2 * 7 * 8 * 3.0, dtype=np.float32).reshape(2, 7, 8, 3)
    by_hand = np.pad(x, ((0, 0), (1, 2), (0, 0), (0, 0)), constant_values=-1)
    padded = pad(x, lay, -1)
    assert lay.taps == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    for i, j in lay.taps:
        expected = [
            [by_hand[:, 3 * p + 2 * i, 2 * q + j] for q in range(lay.out_sizes[1])] for p in range(lay.out_sizes[0])
        ]
        np.testing.assert_array_equal(under_tap(padded, (i, j), lay), np.moveaxis(expected, 2, 0))


def test_all_forms_of_padding():
    for padding, expected in (
        ("VALID", ((0, 0), (0, 0))),
        (2, ((2, 2), (2, 2))),
        ((1, 2), ((1, 1), (2, 2))),
        (((1, 2), 3), ((1, 2), (3, 3))),
    ):
        assert resolve_padding("test", padding, (5, 6), (3, 3), (1, 1)) == expected
    assert per_axis("test", "stride", 3, 2) == (3, 3)
    assert per_axis("test", "stride", (3, 1), 2) == (3, 1)


@pytest.mark.parametrize(
    "padding", ["same", -1, (1,), (1, 2, 3), ((1, -1), 0), ((1, 2, 3), 0), 1.5, True, None, ("SAME", 0)], ids=str
)
def test_other_padding_is_refused(padding):
    message = (
        "pooling: padding must be 'SAME', 'VALID', an integer of at least 0, or a tuple of 2 such integers or pairs"
    )
    with pytest.raises(ValueError, match=f"^{message}"):
        windows("pooling", (5, 6), 2, padding=padding)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2", None, (1,), (1, 2, 3), (1, 0), (1, True), [1, 2]], ids=str)
@pytest.mark.parametrize("name", ["window", "stride", "dilation"])
def test_sizes_that_are_no_positive_integers_are_refused(name, value):
    arguments = {"size" if name == "window" else name: value}
    with pytest.raises(ValueError, match=f"^pooling: {name} must be a positive integer, or a tuple of 2 such"):
        windows("pooling", (5, 6), **{"size": 2, **arguments})


@pytest.mark.parametrize(
    ("arguments", "spans", "image"),
    [
        ({"size": 6}, "6 x 6", "5 x 6"),
        ({"size": (3, 4), "dilation": (1, 2), "padding": ((3, 0), 0)}, "3 x 7", "8 x 6"),
    ],
)
def test_a_window_larger_than_the_padded_image_is_refused(arguments, spans, image):
    with pytest.raises(ValueError, match=f"window that spans {spans} pixels .* and a padded image of {image}"):
        windows("pooling", (5, 6), **arguments)
