"""Transforms one after the other: order, what each learns, inverse, names, and what may not leak."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler as SklearnMinMaxScaler
from sklearn.preprocessing import StandardScaler as SklearnStandardScaler

from chainrule.data.preprocessing import (
    MeanImputer,
    MedianImputer,
    MinMaxScaler,
    MissingIndicator,
    NearestNeighborImputer,
    OutlierClipper,
    Pipeline,
    RobustScaler,
    StandardScaler,
)
from tests.data.preprocessing.generated import (
    assert_compiles,
    assert_learns_from_training_rows_alone,
    assert_survives_a_record,
    table,
    tables,
)

PIPELINES = {
    "impute, clip, scale": Pipeline((MedianImputer(), OutlierClipper(), StandardScaler())),
    "scale, impute by neighbours, scale": Pipeline(
        (RobustScaler(), NearestNeighborImputer(3, "distance"), Pipeline((MinMaxScaler(-1.0, 1.0),)))
    ),
    "one step": Pipeline((StandardScaler(),)),
    "no step": Pipeline(()),
}
EVERY_PIPELINE = pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES.keys())


@settings(max_examples=25, deadline=None)
@given(x=tables(least_rows=3), later=tables(columns=5))
def test_a_pipeline_agrees_with_scikit_learn(x, later):
    later = later[:, : x.shape[1]]
    pipeline = Pipeline((MedianImputer(), MinMaxScaler(), StandardScaler()))
    params = pipeline.fit(x)
    theirs = make_pipeline(SimpleImputer(strategy="median"), SklearnMinMaxScaler(), SklearnStandardScaler()).fit(x)
    largest = np.nanmax(np.abs(x), axis=0)
    close = 1e-13 * (1 + (largest / params[1].factor / params[2].factor).max())
    assert close < 1e-6
    np.testing.assert_allclose(pipeline.apply(params, x), theirs.transform(x), rtol=1e-12, atol=close)
    np.testing.assert_allclose(pipeline.apply(params, later), theirs.transform(later), rtol=1e-10 + close, atol=close)


def test_each_step_learns_from_what_comes_to_it():
    x = table()
    first, second, third = MeanImputer(), StandardScaler(), MinMaxScaler()
    pipeline = Pipeline((first, second, third))
    params = pipeline.fit(x)
    assert isinstance(params, tuple)
    filled = first.apply(params[0], x)
    np.testing.assert_array_equal(params[1].shift, second.fit(filled).shift)
    scaled = second.apply(params[1], filled)
    np.testing.assert_array_equal(params[2].factor, third.fit(scaled).factor)
    np.testing.assert_array_equal(pipeline.apply(params, x), third.apply(params[2], scaled))


@settings(max_examples=25, deadline=None)
@given(x=tables())
def test_the_inverse_gives_the_rows_back(x):
    pipeline = Pipeline((RobustScaler(), StandardScaler(), MinMaxScaler(-2.0, 3.0)))
    params = pipeline.fit(x)
    again = pipeline.inverse(params, pipeline.apply(params, x))
    unit = np.nanmax(np.abs(x), axis=0) + params[0].factor
    assert (np.isnan(again) == np.isnan(x)).all()
    assert np.nanmax(np.abs(again - x) / unit) < 1e-13


def test_numbers_come_back_in_their_units_through_an_imputer_and_a_clipper():
    x = table()
    x[4, 0] = 1e3  # an outlier
    pipeline = PIPELINES["impute, clip, scale"]
    params = pipeline.fit(x)
    again = pipeline.inverse(params, pipeline.apply(params, x))
    usual = ~np.isnan(x) & ~pipeline.steps[1].mask(params[1], x)
    assert usual.sum() > 25
    np.testing.assert_allclose(again[usual], x[usual], rtol=1e-13)
    np.testing.assert_allclose(again[4, 0], params[1].high[0], rtol=1e-13)


def test_a_step_that_cannot_be_undone_says_so():
    pipeline = Pipeline((MissingIndicator(), MinMaxScaler()))
    params = pipeline.fit(table())
    with pytest.raises(ValueError, match=r"^MissingIndicator cannot be undone: what it changed is not kept$"):
        pipeline.inverse(params, pipeline.apply(params, table()))


def test_names_go_through_every_step():
    x = table(rows=60)
    x[:, 0] = 1.0
    pipeline = Pipeline((MissingIndicator(), MinMaxScaler()))
    params = pipeline.fit(x)
    assert pipeline.feature_names(params, ("a", "b", "c")) == ["b missing", "c missing"]
    assert pipeline.apply(params, x).shape == (60, 2)
    assert Pipeline(()).feature_names((), ("a", "b")) == ["a", "b"]


@EVERY_PIPELINE
def test_nothing_of_held_out_rows_is_learnt(pipeline):
    assert_learns_from_training_rows_alone(pipeline)


@EVERY_PIPELINE
@pytest.mark.usefixtures("x64", "quick_compilation")
def test_compiled_programs_do_alike(pipeline):
    assert_compiles(pipeline)


@EVERY_PIPELINE
def test_a_record_gives_the_pipeline_back(pipeline):
    assert_survives_a_record(pipeline)


def test_pipelines_built_alike_are_equal_and_compile_once():
    one, other = (Pipeline((MedianImputer(), MinMaxScaler(0.0, 2.0))) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Pipeline((MedianImputer(), MinMaxScaler(0.0, 3.0)))
    traced = []

    @jax.jit
    def step(params, x):
        traced.append(1)
        return one.apply(params, x)

    rows = jax.numpy.asarray(table(), np.float32)
    for seed in (1, 2):
        step(one.fit(table(seed=seed)), rows)
    assert len(traced) == 1


def test_no_steps_leave_rows_as_they_are():
    x = table()
    np.testing.assert_array_equal(Pipeline(()).apply(Pipeline(()).fit(x), x), x)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([StandardScaler()], "^Pipeline: steps must be a tuple of transforms, got list$"),
        (StandardScaler(), "^Pipeline: steps must be a tuple of transforms, got StandardScaler$"),
        ((StandardScaler(), np.log), r"^Pipeline: steps\[1\] must be a transform, got ufunc$"),
        ((StandardScaler,), r"^Pipeline: steps\[0\] must be a transform, got the class StandardScaler; make one$"),
    ],
)
def test_bad_steps_are_named(steps, message):
    with pytest.raises(ValueError, match=message):
        Pipeline(steps)


def test_params_of_another_pipeline_are_refused():
    pipeline = PIPELINES["impute, clip, scale"]
    with pytest.raises(ValueError, match=r"^Pipeline: params must be a tuple of 3, one for each step, got 2$"):
        pipeline.apply(pipeline.fit(table())[:2], table())
    with pytest.raises(ValueError, match=r"one for each step, got Scale$"):
        pipeline.inverse(StandardScaler().fit(table()), table())
    with pytest.raises(ValueError, match=r"^OutlierClipper.fit: column 1 must have a number"):
        Pipeline((OutlierClipper(),)).fit(np.array([[1.0, np.nan]]))
