import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from chainrule.course.figures import probability

from ..plot.helpers import overlaps, texts


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.get_lines()}


@pytest.mark.slow
def test_continuous_distributions_show_density_and_cdf():
    figure = probability.continuous_distributions()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    for name in ("Uniform", "Normal", "Student's t", "Gamma, rate 1", "Exponential", "Beta"):
        assert name in titles
    normal = figure.axes[titles.index("Normal")]
    x, density = lines(normal)["scale 2"].T
    np.testing.assert_allclose(density, scipy.stats.norm(0, 2).pdf(x), atol=1e-6)
    x, cdf = figure.axes[titles.index("Normal") + 2].get_lines()[1].get_xydata().T
    np.testing.assert_allclose(cdf, scipy.stats.norm(0, 2).cdf(x), atol=1e-6)
    assert overlaps(figure, ["density", "P(X", "scale", "shape", "rate", "degree", "Normal", "Beta", "Gamma"]) == []


@pytest.mark.slow
def test_discrete_distributions_show_mass_and_cdf():
    figure = probability.discrete_distributions()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    binomial = figure.axes[titles.index("Binomial, 10 trials")]
    heights = [bar.get_height() for bar in binomial.patches]
    expected = [scipy.stats.binom(10, q).pmf(np.arange(11)) for q in (0.3, 0.8)]
    np.testing.assert_allclose(heights, np.concatenate(expected), atol=1e-6)
    assert {"Bernoulli", "Categorical", "Poisson"} < set(titles)
    assert overlaps(figure, ["P(X", "p 0", "rate", "Poisson", "Binomial"]) == []


@pytest.mark.slow
def test_multivariate_normal_ellipses():
    figure = probability.multivariate_normal_draws()
    drawn = lines(figure.axes[0])
    covariance = np.array([[2.0, 1.2], [1.2, 1.0]])
    for radius, share in ((1, "39.3"), (2, "86.5"), (3, "98.9")):
        points = drawn[f"{radius} sd: {share} % within"] - [1.0, 0.5]
        distance = np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points)
        np.testing.assert_allclose(distance, radius**2, rtol=1e-4)
    assert len(drawn["draws"]) == 400


@pytest.mark.slow
def test_belief_in_a_coin_narrows_about_its_probability():
    figure = probability.beta_bernoulli_sequence()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "0 heads of 0"
    heads = int(titles[-1].split()[0])
    x, density = figure.axes[-1].get_lines()[0].get_xydata().T
    np.testing.assert_allclose(density, scipy.stats.beta(1 + heads, 257 - heads).pdf(x), rtol=1e-3, atol=1e-4)
    assert abs(heads / 256 - 0.7) < 0.1
    assert "the coin's own 0.7" in texts(figure)
    assert overlaps(figure, ["heads of", "coin"]) == []


@pytest.mark.slow
def test_the_band_of_a_line_widens_away_from_the_data():
    figure = probability.bayesian_regression_band()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["After 2 points", "After 12 points"]
    widths = []
    for axes in figure.axes:
        band = axes.collections[0].get_paths()[0].get_extents()
        assert band.x0 == pytest.approx(-2)
        corners = axes.collections[0].get_paths()[0].vertices
        at = lambda x, corners=corners: np.ptp(corners[np.abs(corners[:, 0] - x) < 1e-6, 1])  # noqa: E731
        assert at(2.0) > at(0.0)
        widths.append(at(2.0))
    assert widths[1] < widths[0]
    assert overlaps(figure, ["After", "next target", "truth", "data", "posterior"]) == []
    assert jnp.asarray(1.0).dtype == jnp.float32  # drawing changes no configuration
