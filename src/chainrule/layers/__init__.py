"""Layers: a way to make parameters beside the op that they feed."""

from chainrule.layers.attention import MultiHeadAttention
from chainrule.layers.batch_norm import BatchNorm
from chainrule.layers.convolution import Conv, ConvTranspose
from chainrule.layers.dense import Dense
from chainrule.layers.dropout import Dropout
from chainrule.layers.embedding import Embedding
from chainrule.layers.initializers import (
    Initializer,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    orthogonal,
    zeros,
)
from chainrule.layers.layer_norm import GroupNorm, LayerNorm, RMSNorm
from chainrule.layers.pooling import AveragePool, MaxPool
from chainrule.layers.positions import LearnedPositions, SinusoidalPositions
from chainrule.layers.recurrent import GRU, LSTM, RNN, Bidirectional

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AveragePool",
    "BatchNorm",
    "Bidirectional",
    "Conv",
    "ConvTranspose",
    "Dense",
    "Dropout",
    "Embedding",
    "GroupNorm",
    "Initializer",
    "LayerNorm",
    "LearnedPositions",
    "MaxPool",
    "MultiHeadAttention",
    "RMSNorm",
    "SinusoidalPositions",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "zeros",
]
