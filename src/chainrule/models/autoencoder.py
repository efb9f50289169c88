"""The autoencoder: an image pressed through a few numbers, and drawn again from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.compose import Chain, chain
from chainrule.layers.dense import Dense
from chainrule.layers.initializers import he_normal, lecun_normal
from chainrule.ops.flatten import flatten
from chainrule.ops.rectifiers import relu
from chainrule.ops.sigmoids import sigmoid
from chainrule.ops.unflatten import unflatten
from chainrule.rule import Rule

__all__ = ["autoencoder"]


def autoencoder(
    image_shape: Sequence[int] = (28, 28, 1),
    *,
    hidden: Sequence[int] = (256, 64),
    latent: int = 2,
    activation: Rule = relu,
    output: Rule | None = sigmoid,
) -> Chain:
    """Build an encoder of dense layers to a few numbers, and a decoder of the same widths in reverse back to the image.

    ::

        z = encoder(x)      flatten, then dense layers of the widths ``hidden`` and f in turn, and a dense layer to z
        y = decoder(z)      dense layers of the widths in reverse and f in turn, a dense layer to the pixels, the output's f

    The model is a chain of the two, which serve alone with their own part of params and state::

        model = autoencoder()
        params, state = model.init(key, (28, 28, 1))
        encoder, decoder = model.layers
        z = encoder(params[0], images)                    # (batch, latent): with two numbers, a point of the plane
        drawn = decoder(params[1], points)                # (batch, 28, 28, 1), for any points of the plane

    Args:
        image_shape: of one image, (height, width, channels), or of any other example.
        hidden: the widths of the encoder's hidden layers, in order.
        latent: how many numbers z holds: two can be drawn as a plane.
        activation: any rule of one array; ``ops.relu``.
        output: the last rule: ``ops.sigmoid`` for pixels in [0, 1]; None for logits, as ``losses.sigmoid_cross_entropy``
            takes them.

    Shapes: x (batch, *image_shape), z (batch, latent), y (batch, *image_shape).

    Raises:
        ValueError: for sizes that are not positive integers; when called, for an x that does not hold so many numbers as
            the model was made for.

    Source: Hinton and Salakhutdinov, Reducing the dimensionality of data with neural networks, 2006.
    """
    shape = tuple(image_shape)
    if not shape or any(not isinstance(size, int) or size < 1 for size in shape):
        raise ValueError(f"image_shape must hold positive integers, got {shape}")
    down: list[Rule] = [flatten]
    for width in hidden:
        down += [Dense(width, weight_init=he_normal), activation]
    up: list[Rule] = []
    for width in reversed(hidden):
        up += [Dense(width, weight_init=he_normal), activation]
    up += [Dense(math.prod(shape), weight_init=lecun_normal), unflatten.bind(shape=shape)]
    if output is not None:
        up.append(output)
    return chain(chain(*down, Dense(latent, weight_init=lecun_normal)), chain(*up))
