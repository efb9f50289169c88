"""Rosenblatt's perceptron: his rule, the same as gradient descent, and what it can and cannot learn."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import models
from chainrule.models.perceptron import rosenblatt

pytestmark = pytest.mark.usefixtures("quick_compilation")

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], np.float32), np.array([0, 1, 1, 0])


def zero_params(features=2):
    return ({"weight": jnp.zeros((features, 1)), "bias": jnp.zeros(1)},)


def predictions(params, x):
    return (np.asarray(models.perceptron()(params, jnp.asarray(x)))[:, 0] > 0).astype(int)


def separable(rng, count=40):
    """Points on both sides of the line x_1 - 2 x_2 + 0.5 = 0, none nearer than 0.2."""
    x = rng.uniform(-2, 2, size=(4 * count, 2)).astype(np.float32)
    z = x @ np.array([1, -2]) + 0.5
    x, z = x[np.abs(z) > 0.2 * np.sqrt(5)], z[np.abs(z) > 0.2 * np.sqrt(5)]
    return x[:count], (z[:count] > 0).astype(int)


train = functools.partial(jax.jit, static_argnames=("learning_rate", "epochs"))(rosenblatt)


def test_it_starts_from_zero_and_has_one_output():
    params, _ = models.perceptron().init(jax.random.key(0), 3)
    assert jax.tree.map(jnp.shape, params) == ({"weight": (3, 1), "bias": (1,)},)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(params))


def test_rosenblatts_rule_by_pencil():
    """AND, from zero, eta = 1: the four examples in their order, worked out by hand."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    labels = np.array([0, 0, 0, 1])
    # z = 0, 0, 0: class 0, right; then z = 0 for (1, 1), wrong: w = (1, 1), b = 1.
    (after,) = train(zero_params(), x, labels)
    np.testing.assert_array_equal(after["weight"][:, 0], [1, 1])
    np.testing.assert_array_equal(after["bias"], [1])
    # (0, 0): z = 1, wrong, b = 0.  (0, 1): z = 1, wrong, w = (1, 0), b = -1.  (1, 0): z = 0, right.
    # (1, 1): z = 0, wrong, w = (2, 1), b = 0.
    (after,) = train(zero_params(), x, labels, epochs=2)
    np.testing.assert_array_equal(after["weight"][:, 0], [2, 1])
    np.testing.assert_array_equal(after["bias"], [0])


def test_rosenblatts_rule_is_gradient_descent_on_the_perceptron_loss(rng):
    x, labels = separable(rng, 12)
    x[3] = 0  # with params of zero this one lies on the kink
    model, eta = models.perceptron(), 0.5

    @jax.jit
    def descend(params, x, t):
        z, pull_model = model.vjp(params, x[None])
        value, pull_loss = models.perceptron_loss.vjp(z, t.reshape(1, 1))
        d_params, _ = pull_model(pull_loss(jnp.ones_like(value))[0])
        return jax.tree.map(lambda p, d: p - eta * d, params, d_params)

    params = zero_params()
    for _ in range(2):
        for example, label in zip(x, labels, strict=True):
            params = descend(params, example, np.float32(label))
    found = train(zero_params(), x, labels, learning_rate=eta, epochs=2)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert any(np.any(leaf) for leaf in jax.tree.leaves(found))


def test_it_converges_on_separable_data_and_then_stands_still(rng):
    x, labels = separable(rng)
    assert 5 < labels.sum() < 35
    params = train(zero_params(), x, labels, epochs=200)
    np.testing.assert_array_equal(predictions(params, x), labels)
    again = train(params, x, labels, epochs=200)
    for before, after in zip(jax.tree.leaves(params), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(before, after)


def test_it_cannot_learn_xor():
    x, labels = XOR
    params = zero_params()
    for _ in range(3):
        params = train(params, x, labels, epochs=200)
        assert (predictions(params, x) != labels).any()


def test_labels_may_be_of_any_dtype():
    x, labels = XOR
    found = [train(zero_params(), x, labels.astype(dtype)) for dtype in (np.int32, np.float32, bool)]
    for leaves in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_array_equal(leaves[0], leaves[1])
        np.testing.assert_array_equal(leaves[0], leaves[2])


def test_slope_at_the_kink_is_what_rosenblatts_rule_does():
    value, pullback = models.perceptron_loss.vjp(jnp.zeros(2), jnp.array([0.0, 1.0]), reduction="none")
    np.testing.assert_array_equal(value, [0, 0])
    np.testing.assert_array_equal(pullback(jnp.ones(2))[0], [0, -1])  # z = 0 predicts class 0: wrong for label 1


def test_bad_input_is_refused():
    x, labels = XOR
    with pytest.raises(ValueError, match=r"rosenblatt: x must be of floating-point numbers, got int32\[4, 2\]"):
        rosenblatt(zero_params(), x.astype(np.int32), labels)
    for bad_x, bad_labels in ((x[0], labels), (x, labels[:3]), (x, labels[:, None])):
        with pytest.raises(ValueError, match=r"rosenblatt: x must be \(examples, features\) and labels \(examples,\)"):
            rosenblatt(zero_params(), bad_x, bad_labels)
    with pytest.raises(ValueError, match="perceptron_loss: shapes must be equal"):
        models.perceptron_loss(jnp.ones((4, 1)), jnp.ones(4))
    with pytest.raises(ValueError, match="perceptron_loss: labels must be of floating-point"):
        models.perceptron_loss(jnp.ones(4), jnp.ones(4, int))
