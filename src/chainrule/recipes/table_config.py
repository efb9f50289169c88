"""The settings of a model of a user's own table: which column to predict, how to prepare the others, what to train.

What is settled by the kind of model and the number of rows was chosen on parts of the six data sets of ``python -m
benchmarks.tables``: few rows want a narrow layer, much weight decay, and the mean of several networks, for what one of
them says depends on its first parameters. Outliers are clipped unless it is asked not to: where there are none it changes
next to nothing, and one slipped comma is not squared into the scale of a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chainrule.recipes.config import Config, require_choice, require_finite, require_positive

__all__ = ["IMPUTATIONS", "INDICATORS", "MODELS", "OUTLIERS", "SCALINGS", "TASKS", "TableConfig", "settled"]

MODELS = ("mlp", "ridge", "linear")
TASKS = ("regression", "classification")
SCALINGS = ("standard", "min-max", "robust")
IMPUTATIONS = ("median", "mean", "knn")
OUTLIERS = ("clip", "keep")
INDICATORS = ("telling", "always", "never")

_FEW_ROWS = 500
_HIDDEN_OF_FEW, _HIDDEN = (32,), (64,)
_STEPS = {"mlp": 60_000, "ridge": 6_000, "linear": 6_000}  # about: for large tables this bounds the epochs
_FEWEST_EPOCHS = {"mlp": 30, "ridge": 3, "linear": 3}
_EPOCHS = 300
_MANY_ROWS, _MEMBERS = 10_000, 5
_RATES = {"mlp": 1e-3, "ridge": 1e-2, "linear": 1e-2}
_WEIGHT_DECAY = 0.1
_RATE_OF_FEW, _WEIGHT_DECAY_OF_FEW = 2e-3, 0.3


@dataclass(frozen=True, kw_only=True)
class TableConfig(Config):
    """The settings of a model of a table.

    Attributes:
        data: where the table came from: the path of a file.
        model: ``"mlp"``, ``"ridge"`` or ``"linear"``. The last two are fitted in closed form for numbers, and are
            softmax regressions for classes; there ridge is solved as well, by L-BFGS.
        epochs: how many were trained, at the most those that were allowed: early stopping ends before.
        target: the column that is predicted.
        task: ``"regression"`` or ``"classification"``.
        time: the column by which the table is split, the latest rows for the test; None: at random.
        hidden: the width of each hidden layer of an MLP; the others have none.
        members: how many MLPs are trained, each from first parameters of its own; their mean is the model.
        scaling: of numbers: ``"standard"``, ``"min-max"`` or ``"robust"``.
        impute: what stands for a missing number: the ``"median"`` or the ``"mean"`` of its column, or the mean of the
            nearest rows, ``"knn"``.
        indicators: when a column of 0 and 1 is added that says where a number was missing: ``"telling"``, if in the rows
            that are trained on it is correlated with the target, ``"always"`` or ``"never"``.
        outliers: ``"clip"``: numbers beyond 4 interquartile ranges of the quartiles are moved there; or ``"keep"``.
        drop: columns that are not looked at.
        categorical: columns that hold categories though they look like numbers.
        delimiter: between the cells of the file, or None: found out.
        encoding: of the file, or None: UTF-8.
        missing: the words that stand for a missing cell, or None: the usual ones.
        test_share: the share of the rows that the scores are computed on; of the others the same share is for
            validation.
        patience: how many epochs may pass without a better loss on the validation rows.
        refit: whether what is kept is trained again, on all rows.

    Raises:
        ValueError: for a setting that no training could take.
    """

    kind: ClassVar[str] = "table"

    target: str
    task: Literal["regression", "classification"]
    time: str | None = None
    hidden: tuple[int, ...] = ()
    members: int = 1
    scaling: Literal["standard", "min-max", "robust"] = "standard"
    impute: Literal["median", "mean", "knn"] = "median"
    indicators: Literal["telling", "always", "never"] = "telling"
    outliers: Literal["clip", "keep"] = "clip"
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] | None = None
    test_share: float = 0.2
    patience: int = 30
    refit: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("model", self.model, MODELS)
        require_choice("task", self.task, TASKS)
        require_choice("scaling", self.scaling, SCALINGS)
        require_choice("impute", self.impute, IMPUTATIONS)
        require_choice("indicators", self.indicators, INDICATORS)
        require_choice("outliers", self.outliers, OUTLIERS)
        for name in ("hidden", "drop", "categorical"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # a list, as JSON gives it
        if self.missing is not None:
            object.__setattr__(self, "missing", tuple(self.missing))
        for width in self.hidden:
            require_positive("each width in hidden", width)
        if self.hidden and self.model != "mlp":
            raise ValueError(f"hidden is for mlp, {self.model} has no hidden layers, got {self.hidden}")
        require_positive("members", self.members)
        if self.members > 1 and self.model != "mlp":
            raise ValueError(f"members is for mlp, {self.model} has one best fit, got {self.members}")
        require_test_share(self.test_share)
        require_positive("patience", self.patience)
        if not isinstance(self.refit, bool):
            raise ValueError(f"refit must be True or False, got {self.refit!r}")

    @property
    def is_solved(self) -> bool:
        """Whether the weights are those of a minimum that is computed, and not where a training has come to."""
        return self.model == "ridge" or (self.model == "linear" and self.task == "regression")


def require_test_share(test_share: Any) -> None:
    """Refuse a share of test rows that leaves too little, for the test or for training."""
    require_finite("test_share", test_share)
    if not 0 < test_share <= 0.5:
        raise ValueError(f"test_share must be above 0 and at most 0.5, got {test_share!r}")


def settled(
    *,
    rows: int,
    model: str = "mlp",
    hidden: Sequence[int] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    optimizer: str | None = None,
    weight_decay: float | None = None,
    patience: int | None = None,
    members: int | None = None,
    **others: Any,
) -> TableConfig:
    """Settle what was not chosen, by the model and the number of rows.

    Batches are of 32 examples below 1,000 rows, of 64 below 10,000, of 256 below 100,000, and of 1,024 from there on.
    An MLP has one hidden layer of 32 below 500 rows, of 64 from there on, and may train for 300 epochs, of a large
    table for about 60,000 steps; what is linear, for about 6,000. Below 10,000 rows five MLPs are trained.

    Args:
        rows: how many there are to train on.
        model: ``"mlp"``, ``"ridge"`` or ``"linear"``.
        hidden: the widths of an MLP's hidden layers, or None.
        epochs: how often to go through the training rows at the most, or None.
        batch_size: examples a step, or None; never more than there are rows.
        learning_rate: of the optimiser, or None.
        optimizer: its name, or None: ``"adamw"`` for an MLP, ``"adam"`` for the others.
        weight_decay: decoupled weight decay, or None.
        patience: epochs without an improvement, or None.
        members: how many MLPs, or None.
        **others: further settings, as ``TableConfig`` has them.

    Raises:
        ValueError: for a setting that no training could take.
    """
    require_choice("model", model, MODELS)
    trained = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "patience": patience}
    if model == "ridge" or (model == "linear" and others.get("task") == "regression"):
        given = [name for name, value in trained.items() if value is not None]
        if given:
            raise ValueError(f"{given[0]} is for what is trained, and {model} is solved; got {trained[given[0]]!r}")
    if batch_size is None:
        batch_size = next((size for most, size in ((1_000, 32), (10_000, 64), (100_000, 256)) if rows < most), 1024)
    else:
        require_positive("batch_size", batch_size)
    batch_size = min(batch_size, rows)
    if epochs is None:
        epochs = min(max(_STEPS[model] // -(-rows // batch_size), _FEWEST_EPOCHS[model]), _EPOCHS)
    if patience is None and isinstance(epochs, int):
        patience = max(epochs // 10, 10)
    few = model == "mlp" and rows < _FEW_ROWS
    widths, decay = (_HIDDEN_OF_FEW, _WEIGHT_DECAY_OF_FEW) if few else (_HIDDEN, _WEIGHT_DECAY)
    rate = _RATE_OF_FEW if few else _RATES[model]
    if members is None:
        members = _MEMBERS if model == "mlp" and rows < _MANY_ROWS else 1
    config = TableConfig(
        model=model,
        members=members,
        hidden=tuple((widths if model == "mlp" else ()) if hidden is None else hidden),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=rate if learning_rate is None else learning_rate,
        optimizer=("adamw" if model == "mlp" else "adam") if optimizer is None else optimizer,
        weight_decay=(decay if model == "mlp" else 0.0) if weight_decay is None else weight_decay,
        patience=10 if patience is None else patience,
        **others,
    )
    # There is nothing to train: one solution counts as an epoch.
    return config.changed(epochs=1) if config.is_solved else config
