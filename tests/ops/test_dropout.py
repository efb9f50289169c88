"""Dropout: how many numbers are dropped, that the others make up for it, and which key draws what."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(3)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_that_is_dropped_is_the_rate_and_the_mean_is_kept(rate):
    count = 40_000
    y = np.asarray(ops.dropout(jnp.ones(count), KEY, rate=rate), np.float64)
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - rate)], rtol=1e-6)
    # Five standard deviations of a binomial, of the share and of the mean.
    deviation = np.sqrt(rate * (1 - rate) / count)
    assert abs(np.mean(y == 0) - rate) < 5 * deviation
    assert abs(np.mean(y) - 1) < 5 * deviation / (1 - rate)


def test_numbers_are_dropped_independently_of_their_neighbours():
    dropped = np.asarray(ops.dropout(jnp.ones((200, 200)), KEY, rate=0.5)) == 0
    for neighbour in (np.roll(dropped, 1, 0), np.roll(dropped, 1, 1)):
        assert abs(np.mean(dropped == neighbour) - 0.5) < 5 * 0.5 / 200


def test_the_same_key_draws_the_same_mask_in_every_dtype_and_another_key_another(x64):
    masks = [
        np.asarray(ops.dropout(jnp.ones(500, dtype), KEY, rate=0.3)) == 0 for dtype in ("bfloat16", "float32", float)
    ]
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], masks[2])
    other = np.asarray(ops.dropout(jnp.ones(500), jax.random.key(4), rate=0.3)) == 0
    assert not np.array_equal(masks[0], other)


def test_the_backward_pass_uses_the_mask_of_the_forward_pass(rng):
    x, g = jnp.asarray(rng.normal(size=(2, 50)), jnp.float32)
    y, pullback = jax.jit(lambda x: ops.dropout.vjp(x, KEY, rate=0.4))(x)
    d_x, d_key = pullback(g)
    np.testing.assert_array_equal(d_x == 0, y == 0)
    np.testing.assert_allclose(d_x, np.where(y == 0, 0, g / 0.6), rtol=1e-6)
    assert d_key.dtype == jax.dtypes.float0
    assert [(leaf.dtype, leaf.shape) for leaf in jax.tree.leaves(pullback)] == [(jnp.dtype(bool), (50,))]


def test_whole_channels_are_dropped_where_axes_are_shared():
    y = np.asarray(ops.dropout(jnp.ones((20, 3, 4, 10)), KEY, rate=0.5, shared_axes=(1, -2)))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape))
    assert 0.3 < np.mean(y == 0) < 0.7
    assert len({tuple(row) for row in y[:, 0, 0]}) > 15  # the examples have masks of their own


def test_a_dropped_infinity_is_zero():
    y = ops.dropout(jnp.full(100, jnp.inf), KEY, rate=0.5)
    assert set(np.asarray(y)) == {0.0, np.inf}


def test_a_rate_of_zero_hands_x_through_and_keeps_nothing():
    y, pullback = ops.dropout.vjp(jnp.arange(3.0), KEY, rate=0)
    np.testing.assert_array_equal(y, np.arange(3.0))
    assert jax.tree.leaves(pullback) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ops.dropout(jnp.ones(3), KEY, rate=1.0),
            r"rate must be in \[0, 1\), the share that is dropped, got 1.0",
        ),
        (lambda: ops.dropout(jnp.ones(3), KEY, rate=-0.1), r"rate must be in \[0, 1\)"),
        (lambda: ops.dropout(jnp.ones(3), KEY, rate=float("nan")), r"rate must be in \[0, 1\)"),
        (
            lambda: ops.dropout(jnp.ones(3, int), KEY, rate=0.5),
            "dropout: x must be of floating-point numbers, got int32",
        ),
        (lambda: ops.dropout(jnp.ones(3), 0, rate=0.5), "key must be a single random key.*got int"),
        (lambda: ops.dropout(jnp.ones(3), jax.random.split(KEY), rate=0.5), r"key must be a single random key.*\[2\]"),
        (lambda: ops.dropout(jnp.ones(3), jnp.zeros(2, jnp.uint32), rate=0.5), "key must be a single random key"),
        (
            lambda: ops.dropout(jnp.ones(3), KEY, rate=0.5, shared_axes=(1,)),
            r"shared_axes must be axes of x, float32\[3\]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
