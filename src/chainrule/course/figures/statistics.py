"""The figures of statistics: covariance, the null distribution of a test, and its power."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.maths.probability import StudentT
from chainrule.maths.statistics import simulated_power, student_t_test
from chainrule.maths.statistics.student_tail import student_quantile
from chainrule.plot.style import BLUE, GREY, INK, SMALL, TEXT, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["covariance_and_correlation", "null_distribution", "power_curve"]

_SIZE = 20  # observations in each of two samples


def covariance_and_correlation() -> Figure:
    """Draw the five pairs of the syllabus twice: as they are, and in units of their standard deviations."""
    x = np.asarray([1.0, 2, 30, 4, 5], np.float32)
    y = np.asarray([2.0, 4, 60, 18, 10], np.float32)
    covariance = np.asarray(jnp.cov(jnp.stack([x, y])))
    correlation = float(jnp.corrcoef(jnp.stack([x, y]))[0, 1])
    figure = new_figure(3.8)
    left, right = figure.subplots(1, 2)
    left.plot(x, y, "o", color=BLUE, markersize=7)
    left.axvline(x.mean(), color=GREY, linewidth=1, linestyle="--")
    left.axhline(y.mean(), color=GREY, linewidth=1, linestyle="--")
    plain_axes(left, title=f"covariance {covariance[0, 1]:.1f}", x="x", y="y")
    note = f"variance of x {covariance[0, 0]:.1f}\nvariance of y {covariance[1, 1]:.1f}\n(divided by n - 1)"
    left.annotate(note, (0.97, 0.04), xycoords="axes fraction", ha="right", va="bottom", fontsize=SMALL, color=INK)
    left.annotate("means", (x.mean(), 45), xytext=(4, 0), textcoords="offset points", fontsize=SMALL, color=GREY)
    scaled = [(values - values.mean()) / values.std(ddof=1) for values in (x, y)]
    ends = np.asarray([min(map(np.min, scaled)), max(map(np.max, scaled))])
    right.plot(ends, correlation * ends, color=VERMILION, linewidth=1.8)
    right.plot(*scaled, "o", color=BLUE, markersize=7)
    plain_axes(
        right, title=f"correlation {correlation:.3f}", x="x, in standard deviations", y="y, in standard deviations"
    )
    right.annotate(
        f"slope {correlation:.3f}",
        (0.55, 0.3),
        xycoords="axes fraction",
        fontsize=TEXT,
        color=VERMILION,
    )
    return figure


def _null_experiment(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Draw two samples from one distribution, and test them: t and p."""
    x_key, y_key = jax.random.split(key)
    test = student_t_test(jax.random.normal(x_key, (_SIZE,)), jax.random.normal(y_key, (_SIZE,)))
    return test.statistic, test.p_value


def null_distribution() -> Figure:
    """Draw t where the two means are equal: 5,000 simulated experiments against Student's density, and its tails."""
    size = 5000
    keys = jax.random.split(jax.random.key(0), size)
    t, p_values = (np.asarray(numbers) for numbers in jax.jit(jax.vmap(_null_experiment))(keys))
    degrees = 2 * _SIZE - 2
    grid = jnp.linspace(-4, 4, 401)
    density = np.asarray(jnp.exp(StudentT(float(degrees)).log_density(grid)))
    edge = float(student_quantile(0.025, jnp.asarray(degrees, jnp.float32)))
    figure = new_figure(3.8)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    left.hist(t, bins=np.linspace(-4, 4, 41).tolist(), density=True, color="#cfe3f1", edgecolor="white")
    left.plot(grid, density, color=BLUE, linewidth=2)
    for side in (-1, 1):
        tail = side * np.asarray(grid) >= edge
        left.fill_between(np.asarray(grid)[tail], density[tail], color=VERMILION, linewidth=0)
        left.annotate(
            "2.5 %",
            (side * 2.9, 0.05),
            ha="center",
            va="bottom",
            fontsize=SMALL,
            color=VERMILION,
            annotation_clip=False,
        )
    left.annotate(
        f"|t| > {edge:.2f}", (0.98, 0.93), xycoords="axes fraction", ha="right", fontsize=SMALL, color=VERMILION
    )
    left.annotate(
        f"Student's density,\n{degrees} degrees",
        (0.02, 0.97),
        xycoords="axes fraction",
        va="top",
        fontsize=SMALL,
        color=BLUE,
    )
    left.set_xlim(-4, 4)
    left.set_ylim(0, 0.46)
    plain_axes(left, title="t, where the means are equal", x="t", y="density")
    right.hist(p_values, bins=np.linspace(0, 1, 21).tolist(), color="#cfe3f1", edgecolor="white")
    right.hist(p_values[p_values < 0.05], bins=np.linspace(0, 1, 21).tolist(), color=VERMILION, edgecolor="white")
    right.axhline(size / 20, color=GREY, linewidth=1.2, linestyle="--")
    right.set_ylim(0, 1.45 * size / 20)
    rejected = 100 * np.mean(p_values < 0.05)
    right.annotate(
        f"p < 0.05 in {rejected:.1f} % of them:\nfalse alarms",
        (0.04, 0.96),
        xycoords="axes fraction",
        va="top",
        fontsize=SMALL,
        color=VERMILION,
    )
    plain_axes(right, title="p, likewise", x="p-value", y="experiments")
    return figure


def power_curve() -> Figure:
    """Draw how often Student's test finds a difference, by its size, for three sizes of the samples."""
    differences = np.linspace(0, 1.5, 13)
    key, simulations = jax.random.key(1), 1000
    figure = new_figure(3.9)
    axes = figure.add_subplot()
    for size, colour, height in ((10, "#E69F00", 0.87), (20, BLUE, 0.94), (50, "#009E73", 1.01)):
        answers = [simulated_power(float(d), key=key, sizes=(size, size), simulations=simulations) for d in differences]
        rates = np.asarray([float(answer.rate) for answer in answers])
        errors = np.asarray([float(answer.standard_error) for answer in answers])
        axes.fill_between(differences, rates - 2 * errors, rates + 2 * errors, color=colour, alpha=0.2, linewidth=0)
        axes.plot(differences, rates, color=colour, linewidth=2, marker="o", markersize=3.5)
        axes.annotate(
            f"n = {size} each",
            (1.01, height),
            xycoords=("axes fraction", "data"),
            color=colour,
            fontsize=TEXT,
            va="center",
            annotation_clip=False,
        )
    axes.axhline(0.05, color=GREY, linewidth=1.2, linestyle="--")
    axes.annotate("significance 0.05", (1.5, 0.06), ha="right", va="bottom", fontsize=SMALL, color=GREY)
    axes.set_xlim(0, 1.5)
    axes.set_ylim(0, 1.03)
    plain_axes(
        axes,
        title="Power: how often one draw says that the means differ",
        x="difference of the means, in standard deviations",
        y="rate of p < 0.05",
    )
    return figure
