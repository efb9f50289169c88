"""The way of gradient descent to a least-squares fit, with a raw and with a standardised feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from chainrule.maths import linear_algebra as la
from chainrule.plot.style import INK, TEXT, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["descent_path"]

_STEPS = 60
_X = np.array([1.0, 2, 3, 4, 5], np.float32)
_Y = np.array([3.5, 4.5, 7.5, 8.5, 11.0], np.float32)


def descent_path() -> Figure:
    """Draw sixty steps over the contours of the squared error of y = wx + b, for x as it is and for x standardised.

    The step size is 1 / (the largest eigenvalue of the Hessian) in both; only the condition number of the Hessian differs.
    """
    figure = new_figure(4.5)
    standardised = (_X - _X.mean()) / _X.std()
    for place, (name, x) in enumerate((("x as it is", _X), ("x standardised", standardised))):
        _path(figure.add_subplot(1, 2, place + 1), x, name)
    return figure


def _path(axes: Axes, x: np.ndarray, name: str) -> None:
    features, targets = jnp.asarray(x)[:, None], jnp.asarray(_Y)
    best = la.least_squares_qr(features, targets)
    found = la.gradient_descent_least_squares(features, targets, steps=_STEPS)
    w, b = np.asarray(found.path.weights[:, 0]), np.asarray(found.path.intercept)
    centre = np.array([float(best.weights[0]), float(best.intercept)])
    reach = 1.25 * max(abs(centre[0]), abs(centre[1]), 1.5)
    across, up = np.meshgrid(np.linspace(-reach, reach, 121) + centre[0], np.linspace(-reach, reach, 121) + centre[1])
    losses = np.mean((across[..., None] * x + up[..., None] - _Y) ** 2, axis=-1) / 2
    lowest = float(np.mean((centre[0] * x + centre[1] - _Y) ** 2)) / 2
    axes.contour(across, up, losses - lowest, levels=[0.05, 0.3, 1, 3, 8, 20, 50, 120], cmap="Blues_r", linewidths=1.0)
    axes.plot(w, b, "o-", color=VERMILION, markersize=3.5, linewidth=1.2, zorder=3)
    axes.plot(*centre, marker="*", color=INK, markersize=12, zorder=4, linestyle="none")
    design = np.stack([x, np.ones_like(x)], axis=1).astype(np.float64)
    condition = float(jnp.linalg.cond(jnp.asarray(design.T @ design)))
    away = float(np.hypot(w[-1] - centre[0], b[-1] - centre[1]))
    said = f"condition number {condition:.3g}\nafter {_STEPS} steps {away:.2g} from the answer"
    if away < 1e-4:
        near = int(np.argmax(np.hypot(w - centre[0], b - centre[1]) < 1e-3))
        said = f"condition number {condition:.3g}\nat the answer after {near} step" + ("s" if near > 1 else "")
    axes.annotate("start", (0, 0), xytext=(4, -14), textcoords="offset points", fontsize=TEXT, color=VERMILION)
    plain_axes(axes, x="weight w", y="intercept b")
    axes.set_title(f"{name}: {said}", fontsize=TEXT, color=INK, loc="left", pad=6)
