from __future__ import annotations

import pytest

from chainrule.cli import main
from chainrule.recipes import RECIPES
from chainrule.recipes.images import train_images
from chainrule.recipes.run_folder import write_run


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    """The folder of a short run on the digits."""
    result = train_images(RECIPES["digits"]["mlp"].changed(epochs=6), progress=False)
    return write_run(result, tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in this process, in an empty folder: ``code, out, err = run("train", "digits")``.

    Without the compilation cache and malloc's large blocks, which are settings of the whole process.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAINRULE_NO_COMPILATION_CACHE", "1")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")  # whoever sets any of its variables is left alone

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def fails(run):
    """Run a command that must fail: exit status and the one line it prints; nothing else is written or printed."""

    def call(*arguments):
        code, _, err = run(*arguments)
        assert code != 0
        assert err.endswith("\n")
        assert err.count("\n") == 1, err
        assert err.startswith("chainrule: error: "), err
        return code, err

    return call
