"""Pooling: against PyTorch's stored values, ties, borders, and windows that do not fit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops
from tests.helpers import assert_hand_is_autodiff
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")

STORED = store.load("pooling")


def geometry(case):
    """The static arguments of a stored case: lists come back where tuples were."""
    keys = ("window", "stride", "padding")
    return {key: tuple(case[key]) if isinstance(case[key], list) else case[key] for key in keys}


def pulled(rule, x, d_y, **static):
    @jax.jit
    def both(x, d_y):
        y, pullback = rule.vjp(x, **static)
        return y, pullback(d_y)[0]

    return both(x, d_y)


def groups(name):
    """Cases of one geometry share what is compiled for it."""
    found = {}
    for case in STORED[name]:
        found.setdefault((case["x"].shape, str(geometry(case)), case.get("count_include_pad")), []).append(case)
    return list(found.values())


@pytest.mark.parametrize("cases", groups("max_pool"), ids=lambda cases: cases[0]["title"])
def test_max_pool_is_pytorchs_with_ties_minus_infinity_and_nan(x64, cases):
    static = geometry(cases[0])

    @jax.jit
    def both(x, d_y):
        y, pullback = ops.max_pool.vjp(x, **static)
        _, referee = jax.vjp(lambda x: ops.max_pool(x, **static), x)
        return y, pullback(d_y)[0], referee(d_y)[0]

    for case in cases:
        y, d_x, by_autodiff = both(case["x"], case["d_y"])
        np.testing.assert_allclose(y, case["y"], rtol=0, atol=1e-10, err_msg=case["title"])
        np.testing.assert_allclose(d_x, case["d_x"], rtol=0, atol=1e-10, err_msg=case["title"])
        np.testing.assert_allclose(by_autodiff, case["d_x"], rtol=0, atol=1e-10, err_msg=case["title"])


@pytest.mark.parametrize("case", STORED["average_pool"], ids=lambda case: case["title"])
def test_average_pool_is_pytorchs_with_and_without_the_padding_counted(x64, case):
    static = geometry(case) | {"count_include_padding": case["count_include_pad"]}
    y, d_x = pulled(ops.average_pool, case["x"], case["d_y"], **static)
    np.testing.assert_allclose(y, case["y"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(d_x, case["d_x"], rtol=0, atol=1e-10)


def test_the_first_of_equal_taps_takes_the_whole_cotangent():
    x = np.zeros((1, 4, 4, 1), np.float32)
    d_y = np.float32([[1, 2], [3, 4]]).reshape(1, 2, 2, 1)
    _, d_x = pulled(ops.max_pool, x, d_y, window=2)
    np.testing.assert_array_equal(d_x[0, :, :, 0], [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]])


def test_a_nan_wins_and_is_not_lost():
    x = np.float32([1, np.nan, 3, np.nan, 2, 5]).reshape(1, 6, 1)
    y, d_x = pulled(ops.max_pool, x, np.ones((1, 2, 1), np.float32), window=3)
    np.testing.assert_array_equal(y.ravel(), [np.nan, np.nan])
    np.testing.assert_array_equal(d_x.ravel(), [0, 1, 0, 1, 0, 0])


def test_pixels_between_windows_and_behind_the_last_get_nothing():
    x, ones = np.arange(8, dtype=np.float32).reshape(1, 8, 1), np.ones((1, 3, 1), np.float32)
    for rule in (ops.max_pool, ops.average_pool):
        _, d_x = pulled(rule, x, ones, window=1, stride=3)
        np.testing.assert_array_equal(d_x.ravel(), [1, 0, 0, 1, 0, 0, 1, 0])
        _, d_x = pulled(rule, x, ones[:, :2], window=3)
        np.testing.assert_array_equal(d_x.ravel()[6:], [0, 0])


def test_the_stride_is_the_window_unless_given():
    x = jnp.arange(24.0).reshape(1, 4, 6, 1)
    for rule in (ops.max_pool, ops.average_pool):
        np.testing.assert_array_equal(rule(x, window=(2, 3)), rule(x, window=(2, 3), stride=(2, 3)))
        assert rule(x, window=(2, 3)).shape == (1, 2, 2, 1)


def test_max_pool_keeps_one_byte_a_window_and_two_where_the_taps_are_many():
    def kept(rule, shape):
        x = jax.ShapeDtypeStruct(shape, jnp.float32)
        return [(leaf.dtype, leaf.shape) for leaf in jax.tree.leaves(jax.eval_shape(lambda x: rule.vjp(x)[1], x))]

    assert kept(ops.max_pool.bind(window=3), (2, 6, 6, 3)) == [(jnp.uint8, (2, 2, 2, 3))]
    assert kept(ops.max_pool.bind(window=16), (1, 16, 16, 1)) == [(jnp.uint16, (1, 1, 1, 1))]
    assert kept(ops.max_pool.bind(window=1, stride=2), (2, 6, 6, 3)) == []
    assert kept(ops.average_pool.bind(window=2), (2, 6, 6, 3)) == []


@pytest.mark.slow
def test_every_one_of_more_taps_than_a_byte_counts_can_win():
    # 260 taps: in a byte, the numbers of the last would be those of the first again.
    x = np.random.default_rng(0).uniform(size=(4, 290, 1)).astype(np.float32)
    winners = [0, 255, 256, 259]
    x[range(4), winners, 0] = 2.0
    d_y = np.float32([[[3.0]]] * 4)
    y, d_x = pulled(ops.max_pool, x, d_y, window=260, stride=40)
    np.testing.assert_array_equal(y.ravel(), [2.0] * 4)
    expected = np.zeros_like(x)
    expected[range(4), winners, 0] = 3.0
    np.testing.assert_array_equal(d_x, expected)


def test_hand_is_autodiff_where_windows_reach_far_and_unevenly(x64):
    x = np.random.default_rng(1).normal(size=(2, 7, 5, 3))
    static = {"window": (4, 2), "stride": (2, 3), "padding": ((3, 1), (0, 1))}
    assert_hand_is_autodiff(ops.max_pool.bind(**static), x)
    assert_hand_is_autodiff(ops.average_pool.bind(**static), x)


POOLS = [ops.max_pool, ops.average_pool]


@pytest.mark.parametrize("rule", POOLS)
def test_images_of_another_rank_or_without_pixels_or_of_integers_are_refused(rule):
    for shape in ((), (4,), (4, 4), (1, 2, 3, 4, 5), (2, 0, 3), (2, 3, 0, 1)):
        with pytest.raises(ValueError, match=rf"{rule.name}: x must be \(batch, length, channels\) or \(batch, height"):
            rule(jnp.ones(shape), window=2)
    with pytest.raises(ValueError, match=rf"{rule.name}: x must be of floating-point numbers, got int32\[1, 4, 2\]"):
        rule(jnp.ones((1, 4, 2), jnp.int32), window=2)


@pytest.mark.parametrize("rule", POOLS)
def test_windows_that_do_not_fit_are_refused(rule):
    x = jnp.ones((1, 4, 5, 2))
    with pytest.raises(ValueError, match=rf"{rule.name}: the window must fit into the padded image"):
        rule(x, window=(5, 1))
    with pytest.raises(ValueError, match=rf"{rule.name}: padding must be narrower than the window"):
        rule(x, window=2, padding=2)
    with pytest.raises(ValueError, match=rf"{rule.name}: padding must be narrower than the window"):
        rule(x, window=(3, 2), padding=((2, 2), (0, 2)))
    with pytest.raises(ValueError, match=rf"{rule.name}: window must be a positive integer"):
        rule(x, window=0)
    with pytest.raises(ValueError, match=rf"{rule.name}: window must be a positive integer, or a tuple of 2"):
        rule(x, window=(2, 2, 2))
    with pytest.raises(ValueError, match=rf"{rule.name}: stride must be a positive integer"):
        rule(x, window=2, stride=0)
    with pytest.raises(ValueError, match=rf"{rule.name}: padding must be 'SAME'"):
        rule(x, window=2, padding="same")
