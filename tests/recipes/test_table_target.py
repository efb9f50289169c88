from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from chainrule.recipes.table_target import TargetScale, probabilities_of


def test_numbers_come_back():
    y = np.array([3.0, 4.0, 8.0])
    scale = TargetScale.of(y)
    standard = scale.standardise(y)
    assert (standard.shape, standard.dtype) == ((3, 1), np.float32)
    assert standard.mean() == pytest.approx(0, abs=1e-7)
    assert standard.std() == pytest.approx(1)
    np.testing.assert_allclose(scale.restore(standard.astype(np.float64)), y, rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(4, 7.0), "the target is 7 in all 4 rows that are trained on"),
        (np.array([1e200, 2.0, 3.0]), r"whose squares float64 can hold, got 1e\+200"),
    ],
)
def test_what_cannot_be_standardised_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        TargetScale.of(y)


def test_probabilities_are_the_softmax_at_the_extremes_too():
    outputs = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, -1000.0]])
    np.testing.assert_allclose(probabilities_of(outputs), softmax(outputs, axis=1), rtol=1e-12)
