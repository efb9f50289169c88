"""The models of a table: an MLP, and linear ones in closed form or by training, all of them layers with parameters.

Regressions are of the standardised target, so that one learning rate serves every unit. Linear ones are computed::

    linear    min |y - X w - b|^2
    ridge     min |y - X w - b|^2 + strength |w|^2         strength chosen on the validation rows

All that these need of the rows is the triangle R of X = Q R with the means taken out, for |y - X w|^2 = |Q^T y - R
w|^2 + a part without w: a table of a million rows is gone through once, a block at a time, and every strength costs no
more than a small matrix does.

Classes are the softmax of the outputs. There the linear ones are trained by the same loop as the MLP, ridge with
strength / 2 |w|^2 added to the mean loss.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule import losses, models, train
from chainrule.layer import Layer
from chainrule.maths import linear_algebra
from chainrule.maths.linear_algebra import LinearFit
from chainrule.recipes import training
from chainrule.recipes.table_config import TableConfig, settled
from chainrule.recipes.weather_linear import in_float64
from chainrule.train.step import TrainState

__all__ = ["Fitted", "build_model", "fit_model", "linear_settings", "outputs_of", "refit_model"]

STRENGTHS = tuple(float(10.0 ** (power / 2)) for power in range(-6, 13))
"""Of ridge in closed form, for the sum of the squared errors: 0.001 to 1,000,000, two to a decade."""

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Of a ridge of classes, for the mean loss."""

_BLOCK = 4_000_000  # numbers of a block of rows
_RCOND = 1e-6  # of features in float32, directions below this share of the longest are rounding
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


def build_model(config: TableConfig, outputs: int) -> Layer:
    """Build the network of the settings, with one output for a number, or one a class."""
    return models.mlp((*config.hidden, outputs))


def linear_settings(config: TableConfig, rows: int) -> TableConfig:
    """The settings of the linear model that another one is compared with."""
    usual = settled(rows=rows, model="linear", data=config.data, target=config.target, task=config.task)
    names = ("model", "hidden", "epochs", "batch_size", "learning_rate", "optimizer", "weight_decay", "patience")
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
    if config.in_closed_form:
        return _solved(config, data, validation)
    if config.model != "ridge":
        return Fitted(_trained(config, outputs, data, validation, progress=progress))
    runs = {
        strength: _trained(config, outputs, data, validation, strength=strength, progress=progress)
        for strength in PENALTIES
    }
    tried = {strength: run.history["validation_loss"][run.best_epoch - 1] for strength, run in runs.items()}
    strength = min(tried, key=lambda each: tried[each])
    return Fitted(runs[strength], strength, tried)


def refit_model(
    config: TableConfig, outputs: int, data: Data, found: Fitted, *, progress: bool | None = None
) -> Fitted:
    """Fit a model again, to all rows: for as many epochs, or as strong, as was found to be best.

    The history stays that of the first training, the only one that had rows to validate by.
    """
    if config.in_closed_form:
        clock = time.perf_counter()
        params = _closed_form(build_model(config, 1), data, found.strength)
        run = dataclasses.replace(found.run, params=params)
        return dataclasses.replace(found, run=_timed(run, 0.0, time.perf_counter() - clock))
    shorter = config.changed(epochs=found.run.best_epoch, batch_size=min(config.batch_size, len(data[0])))
    run = _trained(shorter, outputs, data, None, strength=found.strength, progress=progress)
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
    strength: float | None = None,
    progress: bool | None = None,
) -> train.Run:
    model = build_model(config, outputs)
    config = config.changed(batch_size=min(config.batch_size, len(data[0])))
    options: dict[str, Any] = {}
    if strength:
        options["penalty"] = losses.l2_penalty.bind(strength=strength)
    if validation is not None:
        options |= {"validation": validation, "early_stopping": train.EarlyStopping(config.patience)}
    if not config.hidden:
        # The loss has one minimum, and 0 is as good a place to begin as any: nothing there is left to chance.
        params, _ = model.init(jax.random.key(0), data[0].shape[1:])
        options["params"] = jax.tree.map(jnp.zeros_like, params)
    loss = losses.cross_entropy if config.task == "classification" else losses.mean_squared_error
    return training.fit(model, loss, config, data, progress=progress, **options)


def _solved(config: TableConfig, data: Data, validation: Data) -> Fitted:
    """Fit in closed form; for ridge, with the strength that the validation rows choose."""
    clock = time.perf_counter()
    model = build_model(config, 1)
    tried = {}
    strength = None
    if config.model == "ridge":
        triangle = _Triangle.of(*data)
        for each in STRENGTHS:
            fit = triangle.solve(each)
            tried[each] = float(np.mean((validation[0] @ fit.weights + fit.intercept - validation[1][:, 0]) ** 2))
        strength = min(tried, key=lambda each: tried[each])
    params = _closed_form(model, data, strength)
    state = jax.eval_shape(lambda: model.build(jax.random.key(0), data[0].shape[1:], jnp.float32))[1]
    run = train.Run(
        model=model,
        params=params,
        state=state,
        train_state=TrainState(params, state, (), jnp.ones((), jnp.int32)),
        history={},
        best_epoch=1,
        compile_seconds=0.0,
        run_seconds=time.perf_counter() - clock,
    )
    history = {
        name: [float(np.mean((outputs_of(run, x) - y) ** 2))]
        for name, (x, y) in (("loss", data), ("validation_loss", validation))
    }
    return Fitted(dataclasses.replace(run, history=history), strength, tried)


def _closed_form(model: Layer, data: Data, strength: float | None) -> Any:
    """The params of a network without hidden layers that are those of a linear fit."""
    fit = _Triangle.of(*data).solve(strength)
    params, _ = jax.eval_shape(lambda: model.build(jax.random.key(0), data[0].shape[1:], jnp.float32))
    return jax.tree.map(
        lambda leaf: jnp.asarray(fit.intercept if leaf.ndim == 1 else fit.weights, jnp.float32).reshape(leaf.shape),
        params,
    )


@dataclass(frozen=True, eq=False)
class _Triangle:
    """What a linear fit needs of the rows: R of the QR of [X - mean, y - mean], and the means."""

    r: np.ndarray
    mean: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> _Triangle:
        """Go through the rows once, a block at a time, in float64."""
        mean = np.append(x.mean(axis=0, dtype=np.float64), y.mean(dtype=np.float64))
        width = x.shape[1] + 1
        rows = max(_BLOCK // width, width)
        r = np.zeros((0, width))
        for first in range(0, len(x), rows):
            block = np.column_stack([x[first : first + rows], y[first : first + rows]]).astype(np.float64) - mean
            r = np.asarray(np.linalg.qr(np.concatenate([r, block]), mode="r"))
        return cls(r, mean)

    def solve(self, strength: float | None) -> LinearFit:
        """The weights of least squares, or of ridge with a strength, and the intercept that the means ask for."""
        x, y = self.r[:, :-1], self.r[:, -1]
        if strength is None:
            fit = in_float64(linear_algebra.least_squares_svd, x, y, intercept=False, rcond=_RCOND)
        else:
            fit = in_float64(linear_algebra.ridge, x, y, strength, intercept=False)
        return LinearFit(fit.weights, self.mean[-1] - self.mean[:-1] @ fit.weights)


def _timed(run: train.Run, compiling: float, running: float) -> train.Run:
    """The same run, with the time of another added to its own."""
    return dataclasses.replace(
        run, compile_seconds=run.compile_seconds + compiling, run_seconds=run.run_seconds + running
    )
