"""Training: one step, whole runs as one compiled program, and what they leave."""

from chainrule.train.epochs import Augment, empty_history, evaluate, predict, run_epochs, start
from chainrule.train.fit import EarlyStopping, Run, fit
from chainrule.train.step import TrainState, loss_and_gradients, step
from chainrule.train.stream import fit_stream

__all__ = [
    "Augment",
    "EarlyStopping",
    "Run",
    "TrainState",
    "empty_history",
    "evaluate",
    "fit",
    "fit_stream",
    "loss_and_gradients",
    "predict",
    "run_epochs",
    "start",
    "step",
]
