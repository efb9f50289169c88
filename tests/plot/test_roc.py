import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from chainrule.plot import roc, roc_area, roc_curve

from .helpers import overlaps, texts

RNG = np.random.default_rng(3)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def examples(n, classes, skill=1.0):
    labels = RNG.integers(0, classes, n)
    logits = RNG.normal(size=(n, classes))
    logits[np.arange(n), labels] += skill
    return labels, softmax(logits)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40).filter(
        lambda e: len({k for k, _ in e}) == 2
    )
)
def test_curve_and_area_are_those_of_scikit_learn_ties_and_all(rows):
    positive, scores = np.array([kind for kind, _ in rows]), np.array([score / 3 for _, score in rows])
    across, up, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    ours = roc_curve(positive, scores)
    np.testing.assert_allclose(ours[0], across, atol=1e-15)
    np.testing.assert_allclose(ours[1], up, atol=1e-15)
    assert roc_area(positive, scores) == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-12)


def test_the_area_is_the_share_of_pairs_in_order():
    positive, scores = np.array([1, 0, 1, 0, 0]), np.array([0.9, 0.9, 0.2, 0.1, 0.4])
    pairs = [(p > q) + (p == q) / 2 for p in scores[positive == 1] for q in scores[positive == 0]]
    assert roc_area(positive, scores) == pytest.approx(np.mean(pairs))
    assert roc_area(positive, scores) + roc_area(positive, -scores) == pytest.approx(1)


def test_of_two_classes_the_second_is_drawn():
    labels, probabilities = examples(60, 2)
    figure = roc(labels, probabilities, ["benign", "malignant"])
    axes, _ = figure.axes
    guessing, curve = axes.get_lines()
    across, up, _ = metrics.roc_curve(labels, probabilities[:, 1], drop_intermediate=False)
    np.testing.assert_allclose(curve.get_xdata(), across)
    np.testing.assert_allclose(curve.get_ydata(), up)
    assert list(guessing.get_xdata()) == list(guessing.get_ydata()) == [0, 1]
    area = metrics.roc_auc_score(labels, probabilities[:, 1])
    title = axes.get_title(loc="left")
    assert title.startswith("ROC of malignant: area 0.")
    assert float(title.split()[-1]) == pytest.approx(area, abs=1e-4)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("false positive rate", "true positive rate")


def test_each_class_against_the_rest_and_a_class_that_no_example_has():
    labels, probabilities = examples(300, 4)
    labels[labels == 2] = 0
    names = ["cat", "dog", "emu", "_fox $5 or $6"]
    figure = roc(labels, probabilities, names)
    axes, _ = figure.axes
    assert len([line for line in axes.get_lines() if len(line.get_xdata()) > 2]) == 3
    written = texts(figure)
    for k in (0, 1):
        area = metrics.roc_auc_score(labels == k, probabilities[:, k])
        (own,) = (float(text.split()[0]) for text in written if text.endswith(f"  {names[k]}"))
        assert own == pytest.approx(area, abs=1e-4)
    assert "none  emu" in written
    assert any("_fox" in text for text in written)
    mean = np.mean([metrics.roc_auc_score(labels == k, probabilities[:, k]) for k in (0, 1, 3)])
    assert float(axes.get_title(loc="left").split()[-1]) == pytest.approx(mean, abs=1e-4)
    assert overlaps(figure, ["ROC", "cat", "dog", "emu", "fox", "area", "rate"]) == []


def test_of_many_classes_the_worst_are_named():
    labels, probabilities = examples(400, 11)
    figure = roc(labels, probabilities, [f"class {k}" for k in range(11)])
    areas = {k: metrics.roc_auc_score(labels == k, probabilities[:, k]) for k in range(11)}
    named = [text.split("  ")[1] for text in texts(figure) if "  class" in text]
    assert named == [f"class {k}" for k in sorted(areas, key=areas.get)[:4]]
    assert any(text.endswith("  7 others") for text in texts(figure))


def test_nearly_all_is_not_all():
    positive = np.arange(60_000) > 30_000
    scores = np.arange(60_000, dtype=float)
    scores[[30_000, 30_001]] = scores[[30_001, 30_000]]
    assert 0.99999 < roc_area(positive, scores) < 1
    figure = roc(positive.astype(int), np.stack([1 - scores / 6e4, scores / 6e4], axis=1), ["a", "b"])
    assert figure.axes[0].get_title(loc="left") == "ROC of b: area 0.9999"


@pytest.mark.parametrize(
    ("labels", "probabilities", "names", "message"),
    [
        ([0, 2], np.full((2, 2), 0.5), ["a", "b"], "labels must be from 0 to 1, got 2 at index 1"),
        ([0, 1], np.full((2, 3), 1 / 3), ["a", "b"], r"probabilities must be \[2, 2\], got \[2, 3\]"),
        ([0, 1], np.full((2, 2), 1.0), ["a", "b"], "probabilities must be rows .* got row 0 with the sum 2"),
        ([0, 1], np.full((2, 2), np.nan), ["a", "b"], "probabilities must be rows .* sum nan"),
        ([0, 1], [[0.5, 0.5], [1.5, -0.5]], ["a", "b"], "probabilities must be rows .* row 1 .* smallest -0.5"),
        ([1, 1], np.full((2, 2), 0.5), ["a", "b"], "labels must be of two classes at least, got 'b' alone"),
        ([0, 1], np.full((2, 2), 0.5), ["a"], "class_names must name at least two classes"),
        (np.zeros(0, int), np.zeros((0, 2)), ["a", "b"], "labels must have at least one label"),
    ],
)
def test_bad_input_is_named(labels, probabilities, names, message):
    with pytest.raises(ValueError, match=f"^roc: {message}"):
        roc(labels, probabilities, names)


@pytest.mark.parametrize(
    ("positive", "scores", "message"),
    [
        ([True, False], [1.0], r"scores must be \[2\], one an example, got \[1\]"),
        ([True, False], [1.0, np.inf], "scores must be finite"),
        ([True, True], [1.0, 2.0], "positive must have examples of both kinds, got 2 of True"),
        ([0, 2], [1.0, 2.0], "positive must be from 0 to 1, got 2"),
        ([0.0, 1.0], [1.0, 2.0], "positive must be a vector of integers"),
    ],
)
def test_bad_scores_are_named(positive, scores, message):
    with pytest.raises(ValueError, match=f"^roc_curve: {message}"):
        roc_area(positive, scores)
