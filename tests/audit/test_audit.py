"""The audit of a user's own rule, its report, and how far apart it says that two values are."""

import json
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import audit, layers, ops, plot
from chainrule.audit.compare import difference, structure_fault
from chainrule.layer import Layer
from chainrule.rule import rule

RNG = np.random.default_rng(0)
PARAMS = {"weight": RNG.normal(size=(3, 5)), "bias": RNG.normal(size=5)}
X = RNG.normal(size=(4, 3))


def test_audit_of_a_layer_passes_and_prints():
    report = audit.audit(layers.Dense(5), PARAMS, X, reference=lambda params, x: x @ params["weight"] + params["bias"])
    assert report.ok, str(report)
    assert "Dense(5) passes" in str(report)
    assert "hand against autodiff" in str(report)
    assert json.loads(json.dumps(report.to_json()))["ok"] is True


def test_audit_names_the_wrong_argument():
    @rule
    def product(x, y):
        return x * y, (x, y)

    @product.defbackward
    def product_backward(residuals, d_output):
        _x, y = residuals
        return d_output * y, d_output * y  # the second should be d_output * x

    report = audit.audit(product, X, X + 1)
    assert not report.ok
    assert "product fails" in str(report)
    assert any("argument 1[" in check.detail for check in report.failures)
    assert not any("argument 0[" in check.detail for check in report.failures)


def test_a_rule_that_raises_is_a_finding_and_not_a_crash():
    @rule
    def broken(x):
        raise RuntimeError("no forward today")

    broken.defbackward(lambda residuals, d_output: (d_output,))
    report = audit.audit(broken, X)
    assert not report.ok
    assert all("no forward today" in check.detail for check in report.failures)


def test_a_wrong_reference_fails_the_primal_alone():
    report = audit.audit(ops.tanh, X, reference=np.sin)
    assert [check.name for check in report.failures] == ["primal"]


def test_float32_arguments_are_checked_in_float64_and_change_no_configuration():
    report = audit.audit(ops.softmax, jnp.asarray(X, jnp.float32), axis=0)
    assert report.ok, str(report)
    assert not jax.config.jax_enable_x64


@dataclass(frozen=True)
class Dropout(Layer):
    """A layer with a key, and a state of integers."""

    def build(self, key, in_shape, dtype):
        return (), jnp.zeros((), jnp.int32)

    def forward(self, params, x, state=None, key=None, *, train=False):
        kept = jax.random.bernoulli(key, 0.5, x.shape) if train else jnp.ones(x.shape, bool)
        return (jnp.where(kept, 2 * x, 0), state + 1), kept

    def backward(self, kept, d_output, *, train=False):
        return (), jnp.where(kept, 2 * d_output[0], 0), d_output[1], None


def test_keys_and_states_of_integers_are_audited_too():
    report = audit.audit(Dropout(), (), X, jnp.asarray(0, jnp.int32), jax.random.key(1), train=True)
    assert report.ok, str(report)


@pytest.mark.parametrize("x", [np.full(3, np.nan), np.zeros(3), np.zeros((0, 3))], ids=["NaN", "0", "empty"])
def test_arguments_that_tell_nothing_prove_nothing(x):
    @rule
    def square(x):
        return x * x, x

    square.defbackward(lambda x, d_output: (7 * x * d_output,))
    report = audit.audit(square, x)
    assert not report.ok
    assert "nothing is proved" in str(report)


def test_what_cannot_be_audited_is_refused():
    with pytest.raises(TypeError, match="rule must be a chainrule rule"):
        audit.audit(np.sin, X)
    with pytest.raises(ValueError, match="real numbers, got complex"):
        audit.audit(ops.tanh, X + 1j)


def test_a_report_without_checks_proves_nothing():
    assert not audit.Report("nothing", ()).ok


def test_difference_scales_each_leaf_by_itself():
    small_leaf_wrong = difference((np.array([1e9]), np.array([2e-9])), (np.array([1e9]), np.array([1e-9])))
    assert small_leaf_wrong[0] == pytest.approx(1.0)
    assert "argument 1[0]" in small_leaf_wrong[1]


@pytest.mark.parametrize(
    ("found", "expected", "error"),
    [
        ([1.0, np.nan], [1.0, 2.0], np.inf),
        ([1.0, 2.0], [1.0, np.nan], np.inf),
        ([1.0, np.nan], [1.0, np.nan], 0.0),
        ([np.inf], [np.inf], 0.0),
        ([np.inf], [-np.inf], np.inf),
        ([0.0, 1e-3], [0.0, 0.0], 1e-3),
        ([], [], 0.0),
    ],
)
def test_difference_of_special_values(found, expected, error):
    assert difference(np.array(found), np.array(expected))[0] == error


def test_structure_comes_before_values():
    one = np.ones(3)
    assert "tree" in structure_fault((one,), (one, one))
    assert structure_fault((np.ones((3, 1)),), (one,)) == "at argument 0: expected float64[3], found float64[3, 1]"
    assert "float32" in structure_fault(one.astype(np.float32), one)
    assert difference((np.ones((3, 1)),), (one,))[0] == np.inf  # nothing is broadcast


def test_picture_of_the_audit(tmp_path):
    reports = list(audit.check_all(audit.entries("flatten")))
    figure = plot.audit_errors(reports)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["flatten"]
    path = plot.save(figure, tmp_path / "audit.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="at least one report"):
        plot.audit_errors([])
