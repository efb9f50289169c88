"""Functions of arrays with their hand-derived pullbacks, one concept a file."""

from chainrule.ops.affine import affine
from chainrule.ops.attention import attention
from chainrule.ops.batch_norm import batch_norm, batch_norm_inference
from chainrule.ops.blockwise_attention import blockwise_attention
from chainrule.ops.convolution import convolution
from chainrule.ops.dropout import dropout
from chainrule.ops.embedding import check_tokens, embedding
from chainrule.ops.flatten import flatten
from chainrule.ops.gelu import gelu, gelu_tanh
from chainrule.ops.global_pooling import global_average_pool, global_max_pool
from chainrule.ops.group_norm import group_norm
from chainrule.ops.layer_norm import layer_norm
from chainrule.ops.pooling import average_pool, max_pool
from chainrule.ops.positions import rotary, sinusoidal_positions
from chainrule.ops.rectifiers import elu, leaky_relu, relu, selu
from chainrule.ops.recurrence import gru, lstm, rnn
from chainrule.ops.rms_norm import rms_norm
from chainrule.ops.sigmoids import hard_swish, sigmoid, silu, softplus, tanh
from chainrule.ops.softmax import log_softmax, softmax
from chainrule.ops.transposed_convolution import transposed_convolution
from chainrule.ops.unflatten import unflatten

__all__ = [
    "affine",
    "attention",
    "average_pool",
    "batch_norm",
    "batch_norm_inference",
    "blockwise_attention",
    "check_tokens",
    "convolution",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "gelu_tanh",
    "global_average_pool",
    "global_max_pool",
    "group_norm",
    "gru",
    "hard_swish",
    "layer_norm",
    "leaky_relu",
    "log_softmax",
    "lstm",
    "max_pool",
    "relu",
    "rms_norm",
    "rnn",
    "rotary",
    "selu",
    "sigmoid",
    "silu",
    "sinusoidal_positions",
    "softmax",
    "softplus",
    "tanh",
    "transposed_convolution",
    "unflatten",
]
