from __future__ import annotations

import os
import subprocess
import sys
import warnings

import click
import jax
import pytest

import chainrule
from chainrule import cli
from chainrule.cli import main


@pytest.fixture
def command(monkeypatch):
    """Put a command of the test's own in the place of ``predict``."""

    def install(function):
        module = type(sys)("stand_in")
        module.predict = click.command("predict")(function)
        monkeypatch.setitem(sys.modules, "stand_in", module)
        monkeypatch.setitem(cli.COMMANDS, "predict", "stand_in")

    return install


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_every_command(run, arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    for name in cli.COMMANDS:
        assert f"\n  {name} " in out


def test_every_command_has_help(run):
    for name in cli.COMMANDS:
        code, out, _ = run(name, "--help")
        assert code == 0
        assert out.startswith(f"Usage: chainrule {name} ")


def test_version(run):
    assert run("--version") == (0, f"chainrule {chainrule.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "No such command 'trian'"),
        (["--colour"], "No such option"),
        (["train"], "Missing argument"),
        (["train", "cifar"], "'cifar' is not one of 'mnist', 'digits'"),
        (["train", "digits", "--epochs", "many"], "'many' is not a valid integer"),
        (["train", "digits", "--gradients", "numeric"], "'numeric' is not one of 'hand', 'autodiff'"),
        (["predict", "run"], "Missing argument"),
    ],
)
def test_a_command_typed_wrongly_is_one_line_and_2(fails, arguments, words):
    code, err = fails(*arguments)
    assert code == 2
    assert words in err
    assert "--help" in err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("the first line\n  and the second"), "the first line and the second"),
        (FileNotFoundError(2, "No such file or directory", "x.png"), "x.png: No such file or directory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (FileNotFoundError("there is no file"), "there is no file"),
        (ModuleNotFoundError('pip install "chainrule[data]"'), 'pip install "chainrule[data]"'),
        (ValueError(), "ValueError"),
        (click.ClickException("no"), "no"),
    ],
)
def test_expected_errors_are_one_line_and_1(fails, command, error, line):
    @command
    def predict():
        raise error

    assert fails("predict") == (1, f"chainrule: error: {line}\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "not enough memory"),
        (MemoryError("Unable to allocate 3 TiB"), "not enough memory (Unable to allocate 3 TiB)"),
        (
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\n  a stack"),
            "not enough memory (RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.)",
        ),
    ],
)
def test_too_little_memory_is_one_line_and_1(fails, command, error, line):
    @command
    def predict():
        raise error

    assert fails("predict") == (1, f"chainrule: error: {line}\n")


@pytest.mark.parametrize(
    "error", [TypeError("a mistake of ours"), jax.errors.JaxRuntimeError("INTERNAL: a mistake of ours")]
)
def test_an_unexpected_error_is_not_hidden(command, error):
    @command
    def predict():
        raise error

    with pytest.raises(type(error), match="a mistake of ours"):
        main(["predict"])


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_reader_that_has_gone_is_no_error(size):
    code = (
        "import sys, click; from chainrule import cli\n"
        "module = type(sys)('stand_in')\n"
        f"module.predict = click.command('predict')(lambda: sys.stdout.write('x\\n' * {size}) and None)\n"
        "sys.modules['stand_in'] = module; cli.COMMANDS['predict'] = 'stand_in'\n"
        "sys.stdin.read(); sys.exit(cli.main(['predict']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        process.stdin.close()  # it begins when its reader has gone
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.parametrize("by_environment", [False, True])
def test_traceback_shows_it(command, monkeypatch, by_environment):
    @command
    def predict():
        raise ValueError("seen")

    if by_environment:
        monkeypatch.setenv("CHAINRULE_TRACEBACK", "1")
    with pytest.raises(ValueError, match="seen"):
        main(["predict"] if by_environment else ["--traceback", "predict"])


def test_ctrl_c_is_one_line_and_130(run, command):
    @command
    def predict():
        raise KeyboardInterrupt

    assert run("predict") == (130, "", "chainrule: interrupted\n")


def test_a_warning_is_one_line(run, command):
    @command
    def predict():
        warnings.simplefilter("default")
        warnings.warn("mind\nthe gap", stacklevel=1)

    assert run("predict") == (0, "", "chainrule: warning: mind the gap\n")


def test_python_m_chainrule_and_what_help_imports():
    code = (
        "import sys, chainrule; before = set(sys.modules); sys.argv = ['chainrule', '--help']\n"
        "import runpy\n"
        "try: runpy.run_module('chainrule', run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {m.partition('.')[0] for m in set(sys.modules) - before}\n"
        "heavy &= {'jax', 'numpy', 'matplotlib', 'rich', 'PIL', 'safetensors'}\n"
        "assert not heavy, heavy"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "Commands:" in done.stdout
