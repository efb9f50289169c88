"""Global pooling: ties, NaN, any number of axes, and images without pixels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops
from tests.helpers import assert_hand_is_autodiff

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_global_pools_take_any_number_of_axes(x64):
    rng = np.random.default_rng(2)
    for shape in ((2, 3, 4), (2, 3, 2, 4, 3)):
        x = rng.normal(size=shape)
        pixels = x.reshape(2, -1, shape[-1])
        np.testing.assert_allclose(assert_hand_is_autodiff(ops.global_max_pool, x)[0], pixels.max(1), rtol=1e-12)
        np.testing.assert_allclose(assert_hand_is_autodiff(ops.global_average_pool, x)[0], pixels.mean(1), rtol=1e-12)


@jax.jit
def max_pulled(x):
    """The maximum, and the cotangent of ones pulled back by hand and by autodiff of the same code."""
    y, pullback = ops.global_max_pool.vjp(x)
    _, referee = jax.vjp(ops.global_max_pool, x)
    return y, pullback(jnp.ones_like(y))[0], referee(jnp.ones_like(y))[0]


# 4 x 6 pixels are looked at in six blocks of four.
@pytest.mark.parametrize(
    ("pixels", "winner"),
    [
        pytest.param({}, 0, id="all_alike"),
        pytest.param({5: 2.0, 6: 2.0}, 5, id="tie_in_a_block"),
        pytest.param({7: 2.0, 8: 2.0, 20: 2.0}, 7, id="tie_of_blocks"),
        pytest.param({23: 2.0}, 23, id="the_last"),
        pytest.param({3: 2.0, 9: np.nan, 10: np.nan, 16: np.nan}, 9, id="nan"),
        pytest.param({22: np.nan, 23: np.inf}, 22, id="nan_beside_infinity"),
        pytest.param(dict.fromkeys(range(24), -np.inf), 0, id="minus_infinity"),
    ],
)
def test_the_first_of_the_largest_pixels_takes_the_whole_cotangent_or_the_first_nan(pixels, winner):
    x = np.zeros((1, 24, 1), np.float32)
    x[0, list(pixels), 0] = list(pixels.values())
    y, d_x, by_autodiff = max_pulled(x.reshape(1, 4, 6, 1))
    np.testing.assert_array_equal(y, x[:, winner])
    np.testing.assert_array_equal(np.flatnonzero(d_x), [winner])
    np.testing.assert_array_equal(d_x, by_autodiff)


def test_what_is_kept_is_the_place_of_the_winner_or_nothing():
    def kept(rule):
        pullback = jax.eval_shape(lambda x: rule.vjp(x)[1], jax.ShapeDtypeStruct((2, 6, 6, 3), jnp.float32))
        return [(leaf.dtype, leaf.shape) for leaf in jax.tree.leaves(pullback)]

    assert kept(ops.global_max_pool) == [(jnp.int32, (2, 3))]
    assert kept(ops.global_average_pool) == []


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="what XLA makes of it on a CPU")
def test_the_memory_of_a_maximum_is_that_of_the_winners():
    def pulled(d_y, x):
        y, pullback = ops.global_max_pool.vjp(x)
        return y, pullback(d_y)

    d_y, x = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((64, 32), (64, 28, 28, 32)))
    memory = jax.jit(pulled).lower(d_y, x).compile().memory_analysis().temp_size_in_bytes
    assert (
        memory < 3 * 64 * 32 * 4
    )  # the block and the pixel in it; the largest of each block would take 28 times as much


@pytest.mark.parametrize("rule", [ops.global_max_pool, ops.global_average_pool])
def test_global_pools_refuse_what_has_no_pixels(rule):
    for shape in ((4, 3), (), (2, 0, 3), (2, 3, 0, 1)):
        with pytest.raises(
            ValueError, match=rf"{rule.name}: x must be \(batch, ..., channels\) with at least one pixel"
        ):
            rule(jnp.ones(shape))
    with pytest.raises(ValueError, match=f"{rule.name}: x must be of floating-point numbers"):
        rule(jnp.ones((1, 4, 2), jnp.int32))
