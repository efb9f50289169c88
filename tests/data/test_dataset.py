import numpy as np
import pytest

from chainrule.data import Dataset


@pytest.fixture
def dataset():
    x, y = np.zeros((3, 4, 5), np.float32), np.zeros(3, np.int32)
    return Dataset("toy", (x, y), (x[:1], y[:1]), ("a", "b"), "Nothing.", "Nobody")


def test_says_what_it_is(dataset):
    assert repr(dataset) == "Dataset(toy: 3 train, 1 test, of 4 x 5, 2 classes)"
    assert dataset.classes == 2


def test_cannot_be_changed(dataset):
    with pytest.raises(AttributeError):
        dataset.name = "other"
