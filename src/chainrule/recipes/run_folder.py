"""The folder of a run: written whole or not at all, and read back only if every bit of it is as it was written.

::

    config.json         the settings, the data, the model, the results, and the versions and device that made them
    metrics.jsonl       a line an epoch; its losses are those that are trained, with their label smoothing
    params.safetensors  the parameters, under the names of their places in the tree: "1.weight", "1.bias", ...
    curves.png          loss and accuracy of every epoch
    confusion.png       which digits are taken for which
    mistakes.png        the test images that are classified wrongly
    SHA256SUMS          a checksum of each of these, as ``sha256sum --check`` reads it

One flipped bit in a file of parameters is a valid file of other parameters: without the checksums it would load, and
be wrong in silence.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import chainrule
from chainrule.layer import Layer
from chainrule.recipes import images
from chainrule.recipes.config import Config

__all__ = ["FILES", "SUMS", "SavedRun", "describe_device", "new_folder", "read_run", "require_new", "write_run"]

FILES = ("config.json", "metrics.jsonl", "params.safetensors", "curves.png", "confusion.png", "mistakes.png")
SUMS = "SHA256SUMS"
_FORMAT = "chainrule run 1"


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A run, read back from its folder.

    Attributes:
        path: the folder.
        config: the settings that it ran with.
        in_shape: the shape of one image, (height, width, 1).
        class_names: the name of each class, in the order of the labels.
        model: the network.
        params: its trained parameters.
        state: its state.
        history: for each metric, its value after each epoch.
        record: all of config.json.
    """

    path: Path
    config: Config
    in_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    model: Layer
    params: Any
    state: Any
    history: dict[str, list[float]]
    record: dict[str, Any]

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Compute the probability of each class for images float32[n, *in_shape]: float64[n, classes].

        Raises:
            ValueError: for images of another shape or dtype.
        """
        if np.shape(x)[1:] != self.in_shape:
            raise ValueError(f"images must be [n, {', '.join(map(str, self.in_shape))}], got {list(np.shape(x))}")
        return images.probabilities(self.model, self.params, self.state, x)


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


def write_run(result: images.Result, path: str | Path) -> Path:
    """Write the folder of a run, and return its path.

    All files are written into a temporary folder beside it, which is renamed when it is complete: at ``path`` there is
    either nothing or the whole run.

    Raises:
        OSError: as ``require_new``, or when a file cannot be written. Nothing is left behind then.
    """
    path = require_new(path)
    with _renamed_when_complete(path) as folder:
        _write_json(folder / "config.json", _record(result))
        _write_metrics(folder / "metrics.jsonl", result.run.history)
        _write_params(folder / "params.safetensors", result.run.params)
        _draw_pictures(folder, result)
        sums = "".join(f"{_sha256(folder / name)}  {name}\n" for name in FILES)
        (folder / SUMS).write_text(sums, encoding="ascii")
    return path


def read_run(path: str | Path) -> SavedRun:
    """Read the folder of a run.

    Raises:
        FileNotFoundError: when there is no such folder, it is not that of a run, or a file is missing.
        ValueError: when a file is not as it was written, or does not fit the others.
    """
    path = Path(path)
    _require_complete(path)
    _require_unchanged(path)
    record = _read_json(path / "config.json")
    try:
        config = Config(**record["config"])
        in_shape = tuple(int(size) for size in record["data"]["in_shape"])
        class_names = tuple(str(name) for name in record["data"]["class_names"])
        model = images.build_model(config, len(class_names))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path / 'config.json'}: not the settings of a run: {error}") from error
    params, state = _read_params(path / "params.safetensors", model, in_shape)
    history = _read_metrics(path / "metrics.jsonl", config.epochs)
    return SavedRun(path, config, in_shape, class_names, model, params, state, history, record)


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


def _record(result: images.Result) -> dict[str, Any]:
    dataset, run = result.dataset, result.run
    return {
        "format": _FORMAT,
        "config": dataclasses.asdict(result.config),
        "data": {
            "name": dataset.name,
            "description": dataset.description,
            "source": dataset.source,
            "train_images": len(dataset.train[0]),
            "test_images": len(dataset.test[0]),
            "in_shape": list(dataset.train[0].shape[1:]),
            "class_names": list(dataset.class_names),
        },
        "model": {
            "layers": repr(run.model),
            "parameters": sum(leaf.size for leaf in jax.tree.leaves(run.params)),
        },
        "results": {
            "test_loss": result.test_loss,
            "test_accuracy": result.test_accuracy,
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


def _write_params(path: Path, params: Any) -> None:
    from safetensors.numpy import save

    # Bytes written here, not by save_file: the file then has the permissions of its neighbours.
    path.write_bytes(save({name: np.asarray(leaf) for name, leaf in _named(params).items()}))


def _read_params(path: Path, model: Layer, in_shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Read the parameters, and require those of the model: every name, shape and dtype, and no other."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    expected, state = jax.eval_shape(lambda: model.build(jax.random.key(0), in_shape, jnp.float32))
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
    if jax.tree.leaves(state):
        raise ValueError(f"{path}: the model keeps a state, and this format holds none")
    params = jax.tree.unflatten(jax.tree.structure(expected), [jnp.asarray(arrays[name]) for name in names])
    return params, state


def _draw_pictures(folder: Path, result: images.Result) -> None:
    from chainrule import plot

    (x, y), names = result.dataset.test, result.dataset.class_names
    plot.save(plot.curves(result.run.history), folder / "curves.png")
    plot.save(plot.confusion(y, result.test_probabilities.argmax(axis=1), names), folder / "confusion.png")
    plot.save(plot.mistakes(x, y, result.test_probabilities, names), folder / "mistakes.png")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _require_complete(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"there is no run folder {path}")
    if not path.is_dir():
        raise ValueError(f"{path} is a file: give the folder of a run")
    missing = [name for name in (*FILES, SUMS) if not (path / name).is_file()]
    if len(missing) > len(FILES):
        raise FileNotFoundError(f"{path} is not the folder of a run: it holds no {', '.join(missing[:3])}, ...")
    if missing:
        raise FileNotFoundError(f"the run folder {path} lacks {', '.join(missing)}")


def _require_unchanged(path: Path) -> None:
    try:
        lines = (path / SUMS).read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path / SUMS}: damaged: {error}") from error
    sums = {line[66:]: line[:64] for line in lines}
    for name in FILES:
        if name not in sums:
            raise ValueError(f"{path / SUMS}: expected a checksum of {name}, found none")
        if _sha256(path / name) != sums[name]:
            raise ValueError(f"{path / name}: damaged or changed: its SHA-256 is not the one in {SUMS}")
