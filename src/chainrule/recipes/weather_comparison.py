"""Forecast tomorrow's highest temperature from three measurements of today: the job behind the recipe ``weather``.

The same least squares by the normal equation, QR, SVD, ridge and gradient descent, and a small MLP, on the same days, beside
persistence (tomorrow is as today) and climatology (tomorrow is as the season is). What a fit gains is little, and how little
is said.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule import compose, data, losses, models, train
from chainrule.data.weather import Weather
from chainrule.layer import Layer
from chainrule.maths.linear_algebra import LinearFit
from chainrule.recipes import training
from chainrule.recipes.saved_run import SavedRun
from chainrule.recipes.weather_baselines import climatology
from chainrule.recipes.weather_comparison_result import CLIMATOLOGY, LINEAR, MLP, PARTS, PERSISTENCE, ComparisonResult
from chainrule.recipes.weather_config import ComparisonConfig
from chainrule.recipes.weather_dependent import dependent_fits
from chainrule.recipes.weather_linear import (
    FEATURES,
    choose_strength,
    cut_examples,
    descend,
    forecast,
    linear_fits,
    three_measurements,
)
from chainrule.recipes.weather_scores import scores
from chainrule.recipes.weather_windows import Scale

__all__ = ["ComparisonResult", "Saved", "build_model", "compare_weather", "facts", "load_data", "rebuild", "run"]

Settings = ComparisonConfig
"""The settings of this kind of recipe."""

_SAVED = ("least squares", MLP)


def load_data(config: ComparisonConfig) -> Weather:
    """Load the days; the settings say which are held out."""
    return data.weather()


def build_model(config: ComparisonConfig) -> Layer:
    """Build the linear fit and the MLP side by side: from (batch, 3) to (batch, 2), each one's standardised change."""
    return compose.parallel(models.mlp((1,)), _build_mlp(config), combine="concatenate")


def _build_mlp(config: ComparisonConfig) -> Layer:
    return models.mlp((*config.hidden, 1))


def facts(config: ComparisonConfig, weather: Weather) -> list[tuple[str, str]]:
    """Say what will be fitted to what, line by line."""
    examples = cut_examples(weather, config.held_out)
    mlp = _build_mlp(config)
    held_out = len(examples.dates) - examples.fitted
    return [
        ("data", f"weather: {examples.fitted} days to fit to, {held_out} {PARTS[config.held_out]} after them"),
        ("features", f"{', '.join(FEATURES)} of today"),
        ("solvers", "normal equation, QR, SVD, ridge, gradient descent (float64)"),
        ("MLP", f"{mlp!r}"),
        ("parameters", f"{len(FEATURES) + 1} of a linear fit, {mlp.parameter_count((len(FEATURES),)):,} of the MLP"),
        *training.facts_of_training(config),
    ]


def compare_weather(
    config: ComparisonConfig, weather: Weather | None = None, *, progress: bool | None = None
) -> ComparisonResult:
    """Fit and train on the days to fit to, forecast the held-out days, and score every forecast on them.

    The held-out days are evaluated after each epoch, for the curves; nothing is chosen by them.

    Args:
        config: the settings; ``RECIPES`` holds those of the recipe.
        weather: learn from these days instead of the data set.
        progress: whether to show a progress bar; None: if the standard error is a terminal.

    Raises:
        ValueError: for what the optimiser or ``train.fit`` refuse; for too few days, measurements that are not finite, the
            same on all days, or dependent; and when the loss does not stay finite.
        ModuleNotFoundError: when the package that carries the data set is not installed.
    """
    weather = load_data(config) if weather is None else weather
    config = training.without_idle_settings(config)
    examples = cut_examples(weather, config.held_out)
    known, targets = examples.fit_to()
    ahead = examples.features[examples.fitted :]
    scale = Scale.of(known, targets - known[:, 0])

    strength, tried = choose_strength(known, targets)
    descent = descend(known, targets)
    fits = linear_fits(known, targets, strength=strength, descent=descent)
    if not all(np.isfinite(fit.weights).all() for fit in fits.values()):
        raise ValueError(
            f"weather: {', '.join(FEATURES)} must not depend on each other over the days that are fitted to"
        )

    standard = ((examples.features - scale.mean) / scale.deviation).astype(np.float32)
    changes = ((examples.truth - examples.features[:, 0] - scale.change_mean) / scale.change_deviation)[:, None]
    cut = examples.fitted
    trained = training.fit(
        _build_mlp(config),
        losses.mean_squared_error,
        config,
        (standard[:cut], changes[:cut].astype(np.float32)),
        validation=(standard[cut:], changes[cut:].astype(np.float32)),
        progress=progress,
    )
    outputs = np.asarray(train.predict(trained.model, trained.params, trained.state, standard[cut:]))
    forecasts = {
        PERSISTENCE: ahead[:, 0],
        CLIMATOLOGY: climatology(examples.dates[:cut], targets, examples.dates[cut:]),
        **{name: forecast(fit, ahead) for name, fit in fits.items()},
        MLP: scale.forecast(outputs, ahead[:, 0]),
    }
    return ComparisonResult(
        config=config,
        run=_with_linear_fit(trained, build_model(config), fits[LINEAR], scale),
        weather=weather,
        examples=examples,
        scale=scale,
        fits=fits,
        strength=strength,
        tried=tried,
        descent=descent,
        dependent=dependent_fits(examples, strength),
        forecasts=forecasts,
        scores=scores(forecasts, examples.held_out()),
    )


def _with_linear_fit(run: train.Run, model: Layer, fit: LinearFit, scale: Scale) -> train.Run:
    """Put a linear fit beside the MLP, as a layer that maps standardised measurements to the standardised change.

    With x = m + s z and change = y - x_1:  (change - m_c) / s_c = (s (w - e_1) / s_c) z + ((w - e_1) m + b - m_c) / s_c.
    """
    slope = fit.weights - np.eye(len(fit.weights))[0]
    weight = slope * scale.deviation / scale.change_deviation
    bias = (slope @ scale.mean + fit.intercept - scale.change_mean) / scale.change_deviation
    params, state = jax.eval_shape(lambda: model.build(jax.random.key(0), (len(FEATURES),), jnp.float32))
    leaves = [jnp.asarray(value, jnp.float32) for value in (bias, weight)]
    linear = jax.tree.map(lambda leaf: leaves[0 if leaf.ndim == 1 else 1].reshape(leaf.shape), params[0])
    return dataclasses.replace(run, model=model, params=(linear, run.params), state=(state[0], run.state))


def run(config: ComparisonConfig, weather: Weather) -> ComparisonResult:
    """Compare, as the command line asks for it."""
    return compare_weather(config, weather)


class Saved(SavedRun):
    """A comparison of the weather, read back."""

    config: ComparisonConfig

    def forecast(self, weather: Weather, name: str = "least squares") -> tuple[np.ndarray, np.ndarray]:
        """Forecast the day after each day: ``(dates, temperatures)``.

        Args:
            weather: the days.
            name: ``"least squares"`` or ``"MLP"``.

        Returns:
            datetime64[D][n], of which the last is the day after all that is known, and float64[n], in degrees Celsius.

        Raises:
            ValueError: for another name.
        """
        if name not in _SAVED:
            raise ValueError(f"forecast: name must be {' or '.join(map(repr, _SAVED))}, got {name!r}")
        scale = Scale.from_record(self.record["data"]["scale"])
        x = ((three_measurements(weather) - scale.mean) / scale.deviation).astype(np.float32)
        outputs = np.asarray(train.predict(self.model, self.params, self.state, x))
        place = _SAVED.index(name)
        return weather.dates + np.timedelta64(1, "D"), scale.forecast(outputs[:, place : place + 1], weather.temp_max)


def rebuild(config: ComparisonConfig, record: dict[str, Any]) -> Layer:
    """Build the networks of a run from its settings."""
    return build_model(config)
