from fractions import Fraction

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from chainrule.data import chronological_split, k_fold, random_split, stratified_k_fold, stratified_split

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


# ----------------------------------------------------------------------------------------------------------------------
# At random, by time, in folds
# ----------------------------------------------------------------------------------------------------------------------


def assert_each_row_once(n, train, test):
    assert train.dtype == test.dtype == np.int64
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n))


def assert_each_held_out_once(n, pairs):
    for train, test in pairs:
        assert_each_row_once(n, train, test)
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in pairs])), np.arange(n))


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.data())
def test_a_random_split_has_each_row_once(n, data):
    test_size = data.draw(st.integers(1, n - 1))
    train, test = random_split(n, test_size, key=jax.random.key(data.draw(st.integers(0, 9))))
    assert len(test) == test_size
    assert_each_row_once(n, train, test)


def test_every_choice_of_a_random_split_is_as_likely():
    held_out = [tuple(sorted(random_split(5, 2, key=jax.random.key(seed))[1].tolist())) for seed in range(500)]
    counts = np.unique(held_out, axis=0, return_counts=True)[1]
    assert len(counts) == 10
    assert ((counts - 50) ** 2 / 50).sum() < 27.9  # chi-squared of 9 degrees of freedom, 0.1 %


@settings(max_examples=30, deadline=None)
@given(
    st.one_of(
        st.lists(st.integers(-3, 3), min_size=2, max_size=30).map(np.array),
        st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=30).map(np.array),
        st.lists(st.integers(0, 9), min_size=2, max_size=30).map(lambda days: np.array(days, "datetime64[D]")),
        st.lists(st.integers(0, 9), min_size=2, max_size=30).map(lambda at: np.array(at, "datetime64[s]")),
    ),
    st.data(),
)
def test_held_out_times_are_all_later(times, data):
    test_size = data.draw(st.integers(1, len(times) - 1))
    if len(set(times.tolist())) == 1:
        with pytest.raises(ValueError, match=f"times must differ, got .* in all {len(times)} rows"):
            chronological_split(times, test_size)
        return
    train, test = chronological_split(times, test_size)
    assert_each_row_once(len(times), train, test)
    assert times[test].min() > times[train].max()
    # in the order of time, and of the rows where times are equal
    for half in (train, test):
        assert half.tolist() == sorted(half.tolist(), key=lambda row: (times[row], row))
    # no other cut between two times comes nearer, and of two as near this one holds out more
    cuts = [int((times > time).sum()) for time in np.unique(times)[:-1]]
    assert len(test) == max(cuts, key=lambda held_out: (-abs(held_out - test_size), held_out))


def test_ties_are_not_torn_apart():
    times = np.array(
        ["2020-01-03", "2020-01-01", "2020-01-02", "2020-01-02", "2020-01-02", "2020-01-01"], "datetime64[s]"
    )
    for test_size, test in ((1, [0]), (2, [0]), (3, [2, 3, 4, 0]), (4, [2, 3, 4, 0]), (5, [2, 3, 4, 0])):
        assert chronological_split(times, test_size)[1].tolist() == test
    assert chronological_split(np.array([1, 2, 2, 3]), 2)[1].tolist() == [1, 2, 3]  # 1 or 3: as near, so more


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.data())
def test_each_row_is_held_out_in_one_fold(n, data):
    folds = data.draw(st.integers(2, n))
    pairs = k_fold(n, folds, key=jax.random.key(data.draw(st.integers(0, 9))))
    assert_each_held_out_once(n, pairs)
    assert [len(test) for _, test in pairs] == [n // folds + 1] * (n % folds) + [n // folds] * (folds - n % folds)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 15), min_size=1, max_size=5), st.data())
def test_the_class_counts_of_folds_are_those_of_scikit_learn(counts, data):
    labels = np.repeat(np.arange(len(counts)) * 5 - 7, counts)
    labels = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(labels)
    folds = data.draw(st.integers(2, min(counts)))
    pairs = stratified_k_fold(labels, folds, key=jax.random.key(data.draw(st.integers(0, 9))))
    assert_each_held_out_once(len(labels), pairs)
    reference = StratifiedKFold(folds).split(labels, labels)
    for (train, test), (train_by_sklearn, test_by_sklearn) in zip(pairs, reference, strict=True):
        for ours, theirs in ((train, train_by_sklearn), (test, test_by_sklearn)):
            np.testing.assert_array_equal(np.sort(labels[ours]), np.sort(labels[theirs]))


LABELS = np.arange(12) % 3
BY_KEY = {
    "random": lambda key: [random_split(200, 50, key=key)],
    "k_fold": lambda key: k_fold(200, 4, key=key),
    "stratified": lambda key: stratified_k_fold(np.arange(200) % 5, 4, key=key),
}


@pytest.mark.parametrize("split", BY_KEY.values(), ids=BY_KEY)
def test_the_key_and_only_the_key_chooses_folds(split, caplog):
    key, other_key = jax.random.key(3), jax.random.key(4)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        one, again, other = split(key), split(key), split(other_key)
    assert not [record for record in caplog.records if "ompil" in record.getMessage()]
    for pair, same, different in zip(one, again, other, strict=True):
        for half in (0, 1):
            np.testing.assert_array_equal(pair[half], same[half])
            assert set(pair[half].tolist()) != set(different[half].tolist())
            assert abs(np.corrcoef(pair[half], np.arange(len(pair[half])))[0, 1]) < 0.5  # shuffled


def test_folds_are_the_same_in_every_version():
    assert [half.tolist() for half in random_split(8, 3, key=KEY)] == [[6, 0, 7, 4, 5], [3, 2, 1]]
    assert [test.tolist() for _, test in k_fold(8, 3, key=KEY)] == [[3, 4, 6], [2, 5, 0], [7, 1]]
    assert [test.tolist() for _, test in stratified_k_fold(LABELS, 3, key=KEY)] == [
        [9, 0, 2, 1],
        [6, 8, 4, 7],
        [11, 3, 5, 10],
    ]


NAT = np.array(["2020-01-01", "NaT", "2020-01-02"], "datetime64[s]")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_split(1, 1, key=KEY), "random_split: n must be a whole number of rows, two or more, got 1"),
        (lambda: random_split(10.0, 1, key=KEY), r"two or more, got 10\.0"),
        (lambda: random_split(True, 1, key=KEY), "two or more, got True"),
        (lambda: random_split(10, 0, key=KEY), "random_split: test_size must be a whole number .* from 1 to 9, got 0"),
        (lambda: random_split(10, 10, key=KEY), "from 1 to 9, got 10"),
        (lambda: random_split(10, 0.2, key=KEY), r"from 1 to 9, got 0\.2"),
        (lambda: random_split(10, 2, key=0), r"random_split: key must be one typed key, jax.random.key\(0\), got int"),
        (lambda: chronological_split(np.arange(4), 4), "chronological_split: test_size must be .* from 1 to 3, got 4"),
        (lambda: chronological_split(np.arange(4), 1.0), r"from 1 to 3, got 1\.0"),
        (lambda: chronological_split(np.array(["a", "b"]), 1), "times must be a vector of numbers or dates, got str32"),
        (lambda: chronological_split(np.array([True, False]), 1), "numbers or dates, got bool"),
        (lambda: chronological_split(np.zeros((2, 2)), 1), r"numbers or dates, got float64\[2, 2\]"),
        (lambda: chronological_split([], 1), "times must be of at least two rows, got list"),
        (lambda: chronological_split(np.array([1.0]), 1), r"times must be of at least two rows, got float64\[1\]"),
        (lambda: chronological_split(np.array([1.0, np.nan, np.nan]), 1), r"got nan at times\[1\], one of 2 such"),
        (lambda: chronological_split(np.array([1.0, -np.inf]), 1), r"got -inf at times\[1\], one of 1 such"),
        (lambda: chronological_split(NAT, 1), r"must not be missing or infinite, got NaT at times\[1\]"),
        (lambda: chronological_split(np.full(3, 2.5), 1), r"times must differ, got 2\.5 in all 3 rows"),
        (lambda: k_fold(0, 2, key=KEY), "k_fold: n must be a whole number of rows, two or more, got 0"),
        (lambda: k_fold(10, 1, key=KEY), "k_fold: folds must be a whole number from 2 to 10, the examples, got 1"),
        (lambda: k_fold(10, 11, key=KEY), "from 2 to 10, the examples, got 11"),
        (lambda: k_fold(10, 2.0, key=KEY), r"from 2 to 10, the examples, got 2\.0"),
        (lambda: k_fold(10, 2, key=None), "k_fold: key must be one typed key"),
        (lambda: stratified_k_fold(LABELS * 1.0, 2, key=KEY), "stratified_k_fold: labels must be a vector of integers"),
        (lambda: stratified_k_fold(np.array([], int), 2, key=KEY), "labels must have at least two examples, got none"),
        (lambda: stratified_k_fold(LABELS, 0, key=KEY), "from 2 to 12, the examples, got 0"),
        (lambda: stratified_k_fold(LABELS, 5, key=KEY), "class 0 has 4 of 12 examples, too few for 5 folds"),
        (lambda: stratified_k_fold(np.repeat([3, 9], [5, 1]), 2, key=KEY), "class 9 has 1 of 6 examples, too few"),
        (lambda: stratified_k_fold(LABELS, 2, key=np.zeros(2, np.uint32)), r"got uint32\[2\]"),
    ],
)  # fmt: skip
def test_bad_rows_times_and_folds_are_named(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)
