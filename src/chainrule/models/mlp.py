"""The multilayer perceptron, of any depth, width and activation."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.compose import Chain, chain
from chainrule.layers.dense import Dense
from chainrule.layers.initializers import Initializer, he_normal, lecun_normal
from chainrule.ops.flatten import flatten
from chainrule.ops.rectifiers import relu
from chainrule.rule import Rule

__all__ = ["mlp"]


def mlp(
    widths: Sequence[int],
    *,
    activation: Rule = relu,
    weight_init: Initializer = he_normal,
) -> Chain:
    """Build flatten, then affine and activation in turn; the last affine map is the output.

    ::

        a_0 = flatten(x)
        a_l = f(a_{l-1} W_l + b_l)       for the hidden layers
        y   = a_{L-1} W_L + b_L

    Args:
        widths: the width of every layer after the input, the output's last: ``(256, 10)`` is one hidden layer of 256.
        activation: any rule of one array; ``ops.relu``.
        weight_init: for the hidden layers. The output layer, which no activation follows, starts from ``lecun_normal``.

    Shapes: x (batch, ...), y (batch, widths[-1]).

    Raises:
        ValueError: for no widths, or a width that is no positive integer.
    """
    if not widths:
        raise ValueError("widths must hold at least the width of the output, got none")
    layers: list[Rule] = [flatten]
    for width in widths[:-1]:
        layers += [Dense(width, weight_init=weight_init), activation]
    return chain(*layers, Dense(widths[-1], weight_init=lecun_normal))
