"""A design whose columns are dependent: the highest temperature in degrees Celsius, and again in Fahrenheit.

F = 1.8 C + 32 adds nothing: the column is a combination of two others (one of them the ones of the intercept) but for
rounding, and X^T X has no inverse. In floating point it has one all the same, made of rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.maths.linear_algebra import LinearFit
from chainrule.recipes.weather_linear import Examples, descend, forecast, in_float64, linear_fits
from chainrule.recipes.weather_scores import rmse

__all__ = ["DependentFit", "dependent_fits", "dependent_words", "inverse_fit", "unchecked_qr", "with_fahrenheit"]


@dataclass(frozen=True)
class DependentFit:
    """What a solver makes of the dependent columns.

    Attributes:
        name: the solver.
        weight: the largest of its weights and the intercept, in size; infinity where it refused the columns.
        residual: the root mean square error on the days that were fitted to; infinity likewise.
        rmse: the same on the held-out days.
    """

    name: str
    weight: float
    residual: float
    rmse: float

    @property
    def refused(self) -> bool:
        """Whether the solver found the columns dependent, and gave no weights."""
        return math.isinf(self.weight)


def with_fahrenheit(features: np.ndarray) -> np.ndarray:
    """Add the highest temperature, the first column, in Fahrenheit: float64[n, k + 1]."""
    return np.column_stack([features, 1.8 * features[:, 0] + 32])


def inverse_fit(features: Array, targets: Array) -> LinearFit:
    """Fit y = X w + b as the formula is printed, (X^T X)^-1 X^T y with a column of ones: not to be used.

    The columns are taken as they are, nothing is checked, and the inverse is formed. It is right where the columns are well
    apart; here it is shown what it does where they are not.
    """
    columns = jnp.concatenate([features, jnp.ones_like(features[:, :1])], axis=1)
    weights = jnp.linalg.inv(columns.T @ columns) @ (columns.T @ targets)
    return LinearFit(weights[:-1], weights[-1])


def unchecked_qr(features: Array, targets: Array) -> LinearFit:
    """Fit y = X w + b by QR, and divide by a diagonal of R that is 0 but for rounding: not to be used."""
    columns = jnp.concatenate([features, jnp.ones_like(features[:, :1])], axis=1)
    q, r = jnp.linalg.qr(columns)
    weights = jnp.linalg.solve(r, q.T @ targets)
    return LinearFit(weights[:-1], weights[-1])


def dependent_fits(examples: Examples, strength: float) -> list[DependentFit]:
    """Fit the dependent columns by the plain inverse, by QR without a check, and by every sound solver.

    Args:
        examples: the days, with their three measurements.
        strength: of ridge.
    """
    columns = with_fahrenheit(examples.features)
    known, targets = columns[: examples.fitted], examples.truth[: examples.fitted]
    fits = {
        "plain inverse": in_float64(inverse_fit, known, targets),
        "QR, unchecked": in_float64(unchecked_qr, known, targets),
        **linear_fits(known, targets, strength=strength, descent=descend(known, targets)),
    }
    return [_judged(name, fit, columns, examples) for name, fit in fits.items()]


def _judged(name: str, fit: LinearFit, columns: np.ndarray, examples: Examples) -> DependentFit:
    weights = np.append(fit.weights, fit.intercept)
    if not np.isfinite(weights).all():
        return DependentFit(name, math.inf, math.inf, math.inf)
    said = forecast(fit, columns)
    known = slice(0, examples.fitted)
    return DependentFit(
        name,
        float(np.max(np.abs(weights))),
        rmse(said[known], examples.truth[known]),
        rmse(said[examples.fitted :], examples.held_out()),
    )


def dependent_words(fits: list[DependentFit], independent: float) -> str:
    """Write what each solver makes of the dependent columns as a table, and say what it shows.

    Args:
        fits: those of ``dependent_fits``.
        independent: the root mean square error on the held-out days of the fit without the column in Fahrenheit.
    """
    lines = [
        "Today's highest temperature is given twice, in degrees Celsius and in Fahrenheit: the columns are dependent.",
        "",
        f"{'':<18}{'largest weight':>16}{'RMSE, fitted to':>17}{'RMSE, held out':>16}",
    ]
    for fit in fits:
        numbers = (
            f"{'refused: the columns are dependent':>49}"
            if fit.refused
            else f"{fit.weight:>16.4g}{fit.residual:>17.4f}{fit.rmse:>16.4f}"
        )
        lines.append(f"{fit.name:<18}{numbers}")
    lines += [
        "",
        f"Without the column in Fahrenheit the held-out days are forecast to {independent:.4f} degC. The inverse of X^T X",
        "is made of rounding here, and the forecasts with it. A solver that looks refuses the columns, or leaves the",
        "direction out (SVD), or makes it cost (ridge), or never enters it (gradient descent from 0).",
    ]
    return "\n".join(lines) + "\n"
