"""Fit on a stream: training on data that come in chunks, and need not fit into the memory of the device."""

from __future__ import annotations

import contextlib
import functools
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule.data.batches import require_count
from chainrule.data.stream import prefetch
from chainrule.layer import Layer
from chainrule.optim import Optimizer
from chainrule.optim.chain import as_optimizer
from chainrule.rule import Rule
from chainrule.train.epochs import Augment, evaluate, metric_names
from chainrule.train.fit import Callback, EarlyStopping, Run, _begin, _Best, _better, _classes, _require_kinds
from chainrule.train.masked import MaskedMean, can_be_masked
from chainrule.train.pieces import Kind, Source, examples, open_source, peek, pieces
from chainrule.train.progress import progress_bar
from chainrule.train.step import Gradients, TrainState, step

__all__ = ["fit_stream"]


def fit_stream(
    model: Layer,
    loss: Rule,
    optimizer: Any,
    source: Source,
    *,
    epochs: int,
    key: Array,
    batch_size: int = 64,
    chunk_rows: int | None = None,
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
    """Train a model on data that come in chunks: ``fit`` for what does not fit into memory.

    A background thread reads the source, checks it, puts its examples together to pieces of one shape, and puts each piece
    on the device while the one before is trained on. One compiled program takes the steps on a piece, whatever the sizes of
    the chunks, and two pieces are on the device at the most, beside the parameters and the validation data::

        x = numpy.memmap("x.f32", numpy.float32, "r", shape=(50_000_000, 20))
        y = numpy.memmap("y.f32", numpy.float32, "r", shape=(50_000_000, 1))
        run = train.fit_stream(
            model, losses.mean_squared_error, optim.adam(1e-3), epochs=3, key=jax.random.key(0),
            source=lambda epoch: data.chunks(x, y, 65_536, key=jax.random.fold_in(jax.random.key(1), epoch)),
        )

    or from a loader such as Grain's (``pip install chainrule[stream]``), which reads, shuffles and changes examples in
    parallel; small batches of it are put together to pieces of ``chunk_rows``::

        examples = grain.MapDataset.source(examples).map(prepare)   # each example a tuple (x, y) of NumPy arrays
        source = lambda epoch: examples.shuffle(seed=epoch).to_iter_dataset().batch(64)
        run = train.fit_stream(model, loss, optimizer, source, epochs=3, key=key, batch_size=64, chunk_rows=4096)

    Batches are made of the examples in the order of the source, across the borders of chunks: how it is cut changes nothing.
    The last batch of an epoch may have fewer examples than the others. It is filled up and masked, and its loss is the mean
    over the examples that are there, so every example counts once an epoch, in the loss and in the gradient. Where a mask
    would be wrong the last batch has a size of its own, and a program: for a model with state (a batch norm would
    count the rows that fill up), with ``augment`` (it may mix rows), and for a loss without weights.

    The steps are those of ``fit`` for the same order of examples, and agree within rounding. The same key and the same
    source give the same bits again on the same machine.

    Args:
        model: a layer or a chain of them.
        loss: a rule of (outputs, targets) with the mean as its reduction, ``losses.cross_entropy``.
        optimizer: one of ``optim``, or any pair of Optax's kind.
        source: called as ``source(epoch)``, epochs counted from 0; gives something to go through: chunks (x, y), or
            (x, y, mask) as ``data.chunks`` gives, of any number of examples, none included. NumPy or JAX arrays, as for
            ``fit``; all examples of one shape. All but the first chunk is read in another thread.
        epochs: how often to go through the data; a run that is continued counts from its beginning.
        key: a random key: of the parameters and whatever the model draws. The source does the shuffling.
        batch_size: examples a step.
        chunk_rows: examples a piece, rounded up to whole batches; None: as many as the first chunk has. The more, the less
            it costs to begin with a piece.
        gradients: ``"hand"`` or ``"autodiff"`` (``jax.grad``), to compare.
        validation: held-out (x, y), evaluated after each epoch; it stays on the device.
        train_state: that of an earlier run, to go on from; it is copied.
        params: parameters to begin with, instead of new ones; they are copied.
        early_stopping: when to stop before the last epoch, or None.
        augment: changes each batch before the step, ``augment(key, x, y) -> (x, y)``, hashable.
        penalty: a rule of params that is added to the loss of training.
        callback: called after each epoch as ``callback(epoch, metrics, train_state)``, epochs counted from 1. It must
            copy the arrays of the train state to keep them.
        progress: whether to show a progress bar; None: if the standard error is a terminal.

    Returns:
        The run, as of ``fit``. Its ``compile_seconds`` hold the reading of the first chunk.

    Raises:
        ValueError: naming the argument, or the chunk and the epoch: for a source that is no function, gives nothing to go
            through, or no example in an epoch; chunks that are no pairs of arrays, of other shapes or dtypes than the first,
            not finite, or with labels out of range; and for all that ``fit`` refuses. What the source itself raises
            comes as it is.
    """
    _require_kinds(model, loss, ((), ()), key, early_stopping, augment, penalty)
    _require_settings(source, epochs, batch_size, chunk_rows, gradients, train_state, params)
    optimizer = as_optimizer("fit_stream: optimizer", optimizer)
    first_epoch = 0 if train_state is None else int(train_state.epoch)
    if first_epoch >= epochs:
        raise ValueError(f"epochs must be above the {first_epoch} that are done, got {epochs}")

    clock = time.perf_counter()
    first, chunks = peek(open_source(source, first_epoch), first_epoch)
    kind = _kind(model, loss, augment, *first)
    rows = -(-(chunk_rows or len(first[0])) // batch_size) * batch_size
    del first  # one chunk more in memory, for as long as the training lasts
    if validation is not None:
        kind.check("validation data", *validation)
        validation = (jnp.asarray(validation[0]), jnp.asarray(validation[1]))
    names = metric_names(kind.y, validation)
    if early_stopping is not None and early_stopping.monitor not in names:
        raise ValueError(f"early stopping: monitor must be one of {', '.join(names)}, got {early_stopping.monitor!r}")

    init_key, run_key = jax.random.split(key)
    train_state = _begin(model, optimizer, kind.x, init_key, train_state, params)  # type: ignore[arg-type]
    masked = can_be_masked(loss) and augment is None and not jax.tree.leaves(train_state.state)
    train = functools.partial(
        _train_on_piece,
        model,
        loss,
        optimizer,
        key=run_key,
        gradients=gradients,
        augment=augment,
        penalty=penalty,
        masked=masked,
    )
    train_state = _compile(train, train_state, kind, rows, batch_size)
    compile_seconds = time.perf_counter() - clock

    clock = time.perf_counter()
    history: dict[str, list[float]] = {name: [] for name in sorted(names)}
    best: _Best | None = None
    with progress_bar(epochs, first_epoch, progress) as show:
        for epoch in range(first_epoch, epochs):
            if epoch > first_epoch:
                chunks = open_source(source, epoch)
            parts = pieces(examples(chunks, epoch, kind), rows, batch_size, fill=masked)
            train_state, metrics = _run_epoch(train, train_state, parts, metric_names(kind.y), batch_size)
            train_state = train_state._replace(epoch=jnp.asarray(epoch + 1, jnp.int32))
            if validation is not None:
                held_out = evaluate(model, loss, train_state.params, train_state.state, *validation)
                metrics |= {f"validation_{name}": float(value) for name, value in held_out.items()}
            for name, value in metrics.items():
                history[name].append(value)
            if show is not None:
                show(epoch + 1, metrics)
            if callback is not None:
                callback(epoch + 1, metrics, train_state)
            if early_stopping is not None:
                best = _better(early_stopping, best, epoch + 1, metrics, train_state)
                if epoch + 1 - best.epoch >= early_stopping.patience:
                    break
    run_seconds = time.perf_counter() - clock

    if not np.isfinite(history["loss"]).all():
        bad = first_epoch + 1 + int(np.argmin(np.isfinite(history["loss"])))
        warnings.warn(f"the loss is not finite from epoch {bad} on: try a smaller learning rate", stacklevel=2)
    kept = best or _Best(int(train_state.epoch), 0.0, train_state.params, train_state.state)
    return Run(model, kept.params, kept.state, train_state, history, kept.epoch, compile_seconds, run_seconds)


def _kind(model: Layer, loss: Rule, augment: Augment | None, x: np.ndarray, y: np.ndarray) -> Kind:
    """The kind of the first chunk; what does not fit the model and the loss is said by them."""
    classes = _classes(model, loss, x, y, augment)
    x_like, y_like = (jax.ShapeDtypeStruct(a.shape, jax.dtypes.canonicalize_dtype(a.dtype)) for a in (x, y))
    kind = Kind(x_like, y_like, classes, model.takes_integers, model.vocabulary_size)
    kind.check("the first chunk", x, y)
    return kind


def _compile(train: Callable[..., Any], train_state: TrainState, kind: Kind, rows: int, batch_size: int) -> TrainState:
    """Compile the program by a call that takes no step, on a piece of zeros."""
    x, y = (jnp.zeros((rows, *like.shape[1:]), like.dtype) for like in (kind.x, kind.y))
    none = np.int32(0)
    train_state, _ = jax.block_until_ready(
        train(train_state, x=x, y=y, count=none, first_step=none, batch_size=batch_size)
    )
    return train_state


def _run_epoch(
    train: Callable[..., Any], train_state: TrainState, parts: Iterator[Any], names: list[str], batch_size: int
) -> tuple[TrainState, dict[str, float]]:
    """Train on all pieces of an epoch; its metrics are summed up on the host, in float64."""
    sums, count, steps = dict.fromkeys(names, 0.0), 0, 0
    with contextlib.closing(prefetch(parts, 1)) as placed:
        for x, y, here in placed:
            size = min(batch_size, len(x))
            train_state, more = train(
                train_state, x=x, y=y, count=np.int32(here), first_step=np.int32(steps), batch_size=size
            )
            del x, y  # and wait: room for the piece after the next is made when nobody holds this one any more
            sums = {name: total + float(more[name]) for name, total in sums.items()}
            count, steps = count + here, steps + -(-here // size)
    return train_state, {name: total / count for name, total in sums.items()}


@functools.partial(
    jax.jit,
    static_argnames=("model", "loss", "batch_size", "gradients", "augment", "penalty", "masked"),
    donate_argnames=("train_state",),
)
def _train_on_piece(
    model: Layer,
    loss: Rule,
    optimizer: Optimizer,
    train_state: TrainState,
    *,
    x: Array,
    y: Array,
    count: Array,
    first_step: Array,
    key: Array,
    batch_size: int,
    gradients: Gradients,
    augment: Augment | None,
    penalty: Rule | None,
    masked: bool,
) -> tuple[TrainState, dict[str, Array]]:
    """Take a step on each batch of the first ``count`` rows; the sums of the metrics over the examples go with it.

    The number of batches is no part of the program's type: what lies behind the last of them costs nothing. The randomness
    is that of ``run_epochs``: batch i of epoch e draws from the same keys, here ``first_step`` batches came before.
    """
    _, noise_key, augment_key = jax.random.split(jax.random.fold_in(key, train_state.epoch), 3)

    def batch(index: Array, carry: Any) -> Any:
        train_state, sums = carry
        first, position = index * batch_size, first_step + index
        batch_x, labels = (lax.dynamic_slice_in_dim(rows, first, batch_size) for rows in (x, y))
        targets: Any = labels
        if augment is not None:
            batch_x, targets = augment(jax.random.fold_in(augment_key, position), batch_x, labels)
        mask = first + jnp.arange(batch_size, dtype=jnp.int32) < count
        step_key = jax.random.fold_in(noise_key, position) if model.uses_key else None
        train_state, value, outputs = step(
            model,
            MaskedMean(loss) if masked else loss,
            optimizer,
            train_state,
            batch_x,
            (targets, mask) if masked else targets,  # type: ignore[arg-type]
            step_key,
            gradients=gradients,
            penalty=penalty,
        )
        more = {"loss": jnp.sum(mask, dtype=jnp.float32) * value.astype(jnp.float32)}
        if "accuracy" in sums:
            right = (jnp.argmax(outputs, -1) == labels) & lax.expand_dims(mask, tuple(range(1, labels.ndim)))
            more["accuracy"] = jnp.sum(right, dtype=jnp.float32) / (labels.size // batch_size)
        return train_state, {name: total + more[name] for name, total in sums.items()}

    sums = {name: jnp.zeros((), jnp.float32) for name in metric_names(y)}
    batches = (count + batch_size - 1) // batch_size
    return lax.fori_loop(jnp.zeros_like(batches), batches, batch, (train_state, sums))


def _require_settings(
    source: Any, epochs: Any, batch_size: Any, chunk_rows: Any, gradients: Any, train_state: Any, params: Any
) -> None:
    """Refuse the settings that are wrong whatever the data are."""
    if not callable(source):
        raise ValueError(
            f"source must be a function that gives the chunks of an epoch, lambda epoch: ..., got {type(source).__name__}"
        )
    require_count("fit_stream", "epochs", epochs)
    require_count("fit_stream", "batch_size", batch_size)
    if chunk_rows is not None:
        require_count("fit_stream", "chunk_rows", chunk_rows)
    if gradients not in ("hand", "autodiff"):
        raise ValueError(f"gradients must be 'hand' or 'autodiff', got {gradients!r}")
    if train_state is not None and params is not None:
        raise ValueError("give train_state or params, not both")
    if train_state is not None and not isinstance(train_state, TrainState):
        raise ValueError(f"train_state must be that of a run, run.train_state, got {type(train_state).__name__}")
