import numpy as np
import pytest

from chainrule.plot import curves

from .helpers import overlaps, texts

LOSS = [2.0, 1.0, 0.5, 0.25]
FULL = {
    "loss": LOSS,
    "validation_loss": [2.1, 1.2, 0.8, 0.7],
    "accuracy": [0.3, 0.6, 0.9, 0.98],
    "validation_accuracy": [0.3, 0.5, 0.8, 0.875],
}


def test_two_panels_labelled_with_the_last_values_written():
    figure = curves(FULL)
    loss, accuracy = figure.axes
    assert (loss.get_title(loc="left"), loss.get_xlabel(), loss.get_ylabel()) == (
        "Loss",
        "epoch",
        "loss (nats)",
    )
    assert (accuracy.get_title(loc="left"), accuracy.get_ylabel()) == ("Accuracy", "accuracy (%)")
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    written = texts(figure)
    for text in ("training\n0.25", "held out\n0.7", "training\n98.0 %", "held out\n87.5 %"):
        assert text in written
    np.testing.assert_array_equal(loss.get_lines()[0].get_xdata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(loss.get_lines()[0].get_ydata(), LOSS)
    np.testing.assert_allclose(accuracy.get_lines()[1].get_ydata(), [30, 50, 80, 87.5])


@pytest.mark.parametrize("last", [1.0, 1.0001, 1.1, 30.0])
def test_labels_never_overlap_and_are_at_the_ends_of_their_lines(last):
    figure = curves({"loss": [2.0, 1.0], "validation_loss": [2.0, last]})
    assert overlaps(figure, ["training", "held out"]) == []
    label = next(t for t in figure.axes[0].texts if "held out" in t.get_text())
    end = figure.axes[0].transData.transform((2, last))[1]
    box = label.get_window_extent()
    assert abs((box.y0 + box.y1) / 2 - end) < 0.25 * figure.axes[0].bbox.height


def test_accuracy_labels_are_at_the_ends_of_their_lines():
    figure = curves(FULL)
    figure.canvas.draw()
    axes = figure.axes[1]
    for label, end in (("training", 98.0), ("held out", 87.5)):
        box = next(t for t in axes.texts if label in t.get_text()).get_window_extent()
        assert abs((box.y0 + box.y1) / 2 - axes.transData.transform((4, end))[1]) < 0.15 * axes.bbox.height


def test_one_panel_where_there_is_one_quantity():
    figure = curves({"loss": LOSS, "validation_loss": [], "accuracy": []})
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss (nats)"]
    assert not [text for text in texts(figure) if "held out" in text]
    assert len(curves({"validation_accuracy": [0.5]}).axes) == 1


@pytest.mark.parametrize("loss", [[1.0], [2.0, 2.0], [1e-9, 1e3], [1.0, np.nan], [np.inf, 1.0], [np.nan]])
def test_odd_histories_are_drawn(loss):
    figure = curves({"loss": loss})
    figure.canvas.draw()
    assert f"training\n{loss[-1]:.3g}" in texts(figure)


def test_a_loss_of_zero_has_a_linear_scale():
    assert curves({"loss": [1.0, 0.0]}).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "must have at least one epoch, got none"),
        ({"loss": []}, "must have at least one epoch, got none"),
        ({"loss": [1.0], "f1": [1.0]}, "must have the names .*, got 'f1'"),
        ({"loss": [1.0, 2.0], "accuracy": [1.0]}, r"one number an epoch in every list, got lengths .*2.*1"),
        ({"loss": [[1.0]]}, r"history\['loss'\] must be a list of numbers, got shape \[1, 1\]"),
        ({"accuracy": [98.0]}, r"history\['accuracy'\] must be of fractions from 0 to 1"),
        ({"accuracy": [np.nan]}, r"history\['accuracy'\] must be of fractions from 0 to 1"),
    ],
)
def test_bad_input_is_named(history, message):
    with pytest.raises(ValueError, match=f"^curves: .*{message}"):
        curves(history)


@pytest.mark.parametrize("values", [(1.5, 1.65), (0.67, 0.667), (1.0, 1.0)])
def test_baselines_are_dashed_lines_with_names_that_never_overlap(values):
    figure = curves(FULL, baselines=dict(zip(("counting", "guessing"), values, strict=True)))
    loss, accuracy = figure.axes
    dashed = [line for line in loss.get_lines() if line.get_linestyle() == "--"]
    assert sorted(line.get_ydata()[0] for line in dashed) == sorted(values)
    assert not [line for line in accuracy.get_lines() if line.get_linestyle() == "--"]
    assert f"counting {values[0]:.3g}" in texts(figure)
    assert overlaps(figure, ["counting", "guessing"]) == []
    assert overlaps(figure, ["training", "held out"]) == []


def test_no_baseline_is_none_and_bad_ones_are_named():
    assert not [line for line in curves(FULL).axes[0].get_lines() if line.get_linestyle() == "--"]
    with pytest.raises(ValueError, match=r"^curves: baselines\['guess'\] must be finite, got nan"):
        curves(FULL, baselines={"guess": np.nan})
    with pytest.raises(ValueError, match=r"^curves: baselines must be at most two, got 3"):
        curves(FULL, baselines={"a": 1.0, "b": 2.0, "c": 3.0})
