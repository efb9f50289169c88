"""The multilayer perceptron: what it is made of, against the equations."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from chainrule import chain, layers, models, ops
from chainrule.compose import Chain
from chainrule.layer import as_layer

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.mark.parametrize("widths", [(3,), (5, 3), (7, 6, 5, 3)], ids=str)
def test_depth_and_widths(widths):
    model = models.mlp(widths)
    assert isinstance(model, Chain)
    assert len(model.layers) == 2 * len(widths)  # flatten, then affine and activation in turn, none after the output
    params, state = jax.eval_shape(lambda: model.init(jax.random.key(0), (4, 2)))
    shapes = [entry["weight"].shape for entry in params if entry]
    assert shapes == list(zip((8, *widths), widths, strict=False))
    assert [entry["bias"].shape for entry in params if entry] == [(width,) for width in widths]
    assert jax.tree.leaves(state) == []
    assert model.parameter_count((4, 2)) == sum(a * b + b for a, b in shapes)


def test_the_output_is_that_of_the_equations(rng):
    model = models.mlp((4, 3, 2), activation=ops.gelu)
    W = [rng.normal(size=shape) for shape in ((6, 4), (4, 3), (3, 2))]
    b = [rng.normal(size=width) for width in (4, 3, 2)]
    params = tuple(entry for w, c in zip(W, b, strict=True) for entry in ((), {"weight": w, "bias": c}))
    x = rng.normal(size=(5, 2, 3))
    a = x.reshape(5, 6)
    for w, c in zip(W[:-1], b[:-1], strict=True):
        z = a @ w + c
        a = z * special.ndtr(z)
    with jax.enable_x64(True):
        found = jax.jit(model)(params, x)
    np.testing.assert_allclose(found, a @ W[-1] + b[-1], rtol=1e-12)


def test_layers_are_those_asked_for():
    leaky = ops.leaky_relu.bind(negative_slope=0.1)
    model = models.mlp((6, 5, 2), activation=leaky, weight_init=layers.glorot_uniform)
    hidden = [layers.Dense(width, weight_init=layers.glorot_uniform) for width in (6, 5)]
    assert model == chain(ops.flatten, hidden[0], leaky, hidden[1], leaky, layers.Dense(2))
    default = models.mlp((6, 2))
    assert default.layers[1].weight_init == layers.he_normal  # before a relu
    assert default.layers[2] == as_layer(ops.relu)
    assert default.layers[3].weight_init == layers.lecun_normal  # before nothing


def test_models_built_alike_are_equal():
    assert models.mlp((6, 2)) == models.mlp([6, 2]) != models.mlp((7, 2))
    assert hash(models.mlp((6, 2))) == hash(models.mlp([6, 2]))


def test_signals_keep_their_size_through_many_layers():
    """With He's weights relu halves the variance and the weights double it: 5 layers on, the scale is as it was."""
    model = models.mlp((200,) * 6)

    @jax.jit
    def run(key):
        init_key, x_key = jax.random.split(key)
        return model(model.init(init_key, 200)[0], jax.random.normal(x_key, (50, 200)))

    assert 0.5 < np.asarray(run(jax.random.key(0))).std() < 2


def test_bad_widths_are_refused():
    with pytest.raises(ValueError, match="widths must hold at least the width of the output, got none"):
        models.mlp(())
    with pytest.raises(ValueError, match="out_features must be a positive integer, got 0"):
        models.mlp((5, 0))
    with pytest.raises(TypeError, match="expected a chainrule layer or rule"):
        models.mlp((5, 2), activation=jnp.tanh)
