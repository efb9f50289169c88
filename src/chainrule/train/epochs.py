"""Whole epochs as one compiled program: shuffle, steps, metrics and validation, all on the device."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from chainrule.layer import Layer
from chainrule.optim import Optimizer
from chainrule.rule import Rule
from chainrule.train.batches import scan_batches, shuffle
from chainrule.train.step import Gradients, TrainState, step

__all__ = [
    "Augment",
    "empty_history",
    "evaluate",
    "metric_names",
    "predict",
    "run_epochs",
    "run_epochs_in_place",
    "start",
    "start_from",
]

_EVALUATION_BATCH = 1024  # examples a forward pass: enough to be quick, few enough to fit in memory

Metrics = dict[str, Array]
Augment = Callable[[Array, Array, Array], tuple[Array, Array]]
"""Changes a batch by key, ``augment(key, x, y) -> (x, y)``: hashable, for it is compiled into the run."""


@functools.partial(jax.jit, static_argnums=(0, 2, 3))
def start(model: Layer, optimizer: Optimizer, in_shape: tuple[int, ...], dtype: Any, key: Array) -> TrainState:
    """Make the state of a run that has not begun: params by key, and an optimiser that has seen nothing."""
    params, state = model.init(key, in_shape, dtype)
    return start_from(optimizer, params, state)


@jax.jit
def start_from(optimizer: Optimizer, params: Any, state: Any) -> TrainState:
    """Make the state of a run that begins with these params."""
    return TrainState(params, state, optimizer.init(params), jnp.zeros((), jnp.int32))


def run_epochs(
    model: Layer,
    loss: Rule,
    optimizer: Optimizer,
    train_state: TrainState,
    history: Metrics,
    data: tuple[Array, Array],
    validation: tuple[Array, Array] | None,
    key: Array,
    stop: Array | int,
    *,
    batch_size: int,
    gradients: Gradients = "hand",
    augment: Augment | None = None,
    penalty: Rule | None = None,
) -> tuple[TrainState, Metrics]:
    """Train from ``train_state.epoch`` up to epoch ``stop``, and write each epoch's metrics into ``history``.

    A pure function, to be compiled, or mapped over learning rates and keys to train side by side; ``fit`` calls it as
    ``run_epochs_in_place``. One program serves any number of epochs, for ``stop`` is no part of its type: all at once,
    one by one, or none (to compile it without running it). The bits are the same each way: epoch e draws from
    ``jax.random.fold_in(key, e)`` alone.

    Args:
        model: static, as is ``loss``; equal ones share the program.
        loss: a rule of (outputs, targets) that returns the mean over the batch.
        optimizer: its learning rate is a leaf, so another one compiles nothing.
        train_state: where to begin; ``start`` makes it.
        history: float32[epochs] for each metric; ``empty_history`` makes it.
        data: (x, y), with one row an example.
        validation: held-out (x, y), evaluated after each epoch, or None.
        key: the randomness of the run.
        stop: the number of epochs that shall be done in the end, at most the length of the history.
        batch_size: examples a step; the last batch of an epoch may be smaller.
        gradients: ``"hand"`` or ``"autodiff"``.
        augment: changes each batch by a key of its own before the step, or None.
        penalty: a rule of params that is added to the loss of training, or None.
    """
    x, y = (jnp.asarray(part) for part in data)
    count = x.shape[0]

    def train_batch(carry: Any, rows: Array, position: Array, key: Array, augment_key: Array) -> Any:
        train_state, totals = carry
        batch_x, labels = x[rows], y[rows]
        batch_y = labels
        if augment is not None:
            batch_x, batch_y = augment(jax.random.fold_in(augment_key, position), batch_x, labels)
        step_key = jax.random.fold_in(key, position) if model.uses_key else None
        train_state, value, outputs = step(
            model, loss, optimizer, train_state, batch_x, batch_y, step_key, gradients=gradients, penalty=penalty
        )
        return train_state, _add(totals, _batch_metrics(value, outputs, labels))

    def epoch(index: Array, carry: Any) -> Any:
        train_state, history = carry
        shuffle_key, noise_key, augment_key = jax.random.split(jax.random.fold_in(key, index), 3)
        train_state, totals = scan_batches(
            lambda carry, rows, position: train_batch(carry, rows, position, noise_key, augment_key),
            (train_state, _zero_metrics(y)),
            shuffle(shuffle_key, count),
            batch_size,
        )
        metrics = {name: total / count for name, total in totals.items()}
        if validation is not None:
            held_out = _evaluate(model, loss, train_state.params, train_state.state, *validation)
            metrics |= {f"validation_{name}": value for name, value in held_out.items()}
        history = {name: values.at[index].set(metrics[name]) for name, values in history.items()}
        return train_state._replace(epoch=index + 1), history

    return lax.fori_loop(train_state.epoch, jnp.asarray(stop, jnp.int32), epoch, (train_state, history))


run_epochs_in_place = jax.jit(
    run_epochs,
    static_argnames=("model", "loss", "gradients", "batch_size", "augment", "penalty"),
    donate_argnames=("train_state", "history"),
)
"""``run_epochs``, compiled; the memory of the train state and the history that it is given becomes that of the new ones."""


def metric_names(y: Any, validation: Any = None) -> list[str]:
    """The metrics that targets of this kind have: accuracy is for labels."""
    names = ["loss", "accuracy"] if jnp.issubdtype(y.dtype, jnp.integer) else ["loss"]
    return names if validation is None else names + [f"validation_{name}" for name in names]


def empty_history(epochs: int, names: list[str]) -> Metrics:
    """Make room for the metrics of a run: NaN until an epoch is done."""
    return {name: jnp.full((epochs,), jnp.nan, jnp.float32) for name in names}


@functools.partial(jax.jit, static_argnums=(0, 1))
def evaluate(model: Layer, loss: Rule, params: Any, state: Any, x: Array, y: Array) -> Metrics:
    """Compute the mean loss, and for integer labels the accuracy, over all examples, in evaluation mode.

    Raises:
        ValueError: for no examples, or x and y of different lengths.
    """
    if x.shape[:1] != y.shape[:1] or not x.shape[0]:
        raise ValueError(f"evaluate: x and y must have as many examples, at least one, got {len(x)} and {len(y)}")
    return _evaluate(model, loss, params, state, x, y)


@functools.partial(jax.jit, static_argnums=0)
def predict(model: Layer, params: Any, state: Any, x: Array) -> Array:
    """Compute the outputs for all examples, (n, ...), in evaluation mode, some at a time.

    Raises:
        ValueError: for no examples.
    """
    if not x.shape[0]:
        raise ValueError("predict: x must hold at least one example, got none")
    outputs = [
        model(params, x[first : first + _EVALUATION_BATCH], state)[0]
        for first in range(0, x.shape[0], _EVALUATION_BATCH)
    ]
    return outputs[0] if len(outputs) == 1 else jnp.concatenate(outputs)


def _evaluate(model: Layer, loss: Rule, params: Any, state: Any, x: Array, y: Array) -> Metrics:
    def add_batch(totals: Metrics, rows: Array, _: Array) -> Metrics:
        outputs, _ = model(params, x[rows], state)
        return _add(totals, _batch_metrics(loss(outputs, y[rows]), outputs, y[rows]))

    totals = scan_batches(add_batch, _zero_metrics(y), jnp.arange(x.shape[0]), min(_EVALUATION_BATCH, x.shape[0]))
    return {name: total / x.shape[0] for name, total in totals.items()}


def _zero_metrics(y: Any) -> Metrics:
    return {name: jnp.zeros((), jnp.float32) for name in metric_names(y)}


def _batch_metrics(value: Array, outputs: Array, y: Array) -> Metrics:
    """Sums over the examples of a batch, from the loss, which is a mean, and the outputs."""
    count = y.shape[0]
    metrics = {"loss": count * value.astype(jnp.float32)}
    if jnp.issubdtype(y.dtype, jnp.integer):
        right = jnp.argmax(outputs, -1) == y
        metrics["accuracy"] = jnp.sum(right, dtype=jnp.float32) / (y.size // count)
    return metrics


def _add(totals: Metrics, more: Metrics) -> Metrics:
    return {name: total + more[name] for name, total in totals.items()}
