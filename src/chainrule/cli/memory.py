"""Let the C library's malloc keep the large blocks that a training step asks for again and again.

On Linux, malloc (glibc's) maps a large block afresh at every allocation and gives it back when it is freed. The system
clears every page of it when it is first written, a page fault for each four kilobytes, so that a step that needs 35 MB for
its activations begins by faulting 9,000 times. Where malloc keeps its blocks, a step finds the pages of the step
before. This is a setting of the whole process, so it is the program's to make: importing the package changes nothing.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

__all__ = ["keep_large_blocks"]

# <malloc.h>: the number of each setting, the environment variable that sets it too, and what it is set to.
_SETTINGS = (
    (-3, "MALLOC_MMAP_THRESHOLD_", 2**31 - 1),  # take no block from the system alone ...
    (-1, "MALLOC_TRIM_THRESHOLD_", 2**31 - 1),  # ... and give none back,
    (-2, "MALLOC_TOP_PAD_", 2**26),  # nor the heap of a thread that holds nothing at the moment.
    (-8, "MALLOC_ARENA_MAX", 1),  # One heap for all threads: those that threads have of their own end at 64 MiB.
)


def keep_large_blocks() -> bool:
    """Ask malloc to keep every block that is freed, up to 2 GiB each, and return whether it agreed.

    To be called before JAX computes anything: a thread that has a heap of its own keeps it. The price is memory: what the
    process has used at its peak it holds to its end, and blocks of many sizes leave gaps (twice the memory, at worst, was
    measured).

    On other systems and with other C libraries (musl, or a malloc preloaded in the place of glibc's) nothing is
    changed. Nor is it when the environment sets any of the variables already: whoever sets them knows better.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    if os.environ.get("LD_PRELOAD") or any(variable in os.environ for _, variable, _ in _SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(number, value) == 1 for number, _, value in _SETTINGS)
