from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest

from chainrule.recipes import RECIPES, run_folder
from chainrule.recipes.images import ImagesResult, train_images


@pytest.fixture(scope="session")
def result() -> ImagesResult:
    """A small network on the digits: good enough to classify most of them."""
    return train_images(RECIPES["digits"]["mlp"].changed(epochs=6), progress=False)


@pytest.fixture(scope="session")
def written(result, tmp_path_factory):
    """Its run folder; tests that damage it copy it first."""
    return run_folder.write_run(result, tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(scope="module")
def quick_compilation_of_the_module() -> Iterator[None]:
    """As ``quick_compilation``, for what the fixtures of a whole module compile; they ask for it by name."""
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
