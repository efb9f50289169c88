from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.cli.compilation_cache import cache_folder
from chainrule.recipes import run_folder

FIRST = "import sys; from chainrule.cli import main; code = main(sys.argv[1:]); import jax; "
QUICK = "--xla_backend_optimization_level=0"  # compiles sooner, computes slower
SHOW = "print('cache', jax.config.jax_compilation_cache_dir); sys.exit(code)"


def train(tmp_path, name, cache):
    """Train in a process of its own: what it prints, and its parameters."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("JAX_", "CHAINRULE_"))}
    environment |= {"XDG_CACHE_HOME": str(cache), "PYTHONWARNINGS": "error", "XLA_FLAGS": QUICK}
    command = [sys.executable, "-c", FIRST + SHOW, "train", "digits", "--epochs", "1", "--out", name]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done, (tmp_path / name / "params.safetensors").read_bytes()


@pytest.mark.slow
def test_two_processes_share_what_was_compiled_and_agree_to_the_last_bit(tmp_path):
    cache = tmp_path / "cache"
    done, first = train(tmp_path, "first", cache)
    compiled = set(os.listdir(cache / "chainrule" / "jax"))
    assert any("run_epochs" in name for name in compiled)
    assert done.stderr == ""
    done, second = train(tmp_path, "second", cache)
    assert f"cache {cache / 'chainrule' / 'jax'}" in done.stdout
    assert {name for name in os.listdir(cache / "chainrule" / "jax") if name.endswith("-cache")} == {
        name for name in compiled if name.endswith("-cache")
    }
    assert first == second
    run_folder.read_run(tmp_path / "second")


@pytest.fixture
def configuration():
    import jax

    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.slow
def test_the_switch_and_a_folder_of_the_users_own_leave_the_configuration_alone(
    run, tmp_path, monkeypatch, configuration
):
    import jax

    from chainrule.cli.compilation_cache import use_compilation_cache

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = jax.config.jax_compilation_cache_dir
    assert run("--no-compilation-cache", "train", "digits", "--epochs", "6")[0] == 0
    assert jax.config.jax_compilation_cache_dir == before
    jax.config.update("jax_compilation_cache_dir", "own")
    use_compilation_cache()
    assert jax.config.jax_compilation_cache_dir == "own"
    assert not (tmp_path / "cache" / "chainrule").exists()  # Matplotlib may keep its fonts beside it


def test_a_cache_that_cannot_be_written_costs_one_line(tmp_path, monkeypatch, capsys):
    import jax

    from chainrule.cli.compilation_cache import use_compilation_cache

    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    before = jax.config.jax_compilation_cache_dir
    use_compilation_cache()
    assert jax.config.jax_compilation_cache_dir == before
    _, err = capsys.readouterr()
    assert err.startswith("chainrule: warning: compiling without a cache: ")
    assert err.count("\n") == 1


def test_the_folder_is_where_the_system_wants_caches(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_folder() == Path("/elsewhere/chainrule/jax")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == Path("/home/me/.cache/chainrule/jax")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == Path("/home/me/Library/Caches/chainrule/jax")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache_folder() == Path("/local/chainrule/jax")
