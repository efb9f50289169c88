"""Outlier masks against SciPy and NumPy, their counts, masking, rows dropped, columns clipped."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from chainrule.data.preprocessing import Bounds, OutlierClipper, drop_outliers, iqr_outliers, z_score_outliers
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

CLIPPERS = {
    "iqr": OutlierClipper(),
    "iqr, near": OutlierClipper("iqr", 0.25),
    "z-score": OutlierClipper("z_score"),
    "z-score, near": OutlierClipper("z_score", 1.0),
}
EVERY_CLIPPER = pytest.mark.parametrize("clipper", CLIPPERS.values(), ids=CLIPPERS.keys())


def quartiles(x):
    first, third = np.nanpercentile(x, [25, 75], axis=0)
    return first, third, third - first


@settings(max_examples=25, deadline=None)
@given(x=tables(), threshold=st.sampled_from([0.5, 1.0, 1.7, 3.0]))
def test_z_scores_agree_with_scipy(x, threshold):
    varies = np.nanmax(x, axis=0) > np.nanmin(x, axis=0)
    mask = z_score_outliers(x, threshold)
    assert not mask[:, ~varies].any()
    if not varies.any():
        return
    score = np.abs(stats.zscore(x[:, varies], axis=0, nan_policy="omit"))
    clear = ~(np.abs(score - threshold) < 1e-9)  # two numbers are both at 1, up to rounding
    np.testing.assert_array_equal(mask[:, varies][clear], (score > threshold)[clear])


@settings(max_examples=25, deadline=None)
@given(x=tables(), factor=st.sampled_from([0.1, 1.0, 1.5]))
def test_fences_agree_with_numpy(x, factor):
    first, third, width = quartiles(x)
    beyond = np.maximum(first - x, x - third) - factor * width
    clear = ~(np.abs(beyond) < 1e-12 * np.nanmax(np.abs(x), axis=0))
    np.testing.assert_array_equal(iqr_outliers(x, factor)[clear], (beyond > 0)[clear])
    assert not (iqr_outliers(x, factor) & np.isnan(x)).any()


def test_counts_of_planted_outliers(rng):
    x = rng.normal(size=(2000, 3)) * [1, 10, 100] + [0, 50, -500]
    x = np.clip(x, *np.percentile(x, [5, 95], axis=0))  # nothing of its own is out
    planted = np.zeros(x.shape, bool)
    for column, count in enumerate((0, 3, 25)):
        planted[rng.choice(len(x), count, replace=False), column] = True
    x[planted] += np.broadcast_to([0, -200, 3000], x.shape)[planted]
    x[1999] = np.nan
    planted[1999] = False
    for mask in (z_score_outliers(x), iqr_outliers(x)):
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, planted)
        np.testing.assert_array_equal(mask.sum(axis=0), planted.sum(axis=0))
        assert len(drop_outliers(x, mask)) == 2000 - planted.any(axis=1).sum()


def test_an_outlier_masks_itself():
    """No z-score of n numbers exceeds sqrt(n - 1): nine rows have no outlier by 3, eleven may."""
    for rows, found in ((9, 0), (11, 1)):
        x = np.zeros((rows, 1))
        x[-1] = 1e12
        np.testing.assert_allclose(stats.zscore(x)[-1], np.sqrt(rows - 1), rtol=1e-12)
        assert z_score_outliers(x).sum() == found
        assert iqr_outliers(x).sum() == 1


def test_two_outliers_mask_each_other():
    """No more than sqrt(n / 2 - 1): with 19 rows neither is out, with 21 both are."""
    for rows, found in ((19, 0), (21, 2)):
        x = np.zeros((rows, 1))
        x[-2:] = 1e12
        assert z_score_outliers(x).sum() == found
        assert iqr_outliers(x).sum() == 2


@pytest.mark.parametrize("find", [z_score_outliers, iqr_outliers])
def test_nothing_is_out_where_nothing_varies_or_is_there(find):
    x = np.array([[0.1, np.nan, 1.0], [0.1, np.nan, np.nan], [0.1, np.nan, np.nan]])
    assert not find(x).any()
    assert find(np.ones((0, 3))).shape == (0, 3)
    assert not find(np.full((100_000, 1), 0.1)).any()


@pytest.mark.parametrize("find", [z_score_outliers, iqr_outliers])
def test_rows_of_jax_and_of_float32_will_do(find, rng):
    x = rng.standard_t(1, size=(200, 2)).astype(np.float32)
    mask = find(x)
    assert mask.any()
    from_jax = find(jnp.asarray(x))
    assert isinstance(from_jax, np.ndarray)
    np.testing.assert_array_equal(from_jax, mask)


def test_rows_are_dropped_with_their_targets():
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    mask = np.array([[False, False], [False, True], [False, False]])
    np.testing.assert_array_equal(drop_outliers(x, mask), x[[0, 2]])
    np.testing.assert_array_equal(drop_outliers(np.array(["a", "b", "c"], object), mask), ["a", "c"])
    np.testing.assert_array_equal(drop_outliers(x, mask[:, 1]), x[[0, 2]])
    assert drop_outliers(x, np.ones((3, 1), bool)).shape == (0, 2)


@EVERY_CLIPPER
@settings(max_examples=25, deadline=None)
@given(x=tables(), later=tables(columns=5))
def test_clipping_is_to_the_bounds_of_the_training_rows(clipper, x, later):
    later = later[:, : x.shape[1]]
    params = clipper.fit(x)
    if clipper.method == "iqr":
        first, third, width = quartiles(x)
        factor = clipper.threshold or 1.5
        low, high = first - factor * width, third + factor * width
    else:
        reach = (clipper.threshold or 3.0) * np.nanstd(x, axis=0)
        low, high = np.nanmean(x, axis=0) - reach, np.nanmean(x, axis=0) + reach
    close = 1e-13 * np.nanmax(np.abs(x), axis=0)
    assert (np.abs(params.low - low) <= close).all()
    assert (np.abs(params.high - high) <= close).all()
    y = clipper.apply(params, later)
    inside = ~clipper.mask(params, later)
    assert (np.isnan(y) == np.isnan(later)).all()
    assert not clipper.mask(params, y).any()
    np.testing.assert_array_equal(y[inside], later[inside])
    np.testing.assert_array_equal(clipper.inverse(params, y), y)
    bounds = np.where(later > params.high, params.high, params.low)
    np.testing.assert_array_equal(y[~inside], bounds[~inside])


def test_the_mask_of_a_clipper_is_that_of_its_method(rng):
    x = rng.standard_t(1, size=(200, 2))
    x[3] = np.nan
    for find, clipper in ((iqr_outliers, OutlierClipper()), (z_score_outliers, OutlierClipper("z_score"))):
        mask = find(x)
        assert mask.any()
        np.testing.assert_array_equal(clipper.mask(clipper.fit(x), x), mask)


@EVERY_CLIPPER
def test_nothing_of_held_out_rows_is_learnt(clipper):
    assert_learns_from_training_rows_alone(clipper)


@pytest.mark.parametrize("clipper", [CLIPPERS["iqr, near"]], ids=["iqr, near"])
@pytest.mark.usefixtures("x64", "quick_compilation")
def test_compiled_programs_clip_alike(clipper):
    assert_compiles(clipper)
    params, x = clipper.fit(table()), table(seed=3) * 2
    mask = jax.jit(clipper.mask)(params, jnp.asarray(x))
    assert mask.any()
    np.testing.assert_array_equal(mask, clipper.mask(params, x))


@EVERY_CLIPPER
def test_a_record_gives_the_clipper_back(clipper):
    assert_survives_a_record(clipper)
    assert isinstance(clipper.fit(table()), Bounds)


@EVERY_CLIPPER
def test_bad_training_rows_are_refused(clipper):
    for x, message in [*BAD_TRAINING_ROWS, (EMPTY_COLUMN, "column 1 must have a number, got 2 missing ones")]:
        with pytest.raises(ValueError, match=f"^OutlierClipper.fit: {message}"):
            clipper.fit(x)


def test_bad_rows_are_refused():
    for x, message in BAD_ROWS:
        for find in (z_score_outliers, iqr_outliers):
            with pytest.raises(ValueError, match=f"^{find.__name__}: {message}"):
                find(x)
        for name in ("apply", "inverse", "mask"):
            with pytest.raises(ValueError, match=f"^OutlierClipper.{name}: {message}"):
                getattr(OutlierClipper(), name)(OutlierClipper().fit(np.ones((2, 2))), x)
    with pytest.raises(ValueError, match=r"x must have the 2 columns that were fitted, got float64\[2, 3\]"):
        OutlierClipper().apply(OutlierClipper().fit(np.ones((2, 2))), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: z_score_outliers(table(), 0), "^z_score_outliers: threshold must be a positive number, got 0"),
        (lambda: z_score_outliers(table(), "3"), "^z_score_outliers: threshold must be a positive number, got '3'"),
        (lambda: iqr_outliers(table(), -1.5), "^iqr_outliers: factor must be a positive number, got -1.5"),
        (lambda: iqr_outliers(table(), np.nan), "^iqr_outliers: factor must be a positive number, got nan"),
        (lambda: OutlierClipper("mad"), "^OutlierClipper: method must be 'iqr' or 'z_score', got 'mad'"),
        (lambda: OutlierClipper("iqr", True), "^OutlierClipper: threshold must be a positive number, got True"),
        (lambda: drop_outliers(table(), np.ones((12, 3))), r"^drop_outliers: mask must be bool.* got float64\[12, 3\]"),
        (lambda: drop_outliers(table(), [True] * 12), "^drop_outliers: mask must be bool.* got list"),
        (
            lambda: drop_outliers(table(), np.ones((11, 3), bool)),
            r"^drop_outliers: x and mask must have as many rows, got float64\[12, 3\] and bool\[11, 3\]",
        ),
    ],
)
def test_bad_settings_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
