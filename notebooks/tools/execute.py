"""Run the lessons and write each one's executed notebook: ``python notebooks/tools/execute.py [NAME ...]``.

The text, ``NAME.py``, is what is edited. It is run from top to bottom in a fresh kernel of this very Python, and
``NAME.ipynb`` is written beside it, with the outputs. Nothing of the machine gets into the file: no paths, times or
random cell ids, so that running it again changes nothing where no number has changed.

A cell marked ``# %% picture="NAME"`` also leaves its picture in ``pictures/NAME.png``, for the README to show.

With ``--check`` the lesson is run and nothing is written. The exit status is 1 if a cell fails.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import tempfile
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parent.parent
SECONDS_A_CELL = 120


def execute(text: Path) -> dict:
    """Run the lesson of one text file, and return the notebook with its outputs."""
    notebook = jupytext.read(text)
    with tempfile.TemporaryDirectory() as scratch:
        _isolate(Path(scratch))
        client = NotebookClient(
            notebook,
            timeout=SECONDS_A_CELL,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(FOLDER)}},
        )
        client.execute()
    _clean(notebook)
    return notebook


def _isolate(scratch: Path) -> None:
    """Let the kernel be this Python, whatever kernels and settings the machine has; and compute on the CPU."""
    for name in list(os.environ):
        if name.startswith(("JAX_", "XLA_", "JUPYTER", "IPYTHON", "MPL")):
            del os.environ[name]
    spec = scratch / "data" / "kernels" / "python3"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}))
    python_path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ |= {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in python_path if entry),
        "JUPYTER_PATH": str(scratch / "data"),
        "JUPYTER_DATA_DIR": str(scratch / "data"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
        "JUPYTER_CONFIG_DIR": str(scratch / "config"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "IPYTHONDIR": str(scratch / "ipython"),
        "JAX_PLATFORMS": "cpu",
    }


def _clean(notebook: dict) -> None:
    """Leave what a reader needs: cells numbered in their order, and no trace of the machine."""
    jupytext_metadata = notebook["metadata"].get("jupytext", {})
    jupytext_metadata.get("text_representation", {}).pop("jupytext_version", None)
    notebook["metadata"] = {
        "jupytext": jupytext_metadata,
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number:03}"
        cell["metadata"].pop("execution", None)


def write_pictures(notebook: dict) -> None:
    """Write the pictures of the cells that are marked."""
    folder = FOLDER / "pictures"
    for cell in notebook["cells"]:
        name = cell["metadata"].get("picture")
        for output in cell.get("outputs", []) if name else []:
            if "image/png" in output.get("data", {}):
                folder.mkdir(exist_ok=True)
                (folder / f"{name}.png").write_bytes(base64.b64decode(output["data"]["image/png"]))


def main() -> int:
    """Run the lessons that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="lessons, such as backpropagation_by_hand; all if none is named")
    parser.add_argument("--check", action="store_true", help="run, and write nothing")
    arguments = parser.parse_args()
    texts = [FOLDER / f"{Path(name).stem}.py" for name in arguments.names] or sorted(FOLDER.glob("*.py"))
    failed = False
    for text in texts:
        if not text.is_file():
            print(f"{text.stem}: no such lesson in {FOLDER.name}/", file=sys.stderr)
            failed = True
            continue
        try:
            notebook = execute(text)
        except CellExecutionError as error:
            print(f"{text.name}: a cell failed\n{error}", file=sys.stderr)
            failed = True
            continue
        if not arguments.check:
            jupytext.write(notebook, text.with_suffix(".ipynb"))
            write_pictures(notebook)
        print(f"{text.stem}: {'ran' if arguments.check else 'written'}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
