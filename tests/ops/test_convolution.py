"""Convolution and its transpose: against PyTorch's stored values, in loops and under vmap, and bad input."""

from __future__ import annotations

import functools
import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops
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
