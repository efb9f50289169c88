"""Functions of arrays with their hand-derived pullbacks, one concept a file."""

from chainrule.ops.affine import affine
from chainrule.ops.flatten import flatten
from chainrule.ops.gelu import gelu, gelu_tanh
from chainrule.ops.rectifiers import elu, leaky_relu, relu, selu
from chainrule.ops.sigmoids import hard_swish, sigmoid, silu, softplus, tanh
from chainrule.ops.softmax import log_softmax, softmax

__all__ = [
    "affine",
    "elu",
    "flatten",
    "gelu",
    "gelu_tanh",
    "hard_swish",
    "leaky_relu",
    "log_softmax",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
