"""What a page says of a rule or optimiser: all read from docstrings and source, for every entry of the register."""

import ast
import importlib
import inspect
import sys
import textwrap
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import chainrule
from chainrule import audit, ops
from chainrule.audit import registry
from chainrule.audit.explain import curve, drawable, explain, find, titles
from chainrule.rule import rule
from tests.helpers import random_like

NAMES = [entry.name for entry in audit.rules()]
OPTIMIZERS = [entry.name for entry in audit.entries(room="optim")]
DRAWABLE = {
    *("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "softplus", "hard_swish"),
    *("mean_squared_error", "mean_absolute_error", "huber", "binary_cross_entropy", "perceptron_loss"),
}


def file_of(module):
    return Path(inspect.getfile(importlib.import_module(module)))


def functions_of(source):
    """The functions of a source text as syntax trees without docstrings, each as text."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            if ast.get_docstring(node) is not None and len(node.body) > 1:
                node.body = node.body[1:]
            found.add(ast.dump(node))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_has_an_equation_and_code(name):
    page = explain(name)
    assert (page.name, page.room) == (name, find(name).room)
    assert page.title
    assert page.equation
    assert page.forward_code
    assert page.backward_code or (page.room == "models" and page.parts)
    assert "::" not in page.equation + page.derivation
    for code in (page.forward_code, page.backward_code):
        assert '"""' not in code
        ast.parse(code)


@pytest.mark.parametrize("name", NAMES)
def test_the_code_is_that_of_the_source_files(name):
    page = explain(name)
    written = {"chainrule.losses.reduction", "chainrule.compose", page.where.partition(":")[0]}
    functions = set().union(*(functions_of(file_of(module).read_text()) for module in written))
    lines = {line.strip() for module in written for line in file_of(module).read_text().splitlines()}
    for code in (page.forward_code, page.backward_code):
        assert functions_of(code) <= functions
        assert {line.strip() for line in code.splitlines()} <= lines  # comments and layout too


@pytest.mark.parametrize("name", [entry.name for entry in audit.rules() if entry.room != "models"])
def test_the_code_is_what_runs(name):
    page, entry = explain(name), find(name)
    args = jax.tree.map(jnp.asarray, entry.cases[0].make(np.random.default_rng(0)))

    def both(*args):
        output, pullback = entry.rule.vjp(*args, **entry.cases[0].static)
        return pullback(random_like(output))

    called = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        jax.eval_shape(both, *args)
    finally:
        sys.setprofile(None)
    own = [code for code in called if code.co_filename.startswith(str(Path(chainrule.__file__).parent))]
    ran = set().union(*(functions_of(textwrap.dedent(inspect.getsource(c))) for c in own if c.co_name[0] != "<"))
    shown = functions_of(page.forward_code) | functions_of(page.backward_code)
    assert shown
    assert shown <= ran


@pytest.mark.parametrize("name", NAMES)
def test_where_is_the_line_of_the_definition(name):
    module, _, line = explain(name).where.partition(":")
    text = file_of(module).read_text().splitlines()[int(line) - 1]
    assert text.startswith(("def ", "class "))


# ----------------------------------------------------------------------------------------------------------------------
# Sections
# ----------------------------------------------------------------------------------------------------------------------


def test_gelu():
    page = explain("gelu")
    assert page.title == (
        "Gaussian error linear unit: y = x P(x), with P the cumulative distribution of the standard normal."
    )
    assert page.equation.startswith(
        "y = x P(x), with P the cumulative distribution of the standard normal.\n\nP(x) = erfc"
    )
    assert page.shapes == "x any, y the same."
    assert page.derivation.endswith("so by the product rule dy/dx = P(x) + x p(x).")
    assert page.residuals == "x."
    assert page.kinks == page.notes == page.composition == ""
    assert page.source == "Hendrycks and Gimpel, Gaussian error linear units, 2016."
    assert page.parts == ()
    assert page.elementwise
    assert page.where.startswith("chainrule.ops.gelu:")
    assert page.forward_code == textwrap.dedent(
        """\
        @rule
        def gelu(x: Array) -> tuple[Array, Array]:
            require_floating("gelu", x=x)
            return x * (0.5 * lax.erfc(-x * _SQRT_HALF)), x"""
    )
    assert page.backward_code.startswith("@gelu.defbackward\ndef gelu_backward(")


def test_softmax():
    page = explain("softmax")
    assert page.equation.startswith("y_i = exp(x_i) / sum_j exp(x_j), along ``axis``.\n\nA constant added")
    assert page.shapes == "x any, y the same; y sums to 1 along ``axis``."
    assert page.derivation.startswith("dy_i/dx_j = y_i (d_ij - y_j)")
    assert page.residuals == "y."
    assert page.source == ""
    assert not page.elementwise  # the shape is that of x, but each number depends on all


def test_affine_keeps_the_displayed_derivation():
    page = explain("affine")
    assert page.equation == "y = x W + b."
    assert page.shapes.splitlines()[-1] == "y (..., out_features). All of one floating-point dtype."
    head, blank, *lines = page.derivation.splitlines()
    assert head == "with the leading axes of x flattened to n rows and G = dL/dY of shape (n, out_features):"
    assert blank == ""
    assert lines[0] == "    Y_ik = sum_j X_ij W_jk + b_k"
    assert len(lines) == 4
    assert page.residuals == "x and weight, and whether there is a bias."


def test_cross_entropy_is_its_pointwise_half_and_the_reduction():
    page = explain("cross_entropy")
    assert "l = - sum_c q_c log p_c" in page.equation
    assert "Labels are classes" in page.equation
    assert page.derivation.startswith("d(log sum exp z)/dz = p, so dl/dz = s p - q.")
    assert page.derivation.endswith("e mean_c(-log p_c).")
    assert page.notes.startswith("A label outside [0, classes) is refused")
    assert "ValueError" not in "".join([page.equation, page.notes, page.residuals, page.derivation])
    assert [part.name for part in page.parts] == ["softmax_cross_entropy", "reduce"]
    assert [part.explained for part in page.parts] == ["", "reduce"]
    assert page.parts[0].where == page.where
    assert "def softmax_cross_entropy(" in page.forward_code
    assert "reduce.forward(" in page.forward_code
    assert "def softmax_cross_entropy_backward(" in page.backward_code
    assert "reduce.backward(" in page.backward_code


def test_dense_shows_its_two_methods_and_the_rule_that_it_calls():
    page = explain("Dense")
    assert page.equation == "y = x W + b on the last axis, by the rule ``ops.affine``."
    assert page.shapes.startswith('Params: ``{"weight": (in_features, out_features)')
    assert page.derivation == ""
    assert page.forward_code.startswith("def evaluate(self")
    assert page.backward_code.startswith("def evaluate_backward(self")
    assert [part.explained for part in page.parts] == ["affine"]


def test_chain_reads_the_table_of_its_module():
    page = explain("chain")
    assert page.title.startswith("Compose layers from left to right")
    assert page.equation == "y = f_n(... f_2(f_1(x)))"
    assert page.derivation == "dL/dx = J_1^T J_2^T ... J_n^T dL/dy, read from the right"
    assert page.composition == "chain(Dense(4), tanh, Dense(2))"
    assert [part.explained for part in page.parts] == ["Dense", "tanh", "Dense"]
    assert page.backward_code.startswith("def backward(self")
    assert len(explain("parallel, sum").derivation.splitlines()) == 2
    assert [part.name for part in explain("residual").parts] == ["identity", "chain(Dense(4), silu, Dense(3))"]
    assert [part.explained for part in explain("residual").parts] == ["", "chain"]
    assert [part.explained for part in explain("residual with shortcut").parts] == ["Dense without bias", "Dense"]


def test_mlp_lists_its_layers():
    page = explain("mlp")
    assert page == explain("mlp, relu")
    assert page.equation.splitlines() == [
        "a_0 = flatten(x)",
        "a_l = f(a_{l-1} W_l + b_l)       for the hidden layers",
        "y   = a_{L-1} W_L + b_L",
    ]
    assert page.shapes == "x (batch, ...), y (batch, widths[-1])."
    assert [part.explained for part in page.parts] == ["flatten", "Dense", "relu", "Dense", "relu", "Dense"]
    assert page.forward_code.startswith("def mlp(")
    assert page.backward_code == ""
    bound = explain("mlp, softmax").parts[2]
    assert (bound.name, bound.explained) == ("softmax(axis=-1)", "softmax")


def test_kinks_are_found_wherever_the_docstring_speaks_of_them():
    assert explain("relu").kinks == "At the kink the slope is 0."
    assert explain("hard_swish").kinks.endswith("0 at -3, and 1 at 3.")
    assert explain("perceptron_loss").kinks.startswith("At the kink z = 0 the prediction is 0")
    assert explain("perceptron_loss").notes == ""


def test_a_bound_rule_and_a_section_of_kinks(monkeypatch):
    @rule
    def bend(x, *, slope: float = 2.0):
        """Bend: y = slope |x|.

        Kinks: at 0 the slope is 0.

        Source: none.
        """
        return slope * abs(x), x

    @bend.defbackward
    def bend_backward(x, d_output, *, slope):
        """Give what the docstring says."""
        return (slope * np.sign(x) * d_output,)

    (known,) = audit.entries("tanh")
    bound = bend.bind(slope=3.0)
    entry = registry.Entry("bend", "ops", bound, known.reference, known.cases)
    monkeypatch.setitem(registry.REGISTER, "bend", entry)
    page = explain("bend")
    assert (page.equation, page.kinks, page.source) == ("y = slope |x|.", "at 0 the slope is 0.", "none.")
    assert page.elementwise
    assert page.backward_code.endswith("    return (slope * np.sign(x) * d_output,)")
    assert "Give" not in page.backward_code
    assert float(curve("bend")(np.float32(-2))) == 6


# ----------------------------------------------------------------------------------------------------------------------
# Optimisers
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_has_an_equation_its_code_and_an_independent_answer(name):
    page = explain(name)
    assert (page.name, page.room, page.backward_code, page.elementwise) == (name, "optim", "", False)
    assert page.title
    assert page.equation
    assert "::" not in page.equation
    ours, theirs = (file_of(m).read_text() for m in (page.where.partition(":")[0], "chainrule.audit.cases.formulas"))
    assert functions_of(page.answer_code) < functions_of(theirs)
    shown = {node for node in functions_of(page.forward_code) if "'update'" in node or "'__call__'" in node}
    assert shown
    assert functions_of(page.forward_code) <= functions_of(ours) | functions_of(
        file_of("chainrule.optim.adam").read_text()
    )
    text = ours.splitlines()[int(page.where.partition(":")[2]) - 1]
    assert text.startswith(f"def {name.split()[0]}(")


def test_adamw_shows_the_methods_that_its_update_calls():
    page = explain("adamw")
    assert page.title == "Adam with decoupled weight decay."
    assert page.equation.splitlines()[1] == "    w ← w - η (m̂ / (√ŝ + ε) + λ w)"
    assert page.source.startswith("Loshchilov and Hutter")
    assert page.forward_code.startswith("def update(self, grads")
    assert "def _step(\n" in page.forward_code
    assert page.answer_code.startswith("def adam(rate: Any")
    assert '"""' not in page.forward_code + page.answer_code
    assert explain("clip_by_value").equation.startswith("u = min(max(∇, -c), c).\n\nIt changes")
    assert explain("constant schedule").equation == "The same learning rate at every step."


def test_an_optimizer_cannot_be_drawn_and_is_no_part_of_a_rule():
    with pytest.raises(ValueError, match=r"^adam cannot be drawn: .* those are sigmoid, tanh, relu, "):
        curve("adam")
    assert not set(drawable()) & set(OPTIMIZERS)


def test_an_entry_without_a_function_of_its_name_cannot_be_explained(monkeypatch):
    (adam,) = audit.entries("adam")
    monkeypatch.setitem(registry.REGISTER, "adamant", registry.OptimizerEntry("adamant", adam.answer, adam.cases))
    with pytest.raises(ValueError, match=r"^adamant cannot be explained: chainrule\.optim has no function adamant$"):
        explain("adamant")


# ----------------------------------------------------------------------------------------------------------------------
# Names and pictures
# ----------------------------------------------------------------------------------------------------------------------


def test_titles_are_those_of_the_pages_in_the_order_of_the_register():
    assert [name for _, name, _ in titles()] == [*NAMES, *OPTIMIZERS]
    assert ("ops", "affine", "Map the last axis: y = x W + b.") in titles()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gelo", r"did you mean gelu\?"),
        ("dense", "did you mean Dense"),
        ("crossentropy", r"did you mean cross_entropy, binary_cross_entropy\?"),
        ("quux", "it holds sigmoid; tanh; "),
    ],
)
def test_an_unknown_name_is_told_what_is_near(name, hint):
    with pytest.raises(ValueError, match=f"^no rule '{name}' in the register; {hint}"):
        explain(name)


def test_elementwise_rules_and_losses_can_be_drawn():
    assert set(drawable()) >= DRAWABLE
    assert not {"softmax", "log_softmax", "affine", "flatten", "reduce", "cross_entropy", "Dense", "chain"} & set(
        drawable()
    )
    assert curve("relu") is ops.relu
    with pytest.raises(ValueError, match=r"^affine cannot be drawn: .* those are sigmoid, tanh, relu, "):
        curve("affine")


def test_a_loss_is_drawn_against_a_target_of_0():
    rule = curve("huber")
    x = np.array([-3.0, 0.5, 2.0], np.float32)
    y, pullback = rule.vjp(x)
    np.testing.assert_allclose(y, [2.5, 0.125, 1.5])
    np.testing.assert_allclose(pullback(np.ones(3, np.float32))[0], [-1, 0.5, 1])
    assert rule.name == "huber of one prediction, target 0"
