"""Initialisers: mean, variance and limits against their formulas, orthogonality, fans, dtypes."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import layers
from chainrule.layers.initializers import Orthogonal, VarianceScaling

pytestmark = pytest.mark.usefixtures("quick_compilation")


# (scale, which fan): the variance is scale / fan, from the papers.
FORMULAS = {
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
    "lecun_uniform": lambda fan_in, fan_out: 1 / fan_in,
    "glorot_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "glorot_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
}
# A matrix, and the kernel of a convolution: 3 x 5 places, so fans of 15 * 20 and 15 * 70.
SHAPES = {(300, 70): (300, 70), (3, 5, 20, 70): (300, 1050)}


@functools.cache
def drawn():
    """Every initialiser at every shape, 2 draws each, from one compiled program."""

    def run(key):
        keys = iter(jax.random.split(key, len(FORMULAS) * len(SHAPES)))
        return {
            (name, shape): jax.vmap(lambda key, name=name, shape=shape: getattr(layers, name)(key, shape))(
                jax.random.split(next(keys), 2)
            )
            for name in FORMULAS
            for shape in SHAPES
        }

    found = jax.jit(lambda key: list(run(key).values()))(jax.random.key(0))
    names = [(name, shape) for name in FORMULAS for shape in SHAPES]
    return {name: np.asarray(values, np.float64) for name, values in zip(names, found, strict=True)}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FORMULAS)
def test_mean_and_variance_are_those_of_the_formula(name, shape):
    w = drawn()[name, shape]
    variance = FORMULAS[name](*SHAPES[shape])
    assert w.shape == (2, *shape)
    # Five standard errors: of the mean sqrt(v / n); of the variance v sqrt((kurtosis - 1) / n), with kurtosis 3 for a
    # normal and 9/5 for a uniform distribution.
    kurtosis = 3 if name.endswith("normal") else 1.8
    assert abs(w.mean()) < 5 * np.sqrt(variance / w.size)
    assert abs(w.var() - variance) < 5 * variance * np.sqrt((kurtosis - 1) / w.size)
    assert abs((w**4).mean() / w.var() ** 2 - kurtosis) < 0.1  # the shape of the distribution


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", [name for name in FORMULAS if name.endswith("uniform")])
def test_uniform_weights_fill_their_limits_and_stay_inside(name, shape):
    w = drawn()[name, shape]
    limit = np.sqrt(3 * FORMULAS[name](*SHAPES[shape]))
    assert np.abs(w).max() <= limit * (1 + 1e-6)
    assert w.max() > 0.999 * limit
    assert w.min() < -0.999 * limit


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (4, 4), (2, 2, 3, 5), (1, 1)], ids=str)
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    with jax.enable_x64(True):
        draw = jax.jit(Orthogonal(1.5), static_argnums=(1, 2))
        w = np.asarray(draw(jax.random.key(1), shape, jnp.float64))
        assert w.shape == shape
        q = w.reshape(-1, shape[-1]) / 1.5
        gram = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-14)


def test_orthogonal_matrices_are_uniform():
    """Under Haar's measure each entry has mean 0 and variance 1 / n, the diagonal too; QR alone would bias it."""
    keys = jax.random.split(jax.random.key(2), 3000)
    w = np.asarray(jax.jit(jax.vmap(lambda key: layers.orthogonal(key, (3, 3))))(keys), np.float64)
    error = np.sqrt(1 / 3 / len(w))
    assert np.abs(w.mean(0)).max() < 5 * error
    assert np.abs(w.var(0) - 1 / 3).max() < 0.05


def test_zeros_are_zeros():
    np.testing.assert_array_equal(layers.zeros(jax.random.key(0), (2, 3)), np.zeros((2, 3), np.float32))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=lambda dtype: dtype.__name__)
def test_dtypes(dtype):
    for name in (*FORMULAS, "orthogonal", "zeros"):
        shape = jax.eval_shape(lambda key, name=name: getattr(layers, name)(key, (4, 3), dtype), jax.random.key(0))
        assert shape.dtype == dtype
        assert shape.shape == (4, 3)


def test_bfloat16_weights_are_drawn_as_widely():
    key = jax.random.key(3)
    draw = jax.jit(
        lambda key: (layers.he_normal(key, (64, 64), jnp.bfloat16), layers.orthogonal(key, (5, 3), jnp.bfloat16)),
    )
    w, q = (np.asarray(leaf, np.float64) for leaf in draw(key))
    assert abs(w.var() - 2 / 64) < 5 * (2 / 64) * np.sqrt(2 / w.size)
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=0.02)


def test_keys_decide():
    first = np.asarray(layers.glorot_uniform(jax.random.key(0), (3, 2)))
    np.testing.assert_array_equal(first, layers.glorot_uniform(jax.random.key(0), (3, 2)))
    assert not np.array_equal(first, layers.glorot_uniform(jax.random.key(1), (3, 2)))


def test_equality_and_hash():
    assert VarianceScaling(2.0, "in", "normal") == layers.he_normal
    assert hash(VarianceScaling(2.0, "in", "normal")) == hash(layers.he_normal)
    assert Orthogonal() == layers.orthogonal != Orthogonal(2.0)
    everything = [getattr(layers, name) for name in (*FORMULAS, "orthogonal", "zeros")]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("name", [*FORMULAS, "orthogonal"])
@pytest.mark.parametrize("shape", [(), (3,)], ids=str)
def test_shapes_without_fans_are_refused(name, shape):
    with pytest.raises(
        ValueError, match=r"an initialiser of weights needs a shape \(\.\.\., fan_in, fan_out\), got \("
    ):
        getattr(layers, name)(jax.random.key(0), shape)
