"""Recurrences over time, each with its backpropagation through time derived by hand."""

from chainrule.ops.recurrence.gru import gru
from chainrule.ops.recurrence.lstm import lstm
from chainrule.ops.recurrence.rnn import rnn

__all__ = ["gru", "lstm", "rnn"]
