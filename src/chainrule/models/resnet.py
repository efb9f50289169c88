"""ResNet: blocks of convolutions, each added to a shortcut around it."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.compose import Chain, chain, residual
from chainrule.layers.batch_norm import BatchNorm
from chainrule.layers.convolution import Conv
from chainrule.layers.dense import Dense
from chainrule.layers.initializers import lecun_normal
from chainrule.ops.global_pooling import global_average_pool
from chainrule.ops.rectifiers import relu
from chainrule.rule import Rule

__all__ = ["residual_block", "resnet"]


def resnet(
    classes: int = 10,
    *,
    channels: Sequence[int] = (16, 32, 64),
    blocks: Sequence[int] = (1, 1, 1),
    activation: Rule = relu,
    momentum: float = 0.9,
) -> Chain:
    """Build a residual network for small images: a stem, stages of blocks, the mean over the pixels, a dense layer.

    ::

        a = f(bn(x * K))                          the stem, a 3x3 convolution
        a = f(shortcut(a) + body(a))              each block: see ``residual_block``
        y = mean_over_pixels(a) W + b

    The first block of each stage but the first halves the image. No convolution has a bias: the batch norm after it takes a
    mean off and adds its own.

    Args:
        classes: the width of the output.
        channels: of each stage.
        blocks: how many in each stage.
        activation: any rule of one array; ``ops.relu``.
        momentum: of the running statistics, see ``layers.BatchNorm``; fewer steps ask for a smaller one.

    Shapes: x (batch, height, width, channels), of any size; y (batch, classes), logits. The state is that of the batch
    norms, which are what training and evaluation differ in.

    Raises:
        ValueError: for no stages, not one number of blocks for each, or sizes that are not positive integers.

    Source: He et al., Deep residual learning for image recognition, 2015, sections 3.3 and 4.2.
    """
    if not channels or len(channels) != len(blocks):
        raise ValueError(
            f"channels and blocks must hold a number for each stage, got channels {tuple(channels)}, blocks {tuple(blocks)}"
        )
    if any(not isinstance(count, int) or count < 1 for count in blocks):
        raise ValueError(f"blocks must hold positive integers, got {tuple(blocks)}")
    layers: list[Rule] = [Conv(channels[0], 3, padding=1, bias=False), BatchNorm(momentum), activation]
    before = channels[0]
    for stage, (width, count) in enumerate(zip(channels, blocks, strict=True)):
        for block in range(count):
            stride = 2 if stage and not block else 1
            layers.append(residual_block(before, width, stride=stride, activation=activation, momentum=momentum))
            before = width
    return chain(*layers, global_average_pool, Dense(classes, weight_init=lecun_normal))


def residual_block(
    in_channels: int, out_channels: int, *, stride: int = 1, activation: Rule = relu, momentum: float = 0.9
) -> Chain:
    """Build the basic block: y = f(shortcut(x) + bn(f(bn(x * K_1)) * K_2)).

    The shortcut is x itself; or, where channels or pixels change, bn(x * K_0) with a 1x1 kernel and the same stride.

    Args:
        in_channels: of x.
        out_channels: of y.
        stride: of the first convolution.
        activation: any rule of one array.
        momentum: of the running statistics.

    Shapes: x (batch, height, width, in_channels), y (batch, ceil(height / stride), ceil(width / stride), out_channels).

    Source: He et al., 2015, figure 2 and section 3.3, option B.
    """
    body = chain(
        Conv(out_channels, 3, stride, padding=1, bias=False),
        BatchNorm(momentum),
        activation,
        Conv(out_channels, 3, padding=1, bias=False),
        BatchNorm(momentum),
    )
    if stride == 1 and in_channels == out_channels:
        return chain(residual(body), activation)
    shortcut = chain(Conv(out_channels, 1, stride, padding=0, bias=False), BatchNorm(momentum))
    return chain(residual(body, shortcut), activation)
