import numpy as np
import pytest

from chainrule.plot import importance
from chainrule.plot.names import short

from .helpers import overlaps, texts


def test_bars_are_sorted_the_greatest_on_top():
    figure = importance(["a", "b", "c"], [0.1, 0.4, -0.02], [0.01, 0.05, 0.03], score="accuracy")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a", "c"]
    bars = sorted(axes.patches, key=lambda bar: bar.get_y())
    assert [bar.get_width() for bar in bars] == [0.4, 0.1, -0.02]
    low, high = axes.get_ylim()
    assert low > high  # the first at the top
    assert bars[0].get_facecolor() == bars[1].get_facecolor() != bars[2].get_facecolor()
    (lines,) = (found for found in axes.collections)
    np.testing.assert_allclose(
        sorted(s[:, 0].tolist() for s in lines.get_segments()), [[-0.05, 0.01], [0.09, 0.11], [0.35, 0.45]]
    )
    assert axes.get_xlabel() == "how much worse the accuracy gets, column shuffled (± 1 std. deviation)"
    assert axes.get_title(loc="left") == "Permutation importance"


def test_twenty_at_most():
    names = [f"a column with a name that is rather long, number {k}" for k in range(33)]
    means = np.random.default_rng(0).permutation(33) / 33
    figure = importance(names, means, np.full(33, 0.02), score="RMSE (mpg)")
    (axes,) = figure.axes
    assert len(axes.patches) == 20
    assert min(bar.get_width() for bar in axes.patches) == 13 / 33
    assert axes.get_title(loc="left") == "Permutation importance: the 20 greatest of 33"
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert all(len(label) == 32 and label.endswith("…") for label in labels)
    assert overlaps(figure, ["a column", "Permutation", "RMSE"]) == []


def test_one_column_and_nothing_but_zeros():
    figure = importance(["only"], [0.0], [0.0], score="R²")
    figure.canvas.draw()
    assert "only" in texts(figure)


def test_names_are_cut_and_dollars_are_no_formula():
    assert short("price  in\n$ and $", 40) == r"price in \$ and \$"
    assert short("x" * 11, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("names", "means", "deviations", "message"),
    [
        ([], [], [], "names must be at least one string"),
        ("ab", [0.1, 0.2], [0, 0], "names must be at least one string"),
        ([1, 2], [0.1, 0.2], [0, 0], "names must be at least one string"),
        (["a"], [0.1, 0.2], [0], r"means must be \[1\], one a name, got \[2\]"),
        (["a"], [np.nan], [0], "means must be finite"),
        (["a"], [0.1], [[0.1]], r"deviations must be \[1\], one a name, got \[1, 1\]"),
        (["a"], [0.1], [-0.1], "deviations must be 0 or more, got -0.1"),
    ],
)
def test_bad_input_is_named(names, means, deviations, message):
    with pytest.raises(ValueError, match=f"^importance: {message}"):
        importance(names, means, deviations, score="accuracy")
