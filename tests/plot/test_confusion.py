import numpy as np
import pytest
from sklearn import metrics

from chainrule.plot import confusion, confusion_matrix

from .helpers import overlaps, texts

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 5, 300)
PREDICTED = np.where(RNG.random(300) < 0.2, RNG.integers(0, 4, 300), TRUE)


def test_the_matrix_is_that_of_scikit_learn():
    expected = metrics.confusion_matrix(TRUE, PREDICTED, labels=range(6))
    np.testing.assert_array_equal(confusion_matrix(TRUE.astype(np.uint8), PREDICTED, 6), expected)
    assert not np.array_equal(expected, expected.T)


def test_many_classes_in_a_small_type_do_not_overflow():
    matrix = confusion_matrix(np.array([99], np.int8), np.array([98], np.int8), 100)
    assert (matrix[99, 98], matrix.sum()) == (1, 1)


def test_rows_are_true_columns_predicted_and_the_numbers_are_written():
    figure = confusion([0, 0, 0, 1, 2, 2], [0, 1, 1, 1, 2, 0], ["cat", "dog", "emu"])
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert axes.get_title() == "Accuracy 50.0 % (3 of 6)"
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells[1, 0] == "2"  # column 1, row 0: two cats taken for dogs
    assert cells[0, 2] == "1"
    assert (0, 1) not in cells
    assert [t.get_text() for t in axes.get_xticklabels()] == ["cat", "dog", "emu"]
    for text in ("33.3 %", "100.0 %", "50.0 %", "recall"):
        assert text in texts(figure)


def test_the_colours_are_for_the_mistakes():
    true, predicted = [0] * 100 + [1] * 100, [0] * 98 + [1] * 2 + [1] * 99 + [0]
    colours = confusion(true, predicted, ["a", "b"]).axes[0].get_images()[0].get_array()
    assert np.ptp(colours[0, 0]) == np.ptp(colours[1, 1]) == 0  # grey
    assert np.ptp(colours[0, 1]) > np.ptp(colours[1, 0]) > 0.1


@pytest.mark.parametrize("names", [["n", "y"], list("0123456789"), ["a long name", "another long name", "third"]])
def test_texts_do_not_overlap(names):
    labels = np.arange(5000) % len(names)
    figure = confusion(labels, np.roll(labels, 1), names)
    assert overlaps(figure, ["Accuracy", "recall", "%", "predicted", "true", *names[-1:]]) == []


def test_a_class_without_examples_has_no_recall():
    assert "none" in texts(confusion([0, 0], [0, 1], ["a", "b"]))


def test_no_mistakes_are_drawn_too():
    assert confusion([0, 1], [0, 1], ["a", "b"]).axes[0].get_title() == "Accuracy 100.0 % (2 of 2)"


@pytest.mark.parametrize(
    ("labels", "predictions", "names", "message"),
    [
        ([0, 1], [0], "ab", "class_names must be a sequence of strings"),
        ([0, 1], [0], ["a"], "class_names must name at least two classes"),
        ([0, 1], [0], ["a", "b"], "must be of one length, got 2 and 1"),
        ([0, 2], [0, 1], ["a", "b"], "labels must be from 0 to 1, got 2 at index 1"),
        ([0, 1], [-1, 1], ["a", "b"], "predictions must be from 0 to 1, got -1 at index 0"),
        ([0.0, 1.0], [0, 1], ["a", "b"], r"labels must be a vector of integers, got float64\[2\]"),
        ([0, 1], [[0, 1]], ["a", "b"], r"predictions must be a vector of integers, got int64\[1, 2\]"),
        (np.zeros(0, int), np.zeros(0, int), ["a", "b"], "labels must have at least one label, got none"),
    ],
)
def test_bad_input_is_named(labels, predictions, names, message):
    with pytest.raises(ValueError, match=message):
        confusion(labels, predictions, names)
