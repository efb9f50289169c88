from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from chainrule.recipes.table_scores import Estimate, classification_scores, regression_scores, written


@pytest.fixture
def random():
    return np.random.default_rng(3)


def probabilities(random, rows, classes):
    raw = random.random((rows, classes)) ** 3
    raw[:, 0] = np.round(raw[:, 0], 1)  # ties
    return raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 4])
def test_scores_of_classes_are_those_of_scikit_learn(random, classes):
    labels = random.integers(0, classes, 90)
    given = probabilities(random, 90, classes)
    found = classification_scores({"m": given}, labels)["m"]
    said = given.argmax(axis=1)
    scores = given[:, 1] if classes == 2 else given
    expected = {
        "accuracy": metrics.accuracy_score(labels, said),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, said),
        "log_loss": metrics.log_loss(labels, given),
        "roc_auc": metrics.roc_auc_score(labels, scores, multi_class="ovr"),
    }
    assert {name: each.value for name, each in found.items()} == pytest.approx(expected, abs=1e-12)
    assert all(each.low <= each.value <= each.high for each in found.values())


def test_scores_of_numbers_are_those_of_scikit_learn(random):
    truth = random.normal(50, 4, 70)
    said = truth + random.normal(0, 2, 70)
    found = regression_scores({"m": said}, truth)["m"]
    expected = {
        "rmse": metrics.root_mean_squared_error(truth, said),
        "mae": metrics.mean_absolute_error(truth, said),
        "r2": metrics.r2_score(truth, said),
    }
    assert {name: each.value for name, each in found.items()} == pytest.approx(expected, rel=1e-12)


def test_intervals_are_those_of_the_percentile_bootstrap(random):
    truth = random.normal(0, 1, 60)
    said = truth + random.normal(0, 1, 60)
    found = regression_scores({"m": said}, truth)["m"]
    for name, statistic in (
        ("rmse", lambda e, t, axis: np.sqrt(np.mean(e**2, axis=axis))),
        ("r2", lambda e, t, axis: 1 - np.mean(e**2, axis=axis) / np.var(t, axis=axis)),
    ):
        ends = stats.bootstrap(
            (said - truth, truth), statistic, paired=True, vectorized=True, method="percentile", rng=1, n_resamples=4000
        ).confidence_interval
        width = ends.high - ends.low
        assert (found[name].low, found[name].high) == pytest.approx((ends.low, ends.high), abs=0.1 * width)


def test_a_class_that_is_absent_counts_for_nothing():
    given = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.3, 0.6, 0.1]])
    found = classification_scores({"m": given}, np.array([0, 1, 0, 1]))["m"]
    assert found["accuracy"].value == found["balanced_accuracy"].value == found["roc_auc"].value == 1


def test_what_the_rows_do_not_determine_is_none():
    one = classification_scores({"m": np.array([[0.9, 0.1], [0.8, 0.2]])}, np.array([0, 0]))["m"]
    assert one["roc_auc"] is None
    assert one["accuracy"] == Estimate(1.0, 1.0, 1.0)
    constant = regression_scores({"m": np.array([1.0, 3.0])}, np.array([0.1, 0.1]))["m"]
    assert constant["r2"] is None
    assert constant["mae"].value == pytest.approx(1.9)


def test_a_probability_of_zero_leaves_the_log_loss_finite():
    found = classification_scores({"m": np.array([[1.0, 0.0], [0.0, 1.0]])}, np.array([1, 1]))["m"]
    assert 10 < found["log_loss"].value < 20


def test_predictors_are_scored_on_the_same_draws(random):
    truth = random.normal(0, 1, 50)
    said = truth + random.normal(0, 1, 50)
    both = regression_scores({"a": said, "b": said}, truth)
    assert both["a"] == both["b"]
    assert regression_scores({"a": said}, truth, seed=1)["a"]["rmse"] != both["a"]["rmse"]


def test_scores_are_written_with_as_many_digits_as_they_have():
    assert written(Estimate(0.97321, 0.94, 1.0)) == "0.973 [0.940, 1.000]"
    assert written(Estimate(2750.2, 2100.7, 3300.1)) == "2750 [2101, 3300]"
    assert written(Estimate(1.0, 1.0, 1.0)) == "1.0000 [1.0000, 1.0000]"
    assert written(None) == "–"
