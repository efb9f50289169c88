import numpy as np
import pytest

from chainrule.plot import residuals

from .helpers import overlaps, texts

DATES = np.arange("2013-11-20", "2015-02-18", dtype="datetime64[D]")
HELD_OUT = np.datetime64("2014-10-01")
RNG = np.random.default_rng(8)
TRUTH = RNG.normal(10, 4, len(DATES))
PREDICTED = TRUTH - RNG.normal(0.5, 2, len(DATES))
CUT = int(np.searchsorted(DATES, HELD_OUT))


def drawn(**changes):
    given = {"dates": DATES, "truth": TRUTH, "predicted": PREDICTED, "held_out": HELD_OUT}
    given |= {"name": "the fit", "quantity": "maximum (°C)"} | changes
    return residuals(given.pop("dates"), given.pop("truth"), given.pop("predicted"), **given)


def test_residuals_stand_against_time_month_and_forecast():
    time, month, said = drawn().axes
    left = TRUTH - PREDICTED
    lines = {line.get_label(): line for line in time.get_lines()}
    np.testing.assert_array_equal(lines["fitted to"].get_ydata(), left[:CUT])
    np.testing.assert_array_equal(lines["held out"].get_ydata(), left[CUT:])
    np.testing.assert_allclose(lines["mean of 31 days"].get_ydata()[0], left[:31].mean())
    assert lines["mean of 31 days"].get_xdata()[0] == DATES[15]
    points = next(line for line in said.get_lines() if len(line.get_xdata()) == len(left) - CUT)
    np.testing.assert_array_equal(points.get_xdata(), PREDICTED[CUT:])
    places = next(line for line in month.get_lines() if len(line.get_xdata()) == CUT).get_xdata()
    assert places[0] == pytest.approx(10 + 19 / 30)  # the 20th of November


def test_the_mean_of_each_month_is_drawn():
    month = drawn().axes[1]
    left = TRUTH - PREDICTED
    number = DATES.astype("datetime64[M]").astype(int) % 12
    bars = {
        line.get_xdata()[0]: line.get_ydata()[0] for line in month.get_lines() if list(np.diff(line.get_xdata())) == [1]
    }
    assert bars.keys() >= set(range(12))
    for k in range(12):
        assert bars[k] == pytest.approx(left[number == k].mean())


def test_labels_have_units_and_nothing_overlaps():
    figure = drawn()
    assert [axes.get_ylabel() for axes in figure.axes[:2]] == ["truth − forecast (°C)"] * 2
    assert figure.axes[2].get_xlabel() == "forecast of the maximum (°C)"
    assert {"J", "D", "held out", "fitted to"} <= set(texts(figure))
    assert overlaps(figure, ["truth", "fit", "held", "mean of", "By month", "Against"]) == []
    assert drawn(quantity="load").axes[0].get_ylabel() == "truth − forecast"


def test_a_few_days_are_drawn_without_means():
    few = slice(CUT - 2, CUT + 2)
    figure = drawn(dates=DATES[few], truth=TRUTH[few], predicted=PREDICTED[few])
    assert "mean of 31 days" not in texts(figure)
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dates": np.arange(len(DATES))}, "dates must be datetime64"),
        ({"dates": DATES[::-1]}, "dates must be datetime64.*rising"),
        ({"held_out": DATES[1]}, "held_out must leave two days on either side of it, got 2013-11-21"),
        ({"held_out": DATES[-1]}, "held_out must leave two days"),
        ({"truth": TRUTH[1:]}, "truth must be .* one a date"),
        ({"predicted": np.full(len(DATES), np.nan)}, "predicted must be finite, got NaN or infinity"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=f"^residuals: {message}"):
        drawn(**change)
