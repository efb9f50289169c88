"""Convolution and its transpose: against PyTorch's stored values, the forms that large arrays take, and bad input."""

from __future__ import annotations

import functools
import itertools
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
)
from chainrule.ops.windows import windows
from tests.helpers import assert_trees_close
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")

STORED = store.load("convolution")


def static_of(case):
    return {key: tuple(value) if isinstance(value, list) else value for key, value in case["static"].items()}


def named(case):
    return f"{case['name']}-{len(case['inputs'])}-{static_of(case)}"


@pytest.mark.parametrize("case", STORED, ids=named)
def test_values_and_gradients_are_those_of_pytorch(case, x64):
    rule = getattr(ops, case["name"]).bind(**static_of(case))

    @jax.jit
    def pulled(cotangent, *inputs):
        y, pullback = rule.vjp(*inputs)
        return y, pullback(cotangent)

    found = pulled(case["cotangent"], *case["inputs"])
    assert_trees_close(found, (case["output"], tuple(case["gradients"])), rtol=1e-10, atol=1e-10)


def test_the_stored_values_vary_every_argument():
    for name, arguments in (
        ("convolution", {"stride", "padding", "dilation", "groups"}),
        ("transposed_convolution", {"stride", "padding", "output_padding", "dilation", "groups"}),
    ):
        cases = [case for case in STORED if case["name"] == name]
        assert set().union(*(case["static"] for case in cases)) == arguments
        assert {case["inputs"][0].ndim for case in cases} == {3, 4}
        assert {len(case["inputs"]) for case in cases} == {2, 3}


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


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="what XLA makes of it on a CPU")
def test_inside_a_loop_every_convolution_has_the_layout_of_the_fast_kernel():
    rule = ops.convolution.bind(stride=2, padding="SAME")

    def step(weight, batch):
        x, d_y = batch
        _, pullback = rule.vjp(x, weight)
        d_x, d_weight = pullback(d_y)
        return weight - d_weight, d_x

    shapes = [(3, 3, 2, 4), (5, 2, 7, 6, 2), (5, 2, 4, 3, 4)]
    weight, x, d_y = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes)
    compiled = jax.jit(lambda w, x, g: jax.lax.scan(step, w, (x, g))).lower(weight, x, d_y).compile().as_text()
    layouts = re.findall(r" convolution\(.*dim_labels=(\S+?)[,\s]", compiled)
    assert len(layouts) == 2  # d_x and d_weight: the output is not asked for
    assert set(layouts) == {"b01f_01io->b01f"}


@pytest.mark.parametrize("rule", [ops.convolution, ops.transposed_convolution])
def test_the_pullback_holds_image_and_kernel_alone(rule):
    pullback = jax.eval_shape(
        lambda *args: rule.vjp(*args, groups=3)[1], jnp.ones((2, 5, 4, 3)), jnp.ones((3, 2, 1, 6)), jnp.ones(6)
    )
    assert [leaf.shape for leaf in jax.tree.leaves(pullback)] == [(2, 5, 4, 3), (3, 2, 1, 6)]


X, W = np.ones((2, 5, 4, 3), np.float32), np.ones((3, 2, 3, 6), np.float32)
WRONG = [
    (
        (X[..., :2], W),
        {},
        r"in_channels / groups = 2 / 1, got x float32\[2, 5, 4, 2\] and weight float32\[3, 2, 3, 6\]",
    ),
    ((X, W), {"groups": 3}, r"in_channels / groups = 3 / 3, got x"),
    ((X, W), {"groups": 2}, "groups must divide the channels .* got 2 groups, 3 in_channels and 6 out_channels"),
    ((X, W[..., :1, :5]), {"groups": 3}, "got 3 groups, 3 in_channels and 5 out_channels"),
    ((X, W), {"groups": 0}, "groups must be a positive integer, got 0"),
    ((X, W), {"groups": True}, "groups must be a positive integer, got True"),
    ((X[0, 0], W), {}, r"x must be \(batch, width, channels\) or .* got float32\[4, 3\]"),
    ((X[None], W), {}, r"x must be .* got float32\[1, 2, 5, 4, 3\]"),
    ((X[0], W), {}, r"weight must have 3 axes as x has, .* got float32\[3, 2, 3, 6\]"),
    ((X, W, W[0, 0, 0, :5]), {}, r"bias must be \(6,\), got float32\[5\]"),
    ((X, W, W[0, 0, :1]), {}, r"bias must be \(6,\), got float32\[1, 6\]"),
    ((X.astype(np.int32), W), {}, "x must be of floating-point numbers, got int32"),
    ((X, W.astype(np.int8)), {}, "weight must be of floating-point numbers, got int8"),
    ((X, W.astype(np.float16)), {}, "dtypes must be equal, got x float32, weight float16"),
    ((X, W, W[0, 0, 0].astype(np.float16)), {}, "dtypes must be equal, .* bias float16"),
    ((X, W[:0]), {}, "kernel must be a positive integer"),
    ((X, W), {"stride": 0}, "stride must be a positive integer, .* got 0"),
    ((X, W), {"dilation": (1, 2, 3)}, r"dilation must be .* a tuple of 2 such, one an axis, got \(1, 2, 3\)"),
    ((X, W), {"padding": -1}, "padding must be 'SAME', 'VALID', an integer of at least 0, .* got -1"),
]


@pytest.mark.parametrize("rule", [ops.convolution, ops.transposed_convolution])
@pytest.mark.parametrize(("arrays", "static", "message"), WRONG, ids=range(len(WRONG)))
def test_what_does_not_fit_is_refused(rule, arrays, static, message):
    with pytest.raises(ValueError, match=f"^{rule.name}: .*{message}"):
        rule(*arrays, **static)


def test_a_kernel_larger_than_the_image_is_refused():
    message = (
        "convolution: the kernel must fit into the padded image, got a kernel that spans 7 x 2 pixels "
        r"\(3 x 2 taps, dilation 3 x 1\) and a padded image of 5 x 4"
    )
    with pytest.raises(ValueError, match=message):
        ops.convolution(X, W, dilation=(3, 1))
    assert ops.convolution(X, W, dilation=(3, 1), padding=1).shape == (2, 1, 5, 6)


@pytest.mark.parametrize(
    ("static", "message"),
    [
        ({"padding": ((4, 3), 0)}, r"padding must leave an image, got \(\(4, 3\), 0\), which leaves 0 x 5 pixels"),
        ({"output_padding": 1}, "output_padding must be less than the stride or the dilation, got 1 with stride 1"),
        ({"output_padding": -1}, "output_padding must be an integer of at least 0, .* got -1"),
        ({"output_padding": 1, "stride": 2, "padding": "SAME"}, "output_padding must be 0 with padding 'SAME', got 1"),
    ],
)
def test_transposed_padding_that_leaves_nothing_or_adds_too_much_is_refused(static, message):
    with pytest.raises(ValueError, match=f"^transposed_convolution: {message}"):
        ops.transposed_convolution(X, W, **static)


@pytest.mark.parametrize(("stride", "kernel"), list(itertools.product([1, 2, 3], [1, 2, 5])))
def test_a_same_convolution_undoes_the_size_of_a_same_transpose(stride, kernel):
    static = {"stride": stride, "padding": "SAME"}
    weight = jax.ShapeDtypeStruct((kernel, kernel, 3, 3), jnp.float32)
    large = jax.eval_shape(functools.partial(ops.transposed_convolution, **static), X, weight)
    assert large.shape == (2, 5 * stride, 4 * stride, 3)
    assert jax.eval_shape(functools.partial(ops.convolution, **static), large, weight).shape == X.shape


def test_parts_are_for_cpus_alone_and_for_large_arrays_or_groups():
    lay = windows("test", (28, 28), (3, 3), padding="SAME")

    def loops(batch, groups, platform):
        x, d = (jax.ShapeDtypeStruct((batch, 28, 28, channels), jnp.float32) for channels in (4, 16))
        lowered = jax.jit(lambda x, d: correlate(x, d, lay, groups)).trace(x, d).lower(lowering_platforms=(platform,))
        return "stablehlo.while" in lowered.as_text()

    assert [loops(batch, 1, "cpu") for batch in (16, 64)] == [False, True]  # 0.8 and 3.2 MB of d
    assert loops(2, 2, "cpu")
    assert not any(loops(batch, groups, "cuda") for batch, groups in ((64, 1), (2, 2), (2, 4)))


@pytest.mark.parametrize("groups", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_a_grouped_pullback_maps_over_a_batch_of_kernels_and_images(groups, rng, x64):
    rule = ops.convolution.bind(padding="SAME", groups=groups)
    x, w, g = (
        rng.normal(size=(3, 2, 4, 5, 4)),
        rng.normal(size=(3, 3, 2, 4 // groups, 4)),
        rng.normal(size=(3, 2, 4, 5, 4)),
    )

    def pulled(x, w, g):
        return rule.vjp(x, w)[1](g)

    mapped, one_kernel, one_by_one = jax.jit(
        lambda: (
            jax.vmap(pulled)(x, w, g),
            jax.vmap(pulled, (0, None, 0))(x, w[0], g),
            [[pulled(*(a[i] for a in (x, w, g))), pulled(x[i], w[0], g[i])] for i in range(3)],
        )
    )()
    for i, (own, shared) in enumerate(one_by_one):
        assert_trees_close(tuple(leaf[i] for leaf in mapped), own)
        assert_trees_close(tuple(leaf[i] for leaf in one_kernel), shared)
