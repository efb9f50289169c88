import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from chainrule.course.figures import calculus
from tests.plot.helpers import overlaps, texts

pytestmark = pytest.mark.usefixtures("quick_compilation")

SAID = {
    "parabola_and_slope": ["f'(x) = 2x", "slope -4", "slope 0", "slope 3"],
    "difference_errors": ["slope 1", "slope 2", "round-off: slope -1", "last bit of float64", "step h"],
    "gradient_field": ["∇f of f = x² + 2y²", "steepest ascent: 2.83 = |∇f|\nalong ∇f, at 45°"],
    "taylor_polynomials": ["order 1", "order 7", "sin x"],
    "quadrature_shapes": ["What each rule takes for the area, 2.9899", "Trapezoid, 5 points: 3.2559"],
    "quadrature_errors": ["trapezoid: slope -2", "Simpson: slope -4", "Monte Carlo: slope -1/2", "last bit of float64"],
    "descent_rates": ["x after 100 steps:\n1.0000000008148144", "rate 0.1: factor 0.8", "rate 1.02: factor 1.04"],
    "descent_paths": ["Newton: 1 step", "gradient descent after 1000 steps"],
    "three_methods_on_the_bowl": ["Newton, 1 step", "BFGS, 1 step", "gradient descent (rate 0.1)"],
}


@pytest.fixture(scope="module")
def figures():
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("name", calculus.__all__)
def test_every_figure_is_drawn_says_what_it_shows_and_overlaps_nowhere(name, figures):
    matplotlib.rcdefaults()
    figure = figures[name] = getattr(calculus, name)()
    assert isinstance(figure, Figure)
    said = texts(figure)
    for wanted in SAID[name]:
        assert wanted in said
    figure.canvas.draw()
    assert overlaps(figure, [*SAID[name], *(axes.get_title(loc="left") for axes in figure.axes)]) == []
    width, height = figure.canvas.get_width_height()
    for axes in figure.axes:
        assert axes.get_xlabel() or axes.get_ylabel() or axes.get_shared_x_axes()
        box = axes.get_tightbbox()
        assert box.x0 >= -1
        assert box.x1 <= width + 1
        assert box.y0 >= -1
        assert box.y1 <= height + 1


@pytest.mark.slow
def test_the_lines_of_difference_errors_have_their_slopes(figures):
    figure = figures.get("difference_errors") or calculus.difference_errors()
    lines = {line.get_label(): line.get_xydata() for line in figure.axes[0].get_lines()}
    for name, order, low, high in (("forward", 1, 1e-6, 1e-2), ("central", 2, 1e-3, 1e-1), ("complex", 2, 1e-4, 1e-1)):
        (data,) = [data for label, data in lines.items() if label.startswith(name)]
        part = data[(data[:, 0] > low) & (data[:, 0] < high)]
        np.testing.assert_allclose(np.polyfit(*np.log(part.T), 1)[0], order, atol=0.05)


@pytest.mark.slow
def test_the_lines_of_quadrature_errors_have_their_slopes(figures):
    figure = figures.get("quadrature_errors") or calculus.quadrature_errors()
    chance, trapezoid, simpson, gauss = [line.get_xydata() for line in figure.axes[0].get_lines()[:4]]
    for data, slope, tolerance in ((chance, -0.5, 0.06), (trapezoid[2:], -2, 0.1), (simpson[2:], -4, 0.1)):
        np.testing.assert_allclose(np.polyfit(*np.log(data.T), 1)[0], slope, atol=tolerance)
    assert gauss[5, 1] < 1e-14


@pytest.mark.slow
def test_the_gradient_stands_on_the_contour(figures):
    figure = figures.get("gradient_field") or calculus.gradient_field()
    curve = figure.axes[1].get_lines()[0].get_xydata()
    np.testing.assert_allclose(curve[:, 1], np.sqrt(8) * np.cos(np.radians(curve[:, 0]) - np.pi / 4), atol=1e-5)
