"""Categories to numbers: scikit-learn is the independent answer, on generated tables with missing cells."""

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import preprocessing as sk

from chainrule.data.preprocessing import Categories, LabelEncoder, Labels, OneHotEncoder

WORDS = st.sampled_from(["red", "green", "blue", "Red", "", "other", "(other)", "süß", "10", "9", "a,b", "naïve"])
CELLS = st.one_of(st.none(), WORDS, WORDS)


def objects(rows):
    array = np.empty((len(rows), len(rows[0])), object)
    for index in np.ndindex(array.shape):
        array[index] = rows[index[0]][index[1]]
    return array


@st.composite
def tables(draw, columns=None):
    width = columns or draw(st.integers(1, 4))
    return objects(draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=30)))


def by_sklearn(train, x, **settings):
    """Columns of scikit-learn's encoder, fitted on the cells that are there; a missing cell is a word unknown to it."""
    blocks, names = [], []
    for column in range(train.shape[1]):
        there = train[:, [column]][train[:, column] != None]  # noqa: E711
        if len(there):
            encoder = sk.OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32, **settings)
            encoder.fit(there)
            cells = np.where(x[:, [column]] == None, "no such word", x[:, [column]])  # noqa: E711
            blocks.append(encoder.transform(cells))
            names += encoder.get_feature_names_out([str(column)]).tolist()
    return np.concatenate([np.zeros((len(x), 0), np.float32), *blocks], axis=1), names


@settings(max_examples=25, deadline=None)
@given(tables(), st.data())
def test_one_hot_agrees_with_scikit_learn(train, data):
    x = data.draw(tables(columns=train.shape[1]))
    encoder = OneHotEncoder()
    params = encoder.fit(train)
    for rows in (train, x):
        expected, names = by_sklearn(train, rows)
        encoded = encoder.apply(params, rows)
        assert encoded.dtype == np.float32
        np.testing.assert_array_equal(encoded, expected)
    assert [
        name.replace("=", "_", 1) for name in encoder.feature_names(params, list("0123"[: train.shape[1]]))
    ] == names


@settings(max_examples=25, deadline=None)
@given(tables(columns=1), tables(columns=1), st.integers(1, 6))
def test_the_most_frequent_are_those_of_scikit_learn(train, x, most):
    distinct = len(set(train[:, 0]) - {None})
    assume(distinct != most + 1)  # scikit-learn counts the column that is shared: it would then share none
    encoder = OneHotEncoder(most=most)
    params = encoder.fit(train)
    for rows in (train, x):
        expected, _ = by_sklearn(train, rows, max_categories=most + 1)
        np.testing.assert_array_equal(encoder.apply(params, rows), expected)


def test_one_more_than_most_shares_a_column_alone():
    x = objects([["a"], ["a"], ["b"], ["b"], ["c"]])
    encoder = OneHotEncoder(most=2)
    params = encoder.fit(x)
    assert params == Categories((("a", "b"),), (("c",),))
    assert encoder.feature_names(params, ["x"]) == ["x=a", "x=b", "x=other"]
    np.testing.assert_array_equal(
        encoder.apply(params, objects([["c"], ["a"], ["d"], [None]])), [*np.eye(3)[[2, 0]], [0] * 3, [0] * 3]
    )


def test_the_name_of_the_shared_column_is_no_category():
    x = objects([["other"], ["other"], ["(other)"], ["(other)"], ["x"]])
    encoder = OneHotEncoder(most=2)
    params = encoder.fit(x)
    assert encoder.feature_names(params, ["c"]) == ["c=(other)", "c=other", "c=((other))"]
    assert encoder.inverse(params, encoder.apply(params, x))[:, 0].tolist() == [*x[:4, 0], "((other))"]


@settings(max_examples=25, deadline=None)
@given(tables(), st.data())
def test_inverse_after_apply_is_the_identity_on_seen_values(train, data):
    x = data.draw(tables(columns=train.shape[1]))
    encoder = OneHotEncoder()
    params = encoder.fit(train)
    for rows in (train, x):
        back = encoder.inverse(params, encoder.apply(params, rows))
        unseen = encoder.unseen_cells(params, rows)
        assert unseen.tolist() == [
            [cell is not None and cell not in set(train[:, column]) for column, cell in enumerate(row)] for row in rows
        ]
        np.testing.assert_array_equal(back, np.where(unseen, None, rows))


@settings(max_examples=25, deadline=None)
@given(tables(), st.integers(1, 3))
def test_each_cell_that_was_seen_is_one_1(train, most):
    for encoder in (OneHotEncoder(), OneHotEncoder(most=most), OneHotEncoder(unseen="error", most=most)):
        encoded = encoder.apply(encoder.fit(train), train)
        np.testing.assert_array_equal(encoded.sum(axis=1), (train != None).sum(axis=1))  # noqa: E711
        assert set(np.unique(encoded)) <= {0, 1}


@settings(max_examples=25, deadline=None)
@given(tables(), st.randoms(use_true_random=False), st.integers(1, 3))
def test_what_is_learnt_is_the_same_in_any_order_of_the_rows(train, random, most):
    order = random.sample(range(len(train)), len(train))
    for encoder in (OneHotEncoder(), OneHotEncoder(most=most)):
        assert encoder.fit(train) == encoder.fit(train[order])


def test_rows_and_columns_that_hold_nothing():
    encoder = OneHotEncoder()
    params = encoder.fit(objects([[None, "a"], [None, "b"]]))
    assert params == Categories(((), ("a", "b")), ((), ()))
    np.testing.assert_array_equal(encoder.apply(params, objects([["a", "a"]])), [[1, 0]])
    assert encoder.inverse(params, np.zeros((1, 2), np.float32)).tolist() == [[None, None]]
    assert encoder.apply(params, np.empty((0, 2), object)).shape == (0, 2)
    assert encoder.inverse(params, np.zeros((0, 2), np.float32)).shape == (0, 2)


def test_an_unseen_category_is_zeros_or_an_error_that_names_it():
    train = objects([["a", "x"], ["b", "y"]])
    held_out = objects([["b", "x"], ["a", "violet"]])
    ignore, error = OneHotEncoder(), OneHotEncoder(unseen="error")
    params = ignore.fit(train)
    assert params == error.fit(train)
    np.testing.assert_array_equal(ignore.apply(params, held_out), [[0, 1, 1, 0], [1, 0, 0, 0]])
    with pytest.raises(ValueError, match=r"^OneHotEncoder.apply: column 1 must be .*, 'x', 'y', got 'violet'$"):
        error.apply(params, held_out)
    np.testing.assert_array_equal(error.apply(params, objects([[None, "x"]])), [[0, 0, 1, 0]])
    shared = OneHotEncoder(unseen="error", most=1)
    np.testing.assert_array_equal(shared.apply(shared.fit(train), train), [[0, 1, 0, 1], [1, 0, 1, 0]])
    with pytest.raises(ValueError, match="got 'violet'"):
        shared.apply(shared.fit(train), held_out)


def test_ten_thousand_categories():
    x = np.array([[f"{index:05}"] for index in range(10_000)] * 2 + [["b"], ["b"], ["b"], ["a"], ["a"], ["a"]], object)
    encoder = OneHotEncoder(most=2)
    params = encoder.fit(x)
    assert params.names == (("a", "b"),)
    np.testing.assert_array_equal(encoder.apply(params, x).sum(axis=0), [3, 3, 20_000])
    with pytest.raises(ValueError, match="'00007' and 9992 more, got 'c'"):
        OneHotEncoder(unseen="error").apply(OneHotEncoder().fit(x[:10_000]), objects([["c"]]))


@settings(max_examples=25, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=30))
def test_labels_agree_with_scikit_learn(names):
    x = np.array(names, object)
    encoder = LabelEncoder()
    params = encoder.fit(x)
    labels = encoder.apply(params, x)
    reference = sk.LabelEncoder().fit(x)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, reference.transform(x))
    assert list(params.names) == reference.classes_.tolist()
    np.testing.assert_array_equal(encoder.inverse(params, labels), x)


def test_what_is_learnt_is_a_pytree_without_arrays():
    for learnt in (Categories((("a",),), ((),)), Labels(("a", "b"))):
        assert jax.tree.leaves(learnt) == []
        assert jax.tree.map(lambda leaf: leaf, learnt) == learnt
        assert hash(learnt) == hash(jax.tree.map(lambda leaf: leaf, learnt))


FITTED = Categories((("a", "b"), ("x",)), ((), ("y", "z")))
ROWS = objects([["a", "x"], ["b", "y"]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: OneHotEncoder(unseen="zeros"), "OneHotEncoder: unseen must be 'ignore' or 'error', got 'zeros'"),
        (lambda: OneHotEncoder(most=0), "most must be a whole number of at least 1, or None, got 0"),
        (lambda: OneHotEncoder(most=True), "or None, got True"),
        (lambda: OneHotEncoder(most=2.0), r"or None, got 2\.0"),
        (lambda: OneHotEncoder().fit(np.array([["a"]])), r"x must be an object array \(rows, columns\) of str, .* got str"),
        (lambda: OneHotEncoder().fit(ROWS[:, 0]), r"\(rows, columns\) of str, None where missing, got object\[2\]"),
        (lambda: OneHotEncoder().fit([["a"]]), r"got list$"),
        (lambda: OneHotEncoder().fit(ROWS[:0]), r"at least one row and one column, got object\[0, 2\]"),
        (lambda: OneHotEncoder().fit(ROWS[:, :0]), r"at least one row and one column, got object\[2, 0\]"),
        (lambda: OneHotEncoder().fit(objects([["a", 3]])), "str, None where missing, got 3 of type int in column 1"),
        (lambda: OneHotEncoder().fit(objects([["a", float("nan")]])), "got nan of type float in column 1"),
        (lambda: OneHotEncoder().fit(objects([["a", ["b"]]])), "got unhashable type: 'list' in column 1"),
        (lambda: OneHotEncoder().apply(FITTED, ROWS[:, :1]), r"the 2 columns that were fitted, got object\[2, 1\]"),
        (lambda: OneHotEncoder().apply(FITTED, objects([["a", 3]])), "got 3 of type int"),
        (lambda: OneHotEncoder().apply(FITTED, objects([["a", {}]])), "got unhashable type: 'dict'"),
        (lambda: OneHotEncoder().inverse(FITTED, np.zeros((2, 3))), "must have the 4 columns that were fitted"),
        (lambda: OneHotEncoder().inverse(FITTED, np.zeros((2, 4), int)), "x must be of floating-point numbers"),
        (
            lambda: OneHotEncoder().inverse(FITTED, np.array([[0, 0, 0, 1], [1, 0, 1, 1.0]])),
            r"one 1 or none for a column, and zeros, got \[1\.0, 1\.0\] for column 1 in row 1",
        ),
        (lambda: OneHotEncoder().inverse(FITTED, np.array([[0, 0.5, 0, 0]])), r"got \[0\.0, 0\.5\] for column 0 in row 0"),
        (lambda: OneHotEncoder().inverse(FITTED, np.array([[0, np.nan, 0, 0]])), r"got \[0\.0, nan\] for column 0"),
        (lambda: OneHotEncoder().unseen_cells(FITTED, ROWS[0]), r"\(rows, columns\) of str"),
        (lambda: LabelEncoder().fit(ROWS), r"LabelEncoder.fit: x must be an object array \(rows\) of str"),
        (lambda: LabelEncoder().fit(ROWS[:0, 0]), "must have at least one row"),
        (lambda: LabelEncoder().fit(np.array(["a", None, None], object)), "must have no missing cell, got 2 of 3"),
        (lambda: LabelEncoder().fit(np.array(["a", 1], object)), "got 1 of type int"),
        (lambda: LabelEncoder().apply(Labels(("a", "b")), np.array(["a", "c"], object)), r"'a', 'b', got 'c' at x\[1\]"),
        (lambda: LabelEncoder().apply(Labels(("a",)), np.array(["a", None], object)), r"got a missing cell at x\[1\]"),
        (lambda: LabelEncoder().inverse(Labels(("a", "b")), np.array([0, 2])), r"labels from 0 to 1, got 2 at x\[1\]"),
        (lambda: LabelEncoder().inverse(Labels(("a", "b")), np.array([-1])), r"labels from 0 to 1, got -1 at x\[0\]"),
        (lambda: LabelEncoder().inverse(Labels(("a", "b")), np.array([0.0])), "must be a vector of integers, got float64"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)
