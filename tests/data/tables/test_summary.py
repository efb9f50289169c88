import numpy as np
import pandas as pd
import pytest

from chainrule.data.tables import ColumnSummary, Table, read_csv, summarise


def test_a_summary_says_what_was_inferred(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("n;c;d;t;gone;whole\n1,5;;2023-01-31;2023-01-31 10:00;;7\n1,5;b;;2023-01-31;NA;8\n;b;;;?;7\n")
    assert summarise(read_csv(path)) == [
        ColumnSummary("n", "number", 1, 1, "1.5", "decimal comma"),
        ColumnSummary("c", "category", 1, 1, "b"),
        ColumnSummary("d", "date", 2, 1, "2023-01-31"),
        ColumnSummary("t", "date", 1, 2, "2023-01-31T10:00:00"),
        ColumnSummary("gone", "number", 3, 0, ""),
        ColumnSummary("whole", "number", 0, 2, "7"),
    ]


def test_counts_agree_with_pandas(rng):
    columns = {
        "x": np.where(rng.random(300) < 0.3, np.nan, rng.integers(0, 40, 300) / 8),
        "word": np.array(rng.choice(["a", "b", "c", None], 300), object),
        "day": rng.integers(0, 50, 300).astype("datetime64[D]").astype("datetime64[s]"),
    }
    columns["day"][::7] = np.datetime64("NaT")
    for summary in summarise(Table(columns)):
        theirs = pd.Series(columns[summary.name])
        assert (summary.missing, summary.distinct) == (theirs.isna().sum(), theirs.nunique())


def test_only_tables_are_summarised():
    with pytest.raises(ValueError, match="table must be a Table, got list"):
        summarise([1, 2])
