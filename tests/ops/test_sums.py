"""Sums as products with ones: sums over either axis, of any number of rows, and as precise as sums in blocks are."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from chainrule.ops.sums import over_features, over_rows, over_rows_in_blocks

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.mark.parametrize("shape", [(0, 3), (7, 3), (2, 3, 4), (260, 2), (257, 2), (2, 320, 3)])
def test_sums_over_rows_and_features(shape, x64, rng):
    x, weight = rng.normal(size=shape), rng.normal(size=shape[-1])

    @jax.jit
    def sums(x):
        return over_rows(x), over_rows_in_blocks(x), over_features(x), over_features(x, weight)

    by_rows, in_blocks, by_features, weighted = sums(x)
    np.testing.assert_allclose(by_rows, x.sum(-2), atol=1e-12)
    np.testing.assert_allclose(in_blocks, x.sum(-2), atol=1e-12)
    np.testing.assert_allclose(by_features, x.sum(-1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(weighted, (x * weight).sum(-1, keepdims=True), atol=1e-12)


def test_a_sum_of_many_rows_in_blocks_keeps_its_digits():
    """A running sum of 65,536 tenths in float32 is off by 7e-4 of itself."""
    x = np.full((65_536, 3), 0.1, np.float32)
    running = np.add.accumulate(x[:, 0])[-1]
    exact = 65_536 * float(np.float32(0.1))
    assert abs(running / exact - 1) > 1e-4
    np.testing.assert_allclose(jax.jit(over_rows_in_blocks)(x), exact, rtol=2e-6)
