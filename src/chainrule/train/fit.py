"""Fit: a whole training run from a model, a loss, an optimiser and data."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.checks import describe
from chainrule.data.checks import check_supervised
from chainrule.layer import Layer
from chainrule.optim.chain import as_optimizer
from chainrule.rule import Rule
from chainrule.train.epochs import Augment, empty_history, metric_names, run_epochs_in_place, start, start_from
from chainrule.train.progress import progress_bar
from chainrule.train.step import Gradients, TrainState

__all__ = ["EarlyStopping", "Run", "fit"]

Callback = Callable[[int, dict[str, float], TrainState], None]


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when a metric has not improved for some epochs, and keep the parameters of its best epoch.

    Attributes:
        patience: how many epochs in a row may pass without an improvement.
        monitor: a metric of the history, ``"validation_loss"``; those named accuracy are to rise, others to fall.
        min_delta: by how much a value must beat the best so far to count as an improvement.
    """

    patience: int
    monitor: str = "validation_loss"
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError(f"patience must be at least 1 epoch, got {self.patience}")
        if not self.min_delta >= 0:
            raise ValueError(f"min_delta must be at least 0, got {self.min_delta}")

    def improves(self, value: float, best: float) -> bool:
        """Whether a value beats the best so far."""
        if np.isnan(value) or np.isnan(best):
            return bool(np.isnan(best) and not np.isnan(value))
        gain = value - best if self.monitor.endswith("accuracy") else best - value
        return bool(gain > self.min_delta)


@dataclass(frozen=True)
class Run:
    """What a training run leaves.

    Attributes:
        model: the model.
        params: its trained parameters.
        state: its state.
        train_state: all that training changed; hand it to ``fit`` to go on.
        history: for each metric, its value after each epoch.
        best_epoch: with early stopping, the epoch (from 1) that ``params`` are from; else the last one.
        compile_seconds: time to make the parameters and to compile.
        run_seconds: time to train.
    """

    model: Layer
    params: Any
    state: Any
    train_state: TrainState
    history: dict[str, list[float]]
    best_epoch: int
    compile_seconds: float
    run_seconds: float

    def plot(self, path: str | Path) -> None:
        """Write the curves of the metrics as a picture."""
        from chainrule import plot

        plot.save(plot.curves(self.history), path)


def fit(
    model: Layer,
    loss: Rule,
    optimizer: Any,
    data: tuple[Any, Any],
    *,
    epochs: int,
    key: Array,
    batch_size: int | None = 64,
    gradients: Gradients = "hand",
    validation: tuple[Any, Any] | None = None,
    train_state: TrainState | None = None,
    params: Any = None,
    early_stopping: EarlyStopping | None = None,
    augment: Augment | None = None,
    penalty: Rule | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> Run:
    """Train a model: shuffled epochs of batches, with gradients derived by hand.

    With nobody looking on (no callback, no progress, no early stopping) the whole run is one call of one compiled
    program; otherwise it is called once an epoch. The numbers are the same bits either way, and the same key on the same
    machine gives the same bits again.

    Args:
        model: a layer or a chain of them.
        loss: a rule of (outputs, targets) with the mean as its reduction, ``losses.cross_entropy``.
        optimizer: one of ``optim``, or any pair of Optax's kind.
        data: (x, y), one row an example: x floating point (n, ...), or integers, the ids of tokens, for a model that
            begins with an embedding; y integer labels, or numbers, (n, ...).
        epochs: how often to go through the data; a run that is continued counts from its beginning.
        key: a random key: of the parameters, the shuffling and whatever the model draws.
        batch_size: examples a step, or None for all of them. The last batch of an epoch may be smaller.
        gradients: ``"hand"`` or ``"autodiff"`` (``jax.grad``), to compare.
        validation: held-out (x, y), evaluated after each epoch.
        train_state: that of an earlier run, to go on from; it is copied.
        params: parameters to begin with, instead of new ones; they are copied.
        early_stopping: when to stop before the last epoch, or None.
        augment: changes each batch before the step, ``augment(key, x, y) -> (x, y)``, as ``data.augment`` makes them; a
            hashable function, equal ones share the program. The accuracy of training counts the labels of the data.
        penalty: a rule of params that is added to the loss of training, ``losses.l2_penalty.bind(strength=1e-4)``; the
            loss of validation is without it.
        callback: called after each epoch as ``callback(epoch, metrics, train_state)``, epochs counted from 1. It must
            copy the arrays of the train state to keep them: the next epoch reuses their memory.
        progress: whether to show a progress bar; None: if the standard error is a terminal.

    Raises:
        ValueError: naming the argument, for data that are empty, of different lengths, not finite, or of integers; labels
            out of range; a batch size above the number of examples; an unknown ``gradients``.
    """
    _require_kinds(model, loss, data, key, early_stopping, augment, penalty)
    x, y = data
    batch_size = _check(model, loss, data, validation, epochs, batch_size, gradients, augment)
    if train_state is not None and params is not None:
        raise ValueError("give train_state or params, not both")
    if early_stopping is not None and early_stopping.monitor not in (monitors := metric_names(y, validation)):
        raise ValueError(
            f"early stopping: monitor must be one of {', '.join(monitors)}, got {early_stopping.monitor!r}"
        )
    optimizer = as_optimizer("fit: optimizer", optimizer)

    clock = time.perf_counter()
    init_key, run_key = jax.random.split(key)
    device_data = (jnp.asarray(x), jnp.asarray(y))
    train_state = _begin(model, optimizer, device_data[0], init_key, train_state, params)
    first_epoch = int(train_state.epoch)
    if first_epoch >= epochs:
        raise ValueError(f"epochs must be above the {first_epoch} that are done, got {epochs}")
    run = functools.partial(
        run_epochs_in_place,
        model,
        loss,
        optimizer,
        data=device_data,
        validation=None if validation is None else (jnp.asarray(validation[0]), jnp.asarray(validation[1])),
        key=run_key,
        batch_size=batch_size,
        gradients=gradients,
        augment=augment,
        penalty=penalty,
    )
    history = empty_history(epochs, metric_names(y, validation))
    train_state, history = jax.block_until_ready(run(train_state, history, stop=first_epoch))  # no epoch: compiles
    compile_seconds = time.perf_counter() - clock

    clock = time.perf_counter()
    best: _Best | None = None
    with progress_bar(epochs, first_epoch, progress) as show:
        if show is None and callback is None and early_stopping is None:
            train_state, history = jax.block_until_ready(run(train_state, history, stop=epochs))
        for epoch in range(int(train_state.epoch) + 1, epochs + 1):
            train_state, history = run(train_state, history, stop=epoch)
            metrics = {name: float(values[epoch - 1]) for name, values in history.items()}
            if show is not None:
                show(epoch, metrics)
            if callback is not None:
                callback(epoch, metrics, train_state)
            if early_stopping is not None:
                best = _better(early_stopping, best, epoch, metrics, train_state)
                if epoch - best.epoch >= early_stopping.patience:
                    break
    run_seconds = time.perf_counter() - clock

    done = int(train_state.epoch)
    lists = {name: np.asarray(values)[first_epoch:done].tolist() for name, values in history.items()}
    if not np.isfinite(lists["loss"]).all():
        bad = first_epoch + 1 + int(np.argmin(np.isfinite(lists["loss"])))
        warnings.warn(f"the loss is not finite from epoch {bad} on: try a smaller learning rate", stacklevel=2)
    kept = best or _Best(done, 0.0, train_state.params, train_state.state)
    return Run(model, kept.params, kept.state, train_state, lists, kept.epoch, compile_seconds, run_seconds)


class _Best(NamedTuple):
    """The best epoch so far, with a copy of its parameters."""

    epoch: int
    value: float
    params: Any
    state: Any


def _better(
    stopping: EarlyStopping, best: _Best | None, epoch: int, metrics: dict[str, float], train_state: TrainState
) -> _Best:
    value = metrics[stopping.monitor]
    if best is not None and not stopping.improves(value, best.value):
        return best
    return _Best(epoch, value, *jax.tree.map(jnp.copy, (train_state.params, train_state.state)))


def _begin(
    model: Layer, optimizer: Any, x: Array, key: Array, train_state: TrainState | None, params: Any
) -> TrainState:
    """The state to train from: a copy of what was given, for training gives its memory away, or a new one."""
    dtype = jnp.float32 if model.takes_integers else x.dtype
    if train_state is not None:
        fresh = jax.eval_shape(functools.partial(start, model, optimizer, x.shape[1:], dtype), key)
        _require_alike("train_state", train_state, fresh)
        return jax.tree.map(jnp.copy, train_state)
    fresh = start(model, optimizer, x.shape[1:], dtype, key)
    if params is None:
        return fresh
    _require_alike("params", params, fresh.params)
    return start_from(optimizer, jax.tree.map(jnp.copy, params), fresh.state)


def _require_alike(name: str, found: Any, expected: Any) -> None:
    """Refuse a tree of other arrays than the model and the optimiser have."""
    if jax.tree.map(describe, found) != jax.tree.map(describe, expected):
        paths = dict(jax.tree_util.tree_leaves_with_path(expected))
        wrong = [
            f"{jax.tree_util.keystr(path)} is {describe(leaf)}"
            for path, leaf in jax.tree_util.tree_leaves_with_path(found)
            if path not in paths or describe(paths[path]) != describe(leaf)
        ]
        detail = f": {wrong[0]}" if wrong else f" in another tree, {type(found).__name__}"
        raise ValueError(f"{name} must be those of the model and the optimiser, got others{detail}")


def _require_kinds(model: Any, loss: Any, data: Any, key: Any, early_stopping: Any, augment: Any, penalty: Any) -> None:
    """Refuse arguments that are something else altogether."""
    for name, value, kind, example in (
        ("model", model, Layer, "a layer, such as models.mlp((32, 10)); of a rule make one with chain(rule)"),
        ("loss", loss, Rule, "a rule, such as losses.cross_entropy"),
        ("penalty", penalty, (Rule, type(None)), "a rule of params, such as losses.l2_penalty, or None"),
        ("early_stopping", early_stopping, (EarlyStopping, type(None)), "train.EarlyStopping(patience=...) or None"),
    ):
        if not isinstance(value, kind):
            raise ValueError(f"{name} must be {example}, got {value!r}")
    if augment is not None and not (callable(augment) and isinstance(augment, Hashable)):
        raise ValueError(f"augment must be a hashable function of (key, x, y), or None, got {augment!r}")
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"data must be a pair (x, y), got {type(data).__name__}")
    if not isinstance(key, Array) or not jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or key.shape != ():
        raise ValueError(f"key must be a single random key, as jax.random.key(0) makes one, got {describe(key)}")


def _check(
    model: Layer,
    loss: Rule,
    data: tuple[Any, Any],
    validation: tuple[Any, Any] | None,
    epochs: int,
    batch_size: int | None,
    gradients: str,
    augment: Augment | None,
) -> int:
    """Refuse what cannot be trained on; return the batch size."""
    x, y = data
    classes = _classes(model, loss, x, y, augment)
    check_supervised(x, y, classes=classes, tokens=model.takes_integers, vocabulary=model.vocabulary_size)
    if validation is not None:
        check_supervised(
            *validation,
            classes=classes,
            tokens=model.takes_integers,
            vocabulary=model.vocabulary_size,
            what="validation data",
        )
        shape, held_out = list(x.shape[1:]), list(validation[0].shape[1:])
        if shape != held_out:
            raise ValueError(f"validation data: x must have examples of shape {shape}, got {held_out}")
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs must be a positive integer, got {epochs!r}")
    if gradients not in ("hand", "autodiff"):
        raise ValueError(f"gradients must be 'hand' or 'autodiff', got {gradients!r}")
    if batch_size is None:
        return len(x)
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size must be a positive integer or None, got {batch_size!r}")
    if batch_size > len(x):
        raise ValueError(f"batch_size must be at most the number of examples, {len(x)}, got {batch_size}")
    return batch_size


def _classes(model: Layer, loss: Rule, x: Any, y: Any, augment: Augment | None) -> int | None:
    """The number of classes that a model of labels tells apart: the width of its outputs.

    The model, the loss and the augmentation are traced on the way, so that what does not fit together is said by them, at
    once.
    """
    if not all(hasattr(array, "dtype") and array.ndim >= 1 for array in (x, y)):
        return None  # check_supervised says what is wrong
    kind = jnp.integer if model.takes_integers else jnp.floating
    if not jnp.issubdtype(x.dtype, kind) or not len(x) or len(x) != len(y):
        return None
    x_like, y_like = (
        jax.ShapeDtypeStruct((1, *array.shape[1:]), jax.dtypes.canonicalize_dtype(array.dtype)) for array in (x, y)
    )
    return _output_width(model, loss, x_like, y_like, augment)


@functools.lru_cache(maxsize=256)
def _output_width(
    model: Layer, loss: Rule, x: jax.ShapeDtypeStruct, y: jax.ShapeDtypeStruct, augment: Augment | None
) -> int | None:
    def outputs_and_loss(x: Array, y: Array) -> tuple[Array, Array]:
        dtype = jnp.float32 if model.takes_integers else x.dtype
        params, state = model.build(jax.random.key(0), x.shape[1:], dtype)
        outputs = model(params, x, state)[0]
        value = loss(outputs, y)
        if augment is not None:
            changed_x, changed_y = augment(jax.random.key(0), x, y)
            if (changed_x.shape, changed_x.dtype) != (x.shape, x.dtype):
                raise ValueError(f"augment must keep x {describe(x)}, it returns {describe(changed_x)}")
            loss(outputs, changed_y)
        return outputs, value

    outputs, value = jax.eval_shape(outputs_and_loss, x, y)
    if value.shape != ():
        raise ValueError(f"loss must return one number, the mean over the batch, got the shape {list(value.shape)}")
    return int(outputs.shape[-1]) if jnp.issubdtype(y.dtype, jnp.integer) else None
