"""Layer, RMS, group and batch norm: PyTorch's values, what they must be deaf to, and what they refuse."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops

from ..helpers import assert_hand_is_autodiff
from ..reference.store import load

pytestmark = pytest.mark.usefixtures("quick_compilation")

TORCH = load("normalization")
CASES = [
    (getattr(ops, name), case, f"{name} {number}")
    for name in ("layer_norm", "rms_norm", "group_norm")
    for number, case in enumerate(TORCH[name])
]


@pytest.mark.parametrize(("rule", "case"), [c[:2] for c in CASES], ids=[c[2] for c in CASES])
def test_outputs_and_gradients_are_those_of_torch(rule, case, x64):
    static = {name: case[name] for name in ("axes", "groups", "epsilon") if name in case}

    @jax.jit
    def pulled(inputs, g):
        y, pullback = rule.vjp(*inputs, **static)
        return y, pullback(g)

    y, cotangents = pulled([*case["inputs"].values()], case["g"])
    np.testing.assert_allclose(y, case["y"], rtol=1e-10, atol=1e-10)
    for name, found in zip(case["inputs"], cotangents, strict=True):
        np.testing.assert_allclose(found, case["gradients"][name], rtol=1e-10, atol=1e-10)


def test_layer_norm_is_deaf_to_shift_and_stretch_so_the_gradient_is_at_right_angles_to_both(x64, rng):
    x, g = rng.normal(size=(2, 4, 6))

    @jax.jit
    def pulled(x, g):
        y, pullback = ops.layer_norm.vjp(x, epsilon=1e-12)
        return y, pullback(g)

    y, (d_x,) = pulled(x, g)
    np.testing.assert_allclose(pulled(3 * x + 7, g)[0], y, atol=1e-9)
    np.testing.assert_allclose(np.sum(d_x, -1), 0, atol=1e-12)
    np.testing.assert_allclose(np.sum(d_x * x, -1), 0, atol=1e-9)
    assert np.abs(d_x).max() > 0.1


@pytest.mark.parametrize(
    ("rule", "static"), [(ops.layer_norm, {}), (ops.group_norm, {"groups": 2}), (ops.batch_norm, {})]
)
def test_a_large_mean_costs_no_digits_but_those_of_x(rule, static, rng):
    """In float32, mean(x^2) - mean(x)^2 has lost all digits of a variance of 1 where the mean is 10,000."""
    x = (1e4 + rng.normal(size=(64, 16))).astype(np.float32)
    found = jax.tree.leaves(jax.jit(rule.bind(**static))(x))[0]
    with jax.enable_x64(True):
        expected = jax.tree.leaves(jax.jit(rule.bind(**static))(x.astype(np.float64)))[0]
    # The mean itself is rounded: 10,000 in float32 is off by up to 5e-4, and a running sum of 64 of them by more.
    np.testing.assert_allclose(found, expected, atol=1e-2)


def test_statistics_of_bfloat16_are_taken_in_float32(rng):
    x = jnp.asarray(100 + rng.normal(size=(512, 3)), jnp.bfloat16)
    (y, mean, variance), pullback = jax.jit(ops.batch_norm.vjp)(x)
    assert (y.dtype, mean.dtype, variance.dtype) == (jnp.bfloat16, jnp.float32, jnp.float32)
    np.testing.assert_allclose(mean, np.asarray(x, np.float64).mean(0), rtol=1e-6)
    np.testing.assert_allclose(variance, np.asarray(x, np.float64).var(0), rtol=1e-5)
    (d_x,) = jax.eval_shape(pullback, (y, mean, variance))
    assert d_x.dtype == jnp.bfloat16


def test_equal_numbers_become_the_bias_and_the_gradient_is_finite():
    scale, bias = np.ones(6, np.float32), np.arange(6, dtype=np.float32)

    @jax.jit
    def pulled(x):
        calls = (
            ops.layer_norm.vjp(x, scale, bias),
            ops.group_norm.vjp(x, scale, bias, groups=3),
            ops.rms_norm.vjp(x - x, scale),
        )
        return [(y, pullback(jnp.ones_like(y))) for y, pullback in calls]

    by_layer, by_group, by_rms = pulled(np.full((4, 6), 1e4, np.float32))
    for y, _ in (by_layer, by_group):
        np.testing.assert_allclose(y, np.broadcast_to(bias, (4, 6)), atol=1e-6)
    np.testing.assert_array_equal(by_rms[0], np.zeros((4, 6)))
    assert all(np.isfinite(part).all() for part in jax.tree.leaves((by_layer, by_group, by_rms)))


def test_layer_norm_saves_x_and_two_numbers_a_row(rng):
    x = jnp.asarray(rng.normal(size=(4, 6)), jnp.float32)
    _, pullback = jax.eval_shape(ops.layer_norm.vjp, x, jnp.ones(6), jnp.ones(6))
    assert sorted(leaf.shape for leaf in jax.tree.leaves(pullback)) == [(4, 1), (4, 1), (4, 6), (6,)]


def test_group_norm_of_one_group_is_layer_norm_of_an_example_and_of_single_channels_instance_norm(x64, rng):
    x = rng.normal(size=(2, 3, 4))

    @jax.jit
    def pairs(x):
        by_channel = jnp.moveaxis(ops.layer_norm(jnp.moveaxis(x, -1, 1)), 1, -1)
        whole = ops.group_norm(x, groups=1), ops.layer_norm(x, axes=2)
        return whole, (ops.group_norm(x, groups=4), by_channel)

    for found, expected in pairs(x):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_batch_norm_by_hand_is_autodiff_for_cotangents_of_the_statistics_too(x64, rng):
    x, scale, bias = rng.normal(size=(5, 2, 3)), rng.normal(size=3), rng.normal(size=3)
    assert_hand_is_autodiff(ops.batch_norm, x, scale, bias)


def test_batch_norm_by_its_own_statistics_is_inference(x64, rng):
    x, scale, bias = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=3)
    y, mean, variance = jax.jit(ops.batch_norm)(x, scale, bias)
    by_given = jax.jit(ops.batch_norm_inference)(x, scale, bias, mean, variance)
    np.testing.assert_allclose(by_given, y, atol=1e-12)


X, SCALE = jnp.ones((4, 6)), jnp.ones(6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ops.layer_norm(X, jnp.ones(4)),
            r"layer_norm: scale must be \(6,\), the last axes of x, got float32\[4\]",
        ),
        (lambda: ops.layer_norm(X, SCALE, jnp.ones((1, 6))), r"layer_norm: bias must be \(6,\)"),
        (lambda: ops.layer_norm(X, SCALE, axes=2), r"layer_norm: scale must be \(4, 6\)"),
        (lambda: ops.layer_norm(X, axes=3), "layer_norm: axes must be from 1 to the 2 axes of x, got 3"),
        (lambda: ops.layer_norm(jnp.ones((4, 0))), r"at least one feature, got float32\[4, 0\]"),
        (lambda: ops.layer_norm(jnp.ones(())), r"at least one feature, got float32\[\]"),
        (lambda: ops.layer_norm(X.astype(jnp.int32)), "layer_norm: x must be of floating-point numbers, got int32"),
        (lambda: ops.layer_norm(X, SCALE.astype(jnp.bfloat16)), "layer_norm: dtypes must be equal, got x float32"),
        (lambda: ops.layer_norm(X, epsilon=0.0), "layer_norm: epsilon must be positive, got 0.0"),
        (lambda: ops.rms_norm(X, jnp.ones(4)), r"rms_norm: scale must be \(6,\), got float32\[4\]"),
        (lambda: ops.rms_norm(jnp.ones(())), r"rms_norm: x must be \(\.\.\., features\)"),
        (lambda: ops.rms_norm(X, epsilon=-1.0), "rms_norm: epsilon must be positive, got -1.0"),
        (lambda: ops.group_norm(X, groups=4), "group_norm: groups must divide the 6 channels of x, got 4"),
        (lambda: ops.group_norm(X, groups=0), "group_norm: groups must divide"),
        (lambda: ops.group_norm(jnp.ones(6), groups=2), r"group_norm: x must be \(batch, \.\.\., channels\)"),
        (lambda: ops.group_norm(X, jnp.ones(2), groups=2), r"group_norm: scale must be \(6,\), one number a channel"),
        (lambda: ops.batch_norm(X[:1]), "batch_norm: x must have more than one value per channel when training, got"),
        (lambda: ops.batch_norm(X, jnp.ones(4)), r"batch_norm: scale must be \(6,\), one number a channel, got"),
        (lambda: ops.batch_norm(X.astype(jnp.int32)), "batch_norm: x must be of floating-point numbers"),
        (
            lambda: ops.batch_norm_inference(X, SCALE, SCALE, jnp.ones(4), SCALE),
            r"batch_norm_inference: mean must be \(6,\), got float32\[4\]",
        ),
        (
            lambda: ops.batch_norm_inference(X, SCALE, SCALE, SCALE, jnp.ones((1, 6))),
            r"batch_norm_inference: variance must be \(6,\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
