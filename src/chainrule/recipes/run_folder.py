"""The folder of a run: written whole or not at all, and read back only if every bit of it is as it was written.

::

    config.json         the settings, the data, the model, the results, and the versions and device that made them
    metrics.jsonl       a line an epoch; its losses are those that are trained, with their label smoothing
    params.safetensors  the parameters, under the names of their places in the tree: "1.weight", "1.bias", ...
    state.safetensors   the state likewise (running statistics), where the model has one
    curves.png, ...     the pictures of this kind of recipe: of images, confusion.png and mistakes.png besides
    SHA256SUMS          a checksum of each of these, as ``sha256sum --check`` reads it

One flipped bit in a file of parameters is a valid file of other parameters: without the checksums it would load, and
be wrong in silence.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import chainrule
from chainrule.recipes import KINDS
from chainrule.recipes.result import Result
from chainrule.recipes.saved_run import SavedRun

__all__ = ["SUMS", "describe_device", "new_folder", "read_run", "require_new", "write_run"]

SUMS = "SHA256SUMS"
_CONFIG, _METRICS, _PARAMS, _STATE = "config.json", "metrics.jsonl", "params.safetensors", "state.safetensors"
_ALWAYS = (_CONFIG, _METRICS, _PARAMS)
_FORMAT = "chainrule run 2"


def new_folder(parent: str | Path, name: str) -> Path:
    """Find a folder that does not exist yet: ``parent/name``, else ``parent/name-2``, ``parent/name-3``, ..."""
    path = Path(parent) / name
    number = 1
    while os.path.lexists(path):
        number += 1
        path = Path(parent) / f"{name}-{number}"
    return path


def require_new(path: str | Path) -> Path:
    """Refuse, before anything is trained, a folder that ``write_run`` could not make.

    Raises:
        FileExistsError: when there is anything at the path but an empty folder.
        NotADirectoryError: when a file stands where a folder above it should be.
        PermissionError: when nothing can be created there.
    """
    path = Path(path)
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        raise FileExistsError(f"{path} exists already, and nothing is overwritten: give another folder, or remove it")
    above = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not above.is_dir():
        raise NotADirectoryError(f"{path} cannot be made: {above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} cannot be made: {above} may not be written to")
    return path


def write_run(result: Result, path: str | Path) -> Path:
    """Write the folder of a run, and return its path.

    All files are written into a temporary folder beside it, which is renamed when it is complete: at ``path`` there is
    either nothing or the whole run.

    Raises:
        OSError: as ``require_new``, or when a file cannot be written. Nothing is left behind then.
    """
    path = require_new(path)
    with _renamed_when_complete(path) as folder:
        _write_json(folder / _CONFIG, _record(result))
        _write_metrics(folder / _METRICS, result.run.history)
        _write_arrays(folder / _PARAMS, result.run.params)
        if jax.tree.leaves(result.run.state):
            _write_arrays(folder / _STATE, result.run.state)
        for name, text in result.texts().items():
            (folder / name).write_text(text, encoding="utf-8")
        for name, draw in result.pictures().items():
            draw(folder / name)
        names = sorted(file.name for file in folder.iterdir())
        sums = "".join(f"{_sha256(folder / name)}  {name}\n" for name in names)
        (folder / SUMS).write_text(sums, encoding="ascii")
    return path


def read_run(path: str | Path, kind: str | None = None) -> Any:
    """Read the folder of a run: the ``Saved`` of its kind of recipe, a :class:`SavedRun`.

    Args:
        path: the folder.
        kind: the kind of recipe that it must be of, ``"images"``; None for any.

    Raises:
        FileNotFoundError: when there is no such folder, it is not that of a run, or a file is missing.
        ValueError: when a file is not as it was written, or does not fit the others.
    """
    path = Path(path)
    _require_unchanged(path)
    record = _read_json(path / _CONFIG)
    if kind is not None and record.get("kind") != kind:
        raise ValueError(f"{path} is a run of {record.get('kind')}, and one of {kind} is needed")
    try:
        job = importlib.import_module(KINDS[record["kind"]])
        config = job.Settings(**record["config"])
        in_shape = tuple(int(size) for size in record["data"]["in_shape"])
        model = job.rebuild(config, record["data"])
        params, state = jax.eval_shape(lambda: model.build(jax.random.key(0), in_shape, jnp.float32))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path / _CONFIG}: not the settings of a run: {error}") from error
    params = _read_arrays(path / _PARAMS, params)
    if jax.tree.leaves(state):
        state = _read_arrays(path / _STATE, state)
    history = _read_metrics(path / _METRICS, config.epochs)
    saved: SavedRun = job.Saved(path, config, in_shape, model, params, state, history, record)
    return saved


def describe_device() -> str:
    """Say what JAX computes on: ``cpu``, or ``gpu (NVIDIA H100)``."""
    device = jax.devices()[0]
    return device.platform if device.device_kind == device.platform else f"{device.platform} ({device.device_kind})"


@contextlib.contextmanager
def _renamed_when_complete(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that becomes it at the end, or is removed on any failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield folder
        umask = os.umask(0)
        os.umask(umask)
        folder.chmod(0o777 & ~umask)  # mkdtemp makes it private; a run folder is as any other
        if path.is_dir():
            path.rmdir()  # empty, or this fails and nothing is lost
        folder.rename(path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _record(result: Result) -> dict[str, Any]:
    run = result.run
    return {
        "format": _FORMAT,
        "kind": result.config.kind,
        "config": dataclasses.asdict(result.config),
        "data": result.data_record(),
        "model": {
            "layers": repr(run.model),
            "parameters": sum(leaf.size for leaf in jax.tree.leaves(run.params)),
        },
        "results": {
            **result.results_record(),
            "compile_seconds": round(run.compile_seconds, 3),
            "training_seconds": round(run.run_seconds, 3),
        },
        "versions": {
            "chainrule": chainrule.__version__,
            "jax": jax.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "device": describe_device(),
    }


def _write_json(path: Path, record: dict[str, Any]) -> None:
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    found = record.get("format") if isinstance(record, dict) else None
    if found != _FORMAT:
        raise ValueError(f"{path}: expected the format {_FORMAT!r}, got {found!r}")
    return dict(record)


def _write_metrics(path: Path, history: dict[str, list[float]]) -> None:
    names = list(history)
    rows = zip(*history.values(), strict=True)
    lines = [
        json.dumps({"epoch": epoch, **dict(zip(names, row, strict=True))}, allow_nan=False)
        for epoch, row in enumerate(rows, start=1)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_metrics(path: Path, epochs: int) -> dict[str, list[float]]:
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        history = {name: [float(row[name]) for row in rows] for name in rows[0] if name != "epoch"}
        found = [row["epoch"] for row in rows]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path}: expected a line of JSON an epoch, but {error!r}") from error
    if found != list(range(1, epochs + 1)):
        raise ValueError(f"{path}: expected the epochs 1 to {epochs}, got {len(found)} lines")
    return history


def _named(tree: Any) -> dict[str, Any]:
    """Name every leaf by its place in the tree: ``{"1.weight": ..., "1.bias": ...}``."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(place, simple=True, separator="."): leaf for place, leaf in leaves}


def _write_arrays(path: Path, tree: Any) -> None:
    from safetensors.numpy import save

    # Bytes written here, not by save_file: the file then has the permissions of its neighbours.
    path.write_bytes(save({name: np.asarray(leaf) for name, leaf in _named(tree).items()}))


def _read_arrays(path: Path, expected: Any) -> Any:
    """Read the arrays of a tree, and require those of the model: every name, shape and dtype, and no other."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file: {error}") from error
    names = _named(expected)
    if set(arrays) != set(names):
        raise ValueError(f"{path}: expected the arrays {', '.join(names)}, got {', '.join(sorted(arrays)) or 'none'}")
    for name, leaf in names.items():
        array = arrays[name]
        if (array.shape, array.dtype) != (leaf.shape, leaf.dtype):
            raise ValueError(
                f"{path}: {name} must be {leaf.dtype.name}{list(leaf.shape)} for the model in config.json, "
                f"got {array.dtype.name}{list(array.shape)}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{path}: {name} must be finite, got NaN or infinity")
    return jax.tree.unflatten(jax.tree.structure(expected), [jnp.asarray(arrays[name]) for name in names])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _require_unchanged(path: Path) -> None:
    """Refuse what is no run folder, a folder that lacks a file, and a file that is not as its checksum says."""
    if not path.exists():
        raise FileNotFoundError(f"there is no run folder {path}")
    if not path.is_dir():
        raise ValueError(f"{path} is a file: give the folder of a run")
    if not any((path / name).is_file() for name in (*_ALWAYS, SUMS)):
        raise FileNotFoundError(f"{path} is not the folder of a run: it holds no {', '.join((*_ALWAYS, SUMS))}")
    missing = [name for name in (*_ALWAYS, SUMS) if not (path / name).is_file()]
    sums = _read_sums(path / SUMS) if SUMS not in missing else {}
    missing += [name for name in sums if name not in missing and not (path / name).is_file()]
    if missing:
        raise FileNotFoundError(f"the run folder {path} lacks {', '.join(missing)}")
    for name in _ALWAYS:
        if name not in sums:
            raise ValueError(f"{path / SUMS}: expected a checksum of {name}, found none")
    for name, expected in sums.items():
        if _sha256(path / name) != expected:
            raise ValueError(f"{path / name}: damaged or changed: its SHA-256 is not the one in {SUMS}")


def _read_sums(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: damaged: {error}") from error
    sums = {line[66:]: line[:64] for line in lines}
    for name in sums:
        if not name or Path(name).name != name:
            raise ValueError(f"{path}: damaged: {name!r} is no name of a file in this folder")
    return sums
