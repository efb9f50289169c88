"""An optimiser on trial: its trajectories over drawn gradients, and the programs that measure them.

The programs are few and compiled without optimisation: one step in float64, float32 and bfloat16, the same step over three
lanes, and a scan over all steps. Everything outside of them is NumPy, but for two steps run eagerly, to which the compiled
ones are compared.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.audit.optimizers.trees import add, tree_fault, wide
from chainrule.audit.quick import quick_jit
from chainrule.checks import is_concrete

__all__ = ["Run", "Trial"]


_EVEN = 16  # steps with gradients of one magnitude


class Run(NamedTuple):
    """A trajectory: the params before each step, the state before each step and after the last, the updates."""

    params: list[Any]
    states: list[Any]
    updates: list[Any]


class Trial:
    """An optimiser with its formula, params and gradients, and the programs that measure it; thorough: and eager steps."""

    def __init__(
        self, given: Any, optimizer: Any, formula: Any, params: Any, steps: int, seed: int, thorough: bool = True
    ) -> None:
        self.given, self.optimizer, self.formula, self.thorough = given, optimizer, formula, thorough
        self.params = jax.tree.map(lambda leaf: np.array(leaf, np.float64), params)
        rng = np.random.default_rng(seed)

        def draw(leaf: np.ndarray) -> np.ndarray:
            return np.asarray(rng.choice([-1.0, 1.0], leaf.shape) * 10 ** rng.uniform(-4, 3, leaf.shape))

        self.grads = [jax.tree.map(draw, self.params) for _ in range(steps)]
        self.zeros = self.grads[steps // 2] = jax.tree.map(np.zeros_like, self.params)
        # Where one gradient outweighs all before it, what is carried hardly shows, in a sign not at all.
        self.even_grads = [
            jax.tree.map(lambda leaf: np.asarray(rng.normal(size=leaf.shape)), self.params) for _ in range(_EVEN)
        ]

        self.traces = 0

        def step(grads: Any, state: Any, params: Any) -> Any:
            self.traces += 1
            return optimizer.update(grads, state, params)

        self.step = quick_jit(step)
        self.scan = quick_jit(functools.partial(_scan, optimizer))

    def compiled(self, grads: list[Any], dtype: Any = np.float64) -> Run:
        """A loop over the compiled step."""
        return self._loop(self.step, lambda tree: tree, grads, dtype)

    def watch(self) -> None:
        """Trace a step, and raise where the update changes the trees that it was given."""
        state = jax.eval_shape(self.optimizer.init, self.params)
        jax.eval_shape(functools.partial(_watched, self.optimizer.update), self.grads[0], state, self.params)

    def eager(self) -> Run:
        """Two steps as they stand; raises where the update changes what it was given."""
        return self._loop(functools.partial(_watched, self.optimizer.update), jax.device_put, self.grads[:2])

    def _loop(
        self, step: Callable[..., Any], placed: Callable[[Any], Any], grads: list[Any], dtype: Any = np.float64
    ) -> Run:
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), self.params)
        run = Run([], [self.optimizer.init(placed(params))], [])
        for g in grads:
            updates, state = step(placed(g), run.states[-1], placed(params))
            run.params.append(wide(params))
            run.states.append(state)
            run.updates.append(wide(updates))
            params = jax.tree.map(add, params, run.updates[-1])
        return run

    @functools.cached_property
    def compiled_run(self) -> Run:
        """All steps, compiled."""
        return self.compiled(self.grads)

    @functools.cached_property
    def eager_run(self) -> Run:
        """The first two steps, eagerly."""
        return self.eager()

    def narrow(self, grads: list[Any], dtype: Any) -> tuple[Run, list[Any]]:
        """All steps in a narrower dtype, and the rounded gradients that they were given."""
        cast = functools.partial(jax.tree.map, lambda leaf: leaf.astype(dtype))
        with jax.enable_x64(False):  # as such params are trained
            run = self.compiled([cast(g) for g in grads], dtype)
        return run, [wide(cast(g)) for g in grads]


def _scan(optimizer: Any, params: Any, grads: Any) -> tuple[Any, Any]:
    """A scan over stacked gradients: the updates of all steps, and the last state."""

    def body(carry: Any, g: Any) -> Any:
        updates, state = optimizer.update(g, carry[1], carry[0])
        return (jax.tree.map(jnp.add, carry[0], updates), state), updates

    (_, state), updates = jax.lax.scan(body, (params, optimizer.init(params)), grads)
    return updates, state


def _watched(update: Callable[..., Any], *given: Any) -> Any:
    """Call ``update`` and raise ValueError where it changed the trees it was given, or gave their buffers away."""
    before: list[tuple[list[Any], Any]] = [jax.tree.flatten(tree) for tree in given]
    stepped = update(*given)
    for name, (olds, structure), tree in zip(("grads", "state", "params"), before, given, strict=True):
        news = jax.tree.leaves(tree)
        if tree_fault(tree, structure.unflatten(olds)) or any(a is not b for a, b in zip(olds, news, strict=True)):
            raise ValueError(f"update writes into {name}")
        if any(isinstance(leaf, jax.Array) and is_concrete(leaf) and leaf.is_deleted() for leaf in olds):
            raise ValueError(f"update deletes the buffers of {name}")
    return stepped
