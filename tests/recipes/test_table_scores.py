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
    assert one["accuracy"] == Estimate(1.0, None, None)
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
    assert written(Estimate(0.99991, 0.9998, 1.0)) == "0.9999 [0.9998, 1.0000]"
    assert written(Estimate(0.0003, -0.5, 0.5)) == "0.00 [-0.50, 0.50]"
    assert written(Estimate(-1e-8, -0.0085, -1e-8)) == "0.00000 [-0.00850, 0.00000]"
    assert written(Estimate(1.0, 1.0, 1.0)) == "1.000 [1.000, 1.000]"
    assert written(Estimate(0.0, 0.0, 0.0)) == "0.000 [0.000, 0.000]"
    assert written(None) == "–"


@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1e-3, 1.0, 1e9, 1e100, 1e300])
def test_what_is_written_is_the_score_in_every_unit(unit):
    text = written(Estimate(2.34567 * unit, 2.1 * unit, 2.6 * unit))
    found = [float(word.strip("[,]")) for word in text.split()]
    assert found == pytest.approx([2.34567 * unit, 2.1 * unit, 2.6 * unit], rel=5e-3, abs=0)
    assert len(text) < 40


def test_the_unit_decides_about_the_power_of_ten():
    assert written(Estimate(2.34567e-5, 2.1e-5, 2.6e-5)) == "2.35e-05 [2.10e-05, 2.60e-05]"
    assert written(Estimate(2.34567e-3, 2.1e-3, 2.6e-3)) == "0.00235 [0.00210, 0.00260]"
    assert written(Estimate(234_567.0, 210_000.0, 260_000.0)) == "234567 [210000, 260000]"
    assert written(Estimate(2.34567e6, 2.345e6, 2.346e6)) == "2.346e+06 [2.345e+06, 2.346e+06]"


def test_few_rows_have_no_interval(random):
    truth = random.normal(0, 1, 10)
    said = truth + random.normal(0, 1, 10)
    few = regression_scores({"m": said[:9]}, truth[:9])["m"]
    assert all(each[1:] == (None, None) for each in few.values())
    assert written(Estimate(2.34567, None, None)) == "2.35 [too few rows]"
    assert all(each.low < each.value < each.high for each in regression_scores({"m": said}, truth)["m"].values())


def test_draws_that_do_not_determine_a_score_do_not_narrow_its_interval(random):
    given = probabilities(random, 20, 3)
    labels = np.zeros(20, int)
    labels[0], labels[1:8] = 2, 1  # a third of the draws lack the class 2
    found = classification_scores({"m": given}, labels)["m"]
    for name in ("balanced_accuracy", "roc_auc"):
        assert found[name].value > 0
        assert found[name][1:] == (None, None)
    assert found["accuracy"].low < found["accuracy"].value < found["accuracy"].high
    truth = np.append(np.zeros(11), 1.0)  # a third of the draws are of zeros alone
    numbers = regression_scores({"m": truth + random.normal(0, 1, 12)}, truth)["m"]
    assert numbers["r2"].value < 1
    assert numbers["r2"][1:] == (None, None)
    assert numbers["rmse"].low < numbers["rmse"].value < numbers["rmse"].high


def test_intervals_of_classes_are_those_of_the_draws_that_have_them_all(random):
    labels = np.repeat([0, 1, 2], [10, 7, 3])  # a twentieth of the draws lack the class 2
    said = np.where(random.random(20) < 0.6, labels, (labels + 1) % 3)
    found = classification_scores({"m": np.eye(3)[said]}, labels)["m"]["balanced_accuracy"]
    drawn = random.integers(0, 20, (4000, 20))
    truth, right = labels[drawn], (said == labels)[drawn]
    each = [
        np.mean([hit[row == k].mean() for k in range(3)])
        for row, hit in zip(truth, right, strict=True)
        if len(np.unique(row)) == 3
    ]
    ends = np.quantile(each, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(ends), abs=0.1 * (ends[1] - ends[0]))
