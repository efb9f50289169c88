from fractions import Fraction

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import stratified_split

KEY = jax.random.key(0)


def assert_is_a_split(labels, test_size, train, test):
    assert len(test) == test_size
    assert train.dtype.kind == test.dtype.kind == "i"
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(labels)))
    for label in np.unique(labels):
        share = Fraction(int((labels == label).sum()) * test_size, len(labels))
        count = int((labels[test] == label).sum())
        assert share - 1 < count < share + 1, (label, share, count)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.data())
def test_every_split_is_disjoint_complete_exact_and_in_proportion(counts, data):
    labels = np.repeat(np.arange(len(counts)) * 7 - 3, counts)
    labels = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(labels)
    test_size = data.draw(st.integers(1, max(1, len(labels) - 1)))
    refusal = None
    try:
        train, test = stratified_split(labels, test_size, key=KEY)
    except ValueError as error:
        refusal = str(error)
    if refusal is None:
        assert_is_a_split(labels, test_size, train, test)
    elif len(labels) > 1:
        shares = [Fraction(count * test_size, len(labels)) for count in counts]
        assert "too few" in refusal
        assert any(share < 1 or share > count - 1 for share, count in zip(shares, counts, strict=True))


def test_the_largest_remainders_take_what_is_left_over():
    # shares of 5 out of 20: 11/4 = 2.75, 6/4 = 1.5, 3/4 = 0.75; floors 2, 1, 0; two left over
    labels = np.repeat([0, 1, 2], [11, 6, 3])
    _, test = stratified_split(labels, 5, key=KEY)
    np.testing.assert_array_equal(np.bincount(labels[test]), [3, 1, 1])


def test_tied_remainders_go_to_the_smaller_label():
    _, test = stratified_split(np.repeat([0, 1], [5, 5]), 3, key=KEY)
    assert np.sum(test < 5) == 2


def test_the_key_and_only_the_key_chooses():
    labels = np.arange(200) % 5
    one = stratified_split(labels, 50, key=jax.random.key(3))
    again = stratified_split(labels, 50, key=jax.random.key(3))
    other = stratified_split(labels, 50, key=jax.random.key(4))
    for half in (0, 1):
        np.testing.assert_array_equal(one[half], again[half])
        assert set(one[half].tolist()) != set(other[half].tolist())


def test_the_split_is_the_same_in_every_version():
    train, test = stratified_split(np.arange(12) % 3, 6, key=KEY)
    assert test.tolist() == [7, 10, 9, 6, 2, 11]
    assert train.tolist() == [0, 4, 5, 1, 3, 8]


def test_both_halves_are_shuffled():
    train, test = stratified_split(np.repeat([0, 1], 500), 200, key=KEY)
    for half in (train, test):
        assert abs(np.corrcoef(half, np.arange(len(half)))[0, 1]) < 0.3


def test_nothing_is_compiled(caplog):
    labels = np.arange(100) % 5
    with jax.log_compiles(), caplog.at_level("WARNING"):
        stratified_split(labels, 20, key=KEY)
    assert not [record for record in caplog.records if "ompil" in record.getMessage()]


def test_jax_labels_will_do():
    labels = np.arange(30) % 3
    ours = stratified_split(jax.numpy.asarray(labels), 9, key=KEY)
    np.testing.assert_array_equal(ours[1], stratified_split(labels, 9, key=KEY)[1])


@pytest.mark.parametrize(
    ("labels", "test_size", "message"),
    [
        (np.array([0.0, 1.0]), 1, r"labels must be a vector of integers, got float64\[2\]"),
        (np.array(["a", "b"]), 1, "labels must be a vector of integers"),
        (np.array([True, False]), 1, "labels must be a vector of integers"),
        (np.zeros((4, 2), int), 1, r"labels must be a vector of integers, got int64\[4, 2\]"),
        (np.array([], int), 1, "labels must have at least two examples, got none"),
        ([], 1, "labels must have at least two examples, got none"),
        (np.arange(10) % 2, 0, "test_size must be a whole number of examples from 1 to 9, got 0"),
        (np.arange(10) % 2, 10, "from 1 to 9, got 10"),
        (np.arange(10) % 2, -1, "from 1 to 9, got -1"),
        (np.arange(10) % 2, 0.2, "from 1 to 9, got 0.2"),
        (np.arange(10) % 2, True, "from 1 to 9, got True"),
        (
            np.repeat([0, 4], [99, 1]),
            20,
            "class 4 has 1 of 100 examples, too few: with test_size 20, 0 would",
        ),
        (
            np.repeat([0, 4], [99, 1]),
            80,
            "class 4 has 1 of 100 examples, too few: with test_size 80, 1 would",
        ),
    ],
)
def test_bad_input_is_named(labels, test_size, message):
    with pytest.raises(ValueError, match=f"^stratified_split: .*{message}"):
        stratified_split(labels, test_size, key=KEY)


@pytest.mark.parametrize("key", [0, None, np.zeros(2, np.uint32), jax.random.split(KEY, 2)])
def test_a_bad_key_is_named(key):
    with pytest.raises(ValueError, match=r"key must be one typed key, jax.random.key\(0\), got "):
        stratified_split(np.arange(10) % 2, 4, key=key)
