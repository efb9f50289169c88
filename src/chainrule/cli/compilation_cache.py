"""Keep what XLA compiles from one process to the next, in the user's cache folder.

Most of a short training is compilation. This is a setting of the whole process, so it is the program's to make: importing
the package changes nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

__all__ = ["cache_folder", "use_compilation_cache"]


def cache_folder() -> Path:
    """The folder for compiled programs, where the operating system wants caches to be."""
    if os.environ.get("XDG_CACHE_HOME"):
        base = Path(os.environ["XDG_CACHE_HOME"])
    elif sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        base = Path(os.environ["LOCALAPPDATA"])
    elif sys.platform == "darwin":
        base = Path("~/Library/Caches").expanduser()
    else:
        base = Path("~/.cache").expanduser()
    return base / "chainrule" / "jax"


def use_compilation_cache() -> None:
    """Let JAX keep every compiled program, however small, and read it back in later processes.

    A folder that is configured already (``JAX_COMPILATION_CACHE_DIR``) is left as it is. A folder that cannot be written
    to costs a warning, and nothing else.
    """
    import jax

    if jax.config.jax_compilation_cache_dir is not None:  # type: ignore[attr-defined]
        return
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        click.echo(f"chainrule: warning: compiling without a cache: {error}", err=True)
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
