"""Convolutional layers: their params, shapes, initial sizes, and what they refuse."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import Layer, chain, layers, ops

pytestmark = pytest.mark.usefixtures("quick_compilation")


def shapes(layer, in_shape):
    params, state = jax.eval_shape(lambda: layer.init(jax.random.key(0), in_shape))
    assert state == ()
    return {name: leaf.shape for name, leaf in params.items()}, layer.out_shape(params, state, in_shape, jnp.float32)


@pytest.mark.parametrize(
    ("layer", "in_shape", "weight", "out_shape"),
    [
        (layers.Conv(5, 3), (7, 6, 2), (3, 3, 2, 5), (7, 6, 5)),
        (layers.Conv(5, (3, 2), stride=2), (7, 6, 2), (3, 2, 2, 5), (4, 3, 5)),
        (layers.Conv(4, 3, padding="VALID", groups=2), (7, 6, 6), (3, 3, 3, 4), (5, 4, 4)),
        (layers.Conv(6, 3, padding=((2, 0), 1), dilation=(2, 1)), (7, 6, 2), (3, 3, 2, 6), (5, 6, 6)),
        (layers.Conv(5, 4, stride=3), (11, 2), (4, 2, 5), (4, 5)),
        (layers.ConvTranspose(5, 3, stride=2), (7, 6, 2), (3, 3, 2, 5), (14, 12, 5)),
        (layers.ConvTranspose(5, (3, 2), stride=2, padding=0), (7, 6, 2), (3, 2, 2, 5), (15, 12, 5)),
        (
            layers.ConvTranspose(4, 3, stride=(2, 3), padding=1, output_padding=(1, 2), groups=2),
            (7, 6, 6),
            (3, 3, 3, 4),
            (14, 18, 4),
        ),
        (layers.ConvTranspose(5, 4, dilation=2, padding="VALID"), (11, 2), (4, 2, 5), (17, 5)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Layer) else str(value),
)
def test_shapes_of_params_and_output(layer, in_shape, weight, out_shape):
    assert shapes(layer, in_shape) == ({"weight": weight, "bias": weight[-1:]}, out_shape)


def test_the_layers_are_the_rules_with_their_arguments(rng):
    x = jnp.asarray(rng.normal(size=(2, 5, 4, 6)), jnp.float32)
    cases = [
        (
            layers.Conv(4, 3, stride=2, padding=1, dilation=(1, 2), groups=2),
            ops.convolution.bind(stride=2, padding=1, dilation=(1, 2), groups=2),
        ),
        (
            layers.ConvTranspose(4, 3, stride=3, padding=1, output_padding=2, dilation=2, groups=2, bias=False),
            ops.transposed_convolution.bind(stride=3, padding=1, output_padding=2, dilation=2, groups=2),
        ),
    ]
    for layer, rule in cases:
        params = {"weight": jnp.asarray(rng.normal(size=(3, 3, 3, 4)), jnp.float32)}
        if layer.bias:
            params["bias"] = jnp.asarray(rng.normal(size=4), jnp.float32)
        np.testing.assert_array_equal(layer(params, x), rule(x, params["weight"], params.get("bias")))


def test_without_bias_there_is_no_entry_and_no_gradient_for_it():
    for layer in (layers.Conv(5, 3, bias=False), layers.ConvTranspose(5, 3, bias=False)):
        assert list(shapes(layer, (7, 2))[0]) == ["weight"]
        weight = jnp.ones((3, 2, 5))

        def pulled(weight, layer=layer):
            _, pullback = layer.vjp({"weight": weight}, jnp.ones((2, 7, 2)))
            return pullback(jnp.ones((2, 7, 5)))

        d_params, d_x = jax.eval_shape(pulled, weight)
        assert list(d_params) == ["weight"]
        assert d_x.shape == (2, 7, 2)


def test_the_fan_in_counts_the_kernel():
    (weight,) = (layers.Conv(64, (3, 5), groups=2).init(jax.random.key(1), (9, 8, 20))[0]["weight"],)
    assert weight.shape == (3, 5, 10, 64)
    # He: variance 2 / fan-in, and each output of the convolution sums over 3 * 5 * 10 inputs.
    assert abs(float(weight.var()) / (2 / 150) - 1) < 5 * np.sqrt(2 / weight.size)


def test_initialisers_are_called_with_the_shapes_of_the_params():
    calls = []

    def note(key, shape, dtype):
        calls.append((shape, jnp.dtype(dtype).name, key))
        return jnp.ones(shape, dtype)

    layers.Conv(5, (2, 3), weight_init=note, bias_init=note).build(jax.random.key(0), (7, 6, 2), jnp.bfloat16)
    assert [call[:2] for call in calls] == [((2, 3, 2, 5), "bfloat16"), ((5,), "bfloat16")]
    assert not np.array_equal(*(jax.random.key_data(call[2]) for call in calls))


def test_layers_built_alike_are_equal_and_names_say_width_and_kernel():
    assert layers.Conv(5, (3, 2), stride=2) == layers.Conv(5, (3, 2), stride=2)
    assert hash(layers.Conv(5, 3)) == hash(layers.Conv(5, 3))
    assert layers.Conv(5, 3) != layers.Conv(5, 3, groups=5)
    assert layers.Conv(5, (3, 2)).name == "Conv(5, 3x2)"
    assert layers.ConvTranspose(5, 3).name == "ConvTranspose(5, 3)"
    assert layers.Conv(5, 3).rule == layers.Conv(5, 3).rule


def test_sizes_follow_through_a_chain():
    model = chain(layers.Conv(4, 3, stride=2), ops.relu, layers.ConvTranspose(3, 3, stride=2))
    params, state = jax.eval_shape(lambda: model.init(jax.random.key(0), (8, 6, 3)))
    assert model.out_shape(params, state, (8, 6, 3), jnp.float32) == (8, 6, 3)
    with pytest.raises(ValueError, match="convolution: the kernel must fit into the padded image"):
        chain(layers.Conv(4, 5, padding=0), layers.Conv(4, 5, padding=0)).init(jax.random.key(0), (8, 8, 1))


@pytest.mark.parametrize("layer", [layers.Conv, layers.ConvTranspose])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out_channels": 0}, "out_channels must be a positive integer, got 0"),
        ({"out_channels": 2.0}, "out_channels must be a positive integer, got 2.0"),
        ({"out_channels": True}, "out_channels must be a positive integer, got True"),
        ({"kernel": 0}, "kernel must be a positive integer, .* got 0"),
        ({"kernel": (3, -1)}, r"kernel must be .* got \(3, -1\)"),
        ({"kernel": 2.5}, "kernel must be .* got 2.5"),
        ({"stride": 0}, "stride must be .* got 0"),
        ({"dilation": (1, 0)}, r"dilation must be .* got \(1, 0\)"),
        ({"padding": "same"}, "padding must be 'SAME', 'VALID', .* got 'same'"),
        ({"padding": [1, 1]}, r"padding must be .* got \[1, 1\]"),
        ({"groups": 3}, "groups must divide .* got 3 groups, 3 in_channels and 4 out_channels"),
        ({"groups": 0}, "groups must be a positive integer, got 0"),
        ({"bias": "no"}, "bias must be True or False, got 'no'"),
    ],
    ids=str,
)
def test_bad_configuration_is_refused_when_the_layer_is_made(layer, arguments, message):
    with pytest.raises(ValueError, match=f"^{layer.__name__}: {message}"):
        layer(**{"out_channels": 4, "kernel": 3, **arguments})


def test_a_negative_output_padding_is_refused_when_the_layer_is_made():
    with pytest.raises(ValueError, match="ConvTranspose: output_padding must be an integer of at least 0"):
        layers.ConvTranspose(4, 3, output_padding=-1)


@pytest.mark.parametrize("layer", [layers.Conv, layers.ConvTranspose])
def test_shapes_that_are_no_images_are_refused(layer):
    for in_shape in ((), (8,), (2, 3, 4, 5)):
        with pytest.raises(ValueError, match=f"{layer.__name__} needs images of shape .* got in_shape .* one channel"):
            layer(4, 3).init(jax.random.key(0), in_shape)
    with pytest.raises(ValueError, match=r"groups must divide .* got 2 groups, 3 in_channels and 4 out_channels"):
        layer(4, 3, groups=2).init(jax.random.key(0), (8, 8, 3))
    with pytest.raises(ValueError, match=r"kernel must be .* a tuple of 1 such"):
        layer(4, (3, 3)).init(jax.random.key(0), (8, 3))
