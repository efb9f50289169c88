from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data.tables import Table
from chainrule.recipes.table_problem import Problem
from chainrule.recipes.table_split import split_rows, unseen_classes


def problem(y, time=None):
    classes = () if y.dtype.kind == "f" else tuple(map(str, range(int(y.max()) + 1)))
    task = "classification" if classes else "regression"
    return Problem(Table({"x": np.zeros(len(y))}), (), "y", task, "", y, classes, time, 0, (), "t.csv")


def test_shares_of_numbers():
    rows = split_rows(problem(np.arange(100.0)), 0.2, seed=0)
    assert [len(part) for part in rows] == [64, 16, 20]
    assert sorted(np.concatenate(rows)) == list(range(100))
    other = split_rows(problem(np.arange(100.0)), 0.2, seed=1)
    assert sorted(other.test) != sorted(rows.test)
    np.testing.assert_array_equal(split_rows(problem(np.arange(100.0)), 0.2, seed=0).test, rows.test)


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.integers(3, 30), min_size=2, max_size=6),
    seed=st.integers(0, 5),
    share=st.sampled_from([0.1, 0.2, 0.5]),
)
def test_every_class_is_in_every_part(counts, seed, share):
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    rows = split_rows(problem(labels), share, seed=seed)
    assert sorted(np.concatenate(rows)) == list(range(len(labels)))
    for part in rows:
        assert set(labels[part]) == set(range(len(counts)))


@pytest.mark.parametrize("kind", ["float", "date"])
def test_the_latest_rows_are_for_the_test_and_ties_stay_together(kind):
    time = np.repeat(np.arange(25.0), 2)[np.random.default_rng(0).permutation(50)]
    if kind == "date":
        time = np.datetime64("2020-01-01", "s") + time.astype(int) * np.timedelta64(86_400, "s")
    rows = split_rows(problem(np.arange(50.0), time), 0.2, seed=0)
    assert time[rows.train].max() < time[rows.validation].min()
    assert time[rows.validation].max() < time[rows.test].min()
    assert len(rows.test) == 10


def test_a_time_that_stands_still_is_refused():
    with pytest.raises(ValueError, match="the time has too few distinct values"):
        split_rows(problem(np.arange(20.0), np.ones(20)), 0.2, seed=0)
    with pytest.raises(ValueError, match="the time has too few distinct values"):
        split_rows(problem(np.arange(20.0), np.repeat([0.0, 1.0], 10)), 0.2, seed=0)


def test_a_class_that_only_the_latest_rows_hold_is_named():
    labels = np.tile([0, 1], 25).astype(np.int32)
    late = np.where(np.arange(50) >= 45, 2, labels).astype(np.int32)
    for y, names in ((labels, []), (late, ["2"])):
        given = problem(y, np.arange(50.0))
        assert unseen_classes(given, split_rows(given, 0.2, seed=0)) == names
    at_random = problem(late)
    assert unseen_classes(at_random, split_rows(at_random, 0.2, seed=0)) == []
    numbers = problem(np.arange(50.0), np.arange(50.0))
    assert unseen_classes(numbers, split_rows(numbers, 0.2, seed=0)) == []
