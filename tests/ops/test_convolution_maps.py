"""The three maps of a convolution: derivatives of one number, and the forms that large arrays take."""

from __future__ import annotations

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops
from chainrule.audit.cases.convolution import convolution as by_loops
from chainrule.ops import convolution_maps
from chainrule.ops.convolution_maps import (
    _correlate_in_parts,
    _correlate_whole,
    correlate,
    exchange,
    gather,
    spread,
    sum_in_place,
    sum_to_channels,
)
from chainrule.ops.windows import windows

pytestmark = pytest.mark.usefixtures("quick_compilation")


# T(x, w, g) is one number: gather, spread and correlate are its derivatives, so each gives it back.
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), ((2, 3), ((2, 0), (1, 4)), (2, 1))])
def test_the_three_maps_are_derivatives_of_one_number(groups, stride, padding, dilation, rng, x64):
    lay = windows("test", (7, 6), (3, 2), stride=stride, padding=padding, dilation=dilation)
    x, w = rng.normal(size=(2, 7, 6, 4)), rng.normal(size=(3, 2, 4 // groups, 8))
    g = rng.normal(size=(2, *lay.out_sizes, 8))
    y, d_x, d_w = jax.jit(
        lambda x, w, g: (
            gather(x, w, lay, groups),
            spread(g, exchange(w, groups), lay, groups),
            correlate(x, g, lay, groups),
        )
    )(x, w, g)
    number = np.vdot(y, g)
    np.testing.assert_allclose([np.vdot(d_x, x), np.vdot(d_w, w)], number, rtol=1e-12)
    np.testing.assert_allclose(y, by_loops(x, w, None, stride, padding, dilation, groups), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_correlating_in_parts_is_correlating_at_once(groups, rng, monkeypatch, x64):
    monkeypatch.setattr(convolution_maps, "_LEAST", 2)
    monkeypatch.setattr(convolution_maps, "_CACHED", 3 * 9 * 12 * 8)  # three examples, or two in a group
    lay = windows("test", (5, 6), (3, 2), stride=(2, 1), padding="SAME")
    x, d = rng.normal(size=(7, 5, 6, 6)), rng.normal(size=(7, *lay.out_sizes, 12))
    if groups == 1:
        jaxpr = str(jax.make_jaxpr(functools.partial(_correlate_in_parts, lay=lay, groups=1))(x, d))
        assert "scan" in jaxpr
        assert len(re.findall("conv_general_dilated", jaxpr)) == 2  # 7 examples are parts of 2 or 3 and what is over
    run = jax.jit(lambda x, d: (_correlate_in_parts(x, d, lay, groups), _correlate_whole(x, d, lay, groups)))
    np.testing.assert_allclose(*run(x, d), rtol=1e-12, atol=1e-12)


def test_in_parts_bfloat16_adds_up_in_float32(rng, monkeypatch):
    monkeypatch.setattr(convolution_maps, "_LEAST", 1)
    monkeypatch.setattr(convolution_maps, "_CACHED", 1)
    lay = windows("test", (4,), (3,))
    # 512 examples of 2 windows with ones: bfloat16 itself counts no further than 256.
    kernel = jax.jit(lambda x, d: _correlate_in_parts(x, d, lay, 1))(
        jnp.ones((512, 4, 1), jnp.bfloat16), jnp.ones((512, 2, 1), jnp.bfloat16)
    )
    assert kernel.dtype == jnp.bfloat16
    np.testing.assert_array_equal(np.asarray(kernel, np.float32), 1024.0)


def test_parts_are_for_cpus_alone_and_for_large_arrays_or_groups():
    lay = windows("test", (28, 28), (3, 3), padding="SAME")

    def loops(batch, groups, platform):
        x, d = (jax.ShapeDtypeStruct((batch, 28, 28, channels), jnp.float32) for channels in (4, 16))
        lowered = jax.jit(lambda x, d: correlate(x, d, lay, groups)).trace(x, d).lower(lowering_platforms=(platform,))
        return "stablehlo.while" in lowered.as_text()

    assert [loops(batch, 1, "cpu") for batch in (16, 64)] == [False, True]  # 0.8 and 3.2 MB of d
    assert loops(2, 2, "cpu")
    assert not any(loops(batch, groups, "cuda") for batch, groups in ((64, 1), (2, 2), (2, 4)))


@pytest.mark.parametrize(("pixels", "kernel"), [((4, 6), (2, 3)), ((6,), (3,))], ids=["images", "series"])
@pytest.mark.parametrize("least", [1, 2**13], ids=["in_parts", "at_once"])
def test_windows_that_tile_the_image_are_rows_of_a_matrix(pixels, kernel, least, rng, monkeypatch, x64):
    monkeypatch.setattr(convolution_maps, "_LEAST_TILES", least)
    lay = windows("test", pixels, kernel, stride=kernel)
    x, d = rng.normal(size=(5, *pixels, 7)), rng.normal(size=(5, *lay.out_sizes, 3))
    in_parts = functools.partial(_correlate_in_parts, lay=lay, groups=1)
    jaxpr = str(jax.make_jaxpr(in_parts)(x, d))
    assert "conv_general_dilated" not in jaxpr
    # In two dimensions a row of windows takes 672 bytes and the kernel 1008; in one dimension there is no copy.
    assert ("scan" in jaxpr) == (least == 1 and len(pixels) == 2)
    both = jax.jit(lambda x, d: (in_parts(x, d), _correlate_whole(x, d, lay, 1)))
    np.testing.assert_allclose(*both(x, d), rtol=1e-12, atol=1e-12)
    assert in_parts(x[:0], d[:0]).shape == (*kernel, 7, 3)


def test_tiles_of_bfloat16_add_up_in_float32(monkeypatch):
    monkeypatch.setattr(convolution_maps, "_LEAST_TILES", 1)
    lay = windows("test", (2, 2), (2, 2), stride=2)
    kernel = jax.jit(functools.partial(_correlate_in_parts, lay=lay, groups=1))(
        jnp.ones((512, 2, 2, 1), jnp.bfloat16), jnp.ones((512, 1, 1, 1), jnp.bfloat16)
    )
    assert kernel.dtype == jnp.bfloat16
    np.testing.assert_array_equal(np.asarray(kernel, np.float32), 512.0)


@pytest.mark.parametrize(
    "static",
    [{"stride": 1}, {"stride": 3}, {"stride": 2, "padding": 1}, {"stride": 2, "dilation": 2}],
    ids=["overlapping", "with_gaps", "padded", "dilated"],
)
def test_other_windows_do_not_tile_the_image(static, rng, x64):
    lay = windows("test", (6, 6), (2, 2), **static)
    x, d = rng.normal(size=(2, 6, 6, 2)), rng.normal(size=(2, *lay.out_sizes, 3))
    both = jax.jit(lambda x, d: (correlate(x, d, lay, 1), _correlate_whole(x, d, lay, 1)))
    np.testing.assert_allclose(*both(x, d), rtol=1e-12, atol=1e-12)
    assert "conv_general_dilated" in str(jax.make_jaxpr(functools.partial(correlate, lay=lay, groups=1))(x, d))


def test_the_gradient_of_a_bias_sums_over_every_axis_but_the_last(rng, x64):
    for shape in ((2, 3, 4, 5), (2, 3, 5), (0, 3, 5)):
        d = rng.normal(size=shape)
        for add in (sum_to_channels, sum_in_place):
            np.testing.assert_allclose(add(d), d.reshape(-1, 5).sum(0), rtol=1e-12, atol=1e-12)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="what XLA makes of it on a CPU")
@pytest.mark.parametrize(
    ("rule", "x", "w", "static", "most"),
    [
        # A padded copy of the image of a depthwise convolution would be 1.8 MB.
        (ops.convolution, (16, 28, 28, 32), (3, 3, 1, 32), {"padding": "SAME", "groups": 32}, 1.3e6),
        # The large image of a transpose that doubles one is 0.8 MB.
        (ops.transposed_convolution, (16, 14, 14, 32), (2, 2, 32, 16), {"stride": 2}, 3e4),
    ],
    ids=["depthwise", "doubling"],
)
def test_memory_is_that_of_a_part(rule, x, w, static, most):
    def pulled(g, *arrays):
        y, pullback = rule.vjp(*arrays, **static)
        return y, pullback(g)

    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (x, w, w[-1:])]
    compiled = jax.jit(pulled).lower(jax.eval_shape(functools.partial(rule, **static), *arrays), *arrays).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < most
