"""Figures of probability: distributions, Bayes' theorem at work, regression that knows what it does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.maths import probability as p
from chainrule.plot.style import BLUE, GREY, INK, LEGEND, SMALL, VERMILION, legend_above, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "bayesian_regression_band",
    "beta_bernoulli_sequence",
    "continuous_distributions",
    "discrete_distributions",
    "multivariate_normal_draws",
]

_COLOURS = (BLUE, VERMILION)

_CONTINUOUS: tuple[tuple[str, tuple[float, float], tuple[tuple[str, Any], ...]], ...] = (
    ("Uniform", (-2.4, 2.4), (("from -1 to 1", p.Uniform(-1.0, 1.0)), ("from -2 to 2", p.Uniform(-2.0, 2.0)))),
    ("Normal", (-5, 5), (("scale 1", p.Normal(0.0, 1.0)), ("scale 2", p.Normal(0.0, 2.0)))),
    ("Student's t", (-5, 5), (("1 degree", p.StudentT(1.0)), ("30 degrees", p.StudentT(30.0)))),
    ("Gamma, rate 1", (0, 10), (("shape 2", p.Gamma(2.0, 1.0)), ("shape 5", p.Gamma(5.0, 1.0)))),
    ("Exponential", (0, 4), (("rate 1", p.Exponential(1.0)), ("rate 2", p.Exponential(2.0)))),
    ("Beta", (0, 1), (("a 2, b 2", p.Beta(2.0, 2.0)), ("a 2, b 6", p.Beta(2.0, 6.0)))),
)

_DISCRETE: tuple[tuple[str, int, tuple[tuple[str, Any], ...]], ...] = (
    ("Bernoulli", 1, (("p 0.3", p.Bernoulli(0.3)), ("p 0.8", p.Bernoulli(0.8)))),
    ("Categorical", 3, (("0.1, 0.4, 0.3, 0.2", (0.1, 0.4, 0.3, 0.2)), ("all 0.25", (0.25, 0.25, 0.25, 0.25)))),
    ("Binomial, 10 trials", 10, (("p 0.3", p.Binomial(10, 0.3)), ("p 0.8", p.Binomial(10, 0.8)))),
    ("Poisson", 12, (("rate 2", p.Poisson(2.0)), ("rate 6", p.Poisson(6.0)))),
)


def continuous_distributions() -> Figure:
    """Six families, two members each: the density above, and below it the cdf, which is its area from the left."""
    figure = new_figure(12.0)
    grids = figure.subplots(6, 2)
    for place, (name, (low, high), members) in enumerate(_CONTINUOUS):
        row, column = divmod(place, 2)
        above, below = grids[2 * row, column], grids[2 * row + 1, column]
        x = jnp.linspace(low, high, 601)
        for colour, (label, d) in zip(_COLOURS, members, strict=True):
            above.plot(x, np.exp(d.log_density(x)), color=colour, linewidth=1.8, label=label)
            below.plot(x, d.cdf(x), color=colour, linewidth=1.8)
        plain_axes(above, title=name, y="density f(x)", pad=LEGEND)
        plain_axes(below, x="x", y="P(X ≤ x)")
        above.set_ylim(bottom=0)
        below.set_ylim(-0.03, 1.03)
        above.tick_params(labelbottom=False)
        _limits((above, below), low, high)
        _legend(above)
    return figure


def discrete_distributions() -> Figure:
    """Four families of counts and classes, two members each: the probability of each value, and below it the cdf."""
    figure = new_figure(8.4)
    grids = figure.subplots(4, 2)
    for place, (name, last, members) in enumerate(_DISCRETE):
        row, column = divmod(place, 2)
        above, below = grids[2 * row, column], grids[2 * row + 1, column]
        values = jnp.arange(last + 1)
        for colour, side, (label, member) in zip(_COLOURS, (-0.2, 0.2), members, strict=True):
            d = p.Categorical(jnp.asarray(member)) if name == "Categorical" else member
            mass, cdf = np.exp(d.log_density(values)), np.asarray(d.cdf(values))
            above.bar(np.asarray(values) + side, mass, width=0.38, color=colour, label=label)
            below.step([-1, *values.tolist(), last + 1], [0, *cdf, cdf[-1]], color=colour, linewidth=1.8, where="post")
        plain_axes(above, title=name, y="P(X = x)", pad=LEGEND)
        plain_axes(below, x="class x" if name == "Categorical" else "x", y="P(X ≤ x)")
        below.set_ylim(-0.03, 1.03)
        above.tick_params(labelbottom=False)
        for axes in (above, below):
            axes.set_xticks(range(0, last + 1, 1 if last < 5 else 2))
        _limits((above, below), -0.6, last + 0.6)
        _legend(above)
    return figure


def multivariate_normal_draws() -> Figure:
    """A normal distribution of two dimensions: 400 draws, and the ellipses of one, two and three standard deviations."""
    covariance = jnp.array([[2.0, 1.2], [1.2, 1.0]])
    d = p.MultivariateNormal.from_covariance(jnp.array([1.0, 0.5]), covariance)
    draws = np.asarray(d.sample(jax.random.key(0), (400,)))
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    axes.plot(*draws.T, "o", color=GREY, markersize=3, alpha=0.6, label="draws")
    turn = np.linspace(0, 2 * np.pi, 201)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    for radius, style in ((1, "-"), (2, "--"), (3, ":")):
        ellipse = np.asarray(d.mean)[:, None] + radius * np.asarray(d.cholesky) @ circle
        # of two dimensions a share 1 - exp(-r^2 / 2) lies within r standard deviations
        label = f"{radius} sd: {100 * (1 - np.exp(-(radius**2) / 2)):.1f} % within"
        axes.plot(*ellipse, color=BLUE, linewidth=1.8, linestyle=style, label=label)
    axes.plot(*np.asarray(d.mean), "+", color=VERMILION, markersize=12, markeredgewidth=2, label="mean")
    axes.set_aspect("equal")
    plain_axes(axes, title="Normal, two dimensions", x="x₁", y="x₂")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=SMALL, labelcolor=INK)
    return figure


def beta_bernoulli_sequence() -> Figure:
    """What is believed of a coin's probability of heads after 0, 1, 4, 16, 64 and 256 tosses; the coin's is 0.7."""
    truth = 0.7
    tosses = p.Bernoulli(truth).sample(jax.random.key(4), (256,))
    x = jnp.linspace(0, 1, 501)
    figure = new_figure(5.6)
    grids = figure.subplots(2, 3, sharex=True)
    for axes, count in zip(grids.ravel(), (0, 1, 4, 16, 64, 256), strict=True):
        posterior = p.beta_bernoulli(p.Beta(1.0, 1.0), tosses[:count])
        axes.fill_between(x, np.exp(posterior.log_density(x)), color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(x, np.exp(posterior.log_density(x)), color=BLUE, linewidth=1.8)
        axes.axvline(truth, color=VERMILION, linewidth=1.4, linestyle="--")
        heads = int(jnp.sum(tosses[:count]))
        plain_axes(axes, title=f"{heads} heads of {count}")
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1])
    grids[0, 0].annotate("the coin's own 0.7", (truth - 0.03, 0.08), color=VERMILION, fontsize=SMALL, ha="right")
    for axes in grids[:, 0]:
        axes.set_ylabel("density", color=INK)
    for axes in grids[1]:
        axes.set_xlabel("probability of heads", color=INK)
    return figure


def bayesian_regression_band() -> Figure:
    """A line through 2 points and through 12: posterior mean, what is known of the line, and of the next target."""
    noise = 0.4
    keys = jax.random.split(jax.random.key(7))
    x = jax.random.uniform(keys[0], (12,), minval=-1.0, maxval=0.6)
    y = 0.5 + 1.5 * x + noise * jax.random.normal(keys[1], (12,))
    prior = p.MultivariateNormal(jnp.zeros(2), 2 * jnp.eye(2))
    wide = jnp.linspace(-2, 2, 201)
    design: Callable[[jax.Array], jax.Array] = lambda x: jnp.stack([jnp.ones_like(x), x], 1)  # noqa: E731
    figure = new_figure(4.4)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, count in zip(panels, (2, 12), strict=True):
        posterior = p.bayesian_regression(prior, design(x[:count]), y[:count], noise_scale=noise)
        target = p.predictive(posterior, design(wide))
        mean, spread = np.asarray(target.mean), np.asarray(target.scale)
        line = np.sqrt(np.maximum(spread**2 - noise**2, 0))
        for width, alpha, label in ((spread, 0.15, "next target, ± 2 sd"), (line, 0.3, "the line, ± 2 sd")):
            axes.fill_between(
                wide, mean - 2 * width, mean + 2 * width, color=BLUE, alpha=alpha, linewidth=0, label=label
            )
        axes.plot(wide, mean, color=BLUE, linewidth=1.8, label="posterior mean")
        axes.plot(wide, 0.5 + 1.5 * wide, color=VERMILION, linewidth=1.4, linestyle="--", label="truth, 0.5 + 1.5 x")
        axes.plot(x[:count], y[:count], "o", color=INK, markersize=5, label="data")
        plain_axes(axes, title=f"After {count} points", x="x", y="y" if count == 2 else None)
        axes.set_xlim(-2, 2)
        axes.set_xticks(range(-2, 3))
        axes.set_ylim(-7, 8)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL, labelcolor=INK)
    return figure


def _limits(panels: tuple[Axes, ...], low: float, high: float) -> None:
    for axes in panels:
        axes.set_xlim(low, high)


def _legend(axes: Axes) -> None:
    legend_above(axes, 2, fontsize=SMALL, borderaxespad=0.1, handlelength=1.4)
