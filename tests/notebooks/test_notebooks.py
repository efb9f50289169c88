"""Every lesson is a pair that agrees, is executed, and runs from top to bottom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupytext
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXECUTE = ROOT / "notebooks" / "tools" / "execute.py"
TEXTS = sorted((ROOT / "notebooks").glob("*.py"))
MEGABYTE = 1_000_000

each_lesson = pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.stem)
# The Jupyter libraries warn of their own future when they read a notebook; our own warnings stay errors.
quiet_jupyter = pytest.mark.filterwarnings(
    *(rf"ignore:::{library}(\..*)?" for library in ("jupytext", "nbformat", "jupyter_core", "traitlets"))
)


def cells(notebook: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """What a notebook and its text have in common: the kind, the source and the metadata of each cell."""
    return [(cell["cell_type"], cell["source"], dict(cell["metadata"])) for cell in notebook["cells"]]


def run(*arguments: Path | str, script: Path = EXECUTE) -> subprocess.CompletedProcess[str]:
    """Run the script in a process of its own: the warnings of kernels and sockets stay there."""
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_the_lessons_are_there_and_in_the_table():
    names = [text.stem for text in TEXTS]
    assert len(names) >= 6
    table = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[`(\w+)`\]", table, re.MULTILINE)) == names


@quiet_jupyter
@each_lesson
def test_the_notebook_is_the_text(text):
    executed = jupytext.read(text.with_suffix(".ipynb"))
    assert cells(executed) == cells(jupytext.read(text)), "run: python notebooks/tools/execute.py"


@quiet_jupyter
@each_lesson
def test_the_notebook_is_executed(text):
    code = [cell for cell in jupytext.read(text.with_suffix(".ipynb"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert outputs
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]


@each_lesson
def test_the_notebook_holds_nothing_of_the_machine(text):
    path = text.with_suffix(".ipynb")
    content = path.read_text(encoding="utf-8")
    assert len(content.encode()) < MEGABYTE
    without_pictures = re.sub(r'"image/png": "[^"]*"', "", content)
    for trace in ("/home/", "/tmp/", "/Users/", "/usr/", "site-packages", str(ROOT), str(Path.home()) + os.sep):
        assert trace not in without_pictures


@pytest.mark.slow
@each_lesson
def test_the_text_runs_from_top_to_bottom(text):
    done = run("--check", text.stem)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_cell_that_fails_is_an_error(tmp_path):
    script = tmp_path / "tools" / "execute.py"
    script.parent.mkdir()
    script.write_text(EXECUTE.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "wrong.py").write_text("# %%\nassert 1 + 1 == 3\n", encoding="utf-8")
    done = run(script=script)
    assert done.returncode == 1
    assert "AssertionError" in done.stderr
    assert not (tmp_path / "wrong.ipynb").exists()


def test_a_lesson_that_is_not_there_is_an_error():
    done = run("no_such_lesson")
    assert done.returncode == 1
    assert "no_such_lesson" in done.stderr
