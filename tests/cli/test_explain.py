from __future__ import annotations

import json
import sys

import jax.numpy as jnp
import pytest
from PIL import Image

from chainrule import audit
from chainrule.audit import registry
from chainrule.audit.checks import AUTODIFF
from chainrule.rule import rule


@rule
def wrong(x):
    """A square, and the derivative of another: y = x^2."""
    return x * x, x


@wrong.defbackward
def wrong_backward(x, d_output):
    return (3 * x * d_output,)


@pytest.fixture
def wrong_entry(monkeypatch):
    (known,) = audit.entries("tanh")
    entry = registry.Entry("wrong", "ops", wrong, jnp.square, known.cases[:1])
    monkeypatch.setitem(registry.REGISTER, "wrong", entry)


def test_without_a_name_it_lists_every_rule_by_room(run):
    code, out, err = run("explain")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    rooms = [line for line in lines if line and not line.startswith(" ")]
    assert rooms == list(dict.fromkeys(entry.room for entry in audit.entries()))
    assert len([line for line in lines if line.startswith("  ")]) == len(audit.entries())
    (gelu,) = (line for line in lines if line.startswith("  gelu "))
    assert gelu.split(maxsplit=1)[1].startswith("Gaussian error linear unit: y = x P(x), ")


def test_the_list_as_json(run):
    code, out, _ = run("explain", "--json")
    assert code == 0
    assert {"room": "ops", "name": "affine", "title": "Map the last axis: y = x W + b."} in json.loads(out)


def test_a_page_has_every_section_and_the_audit(run):
    code, out, err = run("explain", "tanh")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0] == "tanh: Hyperbolic tangent"
    assert lines[1].startswith("ops, chainrule.ops.sigmoids:")
    headings = [line for line in lines[2:] if line and not line.startswith(" ")]
    assert headings == ["Equation", "Shapes", "Derivation", "Residuals", "Forward", "Backward", "Audit"]
    assert "  y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))." in lines
    assert "      return (d_output * (1 - y * y),)" in lines
    assert lines[-2].startswith("  all ")
    assert " checks pass, in " in lines[-2]
    for against in ("autodiff", "differences", "the reference"):
        assert f" against {against}" in lines[-1]


def test_no_check_leaves_the_audit_out(run, monkeypatch):
    monkeypatch.setattr(audit, "check_entry", None)
    code, out, _ = run("explain", "cross_entropy", "--no-check")
    assert code == 0
    assert "\nAudit\n" not in out
    assert "  reduce                 chainrule explain reduce\n" in out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("perceptron_loss", ["Kinks\n  At the kink z = 0"]),
        (
            "residual with shortcut",
            ["  Dense(2)  chainrule explain 'Dense without bias'\n", "Composition\n  parallel("],
        ),
        ("mlp", ["mlp, relu: Build flatten", "Code\n  def mlp(", "  flatten   chainrule explain flatten\n"]),
        ("Dense", ["Dense\nlayers, ", "Equation\n  y = x W + b on the last axis, by the rule `ops.affine`.\n"]),
    ],
)
def test_pages_of_other_kinds(run, name, words):
    code, out, _ = run("explain", name, "--no-check")
    assert code == 0
    for expected in words:
        assert expected in out


def test_a_kink_is_told_once(run):
    _, out, _ = run("explain", "relu", "--no-check")
    assert out.count("At the kink the slope is 0.") == 1
    assert "Kinks" not in out


def test_json_holds_the_page_and_the_audit(run):
    code, out, _ = run("explain", "relu", "--json")
    assert code == 0
    page = json.loads(out)
    assert (page["name"], page["elementwise"], page["kinks"]) == ("relu", True, "At the kink the slope is 0.")
    assert page["audit"]["ok"] is True
    assert page["audit"]["checks"]
    code, out, _ = run("explain", "relu", "--json", "--no-check")
    assert json.loads(out) == page | {"audit": None}


def test_in_a_terminal_the_code_is_coloured(run, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, _ = run("explain", "tanh", "--no-check")
    assert code == 0
    assert "\x1b[1mDerivation\x1b[0m" in out
    (line,) = (line for line in out.splitlines() if "return" in line and "d_output" in line)
    assert "\x1b[" in line


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_rule_that_fails_the_audit_is_1(run, wrong_entry, arguments):
    code, out, err = run("explain", "wrong", *arguments)
    assert (code, err) == (1, "")
    if arguments:
        assert json.loads(out)["audit"]["ok"] is False
    else:
        verdict = out.partition("\nAudit\n")[2].splitlines()
        assert verdict[0].startswith("  FAIL: ")
        assert any(line.startswith(f"  {AUTODIFF} (") for line in verdict)


@pytest.mark.parametrize("name", ["gelu", "relu", "huber"])
def test_the_picture_is_a_png(run, tmp_path, name):
    path = tmp_path / "curve.png"
    code, _, err = run("explain", name, "--no-check", "--picture", path)
    assert (code, err) == (0, "")
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width == 1200
        assert len(image.convert("RGB").getcolors(maxcolors=1 << 20)) > 20


def test_nothing_is_drawn_unless_asked(run, tmp_path):
    run("explain", "gelu", "--no-check")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gelo"], 1, "no rule 'gelo' in the register; did you mean gelu?"),
        (["affine", "--picture", "x.png"], 1, "affine cannot be drawn: a picture shows an elementwise rule"),
        (["cross_entropy", "--picture", "x.png"], 1, "cross_entropy cannot be drawn"),
        (["gelu", "--picture", "x.svg"], 1, "--picture must be a .png in a folder that exists, got x.svg"),
        (["gelu", "--picture", "nowhere/x.png"], 1, "--picture must be a .png in a folder that exists"),
        (["--picture", "x.png"], 2, "--picture needs the NAME of a rule."),
    ],
)
def test_bad_input_is_one_line(fails, tmp_path, arguments, code, words):
    found, err = fails("explain", *arguments)
    assert found == code
    assert words in err
    assert list(tmp_path.iterdir()) == []
