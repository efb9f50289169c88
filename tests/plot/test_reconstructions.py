import numpy as np
import pytest

from chainrule.plot import reconstructions

from .helpers import overlaps, texts

IMAGES = np.random.default_rng(0).random((5, 4, 6, 1)).astype(np.float32)
AGAIN = {"net": IMAGES * 0.5, "PCA\nerror 0.1": IMAGES[::-1] - 0.2}


def test_a_row_for_the_images_and_for_each_model():
    figure = reconstructions(IMAGES, AGAIN)
    drawn = [axes.get_images()[0] for axes in figure.axes]
    assert len(drawn) == 3 * 5
    for row, pictures in enumerate([IMAGES, *AGAIN.values()]):
        for column in range(5):
            np.testing.assert_array_equal(drawn[5 * row + column].get_array(), pictures[column, ..., 0])
    assert {picture.get_clim() for picture in drawn} == {(IMAGES.min(), IMAGES.max())}
    assert {"image", *AGAIN} <= set(texts(figure))
    assert overlaps(figure, ["image", "net", "PCA"]) == []


def test_one_image_of_one_value_in_colour():
    grey = np.zeros((1, 3, 3, 3))
    figure = reconstructions(grey, {"net": grey})
    figure.canvas.draw()
    assert figure.axes[1].get_images()[0].get_array().shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("images", "again", "message"),
    [
        (IMAGES[0, 0], AGAIN, r"images must be \[n, h, w\], .*, got \[6, 1\]"),
        (IMAGES[:0], AGAIN, r"images must be .*, got \[0, 4, 6, 1\]"),
        (IMAGES, {}, "again must hold the images of at least one model, got none"),
        (IMAGES, {"net": IMAGES[:4]}, r"net must have the shape of images, \[5, 4, 6, 1\], got \[4, 4, 6, 1\]"),
        (IMAGES, {"net": IMAGES * np.inf}, "net must be finite"),
        (np.repeat(IMAGES, 3, axis=3) * 255, AGAIN, "images in colour must be from 0 to 1"),
    ],
)
def test_bad_input_is_named(images, again, message):
    with pytest.raises(ValueError, match=f"^reconstructions: {message}"):
        reconstructions(images, again)
