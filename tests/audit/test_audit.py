"""Whole audits: every kind of subject, right and wrong, and what an audit promises whatever it finds."""

import functools
import json
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import audit, layers, models, ops, optim, plot
from chainrule.audit.cases import formulas
from chainrule.audit.checks import check_second_order
from chainrule.audit.checks.differences import check_coordinates, check_differences
from chainrule.audit.checks.names import AUTODIFF, COORDINATES, DIFFERENCES, INFORMATIVE, LINEARITY, PRIMAL, SECOND
from chainrule.audit.checks.structure import check_structure
from chainrule.audit.checks.transformations import check_jit, check_mapped
from chainrule.audit.checks.values import check_values
from chainrule.audit.run import inputs_for, report_of
from chainrule.layer import Layer
from chainrule.rule import rule
from tests.audit.helpers import (
    PARAMS,
    RIGHT,
    RIGHT_RULE,
    RIGHT_SINE,
    X,
    Y,
    cosine_pullback,
    dense,
    dense_pullback,
    hand,
    product,
    product_pullback,
    ruled,
    sine,
)

DENSE = layers.Dense(5)


@dataclass(frozen=True)
class WrongDense(layers.Dense):
    """A dense layer whose bias gets the mean of what it should get the sum of."""

    def backward(self, residuals, d_output, **static):
        d_params, *rest = super().backward(residuals, d_output, **static)
        return {**d_params, "bias": d_params["bias"] / 4}, *rest


@dataclass(frozen=True)
class Dropout(Layer):
    """A layer with a key, and a state of integers."""

    factor: float = 2.0

    def build(self, key, in_shape, dtype):
        return (), jnp.zeros((), jnp.int32)

    def forward(self, params, x, state=None, key=None, *, train=False):
        kept = jax.random.bernoulli(key, 0.5, x.shape) if train else jnp.ones(x.shape, bool)
        return (jnp.where(kept, 2 * x, 0), state + 1), kept

    def backward(self, kept, d_output, *, train=False):
        return (), jnp.where(kept, self.factor * d_output[0], 0), d_output[1], None


def jvp_of(slope):
    f = jax.custom_jvp(sine)
    f.defjvp(lambda primals, tangents: (jnp.sin(*primals), slope(*primals) * tangents[0]))
    return f


WRONG_SINE = jvp_of(lambda x: 1.1 * jnp.cos(x))


def wrong_within(x):
    """A plain function with a wrong derivative somewhere in it."""
    return WRONG_SINE(2 * x)


def power_pullback(factor):
    return lambda d, x, n: factor * n * x ** (n - 1) * d


def power_of(factor):
    return hand(lambda n, x: x**n, lambda d, n, x: (factor * n * x ** (n - 1) * d,), nondiff_argnums=(0,))


def everything(tree, mode, nothing, key):
    """Arguments of all sorts: floats, integers and None in a tree; a string; a key."""
    assert mode == "rows"
    assert nothing is None
    noise = jax.random.normal(key, tree["x"].shape, tree["x"].dtype)
    return (tree["x"] + noise)[:, tree["n"]] * tree["deep"][0]


def everything_pullback(factor):
    def pullback(d, tree, mode, nothing, key):
        noise = jax.random.normal(key, tree["x"].shape, tree["x"].dtype)
        d_x = jnp.zeros_like(tree["x"]).at[:, tree["n"]].add(d * tree["deep"][0])
        d_deep = factor * (d * (tree["x"] + noise)[:, tree["n"]]).sum()
        return {"x": d_x, "n": None, "deep": (d_deep, None)}, None, None, None

    return pullback


TREE = {"x": X, "n": np.array([2, 0, 0], np.int32), "deep": (np.float64(0.7), None)}
KEY = jax.random.key(1)
MLP = models.mlp((4, 3))
MLP_PARAMS, _ = MLP.init(jax.random.key(0), (3,))


def power(x, *, n):
    return x**n


# kind: (right, wrong, arguments, options of the right, options of the wrong, argument, leaf)
KINDS = {
    "rule": (RIGHT_RULE, ruled(product, lambda d, x, y: (d * y, d * y)), (X, Y), {}, {}, 1, ""),
    "layer": (DENSE, WrongDense(5), (PARAMS, X), {}, {}, 0, "['bias']"),
    "layer with key and state": (
        Dropout(),
        Dropout(2.5),
        ((), X, np.array(0, np.int32), KEY),
        {"train": True},
        None,
        1,
        "",
    ),
    "model": (MLP, None, (MLP_PARAMS, X), {}, {}, None, ""),
    "custom_vjp": (RIGHT, hand(product, lambda d, x, y: (d * y, 2 * d * x)), (X, Y), {}, {}, 1, ""),
    "jitted custom_vjp": (jax.jit(RIGHT_SINE), jax.jit(hand(sine, lambda d, x: (d,))), (X,), {}, {}, 0, ""),
    "nondiff_argnums": (power_of(1.0), power_of(1.1), (3, X), {}, {}, 1, ""),
    "custom_jvp": (jvp_of(jnp.cos), WRONG_SINE, (X,), {}, {}, 0, ""),
    "function": (sine, wrong_within, (X,), {}, {}, 0, ""),
    "vjp": (
        *(product, product, (X, Y)),
        {"vjp": functools.partial(jax.vjp, product)},
        {"vjp": lambda x, y: (x * y, lambda d: (d * y, d * x * 1.1))},
        *(1, ""),
    ),
    "pullback": (
        *(dense, dense, (PARAMS, X)),
        {"pullback": dense_pullback},
        {
            "pullback": lambda d, p, x: (
                {**dense_pullback(d, p, x)[0], "bias": 2 * d.sum(0)},
                dense_pullback(d, p, x)[1],
            )
        },
        *(0, "['bias']"),
    ),
    "static keyword": (
        *(power, power, (X,)),
        {"pullback": power_pullback(1.0), "n": 3},
        {"pullback": power_pullback(1.5), "n": 3},
        *(0, ""),
    ),
    "anything in a tree": (
        *(everything, everything, (TREE, "rows", None, KEY)),
        {"pullback": everything_pullback(1.0)},
        {"pullback": everything_pullback(2.0)},
        *(0, "['deep'][0]"),
    ),
}


WHOLE = ("layer with key and state", "custom_vjp", "nondiff_argnums", "pullback", "anything in a tree")
QUICK = (check_structure, check_values, check_differences, check_coordinates, check_jit, check_mapped)


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_derivative_passes(kind):
    """All checks for some kinds; for the others those that see the subject from another side."""
    right, _, args, options, *_ = KINDS[kind]
    report = (
        audit.audit(right, *args, **options) if kind in WHOLE else report_of(inputs_for(right, *args, **options), QUICK)
    )
    assert report.ok, str(report)
    assert str(report).splitlines()[0].endswith(" passes")
    assert (report.diagnosis, report.arguments) == ("", ())
    data = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert data["ok"]
    assert len(data["checks"]) == len(report.checks) > (15 if kind in WHOLE else 5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind][1] is not None])
def test_a_wrong_derivative_fails_at_its_argument_and_leaf(kind):
    _, wrong, args, right_options, options, argument, leaf = KINDS[kind]
    inputs = inputs_for(wrong, *args, **(right_options if options is None else options))
    report = report_of(inputs, (check_structure, check_values, check_differences, check_coordinates))
    assert not report.ok
    assert report.arguments == (argument,)
    names = {check.name for check in report.failures}
    assert {DIFFERENCES, COORDINATES} <= names
    assert (AUTODIFF in names) == (kind != "function"), "differences alone judge the derivative of JAX"
    assert all(check.place.path == leaf for check in report.failures if check.place is not None and check.place.path)
    assert f"argument {argument}{leaf}" in str(report)
    json.dumps(report.to_json(), allow_nan=False)


def test_an_optimiser_against_its_formula():
    formula = formulas.sgd(0.1)
    right = audit.audit(optim.sgd(0.1), PARAMS, reference=formula)
    assert right.ok, str(right)
    wrong = audit.audit(optim.sgd(0.11), PARAMS, reference=formula)
    assert not wrong.ok
    assert "update against formula" in {check.name for check in wrong.failures}
    json.dumps(wrong.to_json(), allow_nan=False)
    with pytest.raises(ValueError, match="give reference="):
        audit.audit(optim.sgd(0.1), PARAMS)
    with pytest.raises(ValueError, match="takes one argument, the params, got 2"):
        audit.audit(optim.sgd(0.1), PARAMS, PARAMS, reference=formula)


def test_arguments_are_drawn_from_shapes_and_from_structs():
    wrong = hand(product, lambda d, x, y: (d * y, (d * x).sum(0) * 2))
    for args, options in (((), {"shapes": "3x4,4"}), ((X, jax.ShapeDtypeStruct((3,), jnp.float32)), {})):
        right = hand(product, lambda d, x, y: (d * y, (d * x).sum(0)))
        checks = (check_structure, check_values)
        assert report_of(inputs_for(right, *args, **options), checks).ok
        report = report_of(inputs_for(wrong, *args, **options), checks)
        assert report.arguments == (1,)
    with pytest.raises(ValueError, match="give arguments or shapes, not both"):
        audit.audit(product, X, shapes="3x4")
    with pytest.raises(ValueError, match="shapes must look like"):
        audit.audit(product, shapes="3x4;")


def test_the_same_seed_gives_the_same_report_and_another_another():
    wrong = hand(sine, lambda d, x: (1.01 * d * jnp.cos(x),))
    checks = (check_values, check_differences)
    first, again, other = (report_of(inputs_for(wrong, shapes="4x3", seed=seed), checks) for seed in (1, 1, 2))
    assert str(first) == str(again)
    assert first.to_json() == again.to_json()
    assert first.to_json() != other.to_json()


def test_second_order_is_checked_where_asked_for():
    stopped = hand(sine, lambda d, x: (d * jax.lax.stop_gradient(jnp.cos(x)),))
    assert audit.audit(stopped, X).ok
    report = audit.audit(stopped, X, order=2)
    assert [check.name for check in report.failures] == [SECOND]
    assert report.arguments == (0,)
    assert report_of(inputs_for(RIGHT_SINE, X), (check_second_order,)).ok
    for order in (0, 3, "2"):
        with pytest.raises(ValueError, match="order must be 1 or 2, got"):
            audit.audit(stopped, X, order=order)


def test_a_wrong_reference_fails_the_primal_alone():
    report = audit.audit(ops.tanh, X, reference=np.sin)
    assert [check.name for check in report.failures] == [PRIMAL]


def test_a_rule_that_raises_is_a_finding_and_not_a_crash():
    @rule
    def broken(x):
        raise RuntimeError("no forward today")

    broken.defbackward(lambda residuals, d_output: (d_output,))
    report = audit.audit(broken, X)
    assert not report.ok
    assert all("no forward today" in check.detail for check in report.failures)
    json.dumps(report.to_json(), allow_nan=False)


@pytest.mark.parametrize("x", [np.full(3, np.nan), np.zeros(3), np.zeros((0, 3))], ids=["NaN", "0", "empty"])
def test_arguments_that_tell_nothing_prove_nothing(x):
    report = audit.audit(ruled(lambda x: x * x, lambda d, x: (7 * x * d,)), x)
    assert not report.ok
    assert INFORMATIVE in {check.name for check in report.failures}
    assert "nothing is proved" in str(report)


def test_float32_arguments_are_checked_in_float64_and_change_no_configuration():
    report = audit.audit(ops.softmax, jnp.asarray(X, jnp.float32), axis=0)
    assert report.ok, str(report)
    assert report.worst(AUTODIFF) <= 1e-12
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == np.float32


def outside(x):
    """A function that JAX cannot look into."""
    quiet = np.errstate(invalid="ignore")(np.sin)
    return jax.pure_callback(quiet, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="sequential")


def test_a_kernel_that_jax_cannot_differentiate_is_judged_by_differences():
    report = audit.audit(hand(outside, cosine_pullback), X)
    assert report.ok, str(report)
    assert report.worst(AUTODIFF) is None
    assert report.worst(LINEARITY) <= 1e-12
    wrong = audit.audit(hand(outside, lambda d, x: (1.001 * d * jnp.cos(x),)), X)
    assert {DIFFERENCES, COORDINATES} <= {check.name for check in wrong.failures}


def standardized(x, b):
    """A bias before a normalisation: its true gradient is 0."""
    return jax.nn.standardize(x + b)


def test_a_bias_that_is_normalised_away_and_a_primal_in_float32_raise_no_alarm():
    def pullback(d, x, b):
        d_x = jax.vjp(lambda x: jax.nn.standardize(x + b), x)[1](d)[0]
        return d_x, d_x.sum()

    report = audit.audit(hand(standardized, pullback), X, 0.3)
    assert report.ok, str(report)
    narrow = hand(lambda x: jnp.sin(x.astype(jnp.float32)).astype(x.dtype), cosine_pullback)
    report = audit.audit(narrow, X)
    assert report.ok, str(report)


def test_what_cannot_be_audited_is_refused():
    with pytest.raises(
        TypeError, match="f must be a chainrule rule, layer or model, or a function of JAX arrays, got 3"
    ):
        audit.audit(3, X)
    with pytest.raises(ValueError, match="real numbers, got complex"):
        audit.audit(ops.tanh, X + 1j)
    with pytest.raises(ValueError, match="nothing to differentiate"):
        audit.audit(sine, np.arange(3))
    with pytest.raises(TypeError, match="brings its derivative with it"):
        audit.audit(RIGHT, X, Y, pullback=product_pullback)


def test_picture_of_the_audit(tmp_path):
    reports = list(audit.check_all(audit.entries("flatten")))
    figure = plot.audit_errors(reports)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["flatten"]
    path = plot.save(figure, tmp_path / "audit.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="at least one report"):
        plot.audit_errors([])
