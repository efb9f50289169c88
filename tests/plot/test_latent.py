import numpy as np
import pytest
from matplotlib.colors import to_rgba

from chainrule.plot import latent_plane
from chainrule.plot.style import CLASS_COLOURS

from .helpers import overlaps, texts

RNG = np.random.default_rng(0)
CODES = RNG.uniform([-3, 10], [5, 11], (300, 2))
LABELS = RNG.integers(0, 3, 300)
NAMES = ["0", "1", "2"]


def ramp(points):
    """Images of 2 by 3 pixels: the first row holds the first number, the second row the second."""
    return np.repeat(points[:, :, None], 3, axis=2)[..., None]


def drawn(side=4, **change):
    given = {"codes": CODES, "labels": LABELS, "class_names": NAMES, "decode": ramp} | change
    return latent_plane(**given, side=side)


def test_every_code_is_drawn_in_the_colour_of_its_class():
    left, _ = drawn().axes
    for label, collection in enumerate(left.collections):
        np.testing.assert_allclose(collection.get_offsets(), CODES[np.equal(LABELS, label)])
        np.testing.assert_allclose(collection.get_facecolor()[0], to_rgba(CLASS_COLOURS[label]))


def test_each_tile_is_decoded_from_its_middle():
    _, right = drawn().axes
    (image,) = right.get_images()
    low_x, high_x, low_y, high_y = image.get_extent()
    pixels = image.get_array()
    assert pixels.shape == (4 * 2, 4 * 3)
    assert image.origin == "upper"  # the first row is the highest
    x, y = (np.linspace(low, high, 9)[1::2] for low, high in ((low_x, high_x), (low_y, high_y)))
    np.testing.assert_allclose(pixels[0::2], np.tile(np.repeat(x, 3), (4, 1)), rtol=1e-6)
    np.testing.assert_allclose(pixels[1::2], np.repeat(y[::-1, None], 12, axis=1), rtol=1e-6)


def test_both_panels_show_the_same_part_of_the_plane_and_say_what_is_outside():
    far = CODES.copy()
    far[0] = [500, -500]
    figure = drawn(codes=far)
    left, right = figure.axes
    assert left.get_xlim() == right.get_xlim()
    assert left.get_ylim() == right.get_ylim()
    assert right.get_xlim()[1] < 10
    inside = (far >= [left.get_xlim()[0], left.get_ylim()[0]]) & (far <= [left.get_xlim()[1], left.get_ylim()[1]])
    outside = int((~inside.all(axis=1)).sum())
    assert outside >= 1
    assert f"Codes of 300 images, {outside} outside" in texts(figure)
    assert overlaps(figure, ["Codes", "Decoded", "number"]) == []


def test_long_names_are_told_in_a_legend_and_short_ones_are_the_markers():
    (legend,) = drawn(class_names=["shirt", "boot", "bag"]).legends
    assert [text.get_text() for text in legend.get_texts()] == ["shirt", "boot", "bag"]
    assert drawn().legends == []


def test_codes_that_are_all_the_same_and_one_tile_in_colour():
    figure = drawn(codes=np.ones((300, 2)), side=1, decode=lambda p: np.full((len(p), 2, 2, 3), 0.5))
    figure.canvas.draw()
    assert "Codes of 300 images" in texts(figure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codes": CODES[:, :1]}, r"codes must be \[n, 2\], got \[300, 1\]"),
        ({"codes": CODES[:0]}, r"codes must be \[n, 2\], got \[0, 2\]"),
        ({"codes": CODES * np.nan}, "codes must be finite"),
        ({"labels": LABELS[:5]}, "codes and labels must be as many, got 300 and 5"),
        ({"labels": LABELS + 1}, "labels must be from 0 to 2, got 3 at index"),
        ({"class_names": list("abcdefghijk")}, "class_names must be at most 10, got 11"),
        ({"side": 0}, "side must be a positive integer, got 0"),
        ({"decode": lambda p: p}, r"what decode returns must be \[n, h, w\], .*, got \[16, 2\]"),
        ({"decode": lambda p: ramp(p[:3])}, "decode must return an image for each of 16 points, got 3"),
        ({"decode": lambda p: ramp(p) * np.nan}, "what decode returns must be finite"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=f"^latent_plane: {message}"):
        drawn(**change)
