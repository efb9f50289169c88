import os
import platform
import subprocess
import sys

import pytest

from chainrule.cli import memory
from chainrule.cli.memory import keep_large_blocks

GLIBC = sys.platform.startswith("linux") and platform.libc_ver()[0] == "glibc"

FAULTS = """
import resource, sys
from chainrule.cli.memory import keep_large_blocks

if sys.argv[1] == "keep":
    assert keep_large_blocks()
import numpy as np
for repetition in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for size in (10_000_000, 40_000_000):  # numbers of 8 bytes: 80 and 320 MB, past the 32 MiB that glibc may learn to keep
        np.empty(size).fill(1.0)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""


def environment():
    """That of a process in which nobody has set malloc."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "LD_PRELOAD"))}


def faults(how):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], env=environment(), capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not GLIBC, reason="the settings are glibc's")
def test_blocks_are_found_again():
    # A page holds 4 KiB (or, where the system gives large ones, 2 MiB): as it comes each of them faults once a repetition.
    as_it_comes, kept = faults("leave"), faults("keep")
    assert as_it_comes > 50
    assert kept < as_it_comes / 10


@pytest.fixture
def library(monkeypatch):
    """A C library in whose place nothing is changed; what it is asked for."""
    asked = []

    class Library:
        answer = 1

        def mallopt(self, number, value):
            asked.append((number, value))
            return self.answer

    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library())
    for name in (
        "LD_PRELOAD",
        "MALLOC_MMAP_THRESHOLD_",
        "MALLOC_TRIM_THRESHOLD_",
        "MALLOC_TOP_PAD_",
        "MALLOC_ARENA_MAX",
    ):
        monkeypatch.delenv(name, raising=False)
    Library.asked = asked
    return Library


def test_four_settings_are_made(library):
    assert keep_large_blocks() is True
    assert library.asked == [(-3, 2**31 - 1), (-1, 2**31 - 1), (-2, 2**26), (-8, 1)]


def test_a_refusal_is_told(library):
    library.answer = 0
    assert keep_large_blocks() is False


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_left_alone(library, monkeypatch, system):
    monkeypatch.setattr(memory.sys, "platform", system)
    assert keep_large_blocks() is False
    assert library.asked == []


def test_other_c_libraries_are_left_alone(library, monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    assert keep_large_blocks() is False
    assert library.asked == []


@pytest.mark.parametrize("variable", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "LD_PRELOAD"])
def test_what_the_environment_sets_is_left_alone(library, monkeypatch, variable):
    monkeypatch.setenv(variable, "4")
    assert keep_large_blocks() is False
    assert library.asked == []


def test_a_library_without_the_function_is_left_alone(library, monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert keep_large_blocks() is False
