"""The command line: ``chainrule train``, ``chainrule predict``, ...

A command is one file of this folder; ``COMMANDS`` names it, and it is imported when it is asked for. Nothing here
imports JAX, so that help comes at once; commands import what they need when they run.

Whatever goes wrong in an expected way ends in one line on the standard error and a non-zero exit status: 2 for a command
that was typed wrongly, 1 for everything else, 130 after Ctrl-C. Where who reads the output has gone (``| head -1``),
nothing is said, and the status is 141.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import click

__all__ = ["COMMANDS", "Settings", "main", "program"]

COMMANDS = {
    "train": "chainrule.cli.train",
    "fit": "chainrule.cli.fit",
    "eval": "chainrule.cli.eval",
    "predict": "chainrule.cli.predict",
    "sample": "chainrule.cli.sample",
    "check": "chainrule.cli.check",
    "data": "chainrule.cli.data",
    "explain": "chainrule.cli.explain",
    "summary": "chainrule.cli.summary",
    "syllabus": "chainrule.cli.syllabus",
    "errata": "chainrule.cli.errata",
}
"""The module of every command; each defines a click command of the command's name."""

_WRONG_COMMAND, _FAILED, _INTERRUPTED, _NO_READER = 2, 1, 130, 141


@dataclass
class Settings:
    """What was asked for before the name of the command."""

    traceback: bool = False
    compilation_cache: bool = True


class _Commands(click.Group):
    """A group that imports a command when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from chainrule import __version__

        click.echo(f"chainrule {__version__}")
        ctx.exit()


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--no-compilation-cache",
    is_flag=True,
    envvar="CHAINRULE_NO_COMPILATION_CACHE",
    help="Compile everything anew. Otherwise compiled programs are kept in the user's cache folder "
    "(chainrule/jax in $XDG_CACHE_HOME or ~/.cache), so that the next run starts sooner; "
    "$JAX_COMPILATION_CACHE_DIR names another folder. Also switched off by CHAINRULE_NO_COMPILATION_CACHE=1.",
)
@click.option(
    "--traceback",
    is_flag=True,
    envvar="CHAINRULE_TRACEBACK",
    help="Show the whole traceback of an error. Also switched on by CHAINRULE_TRACEBACK=1.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it.")
@click.pass_obj
def program(settings: Settings, no_compilation_cache: bool, traceback: bool) -> None:
    """Deep learning from its mathematics up: every gradient derived by hand."""
    settings.compilation_cache = not no_compilation_cache
    settings.traceback = traceback


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status.

    Args:
        arguments: the words after ``chainrule``; None: those of the process.
    """
    if arguments is None:
        # The process is ours, and short: a collector that runs seldom saves a tenth of the start.
        gc.set_threshold(200_000, 50, 50)
    words = list(sys.argv[1:] if arguments is None else arguments)
    settings = Settings()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            with program.make_context("chainrule", words or ["--help"], obj=settings) as context:
                program.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("chainrule: interrupted", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        _close_pipes()
        return _NO_READER
    except Exception as error:
        if settings.traceback or not _is_expected(error):
            raise
        click.echo(f"chainrule: error: {_one_line(error)}", err=True)
        return _WRONG_COMMAND if isinstance(error, click.UsageError) else _FAILED
    return 0


def _is_expected(error: Exception) -> bool:
    """Whether an error is one of the user's input or machine, and none of the program."""
    return isinstance(error, (click.ClickException, ValueError, OSError, ModuleNotFoundError)) or _is_of_memory(error)


def _is_of_memory(error: Exception) -> bool:
    """Whether there was not enough memory, for Python or for JAX, whose class is known by its name alone."""
    of_jax = any(each.__name__ in ("JaxRuntimeError", "XlaRuntimeError") for each in type(error).__mro__)
    words = str(error).lower()
    return isinstance(error, MemoryError) or (of_jax and ("resource_exhausted" in words or "out of memory" in words))


def _close_pipes() -> None:
    """Send what is left to be written nowhere, so that Python does not fail at its end on a pipe without a reader."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _one_line(error: Exception) -> str:
    if _is_of_memory(error):
        lines = str(error).strip().splitlines()
        return " ".join(["not enough memory", *([f"({lines[0].strip()})"] if lines else [])])
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message = f"{error.format_message()} See '{error.ctx.command_path} --help'."
    elif isinstance(error, click.ClickException):
        message = error.format_message()
    elif isinstance(error, OSError) and error.strerror is not None:
        message = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    else:
        message = str(error) or type(error).__name__
    return " ".join(message.split())


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> Any:
    click.echo(f"chainrule: warning: {' '.join(str(message).split())}", err=True)
