"""JAX with Optax, as most people write it: a jitted step with donated buffers, called from a Python loop.

The permutation is NumPy's; each step is given the row numbers of its batch and gathers the rows on the device. This was
as fast as or faster than slicing the batch on the host and handing it over.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.contenders.contender import Contender, Outcome, stopwatch
from benchmarks.problems import Data, Problem, initial_weights

__all__ = ["JaxOptax"]


class JaxOptax(Contender):
    """``jax.value_and_grad``, ``optax.adam``, one compiled program a step."""

    packages = ("jax", "optax")

    def __init__(self, problem: Problem, data: Data) -> None:
        self.problem = problem
        self.x, self.y = jnp.asarray(data.x), jnp.asarray(data.y)
        self.optimizer = optax.adam(problem.learning_rate, problem.b1, problem.b2, problem.eps)

        def forward(params, x):
            for weight, bias in params[:-1]:
                x = jax.nn.relu(x @ weight + bias)
            weight, bias = params[-1]
            return x @ weight + bias

        def mean_loss(params, x, y):
            return optax.softmax_cross_entropy_with_integer_labels(forward(params, x), y).mean()

        @functools.partial(jax.jit, donate_argnums=(0, 1))
        def step(params, optimizer_state, x, y, rows):
            loss, grads = jax.value_and_grad(mean_loss)(params, x[rows], y[rows])
            updates, optimizer_state = self.optimizer.update(grads, optimizer_state, params)
            return optax.apply_updates(params, updates), optimizer_state, loss

        self.step = step

    def run(self, seed: int) -> Outcome:
        params = jax.tree.map(jnp.asarray, initial_weights(self.problem, seed))
        optimizer_state = self.optimizer.init(params)
        random = np.random.default_rng(seed)
        count, batch_size = len(self.x), self.problem.batch_size
        jax.block_until_ready((params, optimizer_state))
        with stopwatch() as watch:
            for _ in range(self.problem.epochs):
                order = random.permutation(count).astype(np.int32)
                for first in range(0, count, batch_size):
                    rows = order[first : first + batch_size]
                    params, optimizer_state, _ = self.step(params, optimizer_state, self.x, self.y, rows)
            jax.block_until_ready(params)
        weights = [(np.asarray(weight), np.asarray(bias)) for weight, bias in params]
        return Outcome(watch.seconds, weights, int(optimizer_state[0].count))
