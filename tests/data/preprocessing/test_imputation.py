"""Imputers against scikit-learn's and against loops, where numbers were missing, and what they may not learn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import impute

from chainrule.data.preprocessing import (
    MeanImputer,
    MedianImputer,
    MissingColumns,
    MissingIndicator,
    NearestNeighborImputer,
    imputation,
)
from tests.data.preprocessing.generated import (
    BAD_ROWS,
    BAD_TRAINING_ROWS,
    EMPTY_COLUMN,
    assert_compiles,
    assert_learns_from_training_rows_alone,
    assert_survives_a_record,
    table,
    tables,
)

NAN = np.nan
IMPUTERS = {
    "mean": MeanImputer(),
    "median": MedianImputer(),
    "nearest, uniform": NearestNeighborImputer(neighbors=3),
    "nearest, by distance": NearestNeighborImputer(neighbors=4, weights="distance", most=9),
}
EVERY_IMPUTER = pytest.mark.parametrize("imputer", IMPUTERS.values(), ids=IMPUTERS.keys())
EVERY_TRANSFORM = pytest.mark.parametrize(
    "transform", [*IMPUTERS.values(), MissingIndicator()], ids=[*IMPUTERS.keys(), "indicator"]
)


def by_loops(train, x, neighbors, weights):
    """The definition, number by number."""
    filled = x.copy()
    for i, row in enumerate(x):
        for c in np.flatnonzero(np.isnan(row)):
            candidates = []
            for r in train:
                shared = ~np.isnan(row) & ~np.isnan(r)
                if not np.isnan(r[c]) and shared.any():
                    squared = len(row) / shared.sum() * np.sum((row[shared] - r[shared]) ** 2)
                    candidates.append((np.sqrt(squared), r[c]))
            candidates = sorted(candidates, key=lambda pair: pair[0])[:neighbors]
            if not candidates:
                filled[i, c] = np.nanmean(train[:, c])
                continue
            distance, values = np.array(candidates).T
            if weights == "uniform":
                filled[i, c] = values.mean()
            elif distance[0] == 0:
                filled[i, c] = values[distance == 0].mean()
            else:
                filled[i, c] = np.average(values, weights=1 / distance)
    return filled


@pytest.mark.parametrize(("imputer", "strategy"), [(MeanImputer(), "mean"), (MedianImputer(), "median")])
@settings(max_examples=25, deadline=None)
@given(x=tables(), later=tables(columns=5))
def test_one_number_a_column_as_scikit_learn_has_it(imputer, strategy, x, later):
    later = later[:, : x.shape[1]]
    params = imputer.fit(x)
    theirs = impute.SimpleImputer(strategy=strategy).fit(x)
    largest = np.nanmax(np.abs(x), axis=0)
    assert (np.abs(params.values - theirs.statistics_) <= 1e-14 * largest).all()
    for rows in (x, later):
        np.testing.assert_allclose(imputer.apply(params, rows), theirs.transform(rows), rtol=1e-12, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(
    train=tables(scaled=False, columns=4),
    later=tables(scaled=False, columns=4),
    neighbors=st.integers(1, 7),
    weights=st.sampled_from(["uniform", "distance"]),
)
def test_nearest_rows_as_scikit_learn_and_the_definition_have_them(train, later, neighbors, weights):
    imputer = NearestNeighborImputer(neighbors, weights)
    params = imputer.fit(train)
    theirs = impute.KNNImputer(n_neighbors=neighbors, weights=weights).fit(train)
    for x in (train, later, np.full((1, 4), NAN)):
        ours = imputer.apply(params, x)
        np.testing.assert_allclose(ours, by_loops(train, x, neighbors, weights), rtol=1e-12, atol=1e-12)
        # scikit-learn's distances lose digits: |x|^2 + |r|^2 - 2 x r
        np.testing.assert_allclose(ours, theirs.transform(x), rtol=1e-6, atol=1e-6 if weights == "distance" else 1e-12)


@settings(max_examples=25, deadline=None)
@given(x=tables(), later=tables(columns=5))
def test_the_indicator_agrees_with_scikit_learn(x, later):
    later = later[:, : x.shape[1]]
    indicator = MissingIndicator()
    params = indicator.fit(x)
    theirs = impute.MissingIndicator(error_on_new=False).fit(x)
    for rows in (x, later):
        np.testing.assert_array_equal(indicator.apply(params, rows), theirs.transform(rows))
    np.testing.assert_array_equal(params.columns, theirs.features_)


@EVERY_IMPUTER
@settings(max_examples=10, deadline=None)
@given(x=tables(columns=3), later=tables(columns=3))
def test_nothing_is_missing_and_what_was_there_is_unchanged(imputer, x, later):
    params = imputer.fit(x)
    y = imputer.apply(params, later)
    there = ~np.isnan(later)
    assert not np.isnan(y).any()
    np.testing.assert_array_equal(y[there], later[there])
    np.testing.assert_array_equal(imputer.inverse(params, y)[there], later[there])
    np.testing.assert_array_equal(imputer.apply(params, imputer.inverse(params, y)), y)
    slack = 1e-12 * np.nanmax(np.abs(x), axis=0)
    assert ((y >= np.nanmin(x, axis=0) - slack) & (y <= np.nanmax(x, axis=0) + slack))[~there].all()


def test_fills_of_a_small_table():
    x = np.array([[1.0, NAN], [2.0, 10.0], [9.0, 40.0], [NAN, 70.0], [4.0, NAN]])
    np.testing.assert_array_equal(MeanImputer().apply(MeanImputer().fit(x), x)[[0, 3], [1, 0]], [40, 4])
    np.testing.assert_array_equal(MedianImputer().apply(MedianImputer().fit(x), x)[[0, 3], [1, 0]], [40, 3])
    nearest = NearestNeighborImputer(1)
    np.testing.assert_array_equal(nearest.apply(nearest.fit(x), x)[:, 1], [10, 10, 40, 70, 10])


@pytest.mark.parametrize(
    ("train", "x", "neighbors", "weights", "filled"),
    [
        ([[0, 10], [2, 20], [9, 90]], [1, NAN], 1, "uniform", 10),  # at the same distance the earlier row is taken
        ([[2, 20], [0, 10], [9, 90]], [1, NAN], 1, "uniform", 20),
        ([[0, 10], [2, 20], [9, 90]], [1, NAN], 2, "uniform", 15),
        ([[1, 10], [2, 40]], [0, NAN], 2, "distance", 20),  # weights 1 and 1/2
        ([[1, 10], [1, 30], [2, 90]], [1, NAN], 3, "distance", 20),  # at distance 0 those alone count
        ([[1, 10], [2, NAN], [5, 30]], [2, NAN], 1, "uniform", 10),  # a row that misses it too has nothing to give
        ([[1, 10], [NAN, 70]], [1, NAN], 5, "uniform", 10),  # nor has one that shares no column
        ([[1, 10], [NAN, 70]], [NAN, NAN], 5, "uniform", 40),  # without a neighbour: the mean of the column
        ([[NAN, 10], [NAN, 70], [3, NAN]], [1, NAN], 5, "distance", 40),
        ([[1e-200, 10], [2e-200, 40]], [0, NAN], 2, "distance", 25),  # squares underflow: both at distance 0
    ],
)
def test_whose_numbers_fill(train, x, neighbors, weights, filled):
    imputer = NearestNeighborImputer(neighbors, weights)
    params = imputer.fit(np.array(train, np.float64))
    y = imputer.apply(params, np.array([x], np.float64))
    np.testing.assert_allclose(y[0, 1], filled, rtol=1e-14)


@pytest.mark.usefixtures("x64", "quick_compilation")
def test_compiled_programs_choose_alike():
    """Ties, rows at distance 0, rows that share nothing: all of them in one table."""
    train = np.array([[0, 10, 5], [2, 20, 6], [2, 60, NAN], [NAN, NAN, 7], [9, NAN, 5]])
    x = np.array([[1, NAN, NAN], [2, NAN, NAN], [NAN, NAN, NAN], [NAN, 20, 7], [NAN, NAN, 5], [9, 9, 9]])
    imputer = NearestNeighborImputer(2, "distance")
    params = imputer.fit(train)
    y = jax.jit(imputer.apply)(params, jnp.asarray(x))
    np.testing.assert_allclose(y, by_loops(train, x, 2, "distance"), rtol=1e-14)
    np.testing.assert_allclose(y[0, 1], 15, rtol=1e-14)  # of three at the same distance the first two
    np.testing.assert_allclose(y[1, 1], 40, rtol=1e-14)
    np.testing.assert_allclose(y[2], np.nanmean(train, axis=0), rtol=1e-14)


def test_rows_are_taken_block_by_block(monkeypatch):
    """The same with one row at a time, and no more numbers at once than are allowed."""
    train, x = table(rows=300, columns=4), table(rows=50, columns=4, seed=6)
    imputer = NearestNeighborImputer()
    params = imputer.fit(train)
    expected = imputer.apply(params, x)
    sizes = []
    distances = imputation._distances

    def watched(xp, block, rows):
        sizes.append(block.shape[0] * rows.size)
        return distances(xp, block, rows)

    monkeypatch.setattr(imputation, "_distances", watched)
    for most in (2**30, 2 * 1200 + 5, 1):
        sizes.clear()
        monkeypatch.setattr(imputation, "_BLOCK", most)
        np.testing.assert_array_equal(imputer.apply(params, x), expected)
        assert max(sizes) <= max(most, train.size)
        assert sum(sizes) == np.isnan(x).any(axis=1).sum() * train.size


def test_at_most_so_many_training_rows_are_kept_evenly_spaced():
    x = np.arange(22.0).reshape(11, 2)
    x[1, 0] = NAN
    params = NearestNeighborImputer(most=4).fit(x)
    np.testing.assert_array_equal(params.rows, x[[0, 2, 5, 8]])
    np.testing.assert_allclose(params.values, np.nanmean(x, axis=0), rtol=1e-15)  # of all rows
    np.testing.assert_array_equal(NearestNeighborImputer(most=11).fit(x).rows, x)


def test_a_column_that_was_complete_has_no_indicator():
    x = np.array([[1.0, NAN, 3.0, NAN], [1.0, 2.0, 3.0, NAN]])
    indicator = MissingIndicator()
    params = indicator.fit(x)
    assert params == MissingColumns((1, 3), 4)
    assert indicator.feature_names(params, ["a", "b", "c", "d"]) == ["b missing", "d missing"]
    np.testing.assert_array_equal(indicator.apply(params, np.array([[NAN, NAN, 0.0, 0.0]])), [[1, 0]])
    complete = indicator.fit(np.ones((3, 2)))
    assert indicator.apply(complete, np.ones((5, 2))).shape == (5, 0)
    with pytest.raises(ValueError, match="MissingIndicator cannot be undone"):
        indicator.inverse(params, x)


@EVERY_TRANSFORM
def test_nothing_of_held_out_rows_is_learnt(transform):
    assert_learns_from_training_rows_alone(transform)


@EVERY_TRANSFORM
@pytest.mark.usefixtures("x64", "quick_compilation")
def test_compiled_programs_fill_alike(transform):
    assert_compiles(transform)


def test_training_rows_of_jax_will_do():
    x = table().astype(np.float32)
    for transform in (*IMPUTERS.values(), MissingIndicator()):
        ours, theirs = transform.fit(jnp.asarray(x)), transform.fit(x)
        assert jax.tree.structure(ours) == jax.tree.structure(theirs)
        for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            assert isinstance(one, np.ndarray)
            assert one.dtype == np.float64
            np.testing.assert_array_equal(one, other)


@EVERY_TRANSFORM
def test_a_record_gives_the_transform_back(transform):
    assert_survives_a_record(transform)


@EVERY_IMPUTER
def test_a_column_without_a_number_is_named(imputer):
    name = type(imputer).__name__
    with pytest.raises(
        ValueError, match=f"^{name}.fit: column 1 must have a number, got 2 missing ones; leave it out$"
    ):
        imputer.fit(EMPTY_COLUMN)


@EVERY_TRANSFORM
def test_bad_rows_are_refused(transform):
    name = type(transform).__name__
    for x, message in BAD_TRAINING_ROWS:
        with pytest.raises(ValueError, match=f"^{name}.fit: {message}"):
            transform.fit(x)
    params = transform.fit(np.array([[1.0, 2.0], [3.0, 5.0]]))
    for x, message in [
        *BAD_ROWS,
        (np.ones((2, 3)), r"x must have the 2 columns that were fitted, got float64\[2, 3\]"),
    ]:
        with pytest.raises(ValueError, match=f"^{name}.apply: {message}"):
            transform.apply(params, x)


def test_numbers_whose_sum_overflows_are_refused():
    with pytest.raises(
        ValueError, match=r"MeanImputer.fit: column 0 must be of numbers whose .* sums float64 can hold"
    ):
        MeanImputer().fit(np.array([[1.7e308], [1.7e308]]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"neighbors": 0}, "neighbors must be a positive whole number, got 0"),
        ({"neighbors": 2.0}, "neighbors must be a positive whole number, got 2.0"),
        ({"neighbors": True}, "neighbors must be a positive whole number, got True"),
        ({"most": 0}, "most must be a positive whole number, got 0"),
        ({"weights": "gaussian"}, "weights must be 'uniform' or 'distance', got 'gaussian'"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=f"^NearestNeighborImputer: {message}"):
        NearestNeighborImputer(**settings)
