"""The models of a table: the mean of some MLPs, and linear ones, all of them layers with parameters.

Regressions are of the standardised target, so that one learning rate serves every unit. Linear ones are computed::

    linear    min |y - X w - b|^2
    ridge     min |y - X w - b|^2 + strength |w|^2         strength chosen on the validation rows

Classes are the softmax of the outputs. There the linear model is trained by the same loop as the MLP, for of classes that
a plane divides it has no best fit and early stopping has to choose one; ridge, which has, is solved by L-BFGS.

Ridge's strength is 1, as is usual for features that are scaled, unless another does better on the validation rows by more
than three standard errors, or has a quarter of the squared error: a hundred rows choose among twenty strengths little better
than by chance.

Several MLPs differ in their first parameters and the order of their batches. Their mean, (y_1 + ... + y_K) / K, is the
sum of networks whose last layer is divided by K: a ``parallel`` of them.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule import compose, losses, models, train
from chainrule.layer import Layer
from chainrule.maths.linear_algebra import LinearFit
from chainrule.recipes import training
from chainrule.recipes.table_config import TableConfig, settled
from chainrule.recipes.table_softmax import solve_softmax
from chainrule.recipes.table_triangle import Triangle
from chainrule.train.progress import progress_bar
from chainrule.train.step import TrainState

__all__ = ["Fitted", "build_model", "fit_model", "linear_settings", "outputs_of", "refit_model"]

STRENGTHS = tuple(float(10.0 ** (power / 2)) for power in range(-6, 13))
"""Of ridge, for the sum of the squared errors: 0.001 to 1,000,000, two to a decade."""

STRENGTHS_OF_CLASSES = tuple(float(10.0 ** (power / 2)) for power in range(-4, 7))
"""Of ridge, for the sum of the cross-entropies: 0.01 to 1,000, two to a decade."""

USUAL_STRENGTH = 1.0
_BEYOND_CHANCE = 3.0  # standard errors
_DECISIVE = 4.0  # a ratio of mean squared errors that needs no test, for few rows can pass none

_ROWS_AT_ONCE = 8192  # of a forward pass

Data = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model that was fitted.

    Attributes:
        run: the model, its parameters, and the loss of every epoch.
        strength: ridge's.
        tried: the validation loss for each strength that was tried.
    """

    run: train.Run
    strength: float | None = None
    tried: dict[float, float] = dataclasses.field(default_factory=dict)

    @property
    def remark(self) -> str:
        """What is to be said of the strength: another one is better, if only by chance, or a further one may be; or ""."""
        if self.strength is None or len(self.tried) < 2:
            return ""
        best = min(self.tried, key=lambda each: self.tried[each])
        if self.strength == USUAL_STRENGTH != best and self.tried[best] < self.tried[self.strength]:
            return f"the usual; {best:.3g} is better on the validation rows, though not beyond chance"
        if self.strength == min(self.tried):
            return "the weakest tried: a weaker one may do better"
        return "the strongest tried: a stronger one may do better" if self.strength == max(self.tried) else ""


def build_model(config: TableConfig, outputs: int) -> Layer:
    """Build the network of the settings, with one output for a number, or one a class."""
    network = models.mlp((*config.hidden, outputs))
    return network if config.members == 1 else compose.parallel(*[network] * config.members)


def linear_settings(config: TableConfig, rows: int) -> TableConfig:
    """The settings of the linear model that another one is compared with."""
    usual = settled(rows=rows, model="linear", data=config.data, target=config.target, task=config.task)
    names = (
        "model",
        "hidden",
        "members",
        "epochs",
        "batch_size",
        "learning_rate",
        "optimizer",
        "weight_decay",
        "patience",
    )
    return dataclasses.replace(config, **{name: getattr(usual, name) for name in names})


def fit_model(
    config: TableConfig, outputs: int, data: Data, validation: Data, *, progress: bool | None = None
) -> Fitted:
    """Fit a model to training rows, and choose on the validation rows: when to stop, and how strong a ridge is.

    Args:
        config: the settings.
        outputs: 1, or the number of classes.
        data: x float32[n, features]; y int32[n] labels, or float32[n, 1] standardised numbers.
        validation: the same of other rows.
        progress: whether to show a progress bar; None: if the standard error is a terminal.

    Raises:
        ValueError: when the loss does not stay finite, and for what ``train.fit`` refuses.
    """
    if config.is_solved:
        return _solved(config, outputs, data, validation, progress=progress)
    runs = [_trained(each, outputs, data, validation, progress=progress) for each in _one_by_one(config)]
    return Fitted(_mean_of(config, outputs, runs))


def refit_model(
    config: TableConfig, outputs: int, data: Data, found: Fitted, *, progress: bool | None = None
) -> Fitted:
    """Fit a model again, to all rows: for as many epochs, or as strong, as was found to be best.

    The history stays that of the first training, the only one that had rows to validate by.
    """
    if config.is_solved:
        clock = time.perf_counter()
        params = _solution(config, build_model(config, outputs), data, found.strength)
        run = dataclasses.replace(found.run, params=params)
        return dataclasses.replace(found, run=_timed(run, 0.0, time.perf_counter() - clock))
    shorter = config.changed(epochs=found.run.best_epoch, batch_size=min(config.batch_size, len(data[0])))
    runs = [_trained(each, outputs, data, None, progress=progress) for each in _one_by_one(shorter)]
    run = _mean_of(config, outputs, runs)
    kept = dataclasses.replace(found.run, params=run.params, state=run.state)
    return dataclasses.replace(found, run=_timed(kept, run.compile_seconds, run.run_seconds))


def outputs_of(run: Any, x: np.ndarray) -> np.ndarray:
    """Compute the outputs of a network for any number of rows, float64[n, outputs].

    Rows are filled up to a power of two, so that tables of many lengths share a few programs, and go through some
    thousands at a time.

    Args:
        run: what has a model, params and state: a ``train.Run``, or a saved run.
        x: float32[n, features], n >= 1.
    """
    found = []
    for first in range(0, len(x), _ROWS_AT_ONCE):
        piece = x[first : first + _ROWS_AT_ONCE]
        size = 1 << max(len(piece) - 1, 0).bit_length()
        filled = np.zeros((size, x.shape[1]), np.float32)
        filled[: len(piece)] = piece
        outputs = train.predict(run.model, run.params, run.state, filled)
        found.append(np.asarray(outputs, dtype=np.float64)[: len(piece)])
    return np.concatenate(found)


def _trained(
    config: TableConfig,
    outputs: int,
    data: Data,
    validation: Data | None,
    *,
    progress: bool | None = None,
) -> train.Run:
    model = build_model(config, outputs)
    config = config.changed(batch_size=min(config.batch_size, len(data[0])))
    options: dict[str, Any] = {}
    if validation is not None:
        options |= {"validation": validation, "early_stopping": train.EarlyStopping(config.patience)}
    if not config.hidden:
        # The loss has one minimum, and 0 is as good a place to begin as any: nothing there is left to chance.
        params, _ = model.init(jax.random.key(0), data[0].shape[1:])
        options["params"] = jax.tree.map(jnp.zeros_like, params)
    loss = losses.cross_entropy if config.task == "classification" else losses.mean_squared_error
    return training.fit(model, loss, config, data, progress=progress, **options)


def _one_by_one(config: TableConfig) -> list[TableConfig]:
    """The settings of each MLP alone: they differ in the seed."""
    if config.members == 1:
        return [config]
    seeds = np.random.SeedSequence(config.seed).generate_state(config.members) % 2**31
    return [config.changed(members=1, seed=int(seed)) for seed in seeds]


def _mean_of(config: TableConfig, outputs: int, runs: Sequence[train.Run]) -> train.Run:
    """The run whose model is the mean of those that were trained.

    Its history is that of the one in the middle: whose best epoch is the median of theirs (of an even number, the lower).
    """
    if len(runs) == 1:
        return runs[0]
    middle = sorted(runs, key=lambda run: run.best_epoch)[(len(runs) - 1) // 2]
    last = len(runs[0].params) - 1  # of the layers of a chain: the affine one, which nothing follows
    params = tuple(
        tuple(
            jax.tree.map(lambda leaf: leaf / len(runs), layer) if place == last else layer
            for place, layer in enumerate(run.params)
        )
        for run in runs
    )
    state = tuple(run.state for run in runs)
    return dataclasses.replace(
        middle,
        model=build_model(config, outputs),
        params=params,
        state=state,
        train_state=TrainState(params, state, (), middle.train_state.epoch),
        compile_seconds=sum(run.compile_seconds for run in runs),
        run_seconds=sum(run.run_seconds for run in runs),
    )


def _solved(config: TableConfig, outputs: int, data: Data, validation: Data, *, progress: bool | None = None) -> Fitted:
    """Solve for the weights; for ridge, with the strength that the validation rows choose."""
    clock = time.perf_counter()
    model = build_model(config, outputs)
    begin, state = model.init(jax.random.key(0), data[0].shape[1:])
    zero = jax.tree.map(jnp.zeros_like, begin)
    run = train.Run(
        model=model,
        params=zero,
        state=state,
        train_state=TrainState(zero, state, (), jnp.ones((), jnp.int32)),
        history={},
        best_epoch=1,
        compile_seconds=0.0,
        run_seconds=0.0,
    )
    tried: dict[float, float] = {}
    strength = None
    if config.model == "ridge":
        errors, fits = {}, {}
        strengths = STRENGTHS if config.task == "regression" else STRENGTHS_OF_CLASSES
        with progress_bar(len(strengths), 0, progress, unit="strength") as show:
            for each, params in _fits(config, model, zero, data, strengths):
                fits[each] = params
                errors[each] = _errors(dataclasses.replace(run, params=params), validation)
                if show is not None:
                    show(len(errors), {"validation loss": float(errors[each].mean())})
        tried = {each: float(errors[each].mean()) for each in sorted(errors)}
        strength = _chosen(errors, decisive=_DECISIVE if config.task == "regression" else math.inf)
        params = fits[strength]
    else:
        params = _solution(config, model, data, None)
    run = dataclasses.replace(
        run,
        params=params,
        train_state=run.train_state._replace(params=params),
        run_seconds=time.perf_counter() - clock,
    )
    history = {
        name: [float(np.mean(_errors(run, part)))] for name, part in (("loss", data), ("validation_loss", validation))
    }
    return Fitted(dataclasses.replace(run, history=history), strength, tried)


def _fits(
    config: TableConfig, model: Layer, begin: Any, data: Data, strengths: Sequence[float]
) -> Iterator[tuple[float, Any]]:
    """The parameters for each strength that is tried."""
    if config.task == "regression":
        triangle = Triangle.of(*data)
        yield from ((each, _params_of(model, data, triangle.solve(each))) for each in strengths)
        return
    params = begin
    for each in sorted(strengths, reverse=True):  # from the stiffest on, each begins where the last ended
        params = solve_softmax(model, params, *data, strength=each, gradients=config.gradients)
        yield each, _in_float32(params)


def _errors(run: train.Run, data: Data) -> np.ndarray:
    """The squared error of each row, or its cross-entropy, float64[n]."""
    outputs, y = outputs_of(run, data[0]), data[1]
    if y.dtype.kind == "f":
        return np.asarray((outputs - y)[:, 0] ** 2)
    outputs = outputs - outputs.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(len(y)), y])


def _chosen(errors: dict[float, np.ndarray], decisive: float) -> float:
    """The strength of the least mean error, if that is less than the usual one's beyond chance.

    Which is by more than three standard errors, or by the factor that is decisive.
    """
    best = min(sorted(errors), key=lambda each: float(errors[each].mean()))
    usual = errors.get(USUAL_STRENGTH)
    if usual is None or best == USUAL_STRENGTH:
        return best
    if usual.mean() > decisive * errors[best].mean():
        return best
    gains = usual - errors[best]
    if len(gains) > 1 and gains.mean() > _BEYOND_CHANCE * gains.std(ddof=1) / math.sqrt(len(gains)):
        return best
    return USUAL_STRENGTH


def _solution(config: TableConfig, model: Layer, data: Data, strength: float | None) -> Any:
    """The params of a network without hidden layers at the minimum of its loss."""
    if config.task == "regression":
        return _params_of(model, data, Triangle.of(*data).solve(strength))
    begin, _ = jax.eval_shape(lambda: model.build(jax.random.key(0), data[0].shape[1:], jnp.float32))
    zero = jax.tree.map(lambda leaf: np.zeros(leaf.shape), begin)
    solved = solve_softmax(model, zero, *data, strength=strength or 0.0, gradients=config.gradients)
    return _in_float32(solved)


def _in_float32(params: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), params)


def _params_of(model: Layer, data: Data, fit: LinearFit) -> Any:
    """The params of a network without hidden layers that are those of a linear fit."""
    params, _ = jax.eval_shape(lambda: model.build(jax.random.key(0), data[0].shape[1:], jnp.float32))
    return jax.tree.map(
        lambda leaf: jnp.asarray(fit.intercept if leaf.ndim == 1 else fit.weights, jnp.float32).reshape(leaf.shape),
        params,
    )


def _timed(run: train.Run, compiling: float, running: float) -> train.Run:
    """The same run, with the time of another added to its own."""
    return dataclasses.replace(
        run, compile_seconds=run.compile_seconds + compiling, run_seconds=run.run_seconds + running
    )
