"""What a comparison of the weather has found: its scores, words, pictures, and what config.json says of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import plot
from chainrule.data.weather import Weather
from chainrule.maths.linear_algebra import LinearFit
from chainrule.recipes.result import Draw, Result
from chainrule.recipes.weather_baselines import HALF_WINDOW
from chainrule.recipes.weather_config import ComparisonConfig
from chainrule.recipes.weather_dependent import DependentFit, dependent_words
from chainrule.recipes.weather_linear import FEATURES, Descent, Examples, forecast
from chainrule.recipes.weather_scores import Scores, compared, rmse
from chainrule.recipes.weather_windows import Scale

__all__ = ["CLIMATOLOGY", "LINEAR", "MLP", "PARTS", "PERSISTENCE", "ComparisonResult"]

PERSISTENCE, CLIMATOLOGY, LINEAR, MLP = "persistence", "climatology", "QR", "MLP"
"""Names of forecasts; the linear one that stands for all that are equal is QR's."""

PARTS = {"test": "test days", "validation": "validation days"}
_QUANTITY = "highest temperature (°C)"


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparisonResult(Result):
    """What a comparison of the weather has found.

    Attributes:
        config: the settings that it ran with.
        run: the MLP's training; its model and parameters are those of the linear fit and the MLP, side by side.
        weather: the days.
        examples: the examples that were made of them.
        scale: by which the networks' inputs and outputs are standardised.
        fits: the linear fits to the measurements as they are, by solver.
        strength: ridge's.
        tried: the root mean square error on the days that chose it, for each strength.
        descent: the path of gradient descent.
        dependent: what the solvers make of dependent columns.
        forecasts: for every method, by name, its forecasts for the held-out days, float64[n], in degrees Celsius; the
            first is persistence.
        scores: how good they are, by name.
    """

    config: ComparisonConfig
    weather: Weather
    examples: Examples
    scale: Scale
    fits: dict[str, LinearFit]
    strength: float
    tried: dict[float, float]
    descent: Descent
    dependent: list[DependentFit]
    forecasts: dict[str, np.ndarray]
    scores: dict[str, Scores]

    @property
    def truth(self) -> np.ndarray:
        """What the highest temperature of each held-out day was, float64[n], in degrees Celsius."""
        return self.examples.held_out()

    def data_record(self) -> dict[str, Any]:
        """The data, the days that were fitted to and forecast, and by what they were standardised."""
        examples, dates = self.examples, self.examples.dates.astype(str).tolist()
        return {
            "name": "weather",
            "description": self.weather.description,
            "source": self.weather.source,
            "fitted": [dates[0], dates[examples.fitted - 1]],
            "forecast": [dates[examples.fitted], dates[-1]],
            "in_shape": [len(FEATURES)],
            "measurements": list(FEATURES),
            "scale": self.scale.record(),
        }

    def results_record(self) -> dict[str, Any]:
        """The scores of every forecast with their intervals, and the weights of every linear fit, in its own units."""
        return {
            "days": len(self.truth),
            "rmse": {name: score.rmse.value for name, score in self.scores.items()},
            "scores": {
                name: {score: list(estimate) for score, estimate in found._asdict().items()}
                for name, found in self.scores.items()
            },
            "weights": {
                name: {**dict(zip(FEATURES, fit.weights.tolist(), strict=True)), "intercept": float(fit.intercept)}
                for name, fit in self.fits.items()
            },
            "ridge": {
                "strength": self.strength,
                "validation_rmse": {str(strength): error for strength, error in self.tried.items()},
            },
            "descent": {"steps": len(self.descent.losses) - 1, "learning_rate": self.descent.learning_rate},
            "dependent": [
                {"name": fit.name, "refused": True} if fit.refused else dataclasses.asdict(fit)
                for fit in self.dependent
            ],
        }

    def pictures(self) -> dict[str, Draw]:
        """The forecast, what it leaves, the path of gradient descent, and the curves of the MLP."""
        return {
            "forecast.png": self._draw_forecast,
            "residuals.png": self._draw_residuals,
            "descent.png": self._draw_descent,
            "curves.png": self._draw_curves,
        }

    def texts(self) -> dict[str, str]:
        """How the methods compare, in words, and what they make of dependent columns."""
        independent = self.scores[LINEAR].rmse.value
        return {"comparison.txt": self.words(), "dependent.txt": dependent_words(self.dependent, independent)}

    def words(self) -> str:
        """Say what was fitted, how much it gains, and whether the days are enough to tell."""
        fit, linear = self.fits[LINEAR], self.forecasts[LINEAR]
        same = [self.forecasts[name] for name in self.fits if name != "ridge"]
        apart = max(float(np.max(np.abs(other - linear))) for other in same)
        gain = self.scores[LINEAR].gain
        highest, lowest, rain = fit.weights
        persistence, usual = self.forecasts[PERSISTENCE], self.forecasts[CLIMATOLOGY]
        lines = [
            f"{len(linear)} {PARTS[self.config.held_out]}, {self.examples.dates[self.examples.fitted]} to "
            f"{self.examples.dates[-1]}; fitted to the {self.examples.fitted} days before them.",
            f"Least squares: tomorrow's highest = {highest:.3f} highest {lowest:+.3f} lowest {rain:+.3f} rain "
            f"{float(fit.intercept):+.3f} (degC, mm).",
            f"Normal equation, QR, SVD and gradient descent ({len(self.descent.losses) - 1} steps) forecast the same, to "
            f"{apart:.0e} degC. Ridge has the strength {self.strength:g}, chosen on the last quarter of the days fitted to: "
            f"its forecasts differ by up to {np.max(np.abs(self.forecasts['ridge'] - linear)):.2f} degC.",
            f"Climatology is the mean of the days fitted to that are at most {HALF_WINDOW} days of the year away.",
            f"On the days fitted to, least squares leaves {self._left_in((5, 6, 7)):+.2f} degC a day from June to August "
            f"and {self._left_in((11, 0, 1)):+.2f} from December to February: it does not know the season.",
            "",
            f"RMSE of least squares: {rmse(linear, self.truth):.4f} degC; of persistence: "
            f"{rmse(persistence, self.truth):.4f} degC. The gain is {gain.value:.2f} degC, with a 95 % interval from "
            f"{gain.low:.2f} to {gain.high:.2f} (bootstrap over days).",
            *(
                f"{who}. {compared(said, other, self.truth, name=name)}"
                for who, said, name, other in (
                    ("Least squares", linear, PERSISTENCE, persistence),
                    ("Least squares", linear, CLIMATOLOGY, usual),
                    (MLP, self.forecasts[MLP], PERSISTENCE, persistence),
                    (MLP, self.forecasts[MLP], "least squares", linear),
                )
            ),
        ]
        return "\n".join(lines) + "\n"

    def _left_in(self, months: tuple[int, ...]) -> float:
        """The mean of truth less forecast over the days fitted to in these months, January being 0."""
        features, truth = self.examples.fit_to()
        month = self.examples.dates[: len(truth)].astype("datetime64[M]").astype(int) % 12
        left = truth - forecast(self.fits[LINEAR], features)
        return float(left[np.isin(month, months)].mean()) if np.isin(month, months).any() else 0.0

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The scores of every forecast, with intervals of 95 per cent."""
        rows = [
            [
                name,
                f"{score.rmse.value:.3f} [{score.rmse.low:.2f}, {score.rmse.high:.2f}]",
                f"{score.mae.value:.3f} [{score.mae.low:.2f}, {score.mae.high:.2f}]",
                f"{score.r2.value:.3f} [{score.r2.low:.2f}, {score.r2.high:.2f}]",
            ]
            for name, score in self.scores.items()
        ]
        return [PARTS[self.config.held_out], "RMSE (degC) [95 %]", "MAE (degC) [95 %]", "R² [95 %]"], rows

    def _draw_forecast(self, path: Any) -> None:
        dates = self.examples.dates[self.examples.fitted :]
        figure = plot.forecast(dates, self.truth, self.forecasts[LINEAR], name="least squares", quantity=_QUANTITY)
        plot.save(figure, path)

    def _draw_residuals(self, path: Any) -> None:
        examples = self.examples
        figure = plot.residuals(
            examples.dates,
            examples.truth,
            forecast(self.fits[LINEAR], examples.features),
            held_out=examples.dates[examples.fitted],
            name="least squares",
            quantity=_QUANTITY,
        )
        plot.save(figure, path)

    def _draw_descent(self, path: Any) -> None:
        figure = plot.descent(
            self.descent.path[:, :2],
            self.descent.surface,
            self.descent.losses - self.descent.least,
            names=("weight of the highest (standardised)", "weight of the lowest"),
            quantity="½ mean squared error − least (°C²)",
            title="Gradient descent to the fit",
        )
        plot.save(figure, path)

    def _draw_curves(self, path: Any) -> None:
        variance = self.scale.change_deviation**2
        level = {
            name: self.scores[key].rmse.value ** 2 / variance
            for name, key in ((PERSISTENCE, PERSISTENCE), ("least squares", LINEAR))
        }
        figure = plot.curves(self.run.history, baselines=level)
        figure.axes[0].set_ylabel("squared error (standardised)")
        figure.axes[0].set_title("The MLP's loss", fontsize=plot.style.TITLE, color=plot.style.INK, loc="left")
        plot.save(figure, path)
