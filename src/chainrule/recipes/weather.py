"""Train a network to forecast tomorrow's highest temperature: the job behind the recipe ``weather --model lstm``.

Beside its errors stand those of forecasts that need no network, on the same days: persistence, and linear fits to today's
measurements. What a network gains on them is little, and how little is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import data, layers, losses, plot, train
from chainrule.compose import chain
from chainrule.data.weather import Weather
from chainrule.layer import Layer
from chainrule.maths import linear_algebra
from chainrule.recipes import training
from chainrule.recipes.result import Draw, Result
from chainrule.recipes.saved_run import SavedRun
from chainrule.recipes.weather_config import WeatherConfig
from chainrule.recipes.weather_linear import forecast, in_float64, three_measurements
from chainrule.recipes.weather_scores import advantage, compared, mae, rmse
from chainrule.recipes.weather_windows import MEASUREMENTS, Scale, Windows, cut_windows, inputs, measurements

__all__ = [
    "Saved",
    "WeatherResult",
    "baselines",
    "build_model",
    "facts",
    "linear_forecast",
    "load_data",
    "rebuild",
    "run",
    "train_weather",
]

Settings = WeatherConfig
"""The settings of this kind of recipe."""

_NAMES = {"lstm": "LSTM"}
_PERSISTENCE, _THREE, _SIX = "persistence", "linear, max, min and rain", "linear, all six"
_PARTS = {"test": "test days", "validation": "validation days"}


@dataclass(frozen=True, eq=False, kw_only=True)
class WeatherResult(Result):
    """What a recipe of the weather has made.

    Attributes:
        config: the settings that it ran with.
        weather: the days.
        windows: the examples that were made of them.
        forecasts: for the network and each baseline, by name, its forecasts for the held-out days, float64[n], in degrees
            Celsius; the network's is the last.
    """

    config: WeatherConfig
    weather: Weather
    windows: Windows
    forecasts: dict[str, np.ndarray]

    @property
    def truth(self) -> np.ndarray:
        """What the highest temperature of each held-out day was, float64[n], in degrees Celsius."""
        return self.windows.truth[self.windows.fitted :]

    @property
    def network(self) -> str:
        """The network's name in ``forecasts``."""
        return _NAMES[self.config.model]

    def rmse(self, name: str) -> float:
        """The root mean square error of a forecast, in degrees Celsius."""
        return rmse(self.forecasts[name], self.truth)

    def mae(self, name: str) -> float:
        """The mean absolute error of a forecast, in degrees Celsius."""
        return mae(self.forecasts[name], self.truth)

    def advantage(self, name: str) -> tuple[float, float]:
        """How much smaller the network's squared error is than that of a forecast: mean and standard error, over the days.

        As ``weather_scores.advantage`` has it.
        """
        return advantage(self.forecasts[self.network], self.forecasts[name], self.truth)

    def data_record(self) -> dict[str, Any]:
        """The data, the days that were fitted to and forecast, and by what they were standardised."""
        windows, dates = self.windows, self.windows.dates.astype(str).tolist()
        return {
            "name": "weather",
            "description": self.weather.description,
            "source": self.weather.source,
            "fitted": [dates[0], dates[windows.fitted - 1]],
            "forecast": [dates[windows.fitted], dates[-1]],
            "in_shape": list(windows.x.shape[1:]),
            "measurements": list(MEASUREMENTS),
            "scale": windows.scale.record(),
        }

    def results_record(self) -> dict[str, Any]:
        """The errors of every forecast on the held-out days, in degrees Celsius."""
        return {
            "days": len(self.truth),
            "rmse": {name: self.rmse(name) for name in self.forecasts},
            "mae": {name: self.mae(name) for name in self.forecasts},
        }

    def pictures(self) -> dict[str, Draw]:
        """The curves, and the forecasts beside the truth with what is left between them."""
        return {"curves.png": self._draw_curves, "forecast.png": self._draw_forecast}

    def texts(self) -> dict[str, str]:
        """How the network compares, in words."""
        return {"comparison.txt": self.words()}

    def words(self) -> str:
        """Say how much the network gains on each baseline, and whether the days are enough to tell."""
        lines = [
            f"{len(self.truth)} {_PARTS[self.config.held_out]}, {self.windows.dates[self.windows.fitted]} to "
            f"{self.windows.dates[-1]}. Root mean square error of the {self.network}: {self.rmse(self.network):.2f} degC."
        ]
        lines += [
            compared(self.forecasts[self.network], self.forecasts[name], self.truth, name=name)
            for name in list(self.forecasts)[:-1]
        ]
        return "\n".join(lines) + "\n"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The errors of every forecast, and how much smaller the root mean square is than that of persistence."""
        first = self.rmse(_PERSISTENCE)
        return [_PARTS[self.config.held_out], "RMSE (degC)", "MAE (degC)", "below persistence"], [
            [name, f"{self.rmse(name):.2f}", f"{self.mae(name):.2f}", f"{100 * (1 - self.rmse(name) / first):.1f} %"]
            for name in self.forecasts
        ]

    def _draw_curves(self, path: Any) -> None:
        variance = self.windows.scale.change_deviation**2
        level = {name: self.rmse(name) ** 2 / variance for name in (_PERSISTENCE, _SIX)}
        figure = plot.curves(self.run.history, baselines=level)
        figure.axes[0].set_ylabel("squared error (standardised)")
        plot.save(figure, path)

    def _draw_forecast(self, path: Any) -> None:
        dates = self.windows.dates[self.windows.fitted :]
        figure = plot.forecast(
            dates, self.truth, self.forecasts[self.network], name=self.network, quantity="highest temperature (°C)"
        )
        plot.save(figure, path)


def load_data(config: WeatherConfig) -> Weather:
    """Load the days; the settings say which are held out."""
    return data.weather()


def build_model(config: WeatherConfig) -> Layer:
    """Build the network of a recipe: from windows (batch, days, 6) to one number, the standardised change."""
    return chain(layers.LSTM(config.hidden, last=True), layers.Dense(1))


def linear_forecast(features: np.ndarray, targets: np.ndarray, fitted: int) -> np.ndarray:
    """Fit targets = features w + b by least squares to the first rows, and forecast the others.

    Args:
        features: [n, k], standardised or not: the forecasts are the same.
        targets: [n].
        fitted: how many rows to fit to.

    Returns:
        float64[n - fitted].
    """
    fit = in_float64(linear_algebra.least_squares_svd, features[:fitted], targets[:fitted])
    return forecast(fit, features[fitted:])


def baselines(weather: Weather, dates: np.ndarray) -> dict[str, np.ndarray]:
    """Forecast days without a network, from the day before each, fitted to all days before the first: float64[n] by name.

    ::

        persistence                   max_{t+1} = max_t
        linear, max, min and rain     max_{t+1} = w_1 max_t + w_2 min_t + w_3 rain_t + b
        linear, all six               the same with the six measurements that the network reads

    Args:
        weather: the days.
        dates: datetime64[D][n], which of them to forecast: days that follow one another.
    """
    first, last = np.searchsorted(weather.dates, dates[[0, -1]])
    today, tomorrow = slice(0, last), slice(1, last + 1)
    three = three_measurements(weather)
    targets = weather.temp_max[tomorrow]
    return {
        _PERSISTENCE: weather.temp_max[first - 1 : last],
        _THREE: linear_forecast(three[today], targets, first - 1),
        _SIX: linear_forecast(measurements(weather)[today], targets, first - 1),
    }


def facts(config: WeatherConfig, weather: Weather) -> list[tuple[str, str]]:
    """Say what will be trained on what, line by line."""
    windows = cut_windows(weather, config.window, config.held_out)
    model = build_model(config)
    held_out = len(windows.dates) - windows.fitted
    return [
        ("data", f"weather: {windows.fitted} days to fit to, {held_out} {_PARTS[config.held_out]} after them"),
        ("window", f"{config.window} days of {', '.join(MEASUREMENTS)}"),
        ("model", f"{model!r}"),
        ("parameters", f"{model.parameter_count(windows.x.shape[1:]):,}"),
        *training.facts_of_training(config),
    ]


def train_weather(
    config: WeatherConfig, weather: Weather | None = None, *, progress: bool | None = None
) -> WeatherResult:
    """Train one network, and forecast the held-out days.

    The held-out days are evaluated after each epoch, for the curves; nothing is chosen by them.

    Args:
        config: the settings; ``RECIPES`` holds those of the recipe.
        weather: learn from these days instead of the data set.
        progress: whether to show a progress bar; None: if the standard error is a terminal.

    Raises:
        ValueError: for what the optimiser or ``train.fit`` refuse, for too few days, and when the loss does not stay finite.
        ModuleNotFoundError: when the package that carries the data set is not installed.
    """
    weather = load_data(config) if weather is None else weather
    config = training.without_idle_settings(config)
    windows = cut_windows(weather, config.window, config.held_out)
    known, ahead = slice(0, windows.fitted), slice(windows.fitted, None)
    trained = training.fit(
        build_model(config),
        losses.mean_squared_error,
        config,
        (windows.x[known], windows.y[known]),
        validation=(windows.x[ahead], windows.y[ahead]),
        progress=progress,
    )
    outputs = np.asarray(train.predict(trained.model, trained.params, trained.state, windows.x[ahead]))
    forecasts = baselines(weather, windows.dates[ahead])
    forecasts[_NAMES[config.model]] = windows.scale.forecast(outputs, windows.today[ahead])
    return WeatherResult(config=config, run=trained, weather=weather, windows=windows, forecasts=forecasts)


def run(config: WeatherConfig, weather: Weather) -> WeatherResult:
    """Train one network, as the command line asks for it."""
    return train_weather(config, weather)


class Saved(SavedRun):
    """A run of the weather, read back."""

    config: WeatherConfig

    def forecast(self, weather: Weather) -> tuple[np.ndarray, np.ndarray]:
        """Forecast the day after each window of days: ``(dates, temperatures)``.

        Args:
            weather: days that follow one another, as many as a window at the least.

        Returns:
            datetime64[D][n], of which the last is the day after all that is known, and float64[n], in degrees Celsius.

        Raises:
            ValueError: for fewer days than a window has.
        """
        window = self.config.window
        scale = Scale.from_record(self.record["data"]["scale"])
        x = inputs(weather, window, scale)
        outputs = np.asarray(train.predict(self.model, self.params, self.state, x))
        dates = weather.dates[window - 1 :] + np.timedelta64(1, "D")
        return dates, scale.forecast(outputs, weather.temp_max[window - 1 :])


def rebuild(config: WeatherConfig, record: dict[str, Any]) -> Layer:
    """Build the network of a run from its settings."""
    return build_model(config)
