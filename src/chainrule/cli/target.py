"""Finding what a command line names: ``package.module:function`` or ``path/to/file.py:function``."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click

__all__ = ["callable_at", "current_folder_first", "in_words", "object_at", "where"]


@contextlib.contextmanager
def current_folder_first() -> Iterator[None]:
    """Import from the current folder first, as ``python -m`` does."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def callable_at(option: str, target: str) -> Any:
    """Import what ``package.module:function`` or ``path/to/file.py:function`` names; refuse what is no function."""
    hint = " A rule of the register is checked by --only NAME." if option == "TARGET" and ":" not in target else ""
    found = object_at(option, target, hint)
    _require_function(target, found)
    return found


def object_at(option: str, target: str, hint: str = "", what: str = "function") -> Any:
    """Import whatever ``package.module:name`` or ``path/to/file.py:name`` names; ``what`` it should be, in messages."""
    place, colon, name = target.rpartition(":")
    is_file = place.endswith(".py")
    readable = is_file or all(part.isidentifier() for part in place.split("."))
    if not colon or not readable or not all(part.isidentifier() for part in name.split(".")):
        raise click.UsageError(
            f"{option} must be package.module:{what} or path/to/file.py:{what}, got {target!r}.{hint}",
            click.get_current_context(),
        )
    found: Any = _imported(place, is_file)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            near = difflib.get_close_matches(part, [word for word in dir(found) if not word.startswith("__")])
            guess = f"; did you mean {', '.join(near)}?" if near else ""
            owner = place if isinstance(found, ModuleType) else target.removesuffix(f".{part}")
            raise ValueError(f"{owner} has no {part!r}{guess}") from error
    return found


def _imported(place: str, is_file: bool) -> ModuleType:
    """Import a module, and say in one line why it cannot be."""
    try:
        return _from_file(Path(place)) if is_file else importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported, it is the answer here
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if not is_file and missing is not None and (place == missing or place.startswith(f"{missing}.")):
            raise ValueError(f"cannot import {place}: there is no module {missing!r}") from error
        if is_file and isinstance(error, FileNotFoundError) and not Path(place).exists():
            raise ValueError(f"cannot import {place}: there is no such file") from error
        raise ValueError(f"cannot import {place}: it raised {in_words(error)}{where(error)}") from error


def _from_file(path: Path) -> ModuleType:
    """Import a file that is in no package; its neighbours can be imported, as if it were run."""
    path = path.resolve()
    sys.path.insert(0, str(path.parent))
    name = f"target_{path.stem}"  # a name of its own, for random.py must not become everybody's random
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def where(error: BaseException) -> str:
    """The last line of the caller's own that led to an exception; a syntax error says it itself."""
    if isinstance(error, SyntaxError):
        return ""
    known = (str(Path(__file__).parent.parent), str(Path(importlib.__file__).parent), "<")
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(known) and "site-packages" not in frame.filename
    ]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def in_words(error: BaseException) -> str:
    """An exception by its type and the first line that it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _require_function(target: str, found: Any) -> None:
    from chainrule.layer import Layer

    if isinstance(found, Layer) or (isinstance(found, type) and issubclass(found, Layer)):
        raise ValueError(
            f"{target} is a layer, and shapes cannot give its params; in Python: chainrule.audit.audit(layer, params, x)"
        )
    if isinstance(found, type) or not callable(found):
        what = "a class" if isinstance(found, type) else f"of type {type(found).__name__}"
        raise ValueError(f"{target} must be a function, it is {what}")
