import numpy as np
import pytest
import scipy.stats

from chainrule.course.figures import statistics

from ..plot.helpers import overlaps, texts

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.mark.slow
def test_covariance_and_correlation():
    figure = statistics.covariance_and_correlation()
    written = " ".join(texts(figure))
    for number in ("covariance 285.6", "variance of x 148.3", "variance of y 569.2", "correlation 0.983"):
        assert number in written
    x, y = (1, 2, 30, 4, 5), (2, 4, 60, 18, 10)
    assert round(np.corrcoef(x, y)[0, 1], 3) == 0.983
    assert overlaps(figure, ["variance of", "means", "slope"]) == []


@pytest.mark.slow
def test_null_distribution():
    figure = statistics.null_distribution()
    assert f"|t| > {scipy.stats.t.isf(0.025, 38):.2f}" in texts(figure)
    left, right = figure.axes
    (line,) = left.get_lines()
    t, density = np.asarray(line.get_xydata()).T
    np.testing.assert_allclose(density, scipy.stats.t.pdf(t, 38), rtol=1e-4)
    heights = np.asarray([patch.get_height() for patch in right.patches[:20]])
    assert heights.sum() == 5000
    assert scipy.stats.chisquare(heights).pvalue > 0.01  # uniform, as p-values are where the means are equal
    assert overlaps(figure, ["Student's", "|t|", "2.5 %", "false alarms"]) == []


@pytest.mark.slow
def test_power_curve():
    figure = statistics.power_curve()
    (axes,) = figure.axes
    lines = [np.asarray(line.get_xydata()) for line in axes.get_lines() if line.get_marker() == "o"]
    assert len(lines) == 3
    for size, line in zip((10, 20, 50), lines, strict=True):
        difference, rate = line.T
        edge = scipy.stats.t.isf(0.025, 2 * size - 2)
        shift = difference * np.sqrt(size / 2)
        expected = scipy.stats.nct.sf(edge, 2 * size - 2, shift) + scipy.stats.nct.cdf(-edge, 2 * size - 2, shift)
        np.testing.assert_allclose(rate, expected, atol=0.06)
    assert overlaps(figure, ["n = 10", "n = 20", "n = 50"]) == []
