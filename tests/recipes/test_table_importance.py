from __future__ import annotations

import numpy as np
import pytest
from sklearn.inspection import permutation_importance as reference
from sklearn.linear_model import LinearRegression

from chainrule.recipes.table_importance import permutation_importance


def test_it_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 3)).astype(np.float32)
    y = x @ np.array([3.0, 0.5, 0.0]) + 0.1 * random.normal(size=400)
    model = LinearRegression().fit(x, y)
    error = lambda rows: float(np.mean((model.predict(rows) - y) ** 2))  # noqa: E731
    found = permutation_importance(["a", "b", "c"], {"a": [0], "b": [1], "c": [2]}, x, error)
    expected = reference(model, x, y, scoring="neg_mean_squared_error", n_repeats=30, random_state=0)
    assert found.names == ("a", "b", "c")
    np.testing.assert_allclose(found.means, expected.importances_mean, rtol=0.1, atol=0.01)
    assert (found.deviations >= 0).all()


def test_all_features_of_a_column_are_shuffled_together():
    x = np.eye(4, dtype=np.float32)[np.random.default_rng(1).integers(0, 4, 200)]

    def error(rows):  # any row that is no longer one-hot is an error
        return float(np.mean((rows.sum(axis=1) != 1) | (rows.max(axis=1) != 1)))

    before = x.copy()
    found = permutation_importance(["town", "empty"], {"town": [0, 1, 2, 3]}, x, error)
    np.testing.assert_array_equal(found.means, [0, 0])
    np.testing.assert_array_equal(x, before)


def test_wide_tables_are_shuffled_less_often():
    calls = []
    names = [f"c{i}" for i in range(500)]
    owners = {name: [i] for i, name in enumerate(names)}
    permutation_importance(names, owners, np.zeros((3, 500), np.float32), lambda rows: calls.append(1) or 0.0)
    assert len(calls) == 1 + 500 * 4


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_says_how_it_is_shuffled(seed):
    x = np.arange(20, dtype=np.float32)[:, None]
    error = lambda rows: float(np.abs(rows - x).mean())  # noqa: E731
    first, again = (permutation_importance(["a"], {"a": [0]}, x, error, seed=seed) for _ in range(2))
    assert first.means == again.means
    assert first.means != permutation_importance(["a"], {"a": [0]}, x, error, seed=2).means
