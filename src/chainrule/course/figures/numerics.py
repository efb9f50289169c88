"""The figures of numerical computing: bits, round-off, stable formulas, and training in four formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.course.precision import training_by_precision
from chainrule.maths.numerics import (
    FORMATS,
    float_anatomy,
    kahan_sum,
    naive_log_sigmoid,
    naive_softplus,
    pairwise_sum,
    sequential_sum,
)
from chainrule.plot.style import BLUE, GREY, INK, SMALL, TEXT, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["float_bits", "naive_and_stable", "precision_curves", "summation_error"]

_GREEN, _ORANGE, _PURPLE = "#009E73", "#E69F00", "#CC79A7"


def float_bits() -> Figure:
    """Draw the bits of 0.1 in four formats: a box each, coloured by sign, exponent and mantissa."""
    from matplotlib.patches import Rectangle

    figure = new_figure(4.2)
    axes = figure.add_subplot()
    for row, format in enumerate(FORMATS):
        number = float_anatomy(0.1, format)
        top = -2.6 * row
        place = 0
        for bits, colour in (
            (str(number.sign), VERMILION),
            (number.exponent_bits, _GREEN),
            (number.mantissa_bits, BLUE),
        ):
            for bit in bits:
                face = colour if bit == "1" else "white"
                axes.add_patch(Rectangle((place, top), 0.9, 1, facecolor=face, edgecolor=colour, linewidth=1))
                ink = "white" if bit == "1" else INK
                axes.text(place + 0.45, top + 0.47, bit, ha="center", va="center", fontsize=6.5, color=ink)
                place += 1
        axes.text(0, top + 1.25, format, ha="left", va="bottom", fontsize=TEXT, color=INK)
        digits = str(number.decimal)
        shown = digits if len(digits) < 32 else f"{digits[:30]}..."
        axes.text(8, top + 1.25, f"= {shown}", ha="left", va="bottom", fontsize=SMALL, color=GREY)
    for text, start, colour in (("sign", 0.0, VERMILION), ("exponent", 4.5, _GREEN), ("mantissa", 13.0, BLUE)):
        axes.text(start, 2.9, text, fontsize=TEXT, color=colour, va="bottom", ha="left")
    axes.text(22, 2.9, "a filled box is a 1", fontsize=SMALL, color=GREY, va="bottom", ha="left")
    axes.set_xlim(-0.3, 64.3)
    axes.set_ylim(-2.6 * 3 - 0.3, 4.6)
    axes.set_title("0.1, to the bit", loc="left", fontsize=13, color=INK)
    axes.set_axis_off()
    return figure


def summation_error() -> Figure:
    """Draw the relative error of three ways to sum n numbers of (0, 1) in float32, against n."""
    samples = 8
    numbers = np.random.default_rng(0).uniform(size=(2**15, 1, samples)).astype(np.float32)
    counts = np.asarray([2**k for k in range(4, 16)])
    # One program for all n: the numbers from n on are replaced by 0, which no sum minds.
    table = np.where(np.arange(len(numbers))[:, None, None] < counts[:, None], numbers, np.float32(0))
    true = np.sum(table, axis=0, dtype=np.float64)
    figure = new_figure(3.9)
    axes = figure.add_subplot()
    for name, way, colour in (
        ("one after another", sequential_sum, VERMILION),
        ("pairwise", pairwise_sum, _ORANGE),
        ("Kahan", kahan_sum, BLUE),
    ):
        sums = np.asarray(jax.jit(way)(jnp.asarray(table)), np.float64)
        errors = np.sqrt(np.mean(np.square(sums / true - 1), axis=1))
        axes.plot(counts, errors, color=colour, linewidth=2, marker="o", markersize=4)
        axes.annotate(
            name,
            (1.01, errors[-1]),
            xycoords=("axes fraction", "data"),
            color=colour,
            fontsize=TEXT,
            va={"pairwise": "bottom", "Kahan": "top"}.get(name, "center"),
            annotation_clip=False,
        )
    unit = float(jnp.finfo(jnp.float32).eps) / 2
    axes.axhline(unit, color=GREY, linewidth=1.2, linestyle="--")
    axes.annotate(
        "u = 2⁻²⁴",
        (counts[-1], unit),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=SMALL,
        color=GREY,
        ha="right",
    )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(1e-9, 1e-5)
    plain_axes(axes, title="Summing n numbers in float32", x="n", y="relative error (root mean square of 8)")
    return figure


def naive_and_stable() -> Figure:
    """Draw softplus and log sigmoid over [-130, 130] in float32, both ways: the naive line ends where it breaks."""
    x = jnp.linspace(-130, 130, 1041, dtype=jnp.float32)
    figure = new_figure(3.7)
    panels = figure.subplots(1, 2)
    for axes, name, formula, naive, stable in (
        (panels[0], "softplus", "log(1 + exp(x))", naive_softplus, jax.nn.softplus),
        (panels[1], "log sigmoid", "log(sigmoid(x))", naive_log_sigmoid, jax.nn.log_sigmoid),
    ):
        _both_ways(axes, np.asarray(x), np.asarray(naive(x)), np.asarray(stable(x)), formula)
        plain_axes(axes, title=name, x="x")
    panels[0].legend(frameon=False, fontsize=SMALL, loc="upper left", labelcolor=INK)
    panels[1].legend(frameon=False, fontsize=SMALL, loc="lower right", labelcolor=INK)
    return figure


def _both_ways(axes: Axes, x: np.ndarray, naive: np.ndarray, stable: np.ndarray, formula: str) -> None:
    axes.plot(x, stable, color=BLUE, linewidth=5, alpha=0.35, label="stable, jax.nn")
    axes.plot(x, np.where(np.isfinite(naive), naive, np.nan), color=VERMILION, linewidth=1.8, label=formula)
    whole = np.flatnonzero(np.isfinite(naive))
    for end in {whole[0], whole[-1]} - {0, len(x) - 1}:
        axes.plot(x[end], naive[end], "o", color=VERMILION, markersize=6)
        left = x[end] < 0
        axes.annotate(
            f"{'-inf below' if left else 'inf above'} {x[end]:.1f}",
            (x[end], naive[end]),
            xytext=(8, -2) if left else (-8, 2),
            textcoords="offset points",
            ha="left" if left else "right",
            va="top" if left else "bottom",
            color=VERMILION,
            fontsize=SMALL,
        )


def precision_curves() -> Figure:
    """Draw one training run in four formats, and the fraction of updates that are lost in each."""
    runs = training_by_precision()
    looks = (
        (GREY, "-", 5.0),
        (BLUE, "-", 1.8),
        (_GREEN, "--", 1.8),
        (VERMILION, "-", 1.8),
        (_PURPLE, (0, (1, 1.2)), 2.4),
    )
    figure = new_figure(4.4)
    left, right = figure.subplots(1, 2)
    for run, (colour, style, width) in zip(runs, looks, strict=True):
        label = f"{run.format}: {run.loss[-1]:.3f}"
        left.plot(np.arange(len(run.loss)), run.loss, color=colour, linestyle=style, linewidth=width, label=label)
        steps = np.arange(1, len(run.lost) + 1)
        right.plot(steps, 100 * run.lost, color=colour, linestyle=style, linewidth=width)
    left.set_yscale("log")
    left.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    left.minorticks_off()
    plain_axes(left, title="One run, four formats", x="step", y="training loss (nats)")
    plain_axes(right, title="Updates below half an ulp", x="step", y="parameters not moved (%)")
    right.set_ylim(-2, 100)
    figure.legend(
        *left.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        title="format: loss after the last step",
        title_fontsize=SMALL,
    )
    return figure
