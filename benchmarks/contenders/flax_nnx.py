"""Flax NNX: modules, ``nnx.Optimizer`` and a step under ``nnx.jit``, called from a Python loop.

``nnx.cached_partial`` spares the step a walk through the module's graph, and was 3 times as fast as without. Batches
are sliced on the host, which was faster here than gathering them on the device. One Optax optimiser serves all runs: a
new one would compile the step again.
"""

from __future__ import annotations

import itertools

import jax
import numpy as np
import optax
from flax import nnx

from benchmarks.contenders.contender import Contender, Outcome, stopwatch
from benchmarks.problems import Data, Problem, initial_weights

__all__ = ["FlaxNnx"]


class Mlp(nnx.Module):
    """Linear layers with relu between them."""

    def __init__(self, widths: tuple[int, ...], rngs: nnx.Rngs) -> None:
        self.layers = nnx.List([nnx.Linear(*pair, rngs=rngs) for pair in itertools.pairwise(widths)])

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers[:-1]:
            x = nnx.relu(layer(x))
        return self.layers[-1](x)


def mean_loss(model: Mlp, x: jax.Array, y: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()


def train_step(model: Mlp, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array) -> jax.Array:
    loss, grads = nnx.value_and_grad(mean_loss)(model, x, y)
    optimizer.update(model, grads)
    return loss


class FlaxNnx(Contender):
    """``nnx.jit`` of a step that changes a model and an optimiser."""

    packages = ("jax", "flax", "optax")

    def __init__(self, problem: Problem, data: Data) -> None:
        self.problem, self.data = problem, data
        self.adam = optax.adam(problem.learning_rate, problem.b1, problem.b2, problem.eps)
        self.step = nnx.jit(train_step, donate_argnums=(0, 1))

    def run(self, seed: int) -> Outcome:
        model = Mlp(self.problem.widths, nnx.Rngs(seed))
        for layer, (weight, bias) in zip(model.layers, initial_weights(self.problem, seed), strict=True):
            layer.kernel[...] = weight
            layer.bias[...] = bias
        optimizer = nnx.Optimizer(model, self.adam, wrt=nnx.Param)
        step = nnx.cached_partial(self.step, model, optimizer)
        random = np.random.default_rng(seed)
        x, y, batch_size = self.data.x, self.data.y, self.problem.batch_size
        jax.block_until_ready(nnx.state((model, optimizer)))
        with stopwatch() as watch:
            for _ in range(self.problem.epochs):
                order = random.permutation(len(x))
                for first in range(0, len(x), batch_size):
                    rows = order[first : first + batch_size]
                    step(x[rows], y[rows])
            jax.block_until_ready(nnx.state(model))
        weights = [(np.asarray(layer.kernel[...]), np.asarray(layer.bias[...])) for layer in model.layers]
        return Outcome(watch.seconds, weights, int(optimizer.step[...]))
