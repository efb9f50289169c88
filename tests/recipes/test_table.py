from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from chainrule.data.tables import Table, write_csv
from chainrule.recipes import fit_table, read_run, write_run
from chainrule.recipes.table import facts, plan_table
from chainrule.recipes.table_config import settled
from chainrule.recipes.table_preparation import Preparation, prepare


def words(cells):
    cells = list(cells)
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


def dirty(rows=90, seed=0):
    """A table that is dirty in every way: gaps, categories, dates, an outlier, an identifier, a constant."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    town = random.choice(["Ulm", "Bonn", "Jena"], rows)
    y = 3 * x + 2 * (town == "Ulm") + 0.1 * random.normal(size=rows) + 20
    gaps = np.where(random.random(rows) < 0.2, np.nan, x + 0.1 * random.normal(size=rows))
    columns = {
        "id": words(f"row {i}" for i in range(rows)),
        "x": x,
        "gaps": gaps,
        "town": words(None if random.random() < 0.1 else each for each in town),
        "day": np.datetime64("2021-03-01", "s") + np.arange(rows) * np.timedelta64(86_400, "s"),
        "one": np.ones(rows),
        "price": y,
    }
    columns["x"][3] = 500.0
    return Table(columns, "dirty.csv")


@pytest.fixture(scope="module")
def table():
    return dirty()


@pytest.fixture(scope="module")
def result(table, quick_compilation_of_the_module):
    return fit_table(table, target="price", model="linear", outliers="clip", indicators="always", drop=["day"])


@pytest.fixture(scope="module")
def saved(result, tmp_path_factory):
    return read_run(write_run(result, tmp_path_factory.mktemp("runs") / "dirty"), "table")


def test_a_linear_model_finds_what_is_linear(result):
    scores = result.scores
    assert list(scores) == ["linear", "mean"]
    assert scores["linear"]["r2"].value > 0.9
    assert scores["mean"]["r2"].value < 0.1
    assert scores["linear"]["rmse"].value < scores["mean"]["rmse"].value / 3
    assert result.rows == {"train": 58, "validation": 14, "test": 18, "without target": 0}
    importance = dict(zip(result.importance.names, result.importance.means, strict=True))
    assert set(importance) == {"x", "gaps", "town"}
    assert max(importance, key=importance.get) in ("x", "gaps")


def test_the_record_says_what_was_done(result, saved):
    record = saved.record
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    data = record["data"]
    assert (data["target"], data["task"], data["classes"], data["time"]) == ("price", "regression", [], None)
    assert [column["use"] for column in data["columns"]] == [
        "left out: one value a row",
        "number, scaled",
        "number, median where missing (and a 0/1 column of where), scaled",
        "one-hot of 3",
        "left out: as asked",
        "left out: constant",
        "target",
    ]
    assert data["features"] == ["x", "gaps", "gaps missing", "town=Bonn", "town=Jena", "town=Ulm"]
    assert data["in_shape"] == [6]
    assert record["results"]["kept"] == "fitted again to all 90 rows; the scores are those of the model of 58 rows"
    assert record["results"]["scores"]["linear"]["rmse"]["value"] == result.scores["linear"]["rmse"].value
    assert {path.name for path in saved.path.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "params.safetensors",
        "SHA256SUMS",
        "predicted.png",
        "residuals.png",
        "importance.png",
    }


def test_a_strength_is_said_with_the_edge_that_it_is_at(result):
    assert result.strength() == ""
    fitted = dataclasses.replace(result.fitted, strength=1e6, tried={1.0: 2.0, 10.0: 1.5, 1e6: 1.0})
    strong = dataclasses.replace(result, fitted=fitted)
    assert strong.strength() == "1e+06 (the strongest tried: a stronger one may do better)"
    assert strong.results_record()["ridge"]["note"] == "the strongest tried: a stronger one may do better"
    between = dataclasses.replace(result, fitted=dataclasses.replace(fitted, strength=10.0))
    assert between.strength() == "10"
    assert "note" not in between.results_record()["ridge"]


def test_a_run_predicts_as_it_did_before_it_was_written(result, saved, table, tmp_path):
    from chainrule.recipes.table_models import outputs_of

    expected = result.scale.restore(outputs_of(result.run, result.preparation.apply(table)))
    said = saved.predict(table)
    assert (said.probabilities, said.classes) == (None, ())
    np.testing.assert_array_equal(said.values, expected)
    write_csv(table, tmp_path / "new.csv")
    np.testing.assert_array_equal(saved.predict(tmp_path / "new.csv").values, expected)
    assert saved.evaluate(tmp_path / "new.csv") == saved.evaluate(table)
    assert np.abs(np.median(said.values - table["price"])) < 0.5


def test_columns_may_stand_in_another_order(saved, table):
    turned = table.select(["town", "gaps", "x"])
    np.testing.assert_array_equal(saved.predict(turned).values, saved.predict(table).values)


def test_missing_columns_are_all_named(saved, table, tmp_path):
    write_csv(table.select(["x", "one"]), tmp_path / "less.csv")
    for source in (table.select(["x", "one"]), tmp_path / "less.csv"):
        with pytest.raises(ValueError, match=r"no column 'gaps', 'town'.*; it has 'x', 'one'"):
            saved.predict(source)
    with pytest.raises(ValueError, match="no column 'price'"):
        saved.evaluate(table.without("price"))


def test_extra_columns_are_named_and_not_used(saved, table):
    more = Table({**table.columns, "extra": np.ones(len(table)), "more": np.ones(len(table))}, "more.csv")
    with pytest.warns(UserWarning, match=r"more\.csv: not used, for the model was trained without: 'extra', 'more'$"):
        found = saved.predict(more)
    np.testing.assert_array_equal(found.values, saved.predict(table).values)


def test_a_column_of_another_kind_is_refused(saved, table, tmp_path):
    (tmp_path / "new.csv").write_text("x,gaps,town\n1,2,Ulm\n1,two,Ulm\n")
    with pytest.raises(ValueError, match="line 3: column 'gaps' must be of numbers, got 'two'"):
        saved.predict(tmp_path / "new.csv")
    wrong = Table({**table.columns, "x": words(["a"] * len(table))}, "wrong.csv")
    with pytest.raises(ValueError, match=r"wrong\.csv: column 'x' must be of kind number"):
        saved.predict(wrong)


def test_what_was_dropped_may_hold_anything(saved, tmp_path):
    cells = "".join(f"1,2,Ulm,{i}\n" for i in range(30))
    (tmp_path / "new.csv").write_text(f"x,gaps,town,day\n{cells}1,2,Ulm,yesterday\n")
    assert len(saved.predict(tmp_path / "new.csv").values) == 31


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_the_model_does_not_use_may_hold_anything(saved, tmp_path, suffix):
    rows = 21
    used = {"x": [1.0] * rows, "gaps": [2.0] * rows, "town": ["Ulm"] * rows}
    unused = {
        "day": ["2023-02-30"] * rows,
        "one": ["inf"] + ["1"] * 20,
        "price": ["1"] * 20 + ["dear"],
        "extra": ["1"] * 20 + ["abc"],
        "more": ['"1,234"'] * rows,
    }
    path = tmp_path / f"new{suffix}"
    if suffix == ".csv":
        columns = used | unused
        lines = [",".join(columns), *(",".join(map(str, cells)) for cells in zip(*columns.values(), strict=True))]
        path.write_text("\n".join(lines) + "\n")
    else:
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet

        odd = {"day": [[1]] * rows, "one": [float("inf")] * rows, "price": [b"u"] * rows, "extra": [{"a": 1}] * rows}
        pyarrow.parquet.write_table(pa.table(used | odd | {"more": ["x"] * rows}), path)
    with pytest.warns(UserWarning, match="trained without: 'extra', 'more'$"):
        said = saved.predict(path).values
    alone = Table({"x": np.ones(1), "gaps": np.full(1, 2.0), "town": words(["Ulm"])})
    np.testing.assert_allclose(said, saved.predict(alone).values[0])
    if suffix == ".csv":  # the target is needed for scores, and is judged there
        with pytest.raises(ValueError, match="line 22: column 'price' must be of numbers, got 'dear'"):
            saved.evaluate(path)


def test_a_number_that_is_too_large_is_named(saved, table, tmp_path, monkeypatch):
    kept = prepare(saved.config.changed(outliers="keep"), table.select(["x", "gaps", "town"]))
    monkeypatch.setitem(saved.__dict__, "preparation", kept)
    (tmp_path / "new.csv").write_text("x,gaps,town\n1,2,Ulm\n1,-1e300,Ulm\n")
    with pytest.raises(ValueError, match=r"^new\.csv: column 'gaps': .* made of -1e\+300, in row 2$"):
        saved.predict(tmp_path / "new.csv")


def test_words_for_missing_targets_are_said(saved, tmp_path):
    (tmp_path / "new.csv").write_text("x,gaps,town,price\n" + "1,2,Ulm,20\n2,3,Ulm,25\n" * 3 + "1,2,Ulm,NA\n")
    with pytest.warns(UserWarning, match="1 row without a target left out; for a missing target stood 'NA', or"):
        saved.evaluate(tmp_path / "new.csv")


def test_unseen_categories_count_as_none_and_are_counted(saved, table):
    x = table["x"][4:8]
    new = Table({"x": x, "gaps": x, "town": words(["Ulm", "Rom", None, "Oslo"])}, "new.csv")
    none = Table({**new.columns, "town": words(["Ulm", None, None, None])}, "none.csv")
    with pytest.warns(UserWarning, match="category that the model has not seen, which counts as none: 2 in 'town'"):
        found = saved.predict(new)
    np.testing.assert_array_equal(found.values, saved.predict(none).values)


def test_numbers_far_outside_are_counted_once_and_said(saved, table, monkeypatch):
    x = table["x"].copy()
    x[:3] = [9e5, -7e5, 400.0]  # the table has a 500 itself
    new = Table({**table.columns, "x": x}, "new.csv")
    for ask in (saved.predict, saved.evaluate):
        with pytest.warns(UserWarning, match="far outside") as caught:
            ask(new)
        (message,) = [str(each.message) for each in caught]
        assert re.fullmatch(
            r"new\.csv: cells far outside those trained on are clipped: 2 in 'x' \(largest 900000, clipped to [\d.]+\)",
            message,
        )
    config = saved.config.changed(outliers="keep")
    monkeypatch.setitem(saved.__dict__, "config", config)
    monkeypatch.setitem(saved.__dict__, "preparation", prepare(config, table.select(["x", "gaps", "town"])))
    with pytest.warns(UserWarning, match=r"are extrapolated from: 2 in 'x' \(largest 900000\)$"):
        saved.predict(new)


def test_missing_cells_are_filled_in(saved):
    empty = Table({"x": np.array([np.nan]), "gaps": np.array([np.nan]), "town": words([None])}, "empty.csv")
    with pytest.warns(
        UserWarning, match=r"empty\.csv: missing cells in columns that had none .*, filled in: 1 in 'x'$"
    ):
        assert np.isfinite(saved.predict(empty).values).all()


@pytest.mark.parametrize("impute", ["median", "mean", "knn"])
def test_a_column_that_is_mostly_missing_keeps_what_it_tells(impute):
    random = np.random.default_rng(4)
    x = random.normal(size=200)
    y = 10 * x
    x[random.random(200) < 0.7] = np.nan
    config = settled(rows=200, data="t", target="y", task="regression", impute=impute)
    features = Table({"x": x, "z": random.normal(size=200)})
    made = prepare(config, features, y).apply(features)[:, 0]
    there = ~np.isnan(x)
    assert np.corrcoef(made[there], y[there])[0, 1] > 0.99


def test_rows_without_a_target_are_not_scored(saved, table):
    price = table["price"].copy()
    price[:5] = np.nan
    some = Table({**table.columns, "price": price}, "some.csv")
    with pytest.warns(UserWarning, match=r"some\.csv: 5 rows without a target left out"):
        found = saved.evaluate(some)
    assert found == saved.evaluate(table.rows(np.arange(5, 90)))
    with pytest.raises(ValueError, match="the target 'price' is missing in all 90 rows"):
        saved.evaluate(Table({**table.columns, "price": np.full(90, np.nan)}, "none.csv"))


def test_nothing_is_learnt_from_held_out_rows(table, result):
    """Other numbers in the test rows change nothing of what is fitted before they are scored."""
    config, problem = plan_table(table, target="price", model="linear", outliers="clip", drop=["day"], refit=False)
    from chainrule.recipes.table import run
    from chainrule.recipes.table_split import split_rows

    test = split_rows(problem, config.test_share, seed=config.seed).test
    columns = {name: column.copy() for name, column in table.columns.items()}
    columns["x"][test] += 1000.0
    columns["gaps"][test] = np.nan
    columns["town"][test] = "Ulm"
    columns["price"][test] -= 77.0
    other = run(*plan_table(Table(columns), target="price", model="linear", outliers="clip", drop=["day"], refit=False))
    first = run(config, problem)
    jax.tree.map(np.testing.assert_array_equal, other.run.params, first.run.params)
    assert other.preparation.record() == first.preparation.record()
    assert other.scale == first.scale
    assert other.scores["linear"]["rmse"].value > 10 * first.scores["linear"]["rmse"].value


def test_facts_say_what_is_learnt_from_what(table):
    said = dict(facts(*plan_table(table, target="price", time="day")))
    assert said["data"] == "dirty.csv: 90 rows of 7 columns"
    assert said["task"] == "regression (the target holds numbers)"
    assert said["rows"] == "58 to train on, 14 to validate by, 18 to test on; by 'day', the latest last"
    assert said["model"].startswith("mlp: the mean of 5 of chain(flatten, Dense(32), relu, Dense(1))")
    assert "derived by hand" in said["gradients"]
    said = dict(facts(*plan_table(table, target="town", task="classification", model="ridge")))
    assert said["target"] == "'town', 3 classes: Bonn, Jena, Ulm"


@pytest.mark.parametrize("impute", ["median", "mean", "knn"])
@pytest.mark.parametrize("scaling", ["standard", "min-max", "robust"])
def test_preparations_come_back_from_their_record(table, impute, scaling):
    config = settled(
        rows=90, data="t", target="price", task="regression", impute=impute, scaling=scaling, outliers="clip"
    )
    features = table.select(["x", "gaps", "town", "day", "one"])
    preparation = prepare(config, features)
    again = Preparation.from_record(json.loads(json.dumps(preparation.record(), allow_nan=False)))
    x = preparation.apply(features)
    np.testing.assert_array_equal(again.apply(features), x)
    assert np.isfinite(x).all()
    owners = preparation.owners()
    assert {name: [preparation.names()[i] for i in places] for name, places in owners.items()} == {
        "x": ["x"],
        "gaps": ["gaps", "gaps missing"],
        "day": ["day"],
        "one": ["one"],
        "town": ["town=Bonn", "town=Jena", "town=Ulm"],
    }


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_where_a_number_is_missing_is_a_feature_if_that_tells_of_the_target(task):
    random = np.random.default_rng(1)
    y = random.normal(size=300)
    chance, telling, whole = random.normal(size=(3, 300))
    chance[random.random(300) < 0.1] = np.nan
    telling[(y > 1) & (random.random(300) < 0.5)] = np.nan
    features = Table({"chance": chance, "telling": telling, "whole": whole})
    target = y if task == "regression" else np.digitize(y, [-1, 1]).astype(np.int32)
    base = settled(rows=300, data="t", target="y", task=task)
    names = {
        indicators: prepare(base.changed(indicators=indicators), features, target).names()[3:]
        for indicators in ("telling", "always", "never")
    }
    assert names == {"telling": ["telling missing"], "always": ["chance missing", "telling missing"], "never": []}
    assert prepare(base, features).names()[3:] == names["always"]  # of a target that nobody knows
    constant = np.zeros(300) if task == "regression" else np.zeros(300, np.int32)
    assert prepare(base, features, constant).names()[3:] == []


def test_clipping_leaves_a_column_of_zeros_and_ones_what_it_tells():
    flag = (np.arange(40) % 10 == 0).astype(float)
    config = settled(rows=40, data="t", target="y", task="regression", outliers="clip")
    x = prepare(config, Table({"flag": flag})).apply(Table({"flag": flag}))
    assert len(np.unique(x)) == 2


def test_a_column_that_is_empty_in_the_training_rows_is_left_out_with_a_warning():
    config = settled(rows=40, data="t", target="y", task="regression")
    features = Table({"x": np.arange(40.0), "empty": np.full(40, np.nan)})
    with pytest.warns(UserWarning, match="'empty': no value in the 40 rows that are trained on"):
        preparation = prepare(config, features)
    assert preparation.names() == ["x"]
    with pytest.warns(UserWarning, match="'empty'"), pytest.raises(ValueError, match="no column holds anything"):
        prepare(config, features.select(["empty"]))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"drop": "day"}, r"drop must be a list of words, got the word 'day': write \['day'\]"),
        ({"missing": "NA"}, "missing must be a list of words"),
        ({"test_share": 0.0}, "test_share must be above 0"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"model": "forest"}, "model must be"),
        ({"batch_size": 0}, "batch_size must be a positive integer"),
        ({"drop": None}, "drop must be a list of words, got None"),
        ({"categorical": [3]}, r"categorical must be a list of words, got \[3\]"),
        ({"hidden": 8}, r"hidden must be a list of widths such as \(64, 32\), got 8"),
        ({"target": None}, "target must be the name of a column, got None"),
        ({"time": 3}, "time must be the name of a column, got 3"),
        ({"layers": 3}, "there is no option 'layers'; there are .*hidden, impute, "),
    ],
)
def test_choices_that_cannot_be_are_refused_before_anything_is_read(choices, message):
    with pytest.raises(ValueError, match=message):
        plan_table("there is no such file.csv", **{"target": "price"} | choices)


@pytest.mark.parametrize("table", [None, pd.DataFrame({"x": [1.0]}), 3])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(ValueError, match=f"must be a Table or the path of a file, got {type(table).__name__}"):
        fit_table(table, target="x")


def test_a_network_that_no_memory_holds_is_refused(table):
    with pytest.raises(ValueError, match="hidden must leave at most 2,147,483,648 parameters"):
        fit_table(table, target="price", hidden=[100_000, 100_000])


def edited(folder, path, change):
    """A run folder whose config.json was changed, its checksum with it."""
    shutil.copytree(folder, path)
    record = json.loads((path / "config.json").read_text())
    change(record)
    text = json.dumps(record).encode()
    (path / "config.json").write_bytes(text)
    sums = [line.split() for line in (path / "SHA256SUMS").read_text().splitlines()]
    new = {"config.json": hashlib.sha256(text).hexdigest()}
    (path / "SHA256SUMS").write_text("".join(f"{new.get(name, each)}  {name}\n" for each, name in sums))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["config"].update(target=None),
        lambda record: record["config"].update(target="gaps"),
        lambda record: record["config"].update(drop=None),
        lambda record: record["data"].pop("columns"),
        lambda record: record["data"].update(columns=[]),
        lambda record: record["data"].update(columns=[{"name": "x"}]),
        lambda record: record["data"]["columns"].append(record["data"]["columns"][1]),
        lambda record: record["data"].update(columns=3),
        lambda record: record["data"].update(target_scale=None),
        lambda record: record["data"].update(target_scale={"mean": None, "deviation": 1.0}),
        lambda record: record["data"].update(classes=["a", "b"]),
        lambda record: record["config"].update(task="classification"),
        lambda record: record.update(data=[]),
    ],
)
def test_a_record_that_was_changed_is_named(saved, tmp_path, change):
    assert edited(saved.path, tmp_path / "same", lambda record: None).is_dir()
    read_run(tmp_path / "same", "table")
    with pytest.raises(ValueError, match=r"config\.json: not the settings of a run: "):
        read_run(edited(saved.path, tmp_path / "changed", change), "table")


def test_a_class_of_the_latest_rows_alone_is_warned_of():
    kind = words(["a", "b"] * 24 + ["c"] * 6)
    table = Table({"x": np.arange(54.0) % 7, "at": np.arange(54.0), "kind": kind}, "late.csv")
    message = r"late\.csv: no row to train on is of 1 class that later rows hold: 'c'; the"
    with pytest.warns(UserWarning, match=message), pytest.raises(ValueError, match="hidden must leave"):
        fit_table(table, target="kind", time="at", hidden=[100_000, 100_000])  # nothing is trained


@pytest.mark.slow
def test_an_mlp_of_classes(tmp_path):
    wine = datasets.load_wine()
    columns = {
        name: np.asarray(column, np.float64) for name, column in zip(wine.feature_names, wine.data.T, strict=True)
    }
    columns["kind"] = words(wine.target_names[label] for label in wine.target)
    table = Table(columns, "wine.csv")
    result = fit_table(table, target="kind", progress=False)
    assert result.classes == ("class_0", "class_1", "class_2")
    assert result.scores["mlp"]["accuracy"].value > 0.9 > result.scores["majority class"]["accuracy"].value
    assert result.scores["majority class"]["roc_auc"].value == 0.5
    saved = read_run(write_run(result, tmp_path / "wine"))
    said = saved.predict(table)
    np.testing.assert_allclose(said.probabilities.sum(axis=1), 1)
    assert np.mean(said.values == columns["kind"]) > 0.97
    assert saved.evaluate(table)["accuracy"].value == np.mean(said.values == columns["kind"])
    assert {path.suffix for path in saved.path.iterdir()} >= {".png"}
    assert (saved.path / "roc.png").exists()
    assert (saved.path / "confusion.png").exists()
    assert (saved.path / "curves.png").exists()
    other = Table({**columns, "kind": words(["class_9", *columns["kind"][1:]])}, "other.csv")
    with pytest.raises(
        ValueError, match="must be one of the classes 'class_0', 'class_1', 'class_2'; row 1 holds 'class_9'"
    ):
        saved.evaluate(other)


@pytest.mark.slow
def test_early_stopping_ends_the_history_and_the_run_reads_back(tmp_path, table):
    result = fit_table(
        table, target="price", epochs=60, patience=3, hidden=(4,), members=1, progress=False, refit=False
    )
    history = result.run.history["validation_loss"]
    assert result.config.epochs == len(history) <= 60
    assert result.fitted.run.best_epoch == int(np.argmin(history)) + 1
    saved = read_run(write_run(result, tmp_path / "run"))
    assert saved.history == result.run.history
    assert "the model of 58 rows, which was scored" in saved.record["results"]["kept"]


@pytest.mark.slow
def test_a_ridge_of_classes_and_chronological_rows(tmp_path, table):
    result = fit_table(table, target="town", time="day", model="ridge", progress=False)
    assert result.fitted.strength in result.fitted.tried
    saved = read_run(write_run(result, tmp_path / "run"))
    assert saved.record["results"]["ridge"]["strength"] == result.fitted.strength
    assert set(saved.predict(table).values) <= {"Bonn", "Jena", "Ulm"}
