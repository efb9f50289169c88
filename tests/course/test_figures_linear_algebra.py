import functools

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from chainrule.course.figures import linear_algebra as figures
from chainrule.data import digits
from tests.plot.helpers import overlaps, texts

pytestmark = pytest.mark.usefixtures("quick_compilation")


@functools.cache
def drawn(name: str) -> Figure:
    figure = getattr(figures, name)()
    figure.canvas.draw()
    return figure


@pytest.mark.slow
@pytest.mark.parametrize("name", figures.__all__)
def test_it_is_drawn_within_its_frame_on_white(name):
    figure = drawn(name)
    assert isinstance(figure, Figure)
    assert matplotlib.colors.to_hex(figure.get_facecolor()) == "#ffffff"
    width, height = figure.canvas.get_width_height()
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= width + 1
        assert box.y1 <= height + 1


def test_vectors_say_their_coordinates():
    words = texts(drawn("vectors"))
    for word in ("u = (3, 1)", "v = (1, 2)", "u + v = (4, 3)", "½u − v = (0.5, −1.5)", "w = (4, 5, 6)"):
        assert word in words
    assert f"A vector in space, |w| = {np.sqrt(77):.3f}" in words
    assert overlaps(drawn("vectors"), ["u =", "v =", "u + v", "½u"]) == []


@pytest.mark.slow
def test_the_projection_the_angle_and_the_coordinates_are_right():
    words = texts(drawn("projection_and_basis"))
    # v . u / u . u = 11 / 17
    assert f"p = ({44 / 17:.2f}, {11 / 17:.2f})" in words
    assert f"{np.degrees(np.arccos(11 / np.sqrt(13 * 17))):.2f}°" in words
    assert "x = 3 e₁ + 1 e₂\n   = 2 b₁ + 1 b₂" in words
    assert overlaps(drawn("projection_and_basis"), ["p =", "u =", "v =", "°", "v − p", "b₁ =", "b₂ =", "x ="]) == []


def test_broadcasting_repeats_and_sums():
    words = texts(drawn("broadcasting"))
    assert [words.count(number) for number in ("10", "20", "14", "24")] == [4, 4, 1, 1]
    assert "none: 2 and 3 differ, and neither is 1" in words
    assert "column, shape (3, 1)" in words


@pytest.mark.slow
def test_the_numbers_on_the_images_are_their_pixels():
    figure = drawn("images_as_matrices")
    grey, colour, *channels = figure.axes
    assert grey.get_title(loc="left") == "Grey, 8 × 8, uint8"
    assert colour.get_title(loc="left") == "Colour, 5 × 6 × 3, uint8"
    pixels = np.asarray(grey.get_images()[0].get_array())
    assert (pixels.min(), pixels.max(), pixels.dtype) == (0, 255, np.uint8)
    assert [int(text.get_text()) for text in grey.texts] == pixels.ravel().tolist()
    image = np.asarray(colour.get_images()[0].get_array())
    for channel, axes in enumerate(channels):
        assert [int(text.get_text()) for text in axes.texts] == image[..., channel].ravel().tolist()


@pytest.mark.slow
def test_the_digits_agree_with_scikit_learn():
    data = digits()
    x = np.concatenate([data.train[0], data.test[0]]).reshape(-1, 64).astype(np.float64)
    share = np.cumsum(PCA().fit(x).explained_variance_ratio_)
    assert f"{100 * share[1]:.1f}" == "28.5"
    assert (np.argmax(share >= 0.9) + 1, np.argmax(share >= 0.95) + 1) == (21, 29)
    plane, explained, strip = drawn("digits_plane").axes
    assert plane.get_title(loc="left") == "Two components: 28.5 % of the variance"
    assert sum(len(points.get_offsets()) for points in plane.collections) == 1797
    assert {"21 for 90 %", "29 for 95 %"} <= set(texts(drawn("digits_plane")))
    np.testing.assert_allclose(explained.get_lines()[0].get_ydata(), 100 * share, atol=1e-3)
    tiles = [np.asarray(image.get_array()) for image in strip.get_images()]
    errors = [np.linalg.norm(tile - tiles[0]) for tile in tiles[1:]]
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < 1e-5


@pytest.mark.slow
def test_the_maps_say_their_determinants_and_eigenvalues():
    words = " ".join(texts(drawn("warped_grid")))
    for said in ("[0.5, 0.866]], det A = 1", "[0, 1]], det A = 1", "[2, −1]], det A = −3", "[0.5, 1]], det A = 0"):
        assert said in words
    assert "λ = −3" in words
    assert "λ = 1" in words
    assert overlaps(drawn("warped_grid"), ["Ae₁", "Ae₂", "λ", "det"]) == []


@pytest.mark.slow
def test_the_descent_crawls_in_a_valley_and_jumps_in_a_bowl():
    raw, standardised = (axes.get_title(loc="left") for axes in drawn("descent_path").axes)
    design = np.stack([np.arange(1.0, 6), np.ones(5)], axis=1)
    assert raw.startswith(f"x as it is: condition number {np.linalg.cond(design.T @ design):.3g}\n")
    assert standardised == "x standardised: condition number 1\nat the answer after 1 step"
    # the same steps, in NumPy
    y, hessian = np.array([3.5, 4.5, 7.5, 8.5, 11.0]), design.T @ design / 5
    place = np.zeros(2)
    for _ in range(60):
        place -= (hessian @ place - design.T @ y / 5) / np.linalg.eigvalsh(hessian)[-1]
    away = np.linalg.norm(place - np.linalg.solve(hessian, design.T @ y / 5))
    assert raw.endswith(f"after 60 steps {away:.2g} from the answer")


@pytest.mark.slow
def test_the_weather_figure_says_the_known_errors():
    words = texts(drawn("weather_residuals"))
    assert "Root mean squared error on the held-out days: least squares 2.93 °C, as today 3.06 °C" in words
    assert "What least squares leaves, day by day" in words
