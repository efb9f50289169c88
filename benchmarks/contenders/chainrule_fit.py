"""chainrule: ``train.fit``, the whole run as one compiled program, by hand-derived gradients or by autodiff.

``fit`` also counts the training accuracy of each epoch, inside the time that is measured; the others compute no more
than the loss.
"""

from __future__ import annotations

import jax
import numpy as np

from benchmarks.contenders.contender import Contender, Outcome
from benchmarks.problems import Data, Problem, initial_weights
from chainrule import losses, models, optim, train

__all__ = ["Autodiff", "Hand"]


class Hand(Contender):
    """Gradients derived by hand."""

    packages = ("jax",)
    gradients = "hand"

    def __init__(self, problem: Problem, data: Data) -> None:
        self.problem = problem
        self.data = (data.x, data.y)
        self.model = models.mlp(problem.widths[1:])
        self.optimizer = optim.adam(problem.learning_rate, problem.b1, problem.b2, problem.eps)

    def run(self, seed: int) -> Outcome:
        run = train.fit(
            self.model,
            losses.cross_entropy,
            self.optimizer,
            self.data,
            epochs=self.problem.epochs,
            batch_size=self.problem.batch_size,
            key=jax.random.key(seed),
            params=self._initial_params(seed),
            gradients=self.gradients,
            progress=False,
        )
        layers = [layer for layer in run.params if layer]
        weights = [(np.asarray(layer["weight"]), np.asarray(layer["bias"])) for layer in layers]
        return Outcome(run.run_seconds, weights, int(run.train_state.optimizer_state.steps))

    def _initial_params(self, seed: int) -> tuple:
        """The params of flatten, dense, relu, dense, ...: two arrays for each dense layer, nothing for the others."""
        params: list = []
        for weight, bias in initial_weights(self.problem, seed):
            params += [(), {"weight": weight, "bias": bias}]
        return tuple(params)


class Autodiff(Hand):
    """Gradients by ``jax.value_and_grad`` of the same forward pass."""

    gradients = "autodiff"
