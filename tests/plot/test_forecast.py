import numpy as np
import pytest

from chainrule.plot import forecast

from .helpers import overlaps, texts

DATES = np.arange("2014-11-20", "2015-02-18", dtype="datetime64[D]")
RNG = np.random.default_rng(8)
TRUTH = RNG.normal(10, 4, len(DATES))
PREDICTED = TRUTH - RNG.normal(0.5, 2, len(DATES))


def drawn(**changes):
    given = {"dates": DATES, "truth": TRUTH, "predicted": PREDICTED, "name": "LSTM", "quantity": "maximum (°C)"}
    given |= changes
    return forecast(given.pop("dates"), given.pop("truth"), given.pop("predicted"), **given)


def test_truth_and_forecast_above_and_residuals_below():
    above, below = drawn().axes
    lines = {line.get_label(): line.get_ydata() for line in above.get_lines()}
    np.testing.assert_array_equal(lines["truth"], TRUTH)
    np.testing.assert_array_equal(lines["LSTM"], PREDICTED)
    assert (above.get_ylabel(), below.get_ylabel()) == ("maximum (°C)", "truth − forecast (°C)")
    bars = below.collections[0].get_segments()
    np.testing.assert_allclose([bar[1][1] for bar in bars], TRUTH - PREDICTED)
    assert above.get_shared_x_axes().joined(above, below)


def test_the_spread_is_written_and_drawn():
    figure = drawn()
    spread = np.sqrt(np.mean((TRUTH - PREDICTED) ** 2))
    title = figure.axes[1].get_title(loc="left")
    assert f"root mean square {spread:.2f} °C" in title
    assert f"mean absolute {np.mean(np.abs(TRUTH - PREDICTED)):.2f} °C" in title
    (band,) = figure.axes[1].patches
    assert (band.get_y(), band.get_height()) == pytest.approx((-spread, 2 * spread))


def test_months_and_the_year_are_at_the_axis_and_nothing_overlaps():
    figure = drawn()
    figure.canvas.draw()
    written = texts(figure)
    assert {"Dec", "Jan", "Feb"} <= set(written)
    assert any("2015" in text for text in written)
    assert overlaps(figure, ["truth", "LSTM", "Forecast", "What is left", "maximum"]) == []


def test_a_quantity_without_a_unit_has_none():
    figure = drawn(quantity="load")
    assert figure.axes[1].get_ylabel() == "truth − forecast"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dates": np.arange(len(DATES))}, "dates must be at least two of datetime64, rising, got int64"),
        ({"dates": DATES[::-1]}, "dates must be at least two of datetime64, rising"),
        ({"dates": DATES[:1], "truth": TRUTH[:1], "predicted": PREDICTED[:1]}, "dates must be at least two"),
        ({"truth": TRUTH[1:]}, r"truth must be \[90\], one a date, got \[89\]"),
        ({"predicted": PREDICTED[:, None]}, r"predicted must be \[90\], one a date, got \[90, 1\]"),
        ({"predicted": np.full(len(DATES), np.nan)}, "predicted must be finite, got NaN or infinity"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=f"^forecast: {message}"):
        drawn(**change)
