from __future__ import annotations

import dataclasses
import json

import jax
import numpy as np
import pytest

from chainrule import data
from chainrule.recipes import RECIPES, compare_weather, read_run, write_run
from chainrule.recipes.weather_comparison import facts

pytestmark = pytest.mark.slow  # a whole training before the first of them

COMPARISON = RECIPES["weather"]["comparison"]
QUICK = COMPARISON.changed(epochs=2)  # as the test of the command line: one compiled program serves both
NAMES = ["persistence", "climatology", "normal equation", "QR", "SVD", "ridge", "gradient descent", "MLP"]
PICTURES = {"forecast.png", "residuals.png", "descent.png", "curves.png"}


@pytest.fixture(scope="module")
def weather(quick_compilation_of_the_module):
    return data.weather()


@pytest.fixture(scope="module")
def result(weather):
    return compare_weather(QUICK, weather, progress=False)


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    return write_run(result, tmp_path_factory.mktemp("runs") / "weather")


def test_it_is_the_usual_model_of_the_recipe():
    assert list(RECIPES["weather"]) == ["comparison", "lstm"]
    assert (COMPARISON.gradients, COMPARISON.held_out) == ("hand", "test")


def test_every_forecast_is_scored_on_the_same_days(result, weather):
    assert list(result.forecasts) == list(result.scores) == NAMES
    np.testing.assert_array_equal(result.truth, weather.temp_max[-292:])
    np.testing.assert_array_equal(result.forecasts["persistence"], weather.temp_max[-293:-1])
    for name, forecast in result.forecasts.items():
        error = forecast - result.truth
        assert result.scores[name].rmse.value == pytest.approx(np.sqrt(np.mean(error**2)))
    assert {name: f"{result.scores[name].rmse.value:.2f}" for name in NAMES[:7]} == {
        "persistence": "3.06",
        "climatology": "3.90",
        "normal equation": "2.93",
        "QR": "2.93",
        "SVD": "2.93",
        "ridge": "2.93",
        "gradient descent": "2.93",
    }


def test_the_loss_that_is_trained_is_the_squared_error_of_the_change(result):
    loss = result.scores["MLP"].rmse.value ** 2 / result.scale.change_deviation**2
    assert result.run.history["validation_loss"][-1] == pytest.approx(loss, rel=1e-4)


def test_nothing_of_the_held_out_days_enters_what_is_fitted(result, weather):
    later = weather.dates >= np.datetime64("2015-03-15")
    names = ("temp_max", "temp_min", "precipitation")
    other = dataclasses.replace(weather, **{name: getattr(weather, name) + 3.0 * later for name in names})
    again = compare_weather(QUICK, other, progress=False)
    assert again.strength == result.strength
    for name, fit in result.fits.items():
        np.testing.assert_array_equal(again.fits[name].weights, fit.weights)
    jax.tree.map(np.testing.assert_array_equal, again.run.params, result.run.params)
    assert again.scores["QR"].rmse.value != result.scores["QR"].rmse.value
    np.testing.assert_array_equal(again.forecasts["climatology"], result.forecasts["climatology"])


def test_words_say_how_thin_the_margin_is(result):
    lines = result.words().splitlines()
    assert lines[0] == "292 test days, 2015-03-15 to 2015-12-31; fitted to the 1168 days before them."
    assert "0.782 highest +0.216 lowest -0.052 rain +1.914" in lines[1]
    assert "strength 3, chosen on the last quarter of the days fitted to" in lines[2]
    assert "leaves +0.54 degC a day from June to August and -0.52 from" in lines[4]
    assert "RMSE of least squares: 2.9286 degC; of persistence: 3.0617 degC. The gain is 0.13 degC" in lines[6]
    assert lines[7].startswith("Least squares. Against persistence (3.06 degC) it is 0.13 degC better.")
    assert lines[-1].startswith("MLP. Against least squares (2.93 degC)")
    same = dataclasses.replace(result, forecasts={**result.forecasts, "MLP": result.forecasts["QR"]})
    assert same.words().splitlines()[-1].endswith("these days cannot tell the two apart.")


def test_the_table_fits_a_terminal(result):
    head, rows = result.table()
    assert [row[0] for row in rows] == NAMES
    assert rows[0][1].startswith("3.062 [")
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    assert sum(widths) + 2 * (len(widths) - 1) <= 80


def test_a_run_is_written_and_read_back(result, written, weather):
    files = {"config.json", "metrics.jsonl", "params.safetensors", "comparison.txt", "dependent.txt", "SHA256SUMS"}
    assert {path.name for path in written.iterdir()} == files | PICTURES
    record = json.loads((written / "config.json").read_text())
    assert record["data"]["forecast"] == ["2015-03-15", "2015-12-31"]
    assert record["results"]["rmse"]["QR"] == pytest.approx(2.9286, abs=5e-5)
    assert record["results"]["weights"]["QR"]["temp_max"] == result.fits["QR"].weights[0]
    assert record["results"]["scores"]["QR"]["gain"] == list(result.scores["QR"].gain)
    assert {"name": "QR", "refused": True} in record["results"]["dependent"]

    saved = read_run(written, "weather_comparison")
    assert saved.config == result.config
    for name, forecast in (("least squares", result.forecasts["QR"]), ("MLP", result.forecasts["MLP"])):
        dates, temperatures = saved.forecast(weather, name)
        assert (dates[0], dates[-1]) == (np.datetime64("2012-01-02"), np.datetime64("2016-01-01"))
        np.testing.assert_allclose(temperatures[-293:-1], forecast, atol=1e-4)
    np.testing.assert_array_equal(saved.forecast(weather)[1], saved.forecast(weather, "least squares")[1])
    with pytest.raises(ValueError, match="name must be 'least squares' or 'MLP', got 'LSTM'"):
        saved.forecast(weather, "LSTM")


def test_the_configuration_is_as_before(result):
    assert not jax.config.jax_enable_x64
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(result.run.params))


def test_facts_say_what_is_fitted(weather):
    said = dict(facts(COMPARISON.changed(held_out="validation", hidden=(8,)), weather))
    assert said["data"] == "weather: 876 days to fit to, 292 validation days after them"
    assert said["parameters"] == f"4 of a linear fit, {3 * 8 + 8 + 8 + 1} of the MLP"
    assert "derived by hand" in said["gradients"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "digits"}, "data must be 'weather', got 'digits'"),
        ({"model": "lstm"}, "model must be one of comparison, got 'lstm'"),
        ({"hidden": (8, 0)}, "each width in hidden must be a positive integer, got 0"),
        ({"held_out": "training"}, "held_out must be 'test' or 'validation', got 'training'"),
    ],
)
def test_settings_that_no_training_could_take_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        COMPARISON.changed(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {"precipitation": 0 * w.precipitation}, "every measurement must vary"),
        (lambda w: {"temp_min": w.temp_max - 5}, "temp_max, temp_min, precipitation must not depend on each other"),
        (
            lambda w: {"temp_max": np.where(w.temp_max > 35, np.inf, w.temp_max)},
            "temp_max must be finite, got inf on 20",
        ),
    ],
    ids=["constant", "dependent", "infinite"],
)
def test_days_that_cannot_be_fitted_are_refused(weather, change, message):
    with pytest.raises(ValueError, match=message):
        compare_weather(QUICK, dataclasses.replace(weather, **change(weather)), progress=False)


@pytest.mark.slow
def test_the_mlp_is_no_better_than_least_squares_by_more_than_chance(weather):
    result = compare_weather(COMPARISON, weather, progress=False)
    assert result.scores["MLP"].rmse.value == pytest.approx(2.91, abs=0.05)
    assert result.words().splitlines()[-1].endswith("these days cannot tell the two apart.")
