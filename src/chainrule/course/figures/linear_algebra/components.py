"""The principal components of the digits: 64 pixels seen in a plane, and drawn from a few numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from chainrule.maths import linear_algebra as la
from chainrule.plot.style import BLUE, CLASS_COLOURS, GREY, INK, SMALL, TEXT, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["digits_plane"]

_COLOURS = (*CLASS_COLOURS, "#7A3E00", "#6A3D9A")
_KEPT = (1, 2, 5, 10, 20, 40, 64)


def digits_plane() -> Figure:
    """Draw the digits in the plane of two components, the share of variance explained, and digits drawn from r of 64."""
    from chainrule.data import digits

    data = digits()
    x = np.concatenate([data.train[0], data.test[0]]).reshape(-1, 64)
    y = np.concatenate([data.train[1], data.test[1]])
    fit = la.pca(jnp.asarray(x))
    scores = np.asarray(la.pca_transform(fit, jnp.asarray(x)))
    share = 100 * np.cumsum(np.asarray(fit.explained_variance_ratio))

    figure = new_figure(7.0)
    grid = figure.add_gridspec(2, 2, height_ratios=[2.5, 1], width_ratios=[1.5, 1])
    _plane(figure.add_subplot(grid[0, 0]), scores[:, :2], y, float(share[1]))
    _explained(figure.add_subplot(grid[0, 1]), share)
    strip = figure.add_subplot(grid[1, :])
    _drawn_again(strip, fit, x[:1])
    return figure


def _plane(axes: Axes, scores: np.ndarray, labels: np.ndarray, share: float) -> None:
    for digit in range(10):
        chosen = scores[labels == digit]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=22, marker=f"${digit}$", color=_COLOURS[digit], linewidths=0.2)
    plain_axes(
        axes,
        title=f"Two components: {share:.1f} % of the variance",
        x="first component",
        y="second component",
    )


def _explained(axes: Axes, share: np.ndarray) -> None:
    count = np.arange(1, len(share) + 1)
    axes.plot(count, share, color=BLUE, linewidth=2.2)
    for wanted in (90, 95):
        needed = int(np.argmax(share >= wanted)) + 1
        axes.plot([0, needed, needed], [wanted, wanted, 0], color=GREY, linewidth=1.0, linestyle="--")
        axes.plot(needed, wanted, "o", color=VERMILION, markersize=5)
        axes.annotate(
            f"{needed} for {wanted} %",
            (needed, wanted),
            xytext=(8, -14 if wanted == 90 else -9),
            textcoords="offset points",
            fontsize=TEXT,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.set_xlim(0, 65)
    axes.set_ylim(0, 102)
    plain_axes(axes, title="Variance explained", x="components", y="cumulative share (%)")


def _drawn_again(axes: Axes, fit: la.PCA, sample: np.ndarray) -> None:
    """Draw one digit from its first r scores, for some r, beside the digit itself."""
    scores = la.pca_transform(fit, jnp.asarray(sample))
    tiles = [sample.reshape(8, 8)]
    for kept in _KEPT:
        only = jnp.where(jnp.arange(64) < kept, scores, jnp.zeros_like(scores))
        tiles.append(np.asarray(la.pca_inverse(fit, only)).reshape(8, 8))
    names = ("original", *(f"r = {kept}" for kept in _KEPT))
    for place, (tile, name) in enumerate(zip(tiles, names, strict=True)):
        left = place * 9.5
        axes.imshow(tile, cmap="gray_r", vmin=0, vmax=1, extent=(left, left + 8, 0, 8))
        axes.text(left + 4, -1.2, name, fontsize=SMALL, color=INK, ha="center", va="center")
    axes.set_xlim(-0.5, 9.5 * len(tiles) - 1)
    axes.set_ylim(-2.2, 8.5)
    axes.set_axis_off()
    axes.set_title("The same digit from its first r components", fontsize=TEXT + 1, color=INK, loc="left", pad=4)
