import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_hex

from chainrule import audit, ops
from chainrule.audit.run import inputs_for
from chainrule.plot import audit_errors, audit_of, save
from chainrule.plot.style import BLUE, GREY, INK, VERMILION

from .helpers import overlaps, texts


def scaled(wrong):
    """x w + b for a pytree of w and b; the cotangent of one element of w may be wrong."""

    @jax.custom_vjp
    def affine(x, params):
        return jnp.tanh(x @ params["w"]) + params["b"]

    def forward(x, params):
        y = jnp.tanh(x @ params["w"])
        return y + params["b"], (x, params["w"], y)

    def backward(residuals, d_y):
        x, w, y = residuals
        d_z = d_y * (1 - y * y)
        d_w = x.T @ d_z
        return d_z @ w.T, {"w": d_w.at[1, 0].multiply(1 + wrong), "b": d_y.sum(0)}

    affine.defvjp(forward, backward)
    return affine


def arguments(rng):
    return rng.normal(size=(5, 3)), {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}


def marks(axes, colour):
    """The places of all marks of a colour."""
    found = [
        c.get_offsets() for c in axes.collections if len(c.get_offsets()) and to_hex(c.get_facecolor()[0]) == colour
    ]
    return np.concatenate([np.reshape(one, (-1, 2)) for one in found] or [np.zeros((0, 2))])


def lines(axes, colour):
    return [line.get_xydata() for line in axes.get_lines() if to_hex(line.get_color()) == to_hex(colour)]


def slope(line):
    (h, r), (k, s) = line[0], line[-1]
    return np.log(r / s) / np.log(h / k)


def test_a_right_derivative_stays_below_the_line_and_along_slope_2(rng):
    figure = audit_of(inputs_for(scaled(0.0), *arguments(rng)))
    left, right = figure.axes
    assert left.get_title(loc="left") == "Error against autodiff"
    assert len(marks(left, VERMILION.lower())) == 0
    good = marks(left, BLUE.lower())
    assert len(good) == 5 * 3 + 3 * 2 + 2
    assert good[:, 1].min() == pytest.approx(1e-17)  # an exact 0: the cotangent of b is the very sum
    assert good[:, 1].max() < 1e-13
    assert [int(n) for n in np.bincount(good[:, 0].astype(int))] == [15, 2, 6]
    names = [label.get_text() for label in left.get_xticklabels()]
    assert names == ["0\n5x3", "1['b']\n2", "1['w']\n3x2"]
    allowed = [line for line in lines(left, GREY) if len(line) > 2]
    assert len(allowed) == 3
    assert all(np.all(line[:, 1] == 1e-12) for line in allowed)

    assert right.get_title(loc="left") == "Error against step size: order 2"
    (first,), (second,) = lines(right, VERMILION), lines(right, BLUE)
    assert slope(first) == pytest.approx(1)
    assert slope(second) == pytest.approx(2)
    remainders = marks(right, INK)
    assert len(remainders) == len(second)
    readable = (remainders[:, 1] > 1e-11) & (remainders[:, 0] < 1e-3)
    ratio = remainders[readable, 1] / second[readable, 1]
    assert np.all((ratio > 0.8) & (ratio < 1.25))


def test_a_wrong_element_stands_out_and_the_remainder_is_along_slope_1(rng):
    figure = audit_of(inputs_for(scaled(0.5), *arguments(rng)))
    left, right = figure.axes
    ((place, error),) = marks(left, VERMILION.lower())
    assert 2 + 2 / 6 < place < 2 + 3 / 6  # the third of six in the third leaf
    assert 1e-3 < error <= 0.5
    assert len(marks(left, BLUE.lower())) == 22
    assert right.get_title(loc="left") == "Error against step size: order 1"
    (first,) = lines(right, VERMILION)
    remainders = marks(right, VERMILION.lower())
    small = remainders[:, 0] < 1e-4
    assert np.all(np.abs(np.log(remainders[small, 1] / first[small, 1])) < 0.1)


def test_without_a_referee_differences_judge(rng):
    x = rng.normal(size=600)
    figure = audit_of(inputs_for(lambda x: jnp.sum(jnp.sin(x) * x), x))
    left = figure.axes[0]
    assert left.get_title(loc="left") == "Error against differences"
    good = marks(left, BLUE.lower())
    assert 500 <= len(good) <= 512
    assert good[:, 1].max() < 1e-7
    assert len(marks(left, VERMILION.lower())) == 0

    @jax.custom_jvp
    def halved(x):
        return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")

    halved.defjvp(lambda primals, tangents: (halved(*primals), 0.5 * jnp.cos(primals[0]) * tangents[0]))
    left = audit_of(inputs_for(halved, x[:4])).axes[0]
    assert left.get_title(loc="left") == "Error against differences"
    assert len(marks(left, VERMILION.lower())) == 4


def test_numbers_that_are_none_are_drawn_near_the_top(rng):
    @jax.custom_vjp
    def root(x):
        return jnp.sqrt(jnp.abs(x))

    root.defvjp(
        lambda x: (root(x), x), lambda x, d_y: (jnp.where(x == x[0], jnp.nan, d_y * jnp.sign(x) / 2 / root(x)),)
    )
    left, right = audit_of(inputs_for(root, rng.normal(size=5))).axes
    ((place, error),) = marks(left, VERMILION.lower())
    assert place < 0.2
    assert error == pytest.approx(left.get_ylim()[1] / 3)
    assert error >= 1
    assert len(marks(right, INK)) == 0


def test_a_linear_function_has_nothing_but_rounding(rng):
    right = audit_of(inputs_for(lambda x: 3 * x, rng.normal(size=4))).axes[1]
    (floor,) = lines(right, GREY)
    assert np.all(marks(right, INK)[:, 1] < 100 * floor[0, 1])


@pytest.mark.parametrize(
    "names",
    [
        "x",
        "wb",
        ["weight", "bias"],
        ["weight", "bias", "scale"],
        "abcdef",
        [f"a long name, the {n}th" for n in range(30)],
    ],
)
def test_texts_do_not_overlap(rng, names):
    figure = audit_of(inputs_for(lambda x: sum(x.values()) ** 2, {name: rng.normal(size=3) for name in names}))
    wanted = ["[", "argument", "right", "wrong", "allowed", "rounding", "Error", "derivative", "step", "relative"]
    assert overlaps(figure, wanted) == []
    assert "The derivative of <lambda>" in texts(figure)
    assert figure.axes[0].get_window_extent().height > 200


def test_what_rounding_excuses_is_allowed(rng):
    """An error above the tolerance raises the line to what the audit forgives there, leaf by leaf."""
    inputs = inputs_for(scaled(1e-9), *arguments(rng))
    (wrong,) = marks(audit_of(inputs).axes[0], VERMILION.lower())
    forgiving = [(0.0, {"b": 0.0, "w": 1e-6})] * len(inputs.cotangents)
    inputs.slack = inputs.slack._replace(cotangents=forgiving)
    left = audit_of(inputs).axes[0]
    assert len(marks(left, VERMILION.lower())) == 0
    assert wrong in marks(left, BLUE.lower())
    heights = [line[:, 1].max() for line in lines(left, GREY) if len(line) > 2]
    assert heights[:2] == [1e-12, 1e-12]
    assert wrong[1] < heights[2] < 1e-5


def test_the_caller_s_precision_is_left_alone(rng, tmp_path):
    figure = audit_of(inputs_for(ops.tanh, rng.normal(size=3).astype(np.float32)))
    assert jnp.zeros(1).dtype == jnp.float32
    assert save(figure, tmp_path / "tanh.png").read_bytes().startswith(b"\x89PNG")


def test_a_derivative_without_numbers_is_named(rng):
    @jax.custom_vjp
    def turned(x):
        return jnp.sin(x)

    turned.defvjp(lambda x: (turned(x), None), lambda _, d_y: (d_y.T,))
    with pytest.raises(ValueError, match=r"^audit_of: turned gives nothing to draw: ValueError: Custom VJP bwd rule"):
        audit_of(inputs_for(turned, rng.normal(size=(2, 3))))
    separate = inputs_for(jnp.sin, rng.normal(size=(2, 1)), pullback=lambda d_y, x: d_y * jnp.cos(x).T)
    with pytest.raises(ValueError, match=r"the cotangent of argument 0 has the shape \[2, 2\], not \[2, 1\]"):
        audit_of(separate)
    with pytest.raises(ValueError, match="its arguments hold no numbers"):
        audit_of(inputs_for(jnp.sin, np.zeros((0, 3))))


def test_the_register_leaves_out_what_was_not_compared():
    compared = audit.Check("hand against autodiff", "typical", True, 1e-15, 1e-12)
    other = audit.Check("trajectory", "steps", True, 1e-15, 1e-12)
    figure = audit_errors([audit.Report("a rule", (compared,)), audit.Report("an optimiser", (other,))])
    (axes,) = figure.axes
    np.testing.assert_array_equal(marks(axes, BLUE.lower()), [[1e-15, 0]])
    assert len(marks(axes, VERMILION.lower())) == 0
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a rule"]
    with pytest.raises(ValueError, match="must hold a comparison with autodiff or differences, got none"):
        audit_errors([audit.Report("an optimiser", (other,))])
