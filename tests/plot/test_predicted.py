import numpy as np
import pytest
from sklearn import metrics

from chainrule.plot import predicted_against_true

from .helpers import overlaps, texts

RNG = np.random.default_rng(4)
TRUTH = RNG.normal(23, 8, 300)
PREDICTED = TRUTH + RNG.normal(1, 3, 300)


def title(figure):
    return figure.axes[0].get_title(loc="left")


def test_points_diagonal_and_scores():
    figure = predicted_against_true(TRUTH, PREDICTED, name="fuel economy (mpg)")
    (axes,) = figure.axes
    points, diagonal = axes.get_lines()
    np.testing.assert_array_equal(points.get_xdata(), TRUTH)
    np.testing.assert_array_equal(points.get_ydata(), PREDICTED)
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlim()[0] < min(TRUTH.min(), PREDICTED.min())
    rmse = metrics.root_mean_squared_error(TRUTH, PREDICTED)
    assert title(figure) == f"RMSE {rmse:.4g} mpg, R² {metrics.r2_score(TRUTH, PREDICTED):.3f} (300 examples)"
    assert axes.get_xlabel() == "true fuel economy (mpg)"
    assert axes.get_ylabel() == "predicted fuel economy (mpg)"
    assert overlaps(figure, ["RMSE", "true", "predicted"]) == []


def test_of_many_the_density_is_drawn():
    truth = RNG.normal(size=5000)
    predicted = truth + RNG.normal(size=5000)
    figure = predicted_against_true(truth, predicted)
    axes, bar = figure.axes
    (cells,) = axes.collections
    assert cells.get_array().sum() == 5000
    assert bar.get_ylabel() == "examples a hexagon"
    assert axes.get_xlabel() == "true target"


def test_worse_than_the_mean_is_negative_and_a_constant_truth_has_no_share():
    assert "R² −" in title(predicted_against_true([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]))
    constant = predicted_against_true(np.full(5, 0.1), np.full(5, 0.3))
    assert title(constant) == "RMSE 0.2, R² undefined (5 examples)"
    one = predicted_against_true([2.0], [2.0])
    assert title(one) == "RMSE 0, R² undefined (1 example)"
    one.canvas.draw()


def test_large_and_small_numbers_are_plain():
    figure = predicted_against_true(TRUTH * 1e4, PREDICTED * 1e4)
    rmse = 1e4 * metrics.root_mean_squared_error(TRUTH, PREDICTED)
    assert title(figure).startswith(f"RMSE {rmse:,.0f}, R²")
    figure.canvas.draw()
    assert {"200,000", "400,000"} <= set(texts(figure))
    small = predicted_against_true(TRUTH / 1e4, PREDICTED / 1e4)
    small.canvas.draw()
    assert "0.002" in texts(small)


def test_a_name_of_any_characters_is_written():
    figure = predicted_against_true(TRUTH, PREDICTED, name="what $a$ was\nat the very end of a long, long year ($)")
    figure.canvas.draw()
    assert r"true what \$a\$ was at the very end of a long,…" in texts(figure)
    assert r"RMSE" in title(figure)
    assert r" \$, R²" in title(figure)


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([], [], r"truth must be \[n\], one an example, got \[0\]"),
        ([[1.0]], [[1.0]], r"truth must be \[n\], one an example, got \[1, 1\]"),
        ([1.0, 2.0], [1.0], r"predicted must be \[2\], one an example, got \[1\]"),
        ([1.0, np.nan], [1.0, 1.0], "truth must be finite"),
        ([1.0, 2.0], [1.0, np.inf], "predicted must be finite"),
    ],
)
def test_bad_input_is_named(truth, predicted, message):
    with pytest.raises(ValueError, match=f"^predicted_against_true: {message}"):
        predicted_against_true(truth, predicted)
