import numpy as np
import pytest

from chainrule.plot import mistakes

from .helpers import overlaps, texts

IMAGES = np.random.default_rng(0).random((5, 4, 6, 1)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1])
PROBABILITIES = np.array(
    [[0.1, 0.6, 0.3], [0.1, 0.8, 0.1], [0.02, 0.98, 0.0], [0.9, 0.1, 0.0], [0.75, 0.25, 0.0]], np.float32
)
NAMES = ["7", "1", "4"]


def test_the_most_confident_mistakes_come_first():
    figure = mistakes(IMAGES, LABELS, PROBABILITIES, NAMES)
    assert [axes.get_title() for axes in figure.axes] == ["4 → 1, 0.98", "1 → 7, 0.75", "7 → 1, 0.60"]
    np.testing.assert_array_equal(figure.axes[0].get_images()[0].get_array(), IMAGES[2, ..., 0])
    assert "3 mistakes among 5 images" in texts(figure)


def test_at_most_so_many():
    figure = mistakes(IMAGES[..., 0], LABELS, PROBABILITIES, NAMES, most=1)
    assert len(figure.axes) == 1
    assert "3 mistakes among 5 images; the 1 most confident" in texts(figure)


def test_titles_do_not_overlap():
    names = ["ankle boot", "T-shirt", "pullover"]
    images, labels = np.tile(IMAGES, (8, 1, 1, 1)), np.tile(LABELS, 8)
    figure = mistakes(images, labels, np.tile(PROBABILITIES, (8, 1)), names)
    assert len(figure.axes) == 24
    assert overlaps(figure, ["→"]) == []


def test_no_mistakes_is_a_picture_that_says_so():
    assert texts(mistakes(IMAGES, LABELS, np.eye(3)[LABELS], NAMES)) == ["No mistakes among 5 images"]


def test_a_near_certainty_is_not_rounded_to_one():
    figure = mistakes(IMAGES[:1], [1], [[0.99996, 0.00004, 0.0]], NAMES)
    assert [axes.get_title() for axes in figure.axes] == ["1 → 7, 0.9999"]


def test_colour_images():
    figure = mistakes(np.repeat(IMAGES, 3, axis=3), LABELS, PROBABILITIES, NAMES)
    assert figure.axes[0].get_images()[0].get_array().shape == (4, 6, 3)


@pytest.mark.parametrize(
    ("images", "labels", "probabilities", "most", "message"),
    [
        (IMAGES[0, 0], LABELS, PROBABILITIES, 4, r"images must be .*, got \[6, 1\]"),
        (IMAGES[:4], LABELS, PROBABILITIES, 4, "images and labels must be as many, got 4 and 5"),
        (IMAGES[:, :0], LABELS, PROBABILITIES, 4, "images must have at least one pixel"),
        (IMAGES * np.nan, LABELS, PROBABILITIES, 4, "images must be finite"),
        (
            np.repeat(IMAGES, 3, axis=3) * 255,
            LABELS,
            PROBABILITIES,
            4,
            "images in colour must be from 0 to 1",
        ),
        (IMAGES, LABELS + 1, PROBABILITIES, 4, "labels must be from 0 to 2, got 3 at index 2"),
        (IMAGES, LABELS, PROBABILITIES[:, :2], 4, r"probabilities must be \[5, 3\], got \[5, 2\]"),
        (IMAGES, LABELS, PROBABILITIES * 9 - 3, 4, "probabilities must be rows .* that sum to 1 .*got row 0"),
        (IMAGES, LABELS, PROBABILITIES * np.nan, 4, "probabilities must be rows .* that sum to 1"),
        (IMAGES, LABELS, PROBABILITIES, 0, "most must be at least 1, got 0"),
    ],
)
def test_bad_input_is_named(images, labels, probabilities, most, message):
    with pytest.raises(ValueError, match=f"^mistakes: {message}"):
        mistakes(images, labels, probabilities, NAMES, most=most)
