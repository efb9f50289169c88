"""Depthwise convolutions: tap by tap, or by XLA's convolution where the taps are many; a few examples at a time."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from chainrule import ops
from chainrule.audit.cases.convolution import convolution as by_loops
from chainrule.ops import depthwise
from tests.helpers import assert_trees_close

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_a_depthwise_kernel_of_many_taps_takes_the_other_form(rng, x64):
    x, w = rng.normal(size=(2, 10, 11, 3)), rng.normal(size=(9, 8, 1, 3))
    rule = ops.convolution.bind(groups=3)
    jaxpr = str(jax.make_jaxpr(rule.__call__)(x, w))
    assert "conv_general_dilated" in jaxpr
    assert "conv_general_dilated" not in str(jax.make_jaxpr(rule.__call__)(x, w[:3]))
    g = rng.normal(size=(2, 2, 4, 3))

    @jax.jit
    def both(x, w):
        y, pullback = rule.vjp(x, w)
        return y, pullback(g)

    y, (d_x, d_w) = both(x, w)
    np.testing.assert_allclose(y, by_loops(x, w, groups=3), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose([np.vdot(d_x, x), np.vdot(d_w, w)], np.vdot(y, g), rtol=1e-12)


@pytest.mark.parametrize(
    ("static", "examples"),
    [({"padding": "SAME"}, 1), ({"stride": (2, 1), "padding": ((1, 2), 0), "dilation": (1, 2)}, 2)],
    ids=["same", "uneven"],
)
def test_a_few_examples_at_a_time_are_all_at_once(static, examples, rng, monkeypatch, x64):
    rule = ops.convolution.bind(groups=3, **static)
    x, w = rng.normal(size=(4, 5, 6, 3)), rng.normal(size=(3, 2, 1, 6))
    g = rng.normal(size=jax.eval_shape(rule, x, w).shape)

    def pulled(x, w, g):
        y, pullback = rule.vjp(x, w)
        return y, pullback(g)

    at_once = jax.jit(pulled)(x, w, g)
    monkeypatch.setattr(depthwise, "_examples", lambda images, sizes: min(examples, len(images)))
    assert f"length={4 // examples}" in str(jax.make_jaxpr(rule.__call__)(x, w))

    @jax.jit
    def in_all_ways(x, w, g):
        y, referee = jax.vjp(rule, x, w)
        mapped = jax.vmap(pulled, (1, None, 1))(x.reshape(2, 2, *x.shape[1:]), w, g.reshape(2, 2, *g.shape[1:]))
        return pulled(x, w, g), (y, referee(g)), mapped

    by_hand, by_autodiff, mapped = in_all_ways(x, w, g)
    assert_trees_close(by_hand, at_once)
    assert_trees_close(by_autodiff, at_once)
    y, (d_x, d_w) = mapped
    assert_trees_close(
        (np.swapaxes(y, 0, 1).reshape(at_once[0].shape), (np.swapaxes(d_x, 0, 1).reshape(x.shape), d_w.sum(0))), at_once
    )


def test_parts_divide_the_batch_and_are_for_cpus_alone(monkeypatch):
    rule = ops.convolution.bind(groups=2, padding=1)
    monkeypatch.setattr(depthwise, "_PART", 3 * 6 * 6 * 2 * 4)  # three examples

    def loops(batch, platform):
        x, w = (jax.ShapeDtypeStruct(shape, np.float32) for shape in ((batch, 4, 4, 2), (3, 3, 1, 2)))
        lowered = jax.jit(rule.__call__).trace(x, w).lower(lowering_platforms=(platform,))
        return "stablehlo.while" in lowered.as_text()

    assert [loops(batch, "cpu") for batch in (0, 3, 4, 6, 7)] == [False, False, True, True, True]
    assert not loops(6, "cuda")
