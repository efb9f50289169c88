from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import data
from chainrule.recipes.weather_baselines import climatology
from chainrule.recipes.weather_dependent import (
    dependent_fits,
    dependent_words,
    inverse_fit,
    with_fahrenheit,
)
from chainrule.recipes.weather_linear import (
    STRENGTHS,
    choose_strength,
    cut_examples,
    descend,
    fit_ridge,
    forecast,
    in_float64,
    linear_fits,
)
from chainrule.recipes.weather_windows import cut_windows


@pytest.fixture(scope="module")
def weather(quick_compilation_of_the_module):
    return data.weather()


@pytest.fixture(scope="module")
def examples(weather):
    return cut_examples(weather, "test")


@pytest.fixture(scope="module")
def descent(examples):
    return descend(*examples.fit_to())


@pytest.fixture(scope="module")
def fits(examples, descent):
    return linear_fits(*examples.fit_to(), strength=3.0, descent=descent)


@pytest.fixture(scope="module")
def dependent(examples):
    return {fit.name: fit for fit in dependent_fits(examples, 3.0)}


def with_ones(features):
    return np.column_stack([features, np.ones(len(features))])


def reference(features, targets):
    """Weights and, last, the intercept by NumPy's least squares."""
    return np.linalg.lstsq(with_ones(features), targets, rcond=None)[0]


def rms(errors):
    return np.sqrt(np.mean(errors**2))


# ------------------------------------------------------------------------------------------------------------
# Examples.
# ------------------------------------------------------------------------------------------------------------


def test_an_example_is_today_and_tomorrows_highest(weather, examples):
    for index in (0, 700, 1459):
        today = (weather.temp_max[index], weather.temp_min[index], weather.precipitation[index])
        assert tuple(examples.features[index]) == today
        assert examples.truth[index] == weather.temp_max[index + 1]
        assert examples.dates[index] == weather.dates[index + 1]


@pytest.mark.parametrize("part", ["test", "validation"])
def test_the_held_out_days_are_those_of_the_lstm(weather, part):
    examples, windows = cut_examples(weather, part), cut_windows(weather, 5, part)
    np.testing.assert_array_equal(examples.dates[examples.fitted :], windows.dates[windows.fitted :])
    np.testing.assert_array_equal(examples.held_out(), windows.truth[windows.fitted :])


def test_days_that_make_no_examples_are_refused(weather):
    few, _ = weather.split("2012-01-10")
    with pytest.raises(ValueError, match="9 days are too few: 7 to fit to, at least 10 needed"):
        cut_examples(few, "test")
    broken = weather.temp_min.copy()
    broken[40] = np.nan
    for cut in (lambda days: cut_examples(days, "test"), lambda days: cut_windows(days, 5, "test")):
        with pytest.raises(ValueError, match="temp_min must be finite, got nan on 2012-02-10"):
            cut(dataclasses.replace(weather, temp_min=broken))


# ------------------------------------------------------------------------------------------------------------
# The solvers.
# ------------------------------------------------------------------------------------------------------------


def test_the_errors_are_those_that_are_known(examples, fits):
    ahead, truth = examples.features[examples.fitted :], examples.held_out()
    assert (examples.fitted, len(truth)) == (1168, 292)
    assert f"{rms(forecast(fits['QR'], ahead) - truth):.4f}" == "2.9286"
    assert f"{rms(ahead[:, 0] - truth):.4f}" == "3.0617"


@pytest.mark.parametrize(
    ("solver", "tolerance"), [("normal equation", 1e-10), ("QR", 1e-11), ("SVD", 1e-11), ("gradient descent", 1e-6)]
)
def test_every_solver_finds_what_numpy_finds(examples, fits, solver, tolerance):
    expected = reference(*examples.fit_to())
    found = np.append(fits[solver].weights, fits[solver].intercept)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=tolerance)


def test_ridge_does_not_make_the_intercept_cost_and_knows_no_units(examples, fits):
    features, targets = examples.fit_to()
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    weights = np.linalg.solve(standard.T @ standard + 3 * np.eye(3), standard.T @ (targets - targets.mean()))
    np.testing.assert_allclose(forecast(fits["ridge"], features), standard @ weights + targets.mean(), rtol=1e-10)
    in_other_units = fit_ridge(features * [1.8, 1.8, 0.1] + [32, 32, 0], targets, 3.0)
    np.testing.assert_allclose(
        forecast(in_other_units, features * [1.8, 1.8, 0.1] + [32, 32, 0]), forecast(fits["ridge"], features)
    )


def test_the_strength_is_chosen_on_the_last_quarter_of_the_days_fitted_to(examples):
    features, targets = examples.fit_to()
    strength, tried = choose_strength(features, targets)
    assert tuple(tried) == STRENGTHS
    assert strength == min(tried, key=tried.get) == 3.0
    assert tried[3.0] == pytest.approx(
        rms(forecast(fit_ridge(features[:876], targets[:876], 3.0), features[876:]) - targets[876:])
    )
    # A price that is far too high forecasts hardly more than the mean.
    assert tried[1000.0] > 1.4 * tried[3.0]


def test_the_configuration_is_as_before(examples, fits):
    assert not jax.config.jax_enable_x64
    assert jnp.asarray(1.0).dtype == jnp.float32
    with pytest.raises(ZeroDivisionError):
        in_float64(lambda x: 1 / 0, examples.truth)
    assert not jax.config.jax_enable_x64


def test_the_path_of_the_descent_leads_from_0_to_the_fit(examples, descent):
    features, targets = examples.fit_to()
    assert descent.path.shape == (301, 3)
    np.testing.assert_array_equal(descent.path[0], 0)
    np.testing.assert_allclose(descent.path[-1], descent.best, rtol=1e-6)
    assert np.all(np.diff(descent.losses[:200]) < 0)
    assert descent.losses[0] == pytest.approx(0.5 * np.mean(targets**2))
    assert descent.losses[-1] == pytest.approx(descent.least, abs=1e-12)
    largest = np.linalg.eigvalsh(
        with_ones((features - features.mean(0)) / features.std(0)).T
        @ with_ones((features - features.mean(0)) / features.std(0))
    )[-1] / len(features)
    assert descent.learning_rate == pytest.approx(1 / largest)


def test_the_surface_is_the_loss_where_the_other_weights_are_as_good_as_can_be(examples, descent):
    features, targets = examples.fit_to()
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    for first, second in ((0.0, 0.0), (5.0, -1.0)):
        rest = targets - standard[:, :2] @ [first, second]
        left = rest - with_ones(standard[:, 2:]) @ reference(standard[:, 2:], rest)
        assert descent.surface(np.array(first), np.array(second)) == pytest.approx(0.5 * np.mean(left**2))


# ------------------------------------------------------------------------------------------------------------
# Dependent columns.
# ------------------------------------------------------------------------------------------------------------


def test_the_plain_inverse_goes_wrong_where_the_sound_solvers_do_not(examples, dependent):
    features, targets = examples.fit_to()
    least = rms(targets - with_ones(features) @ reference(features, targets))
    assert dependent["plain inverse"].residual > 1.001 * least  # several per cent as a rule: it is rounding
    assert dependent["QR, unchecked"].weight > 1e9
    for name in ("normal equation", "QR"):
        assert dependent[name].refused
    for name in ("SVD", "ridge", "gradient descent"):
        assert dependent[name].weight < 10
        assert dependent[name].residual == pytest.approx(least, rel=1e-4 if name == "ridge" else 1e-9)
        assert f"{dependent[name].rmse:.2f}" == "2.93"


def test_the_plain_inverse_is_right_where_the_columns_are_well_apart(examples):
    features, targets = examples.fit_to()
    fit = in_float64(inverse_fit, features, targets)
    np.testing.assert_allclose(np.append(fit.weights, fit.intercept), reference(features, targets), rtol=1e-9)


def test_fahrenheit_is_what_it_is():
    np.testing.assert_allclose(with_fahrenheit(np.array([[100.0, 7.0], [0.0, 8.0]]))[:, 2], [212, 32])


def test_the_table_of_dependent_columns_says_who_refused(dependent):
    lines = dependent_words(list(dependent.values()), 2.9286).splitlines()
    rows = {line[:18].strip(): line[18:].split() for line in lines if line[:18].strip() in dependent}
    assert list(rows) == list(dependent)
    assert rows["QR"][0] == "refused:"
    assert rows["SVD"] == [f"{dependent['SVD'].weight:.4g}", f"{dependent['SVD'].residual:.4f}", "2.9286"]
    assert all(len(line) <= 120 for line in lines)


# ------------------------------------------------------------------------------------------------------------
# Climatology.
# ------------------------------------------------------------------------------------------------------------


def test_climatology_is_the_mean_of_the_days_around_that_time_of_the_year():
    dates = np.arange("2012-01-01", "2014-01-01", dtype="datetime64[D]")
    temperatures = np.arange(731.0)
    found = climatology(dates, temperatures, np.array(["2014-06-10"], "datetime64[D]"), half_window=1)
    # 2012 has a leap day: the 10th of June is its 161st day, and the 160th of 2013; days of the year are compared.
    near = [159, 160, 161, 366 + 159, 366 + 160, 366 + 161]
    assert found == pytest.approx(np.mean(temperatures[near]))
    assert dates[366 + 160] == np.datetime64("2013-06-10")


def test_climatology_goes_around_the_year():
    dates = np.array(["2012-12-30", "2013-01-03", "2013-02-01", "2013-07-01"], "datetime64[D]")
    wanted = np.array(["2014-01-01", "2014-12-31"], "datetime64[D]")
    np.testing.assert_allclose(climatology(dates, np.array([1.0, 3.0, 50.0, 90.0]), wanted, half_window=5), [2.0, 2.0])
    with pytest.raises(ValueError, match="no day that is fitted to is within 5 days of the year of 2014-04-01"):
        climatology(dates, np.ones(4), np.array(["2014-01-01", "2014-04-01"], "datetime64[D]"), half_window=5)
