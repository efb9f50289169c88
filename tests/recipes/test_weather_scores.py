from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule.recipes.weather_scores import advantage, compared, mae, rmse, scores

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture(scope="module")
def days():
    rng = np.random.default_rng(4)
    truth = rng.normal(15, 7, 120)
    return truth, {"first": truth + rng.normal(0.5, 3, 120), "second": truth + rng.normal(0, 2.5, 120)}


def test_scores_are_those_of_their_formulas(days):
    truth, forecasts = days
    found = scores(forecasts, truth)
    for name, forecast in forecasts.items():
        error = forecast - truth
        score = found[name]
        assert score.rmse.value == pytest.approx(math.sqrt(np.mean(error**2)), rel=1e-12) == rmse(forecast, truth)
        assert score.mae.value == pytest.approx(np.mean(np.abs(error)), rel=1e-12) == mae(forecast, truth)
        assert score.r2.value == pytest.approx(1 - np.sum(error**2) / np.sum((truth - truth.mean()) ** 2), rel=1e-12)
        for estimate in score:
            assert estimate.low <= estimate.value <= estimate.high
    assert found["first"].gain == (0.0, 0.0, 0.0)
    assert found["second"].gain.value == pytest.approx(
        rmse(forecasts["first"], truth) - rmse(forecasts["second"], truth)
    )


def test_intervals_are_those_of_days_drawn_again(days):
    """Against a bootstrap of NumPy's, with other random numbers: the ends agree to what 2,000 resamples allow."""
    truth, forecasts = days
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(truth), (4000, len(truth)))
    squared = {name: ((forecast - truth) ** 2)[rows].mean(axis=1) for name, forecast in forecasts.items()}
    gains = np.sqrt(squared["first"]) - np.sqrt(squared["second"])
    found = scores(forecasts, truth)["second"]
    spread = gains.std()
    assert found.gain[1:] == pytest.approx(np.quantile(gains, [0.025, 0.975]), abs=0.2 * spread)
    ends = np.quantile(np.sqrt(squared["second"]), [0.025, 0.975])
    assert found.rmse[1:] == pytest.approx(ends, abs=0.2 * np.sqrt(squared["second"]).std())


def test_the_same_seed_gives_the_same_intervals(days):
    truth, forecasts = days
    assert scores(forecasts, truth, seed=1) == scores(forecasts, truth, seed=1)
    assert scores(forecasts, truth, seed=1)["first"].rmse.low != scores(forecasts, truth)["first"].rmse.low


def test_the_advantage_is_by_day(days):
    truth, forecasts = days
    gained = (forecasts["first"] - truth) ** 2 - (forecasts["second"] - truth) ** 2
    expected = gained.mean(), gained.std(ddof=1) / math.sqrt(120)
    assert advantage(forecasts["second"], forecasts["first"], truth) == pytest.approx(expected)


def test_words_say_when_the_days_cannot_tell(days):
    truth, forecasts = days
    said = compared(truth, forecasts["first"], truth, name="the first")
    assert said.startswith(f"Against the first ({rmse(forecasts['first'], truth):.2f} degC) it is ")
    assert "better" in said
    assert said.endswith("more than chance would do.")
    said = compared(truth + 1, truth - 1, truth, name="it")
    assert said.endswith(
        "squared error is 0.00 more, with a standard error of 0.00: these days cannot tell the two apart."
    )
