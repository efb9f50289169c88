import jax
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from chainrule.plot import decision_boundary
from chainrule.plot.style import CLASS_COLOURS, new_figure

from .helpers import overlaps, texts

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(np.int32)


def right_half(points):
    """The probability of class 1: rises from left to right, a half at x = 0."""
    return 1 / (1 + np.exp(-9 * points[:, 0]))


def in_three(points):
    return jax.nn.softmax(points @ np.array([[3.0, -3.0, 0.0], [1.0, 1.0, -4.0]]))


def boundary_of(axes):
    (contour,) = [c for c in axes.collections if type(c).__name__ == "QuadContourSet"]
    return np.concatenate([path.vertices for path in contour.get_paths()])


def test_the_boundary_is_where_the_probability_is_a_half():
    figure = decision_boundary(right_half, X, Y, class_names=("left", "right"), title="Halves")
    (axes,) = figure.axes
    np.testing.assert_allclose(boundary_of(axes)[:, 0], 0, atol=0.02)
    assert {"Halves", "left", "right"} <= set(texts(figure))
    assert overlaps(figure, ["Halves", "left", "right"]) == []


def test_the_fill_is_the_mixture_of_the_colours():
    def certain(points):
        return (points[:, 0] > 0).astype(float)[:, None]

    image = decision_boundary(certain, X, Y).axes[0].get_images()[0].get_array()
    for column, colour in ((0, CLASS_COLOURS[0]), (-1, CLASS_COLOURS[1])):
        np.testing.assert_allclose(image[0, column], 1 - 0.45 * (1 - np.array(to_rgb(colour))))


def test_two_ways_of_saying_two_classes_are_one_picture():
    def both(points):
        return np.stack([1 - right_half(points), right_half(points)], axis=1)

    one, other = (decision_boundary(p, X, Y).axes[0].get_images()[0].get_array() for p in (right_half, both))
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_frames_side_by_side():
    figure = new_figure(3)
    frames = figure.subplots(1, 2)
    for axes in frames:
        assert decision_boundary(in_three, X, Y, axes=axes, resolution=20, title="frame") is figure
    assert len(figure.axes) == 2
    assert all(axes.get_title(loc="left") == "frame" for axes in frames)


def test_a_classifier_without_a_boundary_and_a_class_without_examples():
    figure = decision_boundary(lambda points: np.zeros(len(points)), X, np.zeros(40, int), class_names=["a", "b"])
    figure.canvas.draw()
    assert "b" in texts(figure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X[:, :1]}, r"x must be \[n, 2\], got \[40, 1\]"),
        ({"x": X[:0], "y": Y[:0]}, r"x must be \[n, 2\], got \[0, 2\]"),
        ({"x": X * np.nan}, "x must be finite"),
        ({"y": Y[:3]}, "x and y must be as many, got 40 and 3"),
        ({"y": Y + 1}, "y must be from 0 to 1, got 2 at index"),
        ({"y": Y + 0.5}, "y must be a vector of integers"),
        ({"class_names": ["a", "b", "c"]}, "class_names must name 2 classes, got "),
        ({"resolution": 1}, "resolution must be at least 2, got 1"),
        ({"predict": lambda p: p[:, :1] * 50}, "predict must return probabilities that sum to 1"),
        (
            {"predict": lambda p: p[:5]},
            r"predict must return \[40000, classes\], 2 to 8 classes, .*, got \[5, 2\]",
        ),
        ({"predict": lambda p: np.ones((len(p), 9)) / 9}, r"2 to 8 classes, .*, got \[40000, 9\]"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"predict": right_half, "x": X, "y": Y} | change
    with pytest.raises(ValueError, match=f"^decision_boundary: .*{message}"):
        decision_boundary(**given)
