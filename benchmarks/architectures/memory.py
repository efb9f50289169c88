"""A malloc that keeps large blocks, and page faults, which tell whether it does.

The C library of Linux (glibc) maps a large block afresh at every allocation and gives it back at once, and the system
clears each of its pages when it is first written: a page fault, for every four kilobytes, at every call.
"""

from __future__ import annotations

import resource

__all__ = ["KEEP", "minor_faults"]

KEEP = {
    "MALLOC_MMAP_THRESHOLD_": "2147483647",  # take no block from the system alone ...
    "MALLOC_TRIM_THRESHOLD_": "2147483647",  # ... and give none back,
    "MALLOC_TOP_PAD_": "67108864",  # nor the heap of a thread that holds nothing at the moment;
    "MALLOC_ARENA_MAX": "1",  # one heap for all threads: those that threads have of their own end at 64 MiB
}
"""Environment variables that glibc reads when a process starts; other systems do not know them."""


def minor_faults() -> int:
    """How many pages this process has been given since it started, without reading from a disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
