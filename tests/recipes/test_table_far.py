from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from chainrule.data.tables import Table
from chainrule.recipes.table_columns import decide_uses
from chainrule.recipes.table_config import settled
from chainrule.recipes.table_far import far_cells
from chainrule.recipes.table_preparation import prepare

ROWS = 101


def words(*cells):
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


def learnt(outliers="clip", size=ROWS, **choices):
    """A preparation of age 0 ... 100 (quartiles 25 and 75), of days, of rare ones and of words; and the columns."""
    ages = np.arange(size, dtype=float)
    columns = {
        "age": ages,
        "day": np.datetime64("2020-01-01", "s") + np.arange(size) * np.timedelta64(86_400, "s"),
        "rare": (ages == 50).astype(float),
        "word": words(*["a", "b"] * (size // 2), "a"),
        "y": ages,
    }
    table = Table(columns, "t.csv")
    uses = decide_uses(table, target="y")
    config = settled(
        rows=size, data="t.csv", target="y", task="regression", model="linear", outliers=outliers, **choices
    )
    return prepare(config, table.without("y")), uses


def rows(**columns):
    size = len(next(iter(columns.values())))
    usual = {"age": np.full(size, 50.0), "day": np.full(size, np.datetime64("2020-02-01", "s")), "rare": np.zeros(size)}
    found = {**usual, "word": words(*["a"] * size)} | columns
    return Table(found, "new.csv")


@pytest.mark.parametrize("impute", ["median", "knn"])
def test_numbers_far_beyond_the_bounds_are_counted(impute):
    preparation, uses = learnt(impute=impute)
    # clipped to 25 - 200 ... 75 + 200, so far outside below -625 and above 725
    assert far_cells(preparation, uses, rows(age=np.array([900.0, 726.0, 725.0, 276.0, np.nan, -625.0]))) == [
        "2 in 'age' (largest 900, clipped to 275)"
    ]
    assert far_cells(preparation, uses, rows(age=np.array([-1e5 / 3, 900.0, 3.0]))) == [
        "2 in 'age' (smallest -33333.3, clipped to -175)"
    ]
    assert far_cells(preparation, uses, rows(age=np.array([275.0, -175.0, 725.0]))) == []
    day = np.array(["2020-02-01", "2022-01-01", "NaT", "2050-01-01"], "datetime64[s]")
    assert far_cells(preparation, uses, rows(day=day)) == ["2 in 'day' (latest 2050-01-01, clipped to 2020-10-02)"]
    both = rows(age=np.array([1e9]), day=np.array(["1970-01-01"], "datetime64[s]"))
    assert len(far_cells(preparation, uses, both)) == 2


def test_what_the_table_had_itself_is_not_far():
    preparation, uses = learnt(size=401)
    ones = rows(rare=np.ones(4))
    assert far_cells(preparation, uses, ones) == []
    unknown = [dataclasses.replace(use, lowest=None, highest=None) for use in uses]  # as older runs have them
    assert far_cells(preparation, unknown, ones) == ["4 in 'rare' (largest 1, clipped to 0.201995)"]
    assert far_cells(preparation, uses, rows(rare=np.array([1.0, 1.09]))) == []
    assert far_cells(preparation, uses, rows(rare=np.array([1.0, 1.11]))) == [
        "1 in 'rare' (largest 1.11, clipped to 0.201995)"
    ]


@pytest.mark.parametrize(
    ("scaling", "low", "high"),
    [("standard", 50 - 10 * 850**0.5, 50 + 10 * 850**0.5), ("robust", -450.0, 550.0), ("min-max", -100.0, 200.0)],
)
def test_outliers_that_are_kept_are_measured_by_the_scale(scaling, low, high):
    preparation, uses = learnt("keep", scaling=scaling)
    assert far_cells(preparation, uses, rows(age=np.array([low + 1, high - 1, 0.0, np.nan]))) == []
    found = far_cells(preparation, uses, rows(age=np.array([low - 1, high - 1])))
    assert found[0].startswith("1 in 'age' (smallest -")
    assert "clipped" not in found[0]
    assert far_cells(preparation, uses, rows(age=np.array([low + 1, high + 1, 2e6]))) == [
        "2 in 'age' (largest 2000000)"
    ]


def test_a_column_without_a_cell_is_not_far():
    preparation, uses = learnt()
    assert far_cells(preparation, uses, rows(age=words(None, None))) == []
