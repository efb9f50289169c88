import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.plot import function_and_derivative
from chainrule.rule import rule

from .helpers import overlaps, texts


@rule
def absolute(x):
    return jnp.abs(x), x


@absolute.defbackward
def _absolute_backward(x, d_output):
    return (jnp.sign(x) * d_output,)


@rule
def tanh(x):
    y = jnp.tanh(x)
    return y, y


@tanh.defbackward
def _tanh_backward(y, d_output):
    return ((1 - y * y) * d_output,)


@rule
def log(x):
    return jnp.log(x), x


@log.defbackward
def _log_backward(x, d_output):
    return (d_output / x,)


@rule
def total(x):
    return jnp.sum(x), x


def lines(figure):
    return {line.get_label(): line.get_xydata() for line in figure.axes[0].get_lines()}


def test_both_lines_are_drawn_and_named():
    figure = function_and_derivative(tanh)
    drawn = lines(figure)
    x, y = drawn["f(x)"].T
    np.testing.assert_allclose(y, np.tanh(x), atol=1e-6)
    x, slope = drawn["f'(x), by hand"].T
    np.testing.assert_allclose(slope, 1 - np.tanh(x) ** 2, atol=1e-6)
    assert figure.axes[0].get_title(loc="left") == "tanh"
    assert figure.axes[0].get_xlabel() == "x"
    assert figure.axes[0].get_xlim() == (-4, 4)


def test_the_derivative_is_the_rule_s_own():
    @rule
    def wrong(x):
        return jnp.tanh(x), x

    @wrong.defbackward
    def wrong_backward(x, d_output):
        return (3 * d_output,)

    assert set(lines(function_and_derivative(wrong))["f'(x), by hand"][:, 1]) == {3.0}


def test_a_kink_breaks_the_line_and_shows_its_value():
    figure = function_and_derivative(absolute, -2, 3)
    drawn = lines(figure)
    slope = drawn["f'(x), by hand"][:, 1]
    before, after = np.flatnonzero(np.isnan(slope))
    assert np.all(slope[:before] == -1)
    assert np.all(slope[after + 1 :] == 1)
    dots = [line.get_xydata().tolist() for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    assert dots == [[], [[0.0, 0.0]]]


def test_a_pole_is_left_out_and_what_is_not_finite_is_a_gap():
    figure = function_and_derivative(log, -1, 4, title="The logarithm, under a title that is longer than most")
    low, high = figure.axes[0].get_ylim()
    assert -10 < low < high < 20
    for line in ("f(x)", "f'(x), by hand"):
        x, y = lines(figure)[line].T
        assert np.all(np.isnan(y[x < 0]))
    assert overlaps(figure, ["The logarithm", "f(x)", "by hand"]) == []
    assert "f(x)" in texts(figure)


@pytest.mark.parametrize(
    ("function", "low", "high", "message"),
    [
        (tanh, 1, 1, "low must be less than high, got 1 and 1"),
        (tanh, 0, np.nan, "low must be less than high, got 0 and nan"),
        (total, 0, 1, r"rule must be elementwise, but total gives \[\] for \[8001\]"),
        (log, -2, -1, r"log must be finite somewhere in \[-2, -1\], it is not"),
    ],
)
def test_bad_input_is_named(function, low, high, message):
    with pytest.raises(ValueError, match=f"^function_and_derivative: {message}"):
        function_and_derivative(function, low, high)
