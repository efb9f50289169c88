from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from chainrule.recipes import RECIPES, read_run
from chainrule.recipes.image_file import read_image

pytestmark = pytest.mark.slow  # a whole training before the first of them

MNIST = ((28, 28, 1), RECIPES["mnist"]["mlp"].ink_box, RECIPES["mnist"]["mlp"].ink_centre)
DIGITS = ((8, 8, 1), RECIPES["digits"]["mlp"].ink_box, RECIPES["digits"]["mlp"].ink_centre)


def draw_seven(size=200, ink=0, paper=255, mode="L"):
    image = Image.new(mode, (size, size), paper)
    points = [(0.3, 0.2), (0.7, 0.2), (0.45, 0.8)]
    ImageDraw.Draw(image).line([(x * size, y * size) for x, y in points], fill=ink, width=size // 14)
    return image


def test_the_ink_fills_its_box_and_its_centre_of_mass_is_in_place(tmp_path):
    draw_seven().save(tmp_path / "7.png")
    image, done = read_image(tmp_path / "7.png", *MNIST)
    assert image.shape == (28, 28, 1)
    assert image.dtype == np.float32
    assert image.min() == 0
    assert image.max() == 1
    rows, columns = np.flatnonzero(image.any(axis=(1, 2))), np.flatnonzero(image.any(axis=(0, 2)))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for axis in (0, 1):
        index = np.indices(image.shape)[axis]
        assert (image * index).sum() / image.sum() == pytest.approx(14, abs=0.51)
    assert done.startswith("200x200 pixels, dark on light, inverted, ink scaled to ")


def test_polarity_colour_place_and_size_make_no_difference(tmp_path):
    base, _ = None, None
    draw_seven().save(tmp_path / "base.png")
    base, _ = read_image(tmp_path / "base.png", *MNIST)
    variants = {
        "light on dark": draw_seven(ink=255, paper=0),
        "grey on grey": draw_seven(ink=60, paper=180),
        "moved": Image.new("L", (500, 400), 255),
        "colour": draw_seven(ink=(0, 0, 160), paper=(255, 255, 230), mode="RGB"),
        "palette": draw_seven().convert("P"),
        "transparent": draw_seven(ink=(0, 0, 0, 255), paper=(0, 0, 0, 0), mode="RGBA"),
        "one bit": draw_seven().convert("1"),
        "16 bits": Image.fromarray(np.asarray(draw_seven()).astype(np.uint16) * 200),
        "large": draw_seven(size=1600),
    }
    variants["moved"].paste(draw_seven(), (290, 30))
    for name, image in variants.items():
        image.save(tmp_path / "variant.png")
        got, _ = read_image(tmp_path / "variant.png", *MNIST)
        assert np.abs(got - base).mean() < (0.015 if name == "large" else 0.002), name


def test_an_image_of_the_right_size_is_used_as_it_is(tmp_path, result):
    x = result.dataset.test[0][0]
    grey = (x[..., 0] * 255).round().astype(np.uint8)
    for pixels, words in (
        (grey, "light on dark, used as it is"),
        (255 - grey, "dark on light, inverted, used as it is"),
    ):
        Image.fromarray(pixels).save(tmp_path / "x.png")
        image, done = read_image(tmp_path / "x.png", *DIGITS)
        np.testing.assert_allclose(image, x, atol=1 / 255)
        assert done == f"8x8 pixels, {words}"


@pytest.mark.parametrize("inverted", [False, True])
def test_held_out_digits_as_pictures_are_mostly_classified_rightly(written, result, tmp_path, inverted):
    run = read_run(written)
    x, y = (part[:60] for part in result.dataset.test)
    rng = np.random.default_rng(0)
    images = []
    for digit in x:
        picture = Image.fromarray((digit[..., 0] * 200).astype(np.uint8)).resize((96, 96), Image.Resampling.BICUBIC)
        page = Image.new("L", (200, 170))
        page.paste(picture, (int(rng.integers(1, 100)), int(rng.integers(1, 70))))
        (page.point(lambda grey: 255 - grey) if inverted else page).save(tmp_path / "digit.png")
        images.append(read_image(tmp_path / "digit.png", *DIGITS)[0])
    right = run.probabilities(np.stack(images)).argmax(axis=1) == y
    assert right.mean() > 0.85


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_image(tmp_path / "none.png", *MNIST)
    with pytest.raises(ValueError, match="is a folder: give an image file"):
        read_image(tmp_path, *MNIST)
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(ValueError, match=r"text.png: not an image that can be read"):
        read_image(tmp_path / "text.png", *MNIST)
    draw_seven().save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"cut.png: the image cannot be read"):
        read_image(tmp_path / "cut.png", *MNIST)
    Image.new("L", (40, 40), 255).save(tmp_path / "blank.png")
    with pytest.raises(ValueError, match=r"blank.png: the image is blank"):
        read_image(tmp_path / "blank.png", *MNIST)
    Image.new("L", (1, 1), 255).save(tmp_path / "dot.png")
    with pytest.raises(ValueError, match="the image is blank"):
        read_image(tmp_path / "dot.png", *MNIST)


def test_an_image_of_a_floating_point_format_may_not_hold_nan(tmp_path):
    values = np.zeros((30, 30), np.float32)
    values[10, 10:20] = 3.5
    Image.fromarray(values).save(tmp_path / "good.tiff")
    image, _ = read_image(tmp_path / "good.tiff", *MNIST)
    assert image.max() == 1
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "bad.tiff")
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        read_image(tmp_path / "bad.tiff", *MNIST)


def test_a_stroke_wider_than_the_image_is_high_keeps_its_proportions(tmp_path):
    image = Image.new("L", (400, 60), 0)
    ImageDraw.Draw(image).line([(20, 30), (380, 30)], fill=255, width=18)
    image.save(tmp_path / "dash.png")
    _, done = read_image(tmp_path / "dash.png", *MNIST)
    assert "ink scaled to 20x1 and" in done
