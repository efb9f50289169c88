"""LeNet: convolution and pooling in turn, and dense layers on what is left of the image."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.compose import Chain, chain
from chainrule.layers.convolution import Conv
from chainrule.layers.dense import Dense
from chainrule.layers.dropout import Dropout
from chainrule.layers.initializers import he_normal, lecun_normal
from chainrule.layers.pooling import MaxPool
from chainrule.ops.flatten import flatten
from chainrule.ops.rectifiers import relu
from chainrule.ops.windows import Ints
from chainrule.rule import Rule

__all__ = ["lenet"]


def lenet(
    classes: int = 10,
    *,
    channels: Sequence[int] = (32, 64),
    hidden: int = 128,
    kernel: Ints = 3,
    dropout: float = 0.0,
    activation: Rule = relu,
) -> Chain:
    """Build a convolutional network of LeNet's kind: stages that halve the image, then two dense layers.

    ::

        a_0 = x
        a_s = f(maxpool_2x2(a_{s-1} * K_s + c_s))         for each of the stages; * is the convolution, padded "SAME"
        h   = f(flatten(a_S) W_1 + b_1)
        y   = dropout(h) W_2 + b_2

    As in the original, the activation follows the pooling: a rising function commutes with a maximum, so the network is that
    with the two exchanged, and only a quarter of the numbers are passed through it.

    Args:
        classes: the width of the output.
        channels: of each stage.
        hidden: the width of the dense layer.
        kernel: of the convolutions.
        dropout: the drop rate before the last layer; at 0 the model has no such layer, and needs no key.
        activation: any rule of one array; ``ops.relu``.

    Shapes: x (batch, height, width, channels), at least 2^S pixels high and wide for S stages; y (batch, classes), logits.

    Raises:
        ValueError: for no stages, sizes that are not positive integers, or a drop rate outside [0, 1); from ``init``, for an
            image that is too small.

    Source: LeCun et al., Gradient-based learning applied to document recognition, 1998; with relu, maxima and smaller
    kernels, as is usual since Krizhevsky et al., 2012, and Simonyan and Zisserman, 2014.
    """
    if not channels:
        raise ValueError("channels must hold at least the channels of one stage, got none")
    stages: list[Rule] = []
    for width in channels:
        stages += [Conv(width, kernel), MaxPool(2), activation]
    head: list[Rule] = [flatten, Dense(hidden, weight_init=he_normal), activation]
    if dropout:
        head.append(Dropout(dropout))
    return chain(*stages, *head, Dense(classes, weight_init=lecun_normal))
