from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest

from chainrule.data.tables import Table, read_table
from chainrule.recipes.table_columns import as_categories, decide_uses, written_number
from chainrule.recipes.table_problem import read_problem


def words(*cells):
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


def table(rows=40, **columns):
    return Table({"x": np.linspace(0, 1, rows), "y": np.linspace(3, 9, rows), **columns}, "t.csv")


def test_what_is_done_with_every_column_is_said():
    rows = 120
    columns = {
        "gaps": np.where(np.arange(rows) % 5 == 0, np.nan, np.arange(rows)),
        "empty": np.full(rows, np.nan),
        "same": np.ones(rows),
        "colour": words(*(["red", "blue", None] * 40)),
        "name": words(*(f"n{i}" for i in range(rows))),
        "day": np.datetime64("2020-01-01", "s") + np.arange(rows) * np.timedelta64(86_400, "s"),
        "when": np.arange(rows, dtype=float),
        "unused": words(*(["a", "b"] * 60)),
    }
    uses = decide_uses(table(rows, **columns), target="y", time="when", drop=["unused"])
    said = {use.name: (use.role, use.use) for use in uses}
    assert said == {
        "x": ("number", "number, scaled"),
        "y": ("target", "target"),
        "gaps": (
            "number",
            "number, median where missing (and a 0/1 column of where, if that tells of the target), scaled",
        ),
        "empty": ("left out", "left out: all missing"),
        "same": ("left out", "left out: constant"),
        "colour": ("category", "one-hot of 2"),
        "name": ("left out", "left out: one value a row"),
        "day": ("number", "days since 1970, scaled"),
        "when": ("time", "time: splits the rows, no feature"),
        "unused": ("left out", "left out: as asked"),
    }
    assert {use.name: (use.missing, use.distinct) for use in uses if use.name in ("gaps", "colour")} == {
        "gaps": (24, 96),
        "colour": (40, 2),
    }


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["12 %", "13 %", "5 %"], "numbers with a unit such as '12 %': strip it"),
        (["31.12.2024", "30.12.2024", "29.12.2024"], "dates not of the form YYYY-MM-DD or"),
        (["yes", "Yes", "no"], "words that differ only by case or blanks such as 'yes' and 'Yes': kept apart"),
        (["001", "002", "010"], "codes with leading zeros such as '001': read as words; for numbers strip the zeros"),
    ],
)
def test_what_is_surprising_about_a_column_is_said_in_its_use(tmp_path, cells, note):
    path = tmp_path / "t.csv"
    path.write_text("c,y\n" + "".join(f"{cell},{i / 2}\n" for i, cell in enumerate(cells * 10)))
    warned = contextlib.nullcontext() if "codes" in note else pytest.warns(UserWarning, match=f"^t.csv: 'c': {note}")
    with warned:
        assert f"one-hot of 3 ({note}" in read_problem(path, target="y").uses[0].use
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = read_problem(path, target="c")
    read_problem(path, target="y", categorical=["c"])  # as asked: nothing is to be warned of
    assert f"target ({note}" in problem.uses[0].use
    assert problem.classes == tuple(sorted(cells))
    with pytest.raises(ValueError, match=r"no column is left to predict 'y' from: 'c' is left out: as asked$"):
        decide_uses(read_table(path), target="y", drop=["c"])


def test_many_categories_are_cut_to_the_most_frequent():
    rows = 1000
    uses = decide_uses(table(rows, c=words(*(f"c{i % 300}" for i in range(rows)))), target="y")
    assert uses[2].use == "one-hot of the 100 most frequent, the rest in one"


@pytest.mark.parametrize(
    ("column", "task", "classes"),
    [
        (words(*"ab" * 20), "classification", ("a", "b")),
        (np.arange(40.0) % 3, "classification", ("0", "1", "2")),
        (np.arange(40.0) % 5, "regression", ()),  # a fifth of 40 rows: too many distinct values for labels
        (np.arange(40.0) % 3 + 0.5, "regression", ()),
    ],
    ids=["words", "labels", "many", "fractions"],
)
def test_the_task_is_found_out_from_the_target(column, task, classes):
    problem = read_problem(table(t=column), target="t")
    assert (problem.task, problem.classes) == (task, classes)
    assert problem.y.dtype == (np.int32 if classes else np.float64)


def test_a_task_that_is_given_is_taken():
    labels = np.arange(40.0) % 3
    assert read_problem(table(t=labels), target="t", task="regression").task == "regression"
    problem = read_problem(table(t=labels / 2), target="t", task="classification")
    assert problem.classes == ("0", "0.5", "1")
    np.testing.assert_array_equal(problem.y, labels)


def test_rows_without_a_target_are_left_out_and_counted():
    target = np.where(np.arange(40) < 7, np.nan, np.arange(40.0))
    problem = read_problem(table(t=target), target="t")
    assert (len(problem), problem.without_target) == (33, 7)
    np.testing.assert_array_equal(problem.features["x"], np.linspace(0, 1, 40)[7:])


def test_no_class_is_taken_for_missing_without_a_word(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,t\n" + "".join(f"{i},{['none', 'mild', '-', 'NA', ''][i % 5]}\n" for i in range(50)))
    problem = read_problem(path, target="t")
    assert problem.classes == ("-", "mild", "none")
    assert (problem.without_target, problem.words_without_target) == (20, ("NA",))
    assert problem.uses[1].use == "target, missing where 'NA'"
    problem = read_problem(path, target="t", missing=["-", ""])
    assert problem.classes == ("NA", "mild", "none")
    assert problem.words_without_target == ("-",)
    assert read_problem(path, target="x").words_without_target == ()


@pytest.mark.parametrize("name", ["c", "it's", 'a "b" c', "two words"])
def test_what_is_wrong_with_a_column_is_said_with_the_arguments_of_fit_table(name, tmp_path):
    path = tmp_path / "t.csv"
    quoted = '"' + name.replace('"', '""') + '"'
    path.write_text(f"x,{quoted}\n" + "".join(f"{i},{i}\n" for i in range(20)) + "20,abc\n")
    with pytest.raises(ValueError, match="categorical=") as refused:
        read_problem(path, target="x")
    said = str(refused.value)
    assert f"(in Python categorical=[{name!r}]); if it is not needed, --drop " in said
    assert said.endswith(f"(in Python drop=[{name!r}])")
    assert "kinds" not in said
    assert len(read_problem(path, target="x", categorical=[name])) == 21
    with pytest.raises(ValueError, match="categorical=") as refused:
        read_problem(path, target=name)
    assert "drop" not in str(refused.value)
    path.write_text(f"x,z,{quoted}\n" + "".join(f"{i},{i},{i}\n" for i in range(20)) + "20,20,inf\n")
    with pytest.raises(ValueError, match="must be of finite numbers, got 'inf'; if it is not needed, --drop"):
        read_problem(path, target="x")
    assert len(read_problem(path, target="x", drop=[name])) == 21


def test_a_dropped_column_of_parquet_may_be_of_any_type(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pa.table({"x": range(20), "y": range(20), "l": [[i] for i in range(20)]}), path)
    with pytest.raises(
        ValueError, match=r"column 'l' must be of numbers, .* got list.*; if it is not needed, --drop l"
    ):
        read_problem(path, target="y")
    assert read_problem(path, target="y", drop=["l"]).features.names == ("x",)


def test_columns_of_categories_may_look_like_numbers():
    problem = read_problem(table(code=np.arange(40.0) % 4), target="y", categorical=["code"])
    assert problem.features["code"].tolist()[:5] == ["0", "1", "2", "3", "0"]
    days = np.array(["2020-01-01", "NaT"], "datetime64[s]")
    assert as_categories(days).tolist() == ["2020-01-01T00:00:00", None]
    assert as_categories(np.array([1.5, np.nan])).tolist() == ["1.5", None]
    assert [written_number(value) for value in (3.0, -0.0, 1e20, 0.1)] == ["3", "0", "1e+20", "0.1"]


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {"target": "z"}, r"t\.csv: no column 'z'; it has 'x', 'y'"),
        ({}, {"target": "y", "drop": ["u", "v"]}, "no column 'u', 'v'"),
        ({}, {"target": "y", "categorical": ["v"]}, "no column 'v'"),
        ({}, {"target": "y", "time": "v"}, "no column 'v'"),
        ({}, {"target": "y", "time": "y"}, "time must be another column than the target"),
        ({}, {"target": "y", "drop": ["y"]}, "drop must not hold the target, 'y'"),
        ({}, {"target": "y", "drop": ["x"]}, "no column is left to predict 'y' from: 'x' is left out: as asked"),
        ({}, {"target": "y", "task": "ranking"}, "task must be 'regression' or 'classification', got 'ranking'"),
        ({"t": np.full(40, np.nan)}, {"target": "t"}, "the target 't' is missing in all 40 rows"),
        ({"t": np.full(40, 2.0)}, {"target": "t", "task": "regression"}, "the target 't' is 2 in all rows"),
        ({"t": np.full(40, 2.0)}, {"target": "t"}, "the target 't' has one class alone, '2'"),
        ({"t": words(*["a"] * 40)}, {"target": "t"}, "the target 't' has one class alone, 'a'"),
        ({"t": words(*["a"] * 38, "b", "b")}, {"target": "t"}, r"at least 3 rows, 1 of 2 have fewer: 'b' \(2\)"),
        ({"t": words(*"ab" * 20)}, {"target": "t", "task": "regression"}, "a regression needs a target of numbers"),
        (
            {"t": words(*"ab" * 20)},
            {"target": "y", "time": "t"},
            "time must be a column of dates or numbers, 't' holds 'a'",
        ),
        (
            {"t": np.where(np.arange(40) == 6, np.nan, 1.0)},
            {"target": "y", "time": "t"},
            "the time 't' is missing in 1 rows, the first of them row 7",
        ),
        ({"t": np.zeros(40, "datetime64[s]")}, {"target": "t"}, "must be of numbers or categories, 't' holds dates"),
        (
            {"t": np.where(np.arange(40) < 31, np.nan, np.arange(40.0))},
            {"target": "t"},
            "at least 10 rows with a target are needed, got 9 rows",
        ),
    ],
)
def test_what_cannot_be_learnt_is_refused(columns, options, message):
    with pytest.raises(ValueError, match=message):
        read_problem(table(**columns), **options)


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match="table must be a Table or the path of a file, got list"):
        read_problem([[1, 2]], target="y")


def test_a_target_or_a_time_with_leading_zeros_is_refused_with_what_was_remarked(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text("day,code,x\n" + "".join(f"{i:03},{i % 7:02},{i / 2}\n" for i in range(40)))
    for choices in ({"target": "x", "time": "day"}, {"target": "code", "task": "regression"}):
        with pytest.raises(ValueError, match=r"holds .*'0\d+' \(codes with leading zeros such as '0\d+'.*\)$"):
            read_problem(path, **choices)
