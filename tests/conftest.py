"""Fixtures that all rooms share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import jax
import numpy as np
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse an address in the name of a test: it differs from process to process, and side by side none would run."""
    unstable = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if unstable:
        raise pytest.UsageError(f"names of tests that hold an address; give their parameters ids: {unstable}")


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of the search for garbage, and search less often: it is much, and stays."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


@pytest.fixture
def x64() -> Iterator[None]:
    """Run a test in float64; the configuration is as before afterwards."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of random numbers that starts alike in every test."""
    return np.random.default_rng(20)


@pytest.fixture
def quick_compilation() -> Iterator[None]:
    """Compile without optimisation, which is right where a program runs once; ``pytestmark`` asks for it by module."""
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
