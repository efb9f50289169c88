"""Every rule of the register passes every check: the core of the suite."""

import ast
import dataclasses
import inspect
from pathlib import Path

import jax.numpy as jnp
import pytest

import chainrule
from chainrule import audit, layers, losses, models, ops
from chainrule.audit.checks import AUTODIFF, DIFFERENCES, PRIMAL
from chainrule.audit.checks.names import ADJOINT, BY_HAND, EAGER, EXTREMES, JIT, SCAN, VMAP
from chainrule.audit.registry import REGISTER, Entry, OptimizerEntry, register_optimizer
from chainrule.layer import Layer, Lifted, StatelessLayer
from chainrule.rule import Rule, rule

# What waits for the slow tests, each check of it: networks, but for the simplest, and layers that are a rule of the room
# "ops" in another form, or a layer beside them in one more variant.
QUICK_MODELS = {"perceptron", "mlp, relu"}
SLOW_LAYERS = {
    *("MultiHeadAttention", "MultiHeadAttention with padding", "Conv without bias", "ConvTranspose", "MaxPool"),
    *("RNN", "GRU, last", "LSTM, carrying", "Bidirectional", "BatchNorm without scale", "GroupNorm"),
}


def waits(entry):
    return entry.name in SLOW_LAYERS or (entry.room == "models" and entry.name not in QUICK_MODELS)


@pytest.mark.parametrize(
    "name",
    [pytest.param(entry.name, marks=[pytest.mark.slow] if waits(entry) else []) for entry in audit.rules()],
)
def test_rule_passes_the_checks(name):
    (entry,) = audit.entries(name)
    assert_passes(audit.check_entry(entry))


@pytest.mark.parametrize("bend", [3 / (1 + 1e-6), 3 - 1e-3, 3 + 1e-3])
def test_a_bend_that_is_slightly_out_of_place_is_caught(bend):
    hard_swish = REGISTER["hard_swish"].rule

    @rule
    def bent(x):
        return hard_swish.forward(x)

    @bent.defbackward
    def bent_backward(x, d_output):
        return (d_output * jnp.where(jnp.abs(x) >= bend, jnp.asarray(x > 0, x.dtype), (2 * x + 3) / 6),)

    entry = dataclasses.replace(REGISTER["hard_swish"], rule=bent)
    assert AUTODIFF in {check.name for check in audit.check_entry(entry).failures}


@pytest.mark.slow
@pytest.mark.parametrize("name", [entry.name for entry in audit.rules()])
def test_rule_passes_every_check(name):
    """Those too that ``chainrule check`` leaves to ``--thorough``."""
    (entry,) = audit.entries(name)
    report = audit.check_entry(entry, thorough=True)
    assert_passes(report)
    made = {check.name for check in report.checks}
    assert made >= {EAGER, JIT, VMAP, SCAN, ADJOINT, BY_HAND, EXTREMES}


def assert_passes(report):
    assert report.ok, str(report)
    assert report.worst(AUTODIFF) <= 1e-12
    assert report.worst(DIFFERENCES) <= 1e-6
    assert report.worst(PRIMAL) <= 1e-12


def test_only_layers_and_networks_wait_for_the_slow_tests():
    waiting = {entry.name: entry.room for entry in audit.rules() if waits(entry)}
    assert set(waiting) >= SLOW_LAYERS
    assert {waiting[name] for name in SLOW_LAYERS} == {"layers"}
    assert set(waiting.values()) == {"layers", "models"}
    assert {entry.name for entry in audit.rules() if entry.room == "models"} > QUICK_MODELS


def test_every_public_rule_is_registered():
    registered = {entry.rule for entry in audit.rules()}
    for room in (ops, losses, models):
        for name in room.__all__:
            value = getattr(room, name)
            if isinstance(value, Rule):
                # The pointwise half of a loss is checked as the loss with the reduction "none".
                whole = {entry.rule.pointwise for entry in audit.rules() if isinstance(entry.rule, losses.Loss)}
                assert value in registered | whole, f"{room.__name__}.{name} is in no case of the audit"


def test_every_layer_class_is_registered():
    types = {type(entry.rule) for entry in audit.rules()}
    public = {getattr(layers, name) for name in layers.__all__}
    public = {value for value in public if inspect.isclass(value) and issubclass(value, Layer)}
    assert public, "the room of layers holds no layer"
    assert public <= types
    assert {chainrule.compose.Chain, chainrule.compose.Parallel} <= types
    assert Lifted not in public
    assert StatelessLayer not in public


def test_every_model_is_registered():
    source = Path(inspect.getfile(audit)).parent / "cases"
    used = {
        node.attr
        for path in source.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "models"
    }
    assert {"mlp", "perceptron"} <= used


def test_register_refuses_a_name_that_is_taken_and_cases_without_extremes():
    (entry,) = audit.entries("tanh")
    with pytest.raises(ValueError, match="tanh is in the register already"):
        audit.register("tanh", "ops", entry.rule, entry.reference, *entry.cases)
    with pytest.raises(ValueError, match="a typical and an extreme one"):
        audit.register("new", "ops", entry.rule, entry.reference, entry.cases[0])
    with pytest.raises(ValueError, match="no rule 'tann' in the register; it holds sigmoid, tanh"):
        audit.entries("tann")


def test_the_register_refuses_an_optimizer_of_a_taken_name_or_without_a_typical_case():
    (adam,) = audit.entries("adam")
    for taken in ("adam", "tanh"):
        with pytest.raises(ValueError, match=f"{taken} is in the register already"):
            register_optimizer(taken, adam.answer, *adam.cases)
    for cases, kinds in (((), r"\[\]"), (adam.cases[1:], r"\['more'\]"), (adam.cases[::-1], r"\['more', 'typical'\]")):
        with pytest.raises(ValueError, match=f"new: the first of the cases must be typical, got {kinds}"):
            register_optimizer("new", adam.answer, *cases)
    assert "new" not in REGISTER


def test_entries_are_chosen_by_room_and_optimizers_come_last(monkeypatch):
    (tanh,) = audit.entries("tanh")
    monkeypatch.setitem(REGISTER, "late", dataclasses.replace(tanh, name="late"))
    everything, rules, optimizers = audit.entries(), audit.rules(), audit.entries(room="optim")
    assert everything == [*rules, *optimizers]
    assert rules[-1].name == "late"
    assert {type(entry) for entry in rules} == {Entry}
    assert {type(entry) for entry in optimizers} == {OptimizerEntry}
    assert {entry.room for entry in audit.entries(room="losses")} == {"losses"}
    assert audit.entries("adam", room="optim") == audit.entries("adam")
    with pytest.raises(ValueError, match="no rule 'adam' in the room 'losses' of the register; it holds "):
        audit.entries("adam", room="losses")
    with pytest.raises(ValueError, match=r"no room 'attic' in the register; it holds ops, .*, optim$"):
        audit.entries(room="attic")
