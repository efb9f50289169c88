"""Models: compositions of layers, without new mathematics."""

from chainrule.models.autoencoder import autoencoder
from chainrule.models.char_rnn import char_rnn
from chainrule.models.decoding import decode_step, generate, prefill
from chainrule.models.gpt import gpt
from chainrule.models.lenet import lenet
from chainrule.models.mlp import mlp
from chainrule.models.perceptron import perceptron, perceptron_loss, rosenblatt
from chainrule.models.resnet import residual_block, resnet

__all__ = [
    "autoencoder",
    "char_rnn",
    "decode_step",
    "generate",
    "gpt",
    "lenet",
    "mlp",
    "perceptron",
    "perceptron_loss",
    "prefill",
    "residual_block",
    "resnet",
    "rosenblatt",
]
