from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from chainrule import audit
from chainrule.audit import mutants
from chainrule.audit.checks.names import ADJOINT, BFLOAT16, BY_HAND, EAGER, FLOAT32, KINKS, SCAN, SIZES, VALUES, VMAP

OUTSIDE = """
import jax
import jax.numpy as jnp

print("imported")


@jax.custom_vjp
def right(x, w):
    return jnp.tanh(x @ w)


@jax.custom_vjp
def wrong(x, w):
    return jnp.tanh(x @ w)


@jax.custom_vjp
def misshapen(x, w):
    return jnp.tanh(x @ w)


def forward(x, w):
    y = jnp.tanh(x @ w)
    return y, (x, w, y)


def backward(residuals, d_y):
    x, w, y = residuals
    d_z = d_y * (1 - y * y)
    return d_z @ w.T, x.T @ d_z


right.defvjp(forward, backward)
wrong.defvjp(forward, lambda residuals, d_y: (backward(residuals, d_y)[0], -backward(residuals, d_y)[1]))
misshapen.defvjp(forward, lambda residuals, d_y: (d_y, residuals[0].T @ d_y))


def power(n, x, *, scale=1.0):
    if not isinstance(n, int):
        raise TypeError(f"n must be an integer, got {type(n).__name__}")
    return scale * x**n


def power_pullback(d_y, n, x, *, scale=1.0):
    return None, scale * n * x ** (n - 1) * d_y


def largest(x):
    return jnp.argmax(x)


def seeded(x, *, seed):
    return x * seed


def leaves(x):
    raise SystemExit(3)


class Space:
    inner = staticmethod(right)


three = 3
"""


@pytest.fixture
def outside(run, tmp_path, monkeypatch):
    """A module of someone else's in the current folder, which is not on the path."""
    (tmp_path / "outside.py").write_text(OUTSIDE)
    before = list(sys.path)
    monkeypatch.delitem(sys.modules, "outside", raising=False)
    yield tmp_path
    sys.modules.pop("outside", None)
    assert sys.path == before


def rows(out):
    """The table: for each check the rest of its first row."""
    table = out.split("\n\n")[1].splitlines()[2:]
    return {line[:26].strip(): line[26:].split() for line in table}


def test_help_keeps_the_kinds_of_shapes_as_a_table(run):
    _, out, _ = run("check", "--help")
    assert "    3x4:positive     from 0.1 to 3\n" in out
    assert "    scalar:key       a random key\n" in out


# ----------------------------------------------------------------------------------------------------------------------
# One function
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["outside:right", "outside.py:right", "outside:Space.inner"])
def test_a_right_derivative_passes(run, outside, target):
    code, out, err = run("check", target, "--shapes", "5x3,3x4", "--seed", "2")
    assert (code, err) == (0, "imported\n")
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0] == f"{target}, a jax.custom_vjp"
    assert lines[1] == "arguments: 0 x float64[5, 3], 1 w float64[3, 4]"
    assert {"hand against autodiff", "Taylor remainder", "vmap"} <= set(rows(out))
    assert {row[-1] for row in rows(out).values()} == {"ok"}
    assert lines[-2].startswith(f"{target} passes all {len(out.split(chr(10) * 2)[1].splitlines()) - 2} checks, in ")
    assert lines[-1] == f"the same again: chainrule check {target} --shapes 5x3,3x4 --seed 2"


def test_a_wrong_derivative_is_1_and_its_argument_named(run, outside):
    code, out, _ = run("check", "outside:wrong", "--shapes", "5x3,3x4")
    assert code == 1
    assert rows(out)["hand against autodiff"][-1] == "FAIL"
    assert rows(out)["linearity"][-1] == "ok"
    lines = out.splitlines()
    first = lines[lines.index("hand against autodiff:") + 1]
    assert first.startswith("  at argument 1[")
    assert "expected" in first
    assert "wrong: the cotangent of argument 1 (w float64[3, 4])" in lines
    assert "looks like: the sign is wrong" in lines
    assert lines[-2].startswith("outside:wrong FAILS ")


def test_the_seed_draws_the_arguments(run, outside):
    figures = []
    for seed in (0, 0, 1):
        _, out, _ = run("check", "outside:wrong", "--shapes", "2x3,3x2", "--seed", seed)
        figures.append(out[out.index("hand against autodiff:") :].splitlines()[1])
    assert figures[0] == figures[1] != figures[2]


def test_a_cotangent_of_another_shape_is_told_once(run, outside):
    code, out, err = run("check", "outside:misshapen", "--shapes", "5x3,3x4")
    assert (code, err) == (1, "imported\n")
    assert out.count("float64[5,4] corresponding to an input of type float64[5,3]") == 1
    assert " more:\n  at argument 0: ValueError: Custom VJP bwd rule must produce" in out


def test_a_plain_function_with_static_arguments_and_its_pullback(run, outside):
    arguments = ("--static", "n=3", "--static", "scale=0.5", "--shapes", "6")
    code, out, _ = run("check", "outside:power", "--pullback", "outside:power_pullback", *arguments)
    assert code == 0
    assert "outside:power, with the pullback given\narguments: 0 n = 3, 1 x float64[6]\n" in out
    code, out, _ = run("check", "outside:power", *arguments)
    assert code == 0
    assert "that of JAX is judged, by differences" in out
    assert "hand against autodiff" not in out


def test_rules_of_the_package_are_targets(run):
    code, out, _ = run("check", "chainrule.ops:softmax", "--shapes", "4x3", "--static", "axis=0", "--second-order")
    assert code == 0
    assert "chainrule.ops:softmax, a chainrule rule" in out
    assert "second order" in rows(out)
    assert out.endswith("--shapes 4x3 --seed 0 --second-order --static axis=0\n")


def test_json_of_one_function(run, outside):
    code, out, _ = run("check", "outside:wrong", "--shapes", "5x3,3x4", "--seed", "7", "--json")
    assert code == 1
    found = json.loads(out)
    assert (found["ok"], found["target"], found["shapes"], found["seed"]) == (False, "outside:wrong", "5x3,3x4", 7)
    assert found["report"]["diagnosis"] == "the sign is wrong"
    (fault,) = (c for c in found["report"]["checks"] if c["name"] == "hand against autodiff")
    assert fault["place"]["argument"] == 1


def test_the_picture_of_one_function(run, outside):
    code, _, _ = run("check", "outside:wrong", "--shapes", "5x3,3x4", "--picture", "wrong.png")
    assert code == 1
    with Image.open(outside / "wrong.png") as image:
        assert (image.format, image.width) == ("PNG", 1200)
        colours = image.convert("RGB").getcolors(maxcolors=1 << 20)
    assert (213, 94, 0) in [colour for _, colour in colours]


def test_nothing_to_draw_is_one_line_after_the_report(run, outside):
    code, out, err = run("check", "outside:misshapen", "--shapes", "5x3,3x4", "--picture", "x.png")
    assert code == 1
    assert "outside:misshapen FAILS " in out
    assert err.splitlines()[-1].startswith("chainrule: error: audit_of: misshapen gives nothing to draw: ValueError: ")
    assert not (outside / "x.png").exists()


def test_a_narrow_terminal_wraps_the_case_and_a_pipe_does_not(run, outside, monkeypatch):
    _, piped, _ = run("check", "outside:right", "--shapes", "5x3,3x4")
    assert "given arguments, 5 made 11, 3 made 7, 4 made 9" in piped
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _, out, _ = run("check", "outside:right", "--shapes", "5x3,3x4")
    assert "given arguments, 5 made 11, 3 made 7, 4 made 9" not in out
    assert "hand against autodiff" in out


def test_a_process_of_its_own(outside):
    command = [sys.executable, "-m", "chainrule", "check", "outside:wrong", "--shapes", "5x3,3x4"]
    environment = {**os.environ, "CHAINRULE_NO_COMPILATION_CACHE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=outside, env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr == "imported\n"
    assert "\x1b" not in done.stdout
    assert "wrong: the cotangent of argument 1 (w float64[3, 4])\nlooks like: the sign is wrong\n" in done.stdout


# ----------------------------------------------------------------------------------------------------------------------
# What cannot be checked
# ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def breaks(run, tmp_path, monkeypatch):
    """Run ``check`` on a target that cannot be checked: exit status and the one line, after what modules print."""
    (tmp_path / "outside.py").write_text(OUTSIDE.replace('print("imported")', ""))
    (tmp_path / "slip.py").write_text("x = 1\ndef f(:\n")
    (tmp_path / "raising.py").write_text("\n\ntable = {}['key']\n")
    (tmp_path / "missing.py").write_text("import no_such_library\n")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.delitem(sys.modules, "outside", raising=False)

    def call(*arguments):
        code, out, err = run("check", *arguments)
        assert out == ""
        assert err.startswith("chainrule: error: ")
        assert err.count("\n") == 1
        return code, err

    yield call
    sys.modules.pop("outside", None)


SHAPES = ("--shapes", "5x3,3x4")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        # The target is no package.module:function.
        (["tanh", *SHAPES], 2, "TARGET must be package.module:function or path/to/file.py:function, got 'tanh'."),
        (["tanh", *SHAPES], 2, "A rule of the register is checked by --only NAME."),
        ([":right", *SHAPES], 2, "TARGET must be package.module:function"),
        (["outside:", *SHAPES], 2, "TARGET must be package.module:function"),
        (["out-side:right", *SHAPES], 2, "TARGET must be package.module:function"),
        (["outside:right", "--pullback", "right", *SHAPES], 2, "--pullback must be package.module:function"),
        # The module cannot be imported.
        (["nowhere.inside:f", *SHAPES], 1, "cannot import nowhere.inside: there is no module 'nowhere'"),
        (["outside.inside:f", *SHAPES], 1, "cannot import outside.inside: there is no module 'outside.inside'"),
        (["nowhere/file.py:f", *SHAPES], 1, "cannot import nowhere/file.py: there is no such file"),
        (
            ["missing:f", *SHAPES],
            1,
            "missing: it raised ModuleNotFoundError: No module named 'no_such_library' (missing",
        ),
        (["raising:f", *SHAPES], 1, "cannot import raising: it raised KeyError: 'key' (raising.py, line 3)"),
        (["raising.py:f", *SHAPES], 1, "cannot import raising.py: it raised KeyError: 'key' (raising.py, line 3)"),
        (["slip:f", *SHAPES], 1, "cannot import slip: it raised SyntaxError: "),
        (["slip:f", *SHAPES], 1, "(slip.py, line 2)"),
        (["leaving:f", *SHAPES], 1, "cannot import leaving: it raised SystemExit: 0 (leaving.py, line 2)"),
        # There is no such function in it.
        (["outside:wrnog", *SHAPES], 1, "outside has no 'wrnog'; did you mean wrong?"),
        (["outside:Space.iner", *SHAPES], 1, "outside:Space has no 'iner'; did you mean inner?"),
        (["outside:zzz", *SHAPES], 1, "outside has no 'zzz'\n"),
        (["outside:three", *SHAPES], 1, "outside:three must be a function, it is of type int"),
        (["outside:Space", *SHAPES], 1, "outside:Space must be a function, it is a class"),
        (
            ["chainrule.layers:Dense", *SHAPES],
            1,
            "is a layer, and shapes cannot give its params; in Python: chainrule.audit",
        ),
        # The shapes.
        (["outside:right"], 2, "TARGET needs --shapes"),
        (["outside:right", "--shapes", "5y3"], 2, "Invalid value for '--shapes': shapes must look like 3x4,4"),
        (["outside:right", "--shapes", ""], 2, "Invalid value for '--shapes': shapes must look like 3x4,4"),
        (["outside:right", "--shapes", "99999999x99999999"], 2, "Invalid value for '--shapes': "),
        (["outside:power", "--shapes", "3:int4,4:bool"], 1, "there is nothing to differentiate"),
        # The forward pass.
        (["outside:right", "--shapes", "5x3,4x4"], 1, "outside:right raised TypeError: dot_general requires"),
        (["outside:right", "--shapes", "5x3,4x4"], 1, "it was given float64[5, 3], float64[4, 4]"),
        (["outside:right", "--shapes", "5x3"], 1, "outside:right raised TypeError: right() missing 1 required"),
        (["outside:power", "--shapes", "3,4"], 1, "outside:power raised TypeError: n must be an integer, got "),
        (["outside:leaves", "--shapes", "3"], 1, "outside:leaves raised SystemExit: 3 (outside.py, line "),
        (["outside:largest", "--shapes", "3"], 1, "outside:largest must return floating-point numbers"),
        # Static arguments, and the pullback.
        (["outside:power", "--shapes", "3", "--static", "m=2"], 1, "no static argument 'm'; it has n, x, scale"),
        (["outside:power", "--shapes", "3", "--static", "scael=2"], 1, "'scael'; did you mean scale?"),
        (
            ["chainrule.ops:softmax", "--shapes", "3", "--static", "logits=2"],
            1,
            "no static argument 'logits'; it has axis",
        ),
        (["chainrule.ops:softmax", "--shapes", "3", "--static", "axis=[0]"], 1, "must be hashable, got [0]"),
        (["outside:power", "--shapes", "3", "--static", "n"], 2, "'--static': it must be NAME=VALUE, got 'n'."),
        (
            ["outside:seeded", "--shapes", "3", "--static", "seed=2"],
            1,
            "--static: 'seed' is an argument of the audit itself",
        ),
        (["outside:right", *SHAPES, "--pullback", "outside:power_pullback"], 1, "right brings its derivative with it"),
        # Options that do not go together.
        (["outside:right", *SHAPES, "--only", "tanh"], 2, "--only, --gallery and --thorough belong to the register"),
        (SHAPES, 2, "--shapes needs the TARGET"),
        (["--second-order"], 2, "--second-order needs the TARGET"),
        (["--static", "n=1"], 2, "--static needs the TARGET"),
        (
            ["outside:right", *SHAPES, "--picture", "x.svg"],
            1,
            "--picture must be a .png in a folder that exists, got x.svg",
        ),
        (["outside:right", *SHAPES, "--seed", "-1"], 2, "Invalid value for '--seed'"),
    ],
)
def test_what_cannot_be_checked_is_one_line(breaks, arguments, code, words):
    found, err = breaks(*arguments)
    assert words in err
    assert found == code


def test_traceback_shows_what_the_module_raised(run, tmp_path):
    (tmp_path / "raising.py").write_text("raise RuntimeError('deep inside')\n")
    with pytest.raises(ValueError, match="cannot import raising") as caught:
        run("--traceback", "check", "raising:f", *SHAPES)
    assert isinstance(caught.value.__cause__, RuntimeError)


# ----------------------------------------------------------------------------------------------------------------------
# The register
# ----------------------------------------------------------------------------------------------------------------------


def test_one_rule_of_the_register(run):
    code, out, err = run("check", "--only", "tanh", "--only", "tanh")
    assert (code, err) == (0, "")
    (line,) = (line for line in out.splitlines() if line.startswith("tanh "))
    assert line.split()[-1] == "ok"
    assert "\n1 of 1 pass " in out


def test_the_register_as_json(run):
    code, out, _ = run("check", "--only", "tanh", "--json")
    found = json.loads(out)
    assert (code, found["ok"]) == (0, True)
    assert [rule["subject"] for rule in found["rules"]] == ["tanh"]


def test_the_picture_of_the_register(run, tmp_path):
    code, _, _ = run("check", "--only", "tanh", "--picture", "audit.png")
    assert code == 0
    assert (tmp_path / "audit.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_thorough_leaves_no_check_out(run):
    """A layer leaves to the rules that it is made of what they have shown, unless it is asked for everything."""

    def made(*options):
        code, out, _ = run("check", "--only", "Dense", "--json", *options)
        assert code == 0
        (report,) = json.loads(out)["rules"]
        return {check["name"] for check in report["checks"]}

    few, all_of_them = made(), made("--thorough")
    assert few < all_of_them
    assert all_of_them - few == {ADJOINT, BFLOAT16, BY_HAND, EAGER, FLOAT32, KINKS, SCAN, SIZES, VALUES, VMAP}


def test_no_rule_of_that_name(fails):
    code, err = fails("check", "--only", "tan")
    assert code == 1
    assert "no rule 'tan' in the register" in err


def test_a_rule_that_fails_and_one_that_is_let_through_are_1(run, monkeypatch):
    """The rows and verdicts follow from what the audit reports, whatever checks it made."""
    failed = audit.Check("trajectory", "steps", False, 0.5, 1e-12, "at step 3")
    reports = [audit.Report("planted", (failed,))]
    monkeypatch.setattr(audit, "check_all", lambda chosen, seed, **how: iter(reports))
    monkeypatch.setattr(mutants, "check_mutants", lambda planted, seed: iter([(mutants.MUTANTS[0], None)]))
    code, out, _ = run("check")
    assert code == 1
    (line,) = (line for line in out.splitlines() if line.startswith("planted "))
    assert line.split() == ["planted", "0", "of", "1", "FAIL"]
    assert "planted: trajectory (steps): 5.0e-01 > 1e-12; at step 3" in out
    assert f"not caught: {mutants.MUTANTS[0].name}" in out
    reports[:] = [audit.Report("planted", (audit.Check("trajectory", "steps", True, 0.0, 1e-12),))]
    assert run("check")[0] == 1
