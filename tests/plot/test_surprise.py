import warnings

import numpy as np
import pytest

from chainrule.plot import save, surprise
from chainrule.plot.style import DPI

from .helpers import overlaps, texts


def test_each_character_stands_on_the_colour_of_its_surprise():
    text = "one\ntwo" + "x" * 77 + "\nend"
    nats = np.arange(len(text)) / 20
    figure = surprise(text, nats)
    axes = figure.axes[0]
    lines = [t.get_text() for t in axes.texts]
    # 80 characters a line; the end of a line is one of them.
    assert lines == ["one↵", "two" + "x" * 77, "↵", "end"]
    ground = axes.get_images()[0].get_array()
    assert ground.shape == (4, 80)
    np.testing.assert_allclose(ground[0, :4], nats[:4])
    np.testing.assert_allclose(ground[1], nats[4:84])
    assert ground[2, 0] == nats[84]
    np.testing.assert_allclose(ground[3, :3], nats[85:])
    assert np.ma.getmaskarray(np.ma.masked_invalid(ground)).sum() == 320 - len(text)
    assert f"-ln p, in nats; {nats.mean():.3f} in the mean of this passage" in texts(figure)


def test_characters_stand_in_their_cells():
    figure = surprise("m" * 80 + "i" * 40, np.zeros(120))
    figure.set_dpi(DPI)
    figure.canvas.draw()
    axes = figure.axes[0]
    for line, cells in zip(axes.texts, (80, 40), strict=True):
        box = line.get_window_extent()
        left, right = axes.transData.transform([(0, 0), (cells, 0)])[:, 0]
        assert abs(box.x0 - left) < 2
        assert abs(box.x1 - right) < 4  # pixels, of 14 a cell
    assert overlaps(figure, ["How surprising", "mmm", "iii", "or more", "-ln p"]) == []


def test_a_character_that_was_given_is_left_white():
    figure = surprise("abc", [np.nan, 1.0, 2.0])
    ground = figure.axes[0].get_images()[0].get_array()
    assert np.ma.getmaskarray(np.ma.masked_invalid(ground))[0, :3].tolist() == [True, False, False]
    assert "-ln p, in nats; 1.500 in the mean of this passage" in texts(figure)


def test_what_the_font_lacks_is_a_square_and_nothing_is_a_formula(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = surprise("a\t漢$x^2$\x07é\ufffd", np.zeros(11))
        save(figure, tmp_path / "surprise.png")
    assert figure.axes[0].texts[0].get_text() == "a □$x^2$□é\ufffd"


@pytest.mark.parametrize(
    ("text", "nats", "most", "message"),
    [
        ("", [], 5.0, "text must have at least one character"),
        ("ab", [1.0], 5.0, r"nats must be a number for each of 2 characters, got \[1\]"),
        ("ab", [1.0, np.inf], 5.0, "nats must be finite"),
        ("ab", [np.nan, np.nan], 5.0, "nats must be finite, or NaN for some"),
        ("ab", [1.0, 2.0], 0.0, "most must be above 0 and finite, got 0"),
    ],
)
def test_bad_input_is_named(text, nats, most, message):
    with pytest.raises(ValueError, match=f"^surprise: {message}"):
        surprise(text, nats, most=most)
