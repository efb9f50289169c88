from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from chainrule import data
from chainrule.recipes import RECIPES, read_run, write_run
from chainrule.recipes.weather import baselines, facts, linear_forecast, train_weather
from chainrule.recipes.weather_windows import MEASUREMENTS, Scale, cut_windows, measurements

LSTM = RECIPES["weather"]["lstm"]
QUICK = LSTM.changed(window=3, hidden=4, epochs=2)
FIRST_TEST_DAY = np.datetime64("2015-03-15")


@pytest.fixture(scope="module")
def weather():
    return data.weather()


@pytest.fixture(scope="module")
def result(weather):
    return train_weather(QUICK, weather, progress=False)


def altered(weather, since):
    """The same days with other weather from a date on."""
    later = weather.dates >= since
    names = ("temp_max", "temp_min", "precipitation", "wind")
    return dataclasses.replace(weather, **{name: getattr(weather, name) + 3.0 * later for name in names})


# ------------------------------------------------------------------------------------------------------------
# Examples.
# ------------------------------------------------------------------------------------------------------------


def test_an_example_is_the_last_days_and_tomorrows_change(weather):
    windows = cut_windows(weather, 3, "test")
    days, scale = measurements(weather), windows.scale
    assert windows.x.shape == (1458, 3, len(MEASUREMENTS))
    assert (windows.x.dtype, windows.y.dtype) == (np.float32, np.float32)
    for index in (0, 700, 1457):
        today = index + 2
        x = windows.x[index] * scale.deviation + scale.mean
        np.testing.assert_allclose(x, days[today - 2 : today + 1], atol=1e-5)
        assert windows.dates[index] == weather.dates[today + 1]
        assert (windows.today[index], windows.truth[index]) == tuple(weather.temp_max[today : today + 2])
    np.testing.assert_allclose(scale.forecast(windows.y, windows.today), windows.truth, atol=1e-5)


def test_the_parts_follow_one_another(weather):
    test, validation = (cut_windows(weather, 3, part) for part in ("test", "validation"))
    assert test.dates[test.fitted] == FIRST_TEST_DAY
    assert test.dates[-1] == np.datetime64("2015-12-31")
    assert len(test.dates) - test.fitted == len(validation.dates) - validation.fitted == 292
    assert validation.dates[-1] == FIRST_TEST_DAY - 1
    assert np.all(np.diff(test.dates) == np.timedelta64(1, "D"))


@pytest.mark.parametrize("part", ["test", "validation"])
def test_no_number_of_a_held_out_day_enters_what_is_fitted_to(weather, part):
    windows = cut_windows(weather, 4, part)
    known = windows.fitted
    other = cut_windows(altered(weather, windows.dates[known]), 4, part)
    assert windows.scale.record() == other.scale.record()
    np.testing.assert_array_equal(windows.x[:known], other.x[:known])
    np.testing.assert_array_equal(windows.y[:known], other.y[:known])
    assert np.all(windows.truth[known:] != other.truth[known:])
    # And what is fitted to is standardised: mean 0 and deviation 1, but for the first days, which end no window.
    today = windows.x[:known, -1]
    np.testing.assert_allclose(today.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(today.std(axis=0), 1, atol=0.02)
    np.testing.assert_allclose(windows.y[:known].std(), 1, atol=0.02)


def test_the_season_is_a_circle_and_rain_a_logarithm(weather):
    days = measurements(weather)
    season = days[:, -2:]
    np.testing.assert_allclose(np.sum(season**2, axis=1), 1)
    steps = np.linalg.norm(np.diff(season, axis=0), axis=1)
    assert steps.max() < 1.3 * 2 * np.pi / 365  # over New Year as on any other day
    np.testing.assert_allclose(days[:, 2], np.log(1 + weather.precipitation))
    np.testing.assert_array_equal(days[:, [0, 1, 3]].T, [weather.temp_max, weather.temp_min, weather.wind])


def test_days_that_make_no_examples_are_refused(weather):
    few, _ = weather.split("2012-01-09")
    with pytest.raises(ValueError, match="8 days are too few for windows of 6"):
        cut_windows(few, 6, "test")
    with pytest.raises(ValueError, match="every measurement must vary"):
        cut_windows(dataclasses.replace(weather, wind=np.ones(len(weather))), 3, "test")


# ------------------------------------------------------------------------------------------------------------
# What needs no network.
# ------------------------------------------------------------------------------------------------------------


def test_the_baselines_have_the_errors_that_are_known(weather):
    dates = weather.dates[weather.dates >= FIRST_TEST_DAY]
    truth = weather.temp_max[weather.dates >= FIRST_TEST_DAY]
    rmse = {name: math.sqrt(np.mean((f - truth) ** 2)) for name, f in baselines(weather, dates).items()}
    assert {name: round(value, 2) for name, value in rmse.items()} == {
        "persistence": 3.06,
        "linear, max, min and rain": 2.93,
        "linear, all six": 2.77,
    }
    # Independently: the normal equation of the three-feature fit, over the first four fifths.
    columns = np.stack([np.ones(1460), weather.temp_max[:-1], weather.temp_min[:-1], weather.precipitation[:-1]], 1)
    a, b = columns[:1168], weather.temp_max[1:1169]
    weights = np.linalg.solve(a.T @ a, a.T @ b)
    np.testing.assert_allclose(
        baselines(weather, dates)["linear, max, min and rain"], columns[1168:] @ weights, atol=1e-9
    )


def test_the_baselines_know_nothing_of_the_days_after(weather):
    dates = weather.dates[weather.dates >= FIRST_TEST_DAY]
    before, after = baselines(weather, dates), baselines(altered(weather, dates[100]), dates)
    for name, forecast in before.items():
        np.testing.assert_array_equal(
            forecast[:101], after[name][:101]
        )  # the first is altered a day ahead of its truth
        assert np.all(forecast[101:] != after[name][101:])


def test_a_linear_forecast_finds_the_line(rng):
    features = rng.normal(size=(30, 2))
    targets = features @ [2.0, -1.0] + 0.5
    np.testing.assert_allclose(linear_forecast(features, targets, 20), targets[20:], atol=1e-12)
    noisy = targets + rng.normal(size=30)
    shifted = linear_forecast(features * [10, 0.1] + 3, noisy, 20)
    np.testing.assert_allclose(shifted, linear_forecast(features, noisy, 20), atol=1e-10)


# ------------------------------------------------------------------------------------------------------------
# The network.
# ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_errors_are_those_of_the_forecasts(result, weather):
    truth = weather.temp_max[-292:]
    np.testing.assert_array_equal(result.truth, truth)
    assert list(result.forecasts) == ["persistence", "linear, max, min and rain", "linear, all six", "LSTM"]
    error = result.forecasts["LSTM"] - truth
    assert result.rmse("LSTM") == pytest.approx(np.sqrt(np.mean(error**2)))
    assert result.mae("LSTM") == pytest.approx(np.mean(np.abs(error)))
    # The loss that is trained is the squared error in units of the change's deviation.
    loss = result.rmse("LSTM") ** 2 / result.windows.scale.change_deviation**2
    assert result.run.history["validation_loss"][-1] == pytest.approx(loss, rel=1e-4)
    gained = (result.forecasts["persistence"] - truth) ** 2 - error**2
    assert result.advantage("persistence") == pytest.approx((gained.mean(), np.std(gained, ddof=1) / math.sqrt(292)))


@pytest.mark.slow
def test_it_is_said_in_words_how_thin_the_margin_is(result):
    def said(network):
        return dataclasses.replace(result, forecasts={**result.forecasts, "LSTM": network}).words().splitlines()

    same = said(result.forecasts["persistence"])
    assert same[0].startswith("292 test days, 2015-03-15 to 2015-12-31.")
    assert "it is 0.00 degC worse" in same[1]
    assert same[1].endswith("these days cannot tell the two apart.")
    assert "it is 0.13 degC worse" in same[2]
    assert all("better" in line and line.endswith("more than chance would do.") for line in said(result.truth)[1:])


@pytest.mark.slow
def test_a_run_is_written_and_read_back(result, weather, tmp_path):
    folder = write_run(result, tmp_path / "run")
    assert {path.name for path in folder.iterdir()} >= {"curves.png", "forecast.png", "comparison.txt", "config.json"}
    record = json.loads((folder / "config.json").read_text())
    assert record["data"]["forecast"] == ["2015-03-15", "2015-12-31"]
    assert record["results"]["rmse"]["linear, max, min and rain"] == pytest.approx(2.9286, abs=1e-4)
    saved = read_run(folder, "weather")
    assert saved.config == result.config
    dates, temperatures = saved.forecast(weather)
    assert (dates[0], dates[-1]) == (np.datetime64("2012-01-04"), np.datetime64("2016-01-01"))
    np.testing.assert_allclose(temperatures[-293:-1], result.forecasts["LSTM"], atol=1e-4)
    with pytest.raises(ValueError, match="a window of 3 days needs as many, got 2"):
        saved.forecast(weather.split("2012-01-03")[0])


@pytest.mark.slow
def test_a_scale_is_recorded_whole(result):
    scale = result.windows.scale
    assert Scale.from_record(json.loads(json.dumps(scale.record()))).record() == scale.record()


def test_facts_say_what_is_forecast(weather):
    said = dict(facts(QUICK.changed(held_out="validation"), weather))
    assert said["data"] == "weather: 874 days to fit to, 292 validation days after them"
    assert said["parameters"] == f"{4 * (6 * 4 + 4 * 4 + 4) + 4 + 1}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "digits"}, "data must be 'weather', got 'digits'"),
        ({"model": "transformer"}, "model must be one of .*lstm.*, got 'transformer'"),
        ({"window": 0}, "window must be a positive integer, got 0"),
        ({"hidden": 0}, "hidden must be a positive integer, got 0"),
        ({"held_out": "training"}, "held_out must be 'test' or 'validation', got 'training'"),
    ],
)
def test_settings_that_no_training_could_take_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        QUICK.changed(**change)


@pytest.mark.slow
def test_hand_and_autodiff_learn_the_same(weather, result):
    autodiff = train_weather(QUICK.changed(gradients="autodiff"), weather, progress=False)
    np.testing.assert_allclose(autodiff.forecasts["LSTM"], result.forecasts["LSTM"], atol=1e-3)


@pytest.mark.slow
def test_the_lstm_beats_persistence_and_the_fit_to_three_measurements(weather):
    results = [train_weather(LSTM.changed(seed=seed), weather, progress=False) for seed in range(3)]
    rmse = np.mean([one.rmse("LSTM") for one in results])
    assert rmse < 2.85
    # And it is no better than a fit to all six measurements, by more than a little: what helps is the season.
    assert abs(rmse - results[0].rmse("linear, all six")) < 0.1
