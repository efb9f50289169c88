"""The weather as a linear fit: tomorrow's highest temperature from three measurements of today, by every solver.

::

    max_{t+1} = w_1 max_t + w_2 min_t + w_3 rain_t + b

Everything here is computed in float64, within a context: JAX's configuration is as before afterwards.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.data.weather import Weather
from chainrule.maths import linear_algebra
from chainrule.maths.linear_algebra import LinearFit
from chainrule.recipes.weather_scores import rmse
from chainrule.recipes.weather_windows import held_out_part, require_finite_days

__all__ = [
    "FEATURES",
    "STRENGTHS",
    "Descent",
    "Examples",
    "choose_strength",
    "cut_examples",
    "descend",
    "fit_ridge",
    "forecast",
    "in_float64",
    "linear_fits",
    "three_measurements",
]

FEATURES = ("temp_max", "temp_min", "precipitation")
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
_STEPS = 300
_FEWEST = 10  # days to fit to: more than there are weights, in the first fifths alone too


def three_measurements(weather: Weather) -> np.ndarray:
    """Highest and lowest temperature (degC) and rain (mm) of each day, float64[days, 3]."""
    return np.stack([getattr(weather, name) for name in FEATURES], axis=1)


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples in the order of time, the first ``fitted`` of them to fit to, the others to forecast.

    Attributes:
        features: float64[n, 3], today's measurements, as they are.
        truth: float64[n], tomorrow's highest temperature, in degrees Celsius.
        dates: datetime64[D][n], tomorrow.
        fitted: how many are fitted to.
    """

    features: np.ndarray
    truth: np.ndarray
    dates: np.ndarray
    fitted: int

    def fit_to(self) -> tuple[np.ndarray, np.ndarray]:
        """Features and truth of the days that are fitted to."""
        return self.features[: self.fitted], self.truth[: self.fitted]

    def held_out(self) -> np.ndarray:
        """What came on the held-out days, float64."""
        return self.truth[self.fitted :]


def cut_examples(weather: Weather, held_out: str) -> Examples:
    """Make an example of each day that has a tomorrow, and hold out a fifth of them, as ``held_out_part`` says.

    Args:
        weather: days that follow one another.
        held_out: ``"test"`` or ``"validation"``; then the test days are left out.

    Raises:
        ValueError: for too few days to fit to, and for measurements that are not finite.
    """
    require_finite_days(weather)
    first, last = held_out_part(weather, held_out)
    if last == first or first < _FEWEST:
        raise ValueError(
            f"weather: {len(weather)} days are too few: {max(first, 0)} to fit to, at least {_FEWEST} needed"
        )
    return Examples(
        three_measurements(weather)[:last], weather.temp_max[1 : last + 1], weather.dates[1 : last + 1], first
    )


def in_float64(function: Callable[..., Any], *arrays: Any, **static: Any) -> Any:
    """Call a function, compiled, with float64 arrays, and return what it returns with NumPy's arrays.

    Args:
        function: of arrays and trees of arrays.
        *arrays: its arguments.
        **static: its static settings.
    """
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda array: jnp.asarray(array, jnp.float64), arrays)
        return jax.tree.map(np.asarray, _compiled(function, tuple(static))(*wide, **static))


@functools.cache
def _compiled(function: Callable[..., Any], static: tuple[str, ...]) -> Any:
    return jax.jit(function, static_argnames=static)


def forecast(fit: LinearFit, features: np.ndarray) -> np.ndarray:
    """What a linear fit says of each row of features, float64[n]."""
    said: np.ndarray = in_float64(linear_algebra.predict, LinearFit(fit.weights, fit.intercept), features)
    return said


@dataclass(frozen=True, eq=False)
class Standard:
    """Features of mean 0 and deviation 1, and the way back.

    Attributes:
        mean: float64[k].
        deviation: float64[k]; 1 for a feature that is the same on all days.
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Standard:
        """By what these features are standardised."""
        deviation = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features, standardised."""
        standard: np.ndarray = (features - self.mean) / self.deviation
        return standard

    def undone(self, fit: LinearFit) -> LinearFit:
        """The fit to the features as they are that a fit to standardised ones stands for."""
        weights = fit.weights / self.deviation
        return LinearFit(weights, fit.intercept - self.mean @ weights, fit.rank)


def fit_ridge(features: np.ndarray, targets: np.ndarray, strength: float) -> LinearFit:
    """Fit by ridge regression to standardised features: a weight costs the same whatever the unit; b costs nothing."""
    standard = Standard.of(features)
    return standard.undone(in_float64(linear_algebra.ridge, standard(features), targets, strength))


def choose_strength(features: np.ndarray, targets: np.ndarray) -> tuple[float, dict[float, float]]:
    """Choose ridge's strength on the last quarter of the days that are fitted to: fit to those before, forecast them.

    Before the test days these are the validation days. The held-out days are not looked at.

    Returns:
        The strength, and the root mean square error of each that was tried.
    """
    known = len(targets) - len(targets) // 4
    tried = {}
    for strength in STRENGTHS:
        fit = fit_ridge(features[:known], targets[:known], strength)
        tried[strength] = rmse(forecast(fit, features[known:]), targets[known:])
    return min(tried, key=lambda strength: tried[strength]), tried


@dataclass(frozen=True, eq=False)
class Descent:
    """A gradient descent to the linear fit, on standardised features.

    Attributes:
        fit: where it ended, as a fit to the features as they are.
        path: the standardised weights before each step and after the last, float64[steps + 1, k].
        losses: half the mean squared error at each of these places, float64[steps + 1].
        learning_rate: the step size.
        least: the loss of the least-squares fit.
        best: its standardised weights, float64[k].
        curvature: the Hessian of the loss by the standardised weights, float64[k, k].
    """

    fit: LinearFit
    path: np.ndarray
    losses: np.ndarray
    learning_rate: float
    least: float
    best: np.ndarray
    curvature: np.ndarray

    def surface(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The loss above two of the weights, the others and b as good as they can then be: a quadratic bowl.

        With the Hessian in blocks [[A, B], [B^T, C]], the best of the other weights leaves the curvature A - B C^-1 B^T.
        """
        a, b, c = self.curvature[:2, :2], self.curvature[:2, 2:], self.curvature[2:, 2:]
        left = a - b @ np.linalg.pinv(c) @ b.T
        distance = np.stack([first - self.best[0], second - self.best[1]], axis=-1)
        loss: np.ndarray = self.least + 0.5 * np.einsum("...i,ij,...j->...", distance, left, distance)
        return loss


def descend(features: np.ndarray, targets: np.ndarray) -> Descent:
    """Go down the squared error from weights of 0, in 300 steps, on standardised features."""
    standard = Standard.of(features)
    columns = standard(features)
    found = in_float64(linear_algebra.gradient_descent_least_squares, columns, targets, steps=_STEPS)
    best = in_float64(linear_algebra.least_squares_svd, columns, targets)
    least = 0.5 * rmse(forecast(best, columns), targets) ** 2
    return Descent(
        fit=standard.undone(found.fit),
        path=found.path.weights,
        losses=found.losses,
        learning_rate=float(found.learning_rate),
        least=least,
        best=best.weights,
        curvature=columns.T @ columns / len(columns),
    )


def linear_fits(
    features: np.ndarray, targets: np.ndarray, *, strength: float, descent: Descent
) -> dict[str, LinearFit]:
    """Fit by every solver, by name; a solver that finds the columns dependent gives NaN."""
    solvers = {
        "normal equation": linear_algebra.least_squares_normal,
        "QR": linear_algebra.least_squares_qr,
        "SVD": linear_algebra.least_squares_svd,
    }
    fits = {name: in_float64(solver, features, targets) for name, solver in solvers.items()}
    return {**fits, "ridge": fit_ridge(features, targets, strength), "gradient descent": descent.fit}
