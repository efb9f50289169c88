"""Doing many things side by side: in threads of one process, or in processes of their own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

__all__ = ["in_processes", "in_threads"]

_MOST = 4  # each takes one or two gigabytes for what it has compiled


def _places(arguments: list[Any]) -> int:
    return max(1, min(_MOST, os.cpu_count() or 1, len(arguments)))


def in_threads(function: Callable[[Any], Any], arguments: list[Any]) -> Iterator[Any]:
    """Map in threads, one a processor: half of an audit is compiling, which leaves Python's lock free."""
    with ThreadPoolExecutor(_places(arguments)) as pool:
        yield from pool.map(function, arguments)


def in_processes(
    function: Callable[[Any], Any], arguments: list[Any], begin: Callable[[], object] | None = None
) -> Iterator[Any]:
    """Map in processes, one a processor, this one among them: the other half of an audit is Python, which holds the lock.

    Whichever is free takes the next argument; the results come in the order of the arguments. This process starts at once,
    while the others import what they need.

    Args:
        function: of a module, with arguments and results that can be pickled.
        arguments: one for each call.
        begin: called once in each of the other processes, at first.
    """
    count = _places(arguments)
    with contextlib.ExitStack() as stack:
        places: queue.SimpleQueue[Executor | None] = queue.SimpleQueue()
        places.put(None)
        for _ in range(count - 1):
            # Forking a process in which JAX has threads may hang: the others are started afresh.
            other = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), begin)
            places.put(stack.enter_context(other))
        mine = threading.local()

        def take_place() -> None:
            mine.place = places.get()

        def call(argument: Any) -> Any:
            return function(argument) if mine.place is None else mine.place.submit(function, argument).result()

        with ThreadPoolExecutor(count, initializer=take_place) as pool:
            yield from pool.map(call, arguments)
