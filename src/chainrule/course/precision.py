"""One training run in four floating-point formats: what half an ulp does to learning."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule import losses, models, optim, train
from chainrule.data import digits
from chainrule.layer import Layer

__all__ = ["PrecisionRun", "training_by_precision"]

_MODEL = models.mlp((32, 10))
_EXAMPLES = 512


class PrecisionRun(NamedTuple):
    """A training run in one format.

    Attributes:
        format: of the parameters, and of all that is computed with them; with "master" in its name, that of the forward
            and the backward pass, while the parameters are kept and updated in float32.
        loss: the mean cross-entropy on the training examples after 0, 1, ... steps, nats, (steps + 1,); the parameters
            are as the run left them, the loss of all runs is computed in float32 so that the curves can be compared.
        accuracy: likewise, the fraction that is classified rightly.
        lost: the fraction of the parameters with an update that is not 0 and yet changed nothing, in every step,
            (steps,): the update was less than half a unit in the last place.
    """

    format: str
    loss: np.ndarray
    accuracy: np.ndarray
    lost: np.ndarray


def training_by_precision(*, steps: int = 300, learning_rate: float = 0.2, seed: int = 0) -> tuple[PrecisionRun, ...]:
    """Train one multilayer perceptron in float64, float32, float16 and bfloat16, and in bfloat16 with a float32 master.

    ::

        p <- p - rate * g            rounded to the format: unchanged where |rate g| < ulp(p) / 2

    512 digits of 8 by 8 pixels, 64-32-10 units with ReLU, full-batch gradient descent; every run starts from the same
    float32 parameters, rounded, and sees the same examples, so that the format is all that differs. bfloat16 has the
    range of float32 but 8 significant bits: once the gradients are small, most updates are lost. The remedy, in use
    wherever networks are trained in bfloat16, is to keep the parameters in float32 and to round only for the passes.

    Args:
        steps: of gradient descent.
        learning_rate: the rate.
        seed: of the start.

    Returns:
        One ``PrecisionRun`` each, in the order named. No configuration is changed: float64 holds for its own run only.

    Raises:
        ValueError: for fewer than 1 step or a rate that is not positive.

    Source: P. Micikevicius and others (2018), Mixed precision training, section 3.1.
    """
    if steps < 1:
        raise ValueError(f"training_by_precision: steps must be at least 1, got {steps}")
    if not 0 < learning_rate < float("inf"):
        raise ValueError(f"training_by_precision: learning_rate must be positive, got {learning_rate}")
    x, y = (np.asarray(part)[:_EXAMPLES] for part in digits().train)
    params, _ = _MODEL.init(jax.random.key(seed), x.shape[1:])
    start = jax.tree.map(np.asarray, params)
    runs = []
    for storage, compute in (
        ("float64", "float64"),
        ("float32", "float32"),
        ("float16", "float16"),
        ("bfloat16", "bfloat16"),
        ("float32", "bfloat16"),
    ):
        with jax.enable_x64(storage == "float64"):
            run = _train(start, x, y, storage=storage, compute=compute, steps=steps, rate=float(learning_rate))
            loss, accuracy, lost = (np.asarray(history) for history in run)
        name = compute if storage == compute else f"{compute}, {storage} master"
        runs.append(PrecisionRun(name, loss, accuracy, lost))
    return tuple(runs)


@partial(jax.jit, static_argnames=("storage", "compute", "steps", "rate"))
def _train(
    start: Any, x: Array, y: Array, *, storage: str, compute: str, steps: int, rate: float
) -> tuple[Array, Array, Array]:
    model: Layer = _MODEL
    optimizer = optim.sgd(rate)
    params = jax.tree.map(lambda p: jnp.asarray(p, compute).astype(storage), start)
    features, state = x.astype(compute), model.init(jax.random.key(0), x.shape[1:])[1]

    def judge(params: Any) -> tuple[Array, Array]:
        logits, _ = model(jax.tree.map(lambda p: p.astype(jnp.float32), params), x, state, train=False)
        return losses.cross_entropy(logits, y), jnp.mean((jnp.argmax(logits, axis=-1) == y).astype(jnp.float32))

    def step(carry: tuple[Any, Any], _: None) -> tuple[tuple[Any, Any], tuple[Array, Array, Array]]:
        params, optimizer_state = carry
        rounded = jax.tree.map(lambda p: p.astype(compute), params)
        grads = train.loss_and_gradients(model, losses.cross_entropy, rounded, state, features, y)[1]
        grads = jax.tree.map(lambda g: g.astype(storage), grads)
        updates, optimizer_state = optimizer.update(grads, optimizer_state, params)
        new = optim.apply_updates(params, updates)
        return (new, optimizer_state), (*judge(new), _fraction_lost(params, updates, new))

    _, (loss, accuracy, lost) = jax.lax.scan(step, (params, optimizer.init(params)), length=steps)
    first = judge(params)
    return (
        jnp.concatenate([first[0][None], loss]),
        jnp.concatenate([first[1][None], accuracy]),
        lost,
    )


def _fraction_lost(old: Any, updates: Any, new: Any) -> Array:
    leaves = zip(jax.tree.leaves(old), jax.tree.leaves(updates), jax.tree.leaves(new), strict=True)
    lost = jnp.concatenate([jnp.ravel((u != 0) & (b == a)) for a, u, b in leaves])
    return jnp.mean(lost.astype(jnp.float32))
