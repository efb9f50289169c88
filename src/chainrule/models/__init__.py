"""Models: compositions of layers, without new mathematics."""

from chainrule.models.gpt import gpt
from chainrule.models.mlp import mlp
from chainrule.models.perceptron import perceptron, perceptron_loss, rosenblatt

__all__ = ["gpt", "mlp", "perceptron", "perceptron_loss", "rosenblatt"]
