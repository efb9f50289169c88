"""What was predicted against what was true: on the diagonal, all is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.names import short
from chainrule.plot.style import BLUE, GREY, INK, SMALL, TEXT, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["predicted_against_true"]

_POINTS = 2000  # more of them hide each other: their density is drawn
_CELLS = 50  # hexagons across
_LONGEST, _UNIT = 40, 16  # characters of a name at an axis, and of a unit


def predicted_against_true(truth: ArrayLike, predicted: ArrayLike, *, name: str = "target") -> Figure:
    """Draw predictions against the truth with the diagonal of perfect ones; RMSE and R^2 are in the title.

    ::

        RMSE = sqrt(mean((y - p)^2)),    R^2 = 1 - sum((y - p)^2) / sum((y - mean(y))^2)

    y the truth, p the predictions: R^2 is 1 for perfect predictions, 0 for the mean of the truth, and negative for worse.
    Above 2,000 examples the density is drawn, examples a hexagon on a logarithmic scale. Of a truth that is constant R^2 is
    undefined, and is called so. Both axes have the same limits.

    Args:
        truth: float[n].
        predicted: float[n].
        name: what is predicted, with its unit in brackets where it has one: ``"fuel economy (mpg)"``.

    Raises:
        ValueError: for no examples, vectors of different lengths, or numbers that are not finite.
    """
    came, said = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if came.ndim != 1 or not came.size:
        raise ValueError(f"predicted_against_true: truth must be [n], one an example, got {list(came.shape)}")
    if said.shape != came.shape:
        raise ValueError(
            f"predicted_against_true: predicted must be [{len(came)}], one an example, got {list(said.shape)}"
        )
    for what, values in (("truth", came), ("predicted", said)):
        if not np.isfinite(values).all():
            raise ValueError(f"predicted_against_true: {what} must be finite, got NaN or infinity")

    figure = new_figure(5.6)
    axes = figure.add_subplot()
    low, high = float(min(came.min(), said.min())), float(max(came.max(), said.max()))
    margin = 0.04 * (high - low) if high > low else max(1e-3, 0.04 * abs(high))
    limits = (low - margin, high + margin)
    if len(came) > _POINTS:
        _density(axes, came, said, limits)
    else:
        axes.plot(came, said, ".", color=BLUE, markersize=6 if len(came) <= 500 else 4, alpha=0.55)
    axes.plot(limits, limits, color=GREY, linewidth=1.2, linestyle="--")
    quantity = short(name, _LONGEST)
    plain_axes(axes, title=_title(came, said, name), x=f"true {quantity}", y=f"predicted {quantity}")
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: _plain(value, 7))
    axes.set_xticks([tick for tick in axes.get_yticks() if limits[0] <= tick <= limits[1]])
    return figure


def _title(came: np.ndarray, said: np.ndarray, name: str) -> str:
    left = came - said
    unit = f" {short(name[name.rfind('(') + 1 : -1], _UNIT)}" if name.endswith(")") and "(" in name else ""
    spread = float(np.sum((came - came.mean()) ** 2))
    share = (
        f"{1 - float(np.sum(left**2)) / spread:.3f}".replace("-", "−")
        if np.ptp(came) > 0 and spread > 0
        else "undefined"
    )
    rows = f"{len(came):,} example{'s' if len(came) > 1 else ''}"
    return f"RMSE {_plain(float(np.sqrt(np.mean(left**2))), 4)}{unit}, R² {share} ({rows})"


def _plain(value: float, digits: int) -> str:
    """Write a number without a power of ten, up to ten million, and with a true minus."""
    size = abs(value)
    text = f"{value:.4g}" if size >= 1e7 else f"{value:,.0f}" if size >= 10**digits else f"{value:,.{digits}g}"
    return text.replace("-", "−")


def _density(axes: Axes, came: np.ndarray, said: np.ndarray, limits: tuple[float, float]) -> None:
    cells = axes.hexbin(
        came, said, gridsize=_CELLS, bins="log", mincnt=1, cmap="viridis_r", extent=limits * 2, linewidths=0
    )
    figure = axes.get_figure(root=True)
    if figure is not None:
        bar = figure.colorbar(cells, ax=axes, shrink=0.8, pad=0.02)
        bar.set_label("examples a hexagon", fontsize=TEXT, color=INK)
        bar.ax.tick_params(labelsize=SMALL, colors=INK)
        bar.outline.set_visible(False)
