import numpy as np
import pytest

from chainrule.plot import descent

from .helpers import overlaps, texts

PATH = np.stack([2 - 2 * 0.5 ** np.arange(12), 1 - 0.9 ** np.arange(12)], axis=1)
LABELS = {"names": ("first", "second"), "quantity": "loss above the least (°C²)", "title": "Down the bowl"}


def bowl(first, second):
    return (first - 2) ** 2 + 0.1 * (second - 1) ** 2


EXCESS = bowl(*PATH.T)


def test_the_path_lies_over_the_contours_and_the_excess_beside_it():
    figure = descent(PATH, bowl, EXCESS, **LABELS)
    left, right = figure.axes
    path = next(line for line in left.get_lines() if len(line.get_xdata()) == 12)
    np.testing.assert_array_equal(np.stack([path.get_xdata(), path.get_ydata()], axis=1), PATH)
    (contours,) = [one for one in left.collections if hasattr(one, "levels")]
    assert np.all((contours.levels > 0) & (np.diff(contours.levels, prepend=0) > 0))
    np.testing.assert_array_equal(right.get_lines()[0].get_ydata(), EXCESS)
    assert right.get_yscale() == "log"
    assert (left.get_xlabel(), left.get_ylabel(), right.get_ylabel()) == ("first", "second", LABELS["quantity"])
    assert {"start", "end", "Down the bowl", "step"} <= set(texts(figure))
    assert overlaps(figure, ["start", "end", "Down", "Above", "loss", "second"]) == []


def test_an_excess_of_rounding_is_left_out():
    excess = EXCESS.copy()
    excess[[3, -1]] = 0, -1e-17
    line = descent(PATH, bowl, excess, **LABELS).axes[1].get_lines()[0]
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2, 4, 5, 6, 7, 8, 9, 10])


def test_a_path_that_never_moves_is_drawn():
    figure = descent(np.ones((3, 2)), bowl, np.zeros(3), **LABELS)
    figure.canvas.draw()
    low, high = figure.axes[0].get_xlim()
    assert low < 1 < high  # there is room about the one point


@pytest.mark.parametrize(
    ("path", "excess", "message"),
    [
        (PATH[:, :1], EXCESS, r"path must be \[n, 2\] with n at least 2, got \[12, 1\]"),
        (PATH[:1], EXCESS[:1], "path must be"),
        (PATH, EXCESS[1:], r"excess must be \[12\], one a point, got \[11\]"),
        (PATH * np.nan, EXCESS, "path and excess must be finite"),
    ],
)
def test_bad_input_is_named(path, excess, message):
    with pytest.raises(ValueError, match=f"^descent: {message}"):
        descent(path, bowl, excess, **LABELS)
