import numpy as np
import pytest

from chainrule.plot.augmented import augmented

from .helpers import overlaps, texts

IMAGES = np.random.default_rng(0).random((3, 4, 6, 1)).astype(np.float32)
DRAWS = np.stack([IMAGES * 0.5, IMAGES[:, ::-1], IMAGES[:, :, ::-1], IMAGES * 2])


def drawn(figure):
    return [axes.get_images()[0] for axes in figure.axes]


def test_each_row_is_an_image_and_its_draws():
    figure = augmented(IMAGES, DRAWS, ["7", "1", "4"])
    pictures = drawn(figure)
    assert len(pictures) == 3 * 5
    for row in range(3):
        np.testing.assert_array_equal(pictures[5 * row].get_array(), IMAGES[row, ..., 0])
        for draw in range(4):
            np.testing.assert_array_equal(pictures[5 * row + 1 + draw].get_array(), DRAWS[draw, row, ..., 0])
    assert {"image", "augmented", "7", "1", "4"} <= set(texts(figure))
    assert overlaps(figure, ["image", "augmented"]) == []


def test_one_scale_serves_all():
    assert {picture.get_clim() for picture in drawn(augmented(IMAGES, DRAWS))} == {(IMAGES.min(), IMAGES.max())}


def test_colour_is_kept_and_clipped():
    figure = augmented(np.repeat(IMAGES, 3, axis=3), np.repeat(DRAWS, 3, axis=4))
    assert drawn(figure)[4].get_array().shape == (4, 6, 3)
    assert drawn(figure)[4].get_array().max() == 1


def test_without_a_channel_and_of_one_value():
    figure = augmented(IMAGES[:1, ..., 0] * 0, [IMAGES[:1, ..., 0]])
    assert len(figure.axes) == 2
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("images", "draws", "names", "message"),
    [
        (IMAGES[0, 0], DRAWS, None, r"images must be .*, got \[6, 1\]"),
        (IMAGES[:0], DRAWS[:, :0], None, r"images must be .*, got \[0, 4, 6, 1\]"),
        (np.repeat(IMAGES, 2, axis=3), DRAWS, None, r"images must be .*, got \[3, 4, 6, 2\]"),
        (IMAGES, IMAGES, None, r"draws must be \['k', 3, 4, 6, 1\], got \[3, 4, 6, 1\]"),
        (IMAGES, DRAWS[:0], None, r"draws must be .*, got \[0, 3, 4, 6, 1\]"),
        (IMAGES, DRAWS[:, :2], None, r"draws must be .*, got \[4, 2, 4, 6, 1\]"),
        (IMAGES, DRAWS, ["7"], "names must be one for each of 3 images, got 1"),
        (IMAGES, DRAWS * np.nan, None, "images and draws must be finite"),
        (np.repeat(IMAGES, 3, axis=3) * 255, np.repeat(DRAWS, 3, axis=4), None, "images in colour must be from 0 to 1"),
    ],
)
def test_bad_input_is_named(images, draws, names, message):
    with pytest.raises(ValueError, match=f"^augmented: {message}"):
        augmented(images, draws, names)
