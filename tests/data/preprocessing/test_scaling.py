"""Scalers against scikit-learn's, their inverses, constant columns, and what they may not learn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from sklearn import preprocessing as sklearn_preprocessing

from chainrule.data.preprocessing import MinMaxScaler, RobustScaler, Scale, StandardScaler
from chainrule.data.preprocessing.scaling import mean_and_deviation
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

PAIRS = {
    "standard": (StandardScaler(), sklearn_preprocessing.StandardScaler),
    "min-max": (MinMaxScaler(), sklearn_preprocessing.MinMaxScaler),
    "min-max to a range": (
        MinMaxScaler(-3.0, 2.5),
        lambda: sklearn_preprocessing.MinMaxScaler(feature_range=(-3.0, 2.5)),
    ),
    "robust": (RobustScaler(), sklearn_preprocessing.RobustScaler),
    "robust by other quantiles": (
        RobustScaler((10.0, 80.5)),
        lambda: sklearn_preprocessing.RobustScaler(quantile_range=(10.0, 80.5)),
    ),
}
EVERY_PAIR = pytest.mark.parametrize(("scaler", "peer"), PAIRS.values(), ids=PAIRS.keys())
EVERY_SCALER = pytest.mark.parametrize("scaler", [scaler for scaler, _ in PAIRS.values()], ids=PAIRS.keys())


@EVERY_PAIR
@settings(max_examples=25, deadline=None)
@given(x=tables(), later=tables(columns=5))
@example(x=np.array([[0.1, 0.0, 1e5], [0.1, 0.0, np.nan]]), later=np.ones((1, 5)))
def test_scalers_agree_with_scikit_learn(scaler, peer, x, later):
    later = later[:, : x.shape[1]]
    params = scaler.fit(x)
    theirs = peer().fit(x)
    condition = 1 + np.maximum(np.nanmax(np.abs(x), axis=0), np.abs(params.shift)) / params.factor
    close = 1e-14 * condition.max()  # the rounding that both make: of the largest number, in units of the factor
    assert close < 1e-6
    np.testing.assert_allclose(scaler.apply(params, x), theirs.transform(x), rtol=1e-12, atol=close)
    held_out = theirs.transform(later)
    np.testing.assert_allclose(scaler.apply(params, later), held_out, rtol=1e-10 + close, atol=close)
    if isinstance(scaler, StandardScaler):
        np.testing.assert_allclose(params.shift, theirs.mean_, rtol=1e-12, atol=1e-12 * params.factor.max())
        np.testing.assert_allclose(params.factor, theirs.scale_, rtol=close)


@EVERY_SCALER
@settings(max_examples=25, deadline=None)
@given(x=tables())
def test_the_inverse_gives_the_rows_back(scaler, x):
    params = scaler.fit(x)
    again = scaler.inverse(params, scaler.apply(params, x))
    largest = np.nanmax(np.abs(x), axis=0)
    assert (np.isnan(again) == np.isnan(x)).all()
    assert np.nanmax(np.abs(again - x) / (largest + params.factor)) < 1e-14


@settings(max_examples=25, deadline=None)
@given(x=tables(least_rows=8, missing=(0.0, 0.2)))
def test_what_comes_out_has_the_moments_that_were_promised(x):
    spread = np.nanmax(x, axis=0) - np.nanmin(x, axis=0)
    x = x[:, spread > 1e-9 * np.nanmax(np.abs(x), axis=0)]
    if not x.size:
        return
    standard = StandardScaler()
    y = standard.apply(standard.fit(x), x)
    np.testing.assert_allclose(np.nanmean(y, axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(np.nanstd(y, axis=0), 1, rtol=1e-10)
    y = MinMaxScaler().apply(MinMaxScaler().fit(x), x)
    assert (np.nanmin(y, axis=0) == 0).all()
    assert (np.nanmax(y, axis=0) == 1).all()
    robust = RobustScaler()
    y = robust.apply(robust.fit(x), x)
    np.testing.assert_allclose(np.nanmedian(y, axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(np.subtract(*np.nanpercentile(y, [75, 25], axis=0)), 1, rtol=1e-10)


def test_the_scales_of_a_small_table():
    x = np.array([[1.0, 10.0], [3.0, np.nan], [5.0, 30.0], [7.0, 50.0]])
    standard = StandardScaler().fit(x)
    np.testing.assert_allclose(standard.shift, [4, 30], rtol=1e-15)
    np.testing.assert_allclose(standard.factor, [np.sqrt(5), np.sqrt(800 / 3)], rtol=1e-15)
    min_max = MinMaxScaler(-1.0, 1.0)
    np.testing.assert_array_equal(min_max.fit(x).shift, [1, 10])
    np.testing.assert_array_equal(min_max.fit(x).factor, [6, 40])
    scaled = min_max.apply(min_max.fit(x), x)
    np.testing.assert_allclose(scaled, [[-1, -1], [-1 / 3, np.nan], [1 / 3, 0], [1, 1]], rtol=1e-15)
    assert min_max.apply(min_max.fit(x), np.array([[13.0, 10.0]]))[0, 0] == 3  # beyond the range, and not clipped
    robust = RobustScaler().fit(x)
    np.testing.assert_array_equal(robust.shift, [4, 30])
    np.testing.assert_array_equal(robust.factor, [3, 20])


@EVERY_SCALER
@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 1e-300, 123456.789])
@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_constant_columns_get_the_factor_one(scaler, value, rows):
    x = np.full((rows, 1), value)
    params = scaler.fit(x)
    assert params.factor == 1
    assert params.shift == value
    np.testing.assert_array_equal(scaler.apply(params, x), np.full((rows, 1), getattr(scaler, "low", 0.0)))
    np.testing.assert_array_equal(scaler.inverse(params, scaler.apply(params, x)), x)


@EVERY_SCALER
def test_a_unit_changes_nothing_however_small_or_large(scaler):
    """Also where scikit-learn's absolute limit takes a column for a constant one."""
    x = table()
    expected = scaler.apply(scaler.fit(x), x)
    for unit in (2.0**-900, 2.0**-60, 2.0**900):
        np.testing.assert_array_equal(scaler.apply(scaler.fit(x * unit), x * unit), expected)


@EVERY_SCALER
def test_what_differs_by_rounding_alone_is_constant(scaler):
    x = np.array([[0.1 + 0.2], [0.3], [0.3], [0.1 + 0.2]])
    assert x[0, 0] != x[1, 0]
    assert scaler.fit(x).factor == 1
    assert scaler.fit(np.array([[0.3], [0.3 + 1e-9]])).factor < 1e-8


def test_mean_and_deviation_do_not_lose_small_differences():
    """A thousand numbers about 1e9: the sum of squares minus the square of the sum would have no digit right."""
    numbers = 1e9 + np.arange(1001) / 1024  # exact
    mean, deviation = mean_and_deviation(numbers)
    assert mean == 1e9 + 500 / 1024
    np.testing.assert_allclose(deviation, np.sqrt((1001**2 - 1) / 12) / 1024, rtol=1e-14)
    assert mean_and_deviation(np.array([-1.7e308, 1.7e308])) == (0, 1.7e308)
    assert mean_and_deviation(np.array([1e-320, 3e-320]))[1] > 0


@EVERY_SCALER
def test_nothing_of_held_out_rows_is_learnt(scaler):
    assert_learns_from_training_rows_alone(scaler)


def test_the_trial_finds_a_scaler_that_looks_at_held_out_rows():
    class Leaky(StandardScaler):
        def apply(self, params, x):
            return super().apply(params, x - np.nan_to_num(x).mean(axis=0))

    class Sly(StandardScaler):
        def apply(self, params, x):
            object.__setattr__(params, "shift", 0.9 * params.shift + 0.1 * np.nan_to_num(x).mean(axis=0))
            return super().apply(params, x)

    for scaler in (Leaky(), Sly()):
        with pytest.raises(AssertionError):
            assert_learns_from_training_rows_alone(scaler)


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(-3.0, 2.5), RobustScaler()], ids=["standard", "min-max", "robust"]
)
@pytest.mark.usefixtures("x64", "quick_compilation")
def test_compiled_programs_scale_alike(scaler):
    assert_compiles(scaler)
    params, y = scaler.fit(table()), jnp.asarray(table(seed=3))
    np.testing.assert_allclose(
        jax.jit(scaler.inverse)(params, y), scaler.inverse(params, np.asarray(y)), rtol=1e-12, atol=1e-12
    )


@EVERY_SCALER
def test_a_record_gives_the_scaler_back(scaler):
    assert_survives_a_record(scaler)
    params = scaler.fit(table())
    assert isinstance(params, Scale)
    assert [leaf.shape for leaf in jax.tree.leaves(params)] == [(3,), (3,)]
    assert scaler.feature_names(params, ["a", "b", "c"]) == ["a", "b", "c"]


def test_training_rows_of_jax_and_of_float32_are_learnt_from_in_float64():
    x = table().astype(np.float32)
    for rows in (x, jnp.asarray(x)):
        params = StandardScaler().fit(rows)
        assert params.shift.dtype == np.float64
        np.testing.assert_allclose(params.shift, np.nanmean(x.astype(np.float64), axis=0), rtol=1e-14)


@EVERY_SCALER
def test_a_column_without_a_number_is_named(scaler):
    name = type(scaler).__name__
    with pytest.raises(
        ValueError, match=f"^{name}.fit: column 1 must have a number, got 2 missing ones; leave it out$"
    ):
        scaler.fit(EMPTY_COLUMN)


@EVERY_SCALER
def test_bad_rows_are_refused(scaler):
    name = type(scaler).__name__
    for x, message in BAD_TRAINING_ROWS:
        with pytest.raises(ValueError, match=f"^{name}.fit: {message}"):
            scaler.fit(x)
    params = scaler.fit(np.array([[1.0, 2.0], [3.0, 5.0]]))
    for x, message in [
        *BAD_ROWS,
        (np.ones((2, 3)), r"x must have the 2 columns that were fitted, got float64\[2, 3\]"),
    ]:
        with pytest.raises(ValueError, match=f"^{name}.apply: {message}"):
            scaler.apply(params, x)
        with pytest.raises(ValueError, match=f"^{name}.inverse: {message}"):
            scaler.inverse(params, x)


@pytest.mark.parametrize("scaler", [MinMaxScaler(), RobustScaler((0.0, 100.0))], ids=["min-max", "robust"])
def test_a_range_that_float64_cannot_hold_is_refused(scaler):
    with pytest.raises(ValueError, match=r"column 1 must be of numbers whose .* got -1.5e\+308 to 1.5e\+308"):
        scaler.fit(np.array([[1.0, -1.5e308], [2.0, 1.5e308]]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MinMaxScaler(1.0, 1.0), "low and high must be finite, low below high, got 1.0 and 1.0"),
        (lambda: MinMaxScaler(2.0, -1.0), "got 2.0 and -1.0"),
        (lambda: MinMaxScaler(0.0, np.inf), "got 0.0 and inf"),
        (lambda: MinMaxScaler(-1.7e308, 1.7e308), "low and high must be finite"),
        (lambda: MinMaxScaler("0", 1.0), "got '0' and 1.0"),
        (lambda: RobustScaler((75.0, 25.0)), r"two percentages, 0 <= lower < upper <= 100, got \(75.0, 25.0\)"),
        (lambda: RobustScaler((-1.0, 50.0)), "two percentages"),
        (lambda: RobustScaler((0.0, 100.5)), "two percentages"),
        (lambda: RobustScaler((0.0, np.nan)), "two percentages"),
        (lambda: RobustScaler([25.0, 75.0]), "two percentages"),
        (lambda: RobustScaler((25.0, 50.0, 75.0)), "two percentages"),
        (lambda: RobustScaler(0.5), "two percentages"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=f"^(MinMax|Robust)Scaler: .*{message}"):
        make()
