"""ResNet: its blocks and shortcuts, its sizes, and what it refuses."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers, models, ops, residual

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)


def shapes_of(model, in_shape):
    params, state = jax.eval_shape(lambda: model.init(KEY, in_shape))
    return params, state, model.out_shape(params, state, in_shape, jnp.float32)


def test_a_block_that_changes_nothing_has_the_identity_for_a_shortcut():
    body = chain(
        *(layers.Conv(4, 3, padding=1, bias=False), layers.BatchNorm(), ops.relu),
        *(layers.Conv(4, 3, padding=1, bias=False), layers.BatchNorm()),
    )
    assert models.residual_block(4, 4) == chain(residual(body), ops.relu)


@pytest.mark.parametrize(("channels", "stride", "in_shape"), [(4, 2, (5, 6, 4)), (3, 1, (5, 6, 4)), (7, 2, (1, 1, 4))])
def test_a_block_that_changes_channels_or_pixels_has_a_convolution_for_a_shortcut(channels, stride, in_shape):
    block = models.residual_block(4, channels, stride=stride)
    params, _, out_shape = shapes_of(block, in_shape)
    assert params[0][0][0]["weight"].shape == (1, 1, 4, channels)
    assert out_shape == (-(-in_shape[0] // stride), -(-in_shape[1] // stride), channels)


def test_a_body_of_nothing_leaves_the_shortcut():
    block = models.residual_block(3, 3)
    params, state = block.init(KEY, (4, 5, 3))
    # The scale of the last batch norm is 0, so the body is: y = relu(x).
    params[0][1][4]["scale"] = jnp.zeros(3)
    x = jax.random.normal(KEY, (2, 4, 5, 3))
    y, _ = jax.jit(block, static_argnames="train")(params, x, state, train=True)
    np.testing.assert_allclose(y, np.maximum(x, 0), rtol=1e-6)


def test_stages_halve_the_image_and_parameters_are_those_of_the_paper():
    model = models.resnet(10, channels=(16, 32, 64), blocks=(3, 3, 3))
    _, state, out_shape = shapes_of(model, (32, 32, 3))
    assert out_shape == (10,)
    # ResNet-20: 0.27 million (He et al., table 6); 19 convolutions, and two of the shortcuts, each with its batch norm.
    assert round(model.parameter_count((32, 32, 3)) / 1e6, 2) == 0.27
    assert len(jax.tree.leaves(state)) == 2 * (19 + 2)


@pytest.mark.parametrize("in_shape", [(8, 8, 1), (7, 5, 2), (1, 1, 3)])
def test_images_of_any_size_are_taken(in_shape):
    assert shapes_of(models.resnet(4, channels=(2, 3, 5)), in_shape)[2] == (4,)


def test_models_built_alike_are_equal():
    assert models.resnet(channels=(2, 3), blocks=(1, 2)) == models.resnet(channels=[2, 3], blocks=[1, 2])
    assert models.resnet(momentum=0.5) != models.resnet()


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="channels and blocks must hold a number for each stage"):
        models.resnet(channels=(4, 5), blocks=(1,))
    with pytest.raises(ValueError, match="channels and blocks must hold a number for each stage"):
        models.resnet(channels=(), blocks=())
    with pytest.raises(ValueError, match=r"blocks must hold positive integers, got \(1, 0\)"):
        models.resnet(channels=(4, 5), blocks=(1, 0))
    with pytest.raises(ValueError, match="out_channels must be a positive integer"):
        models.resnet(channels=(0,), blocks=(1,))
    with pytest.raises(ValueError, match="momentum must be in"):
        models.resnet(momentum=2.0)
