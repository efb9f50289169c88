from __future__ import annotations

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
