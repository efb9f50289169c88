import builtins
import gzip
import importlib.util
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mlxtend.data import autompg_data
from sklearn import datasets

from chainrule import data
from chainrule.data.packaged_table import find_file

LOADERS = {
    "iris": data.iris,
    "wine": data.wine,
    "breast_cancer": data.breast_cancer,
    "diabetes": data.diabetes,
    "auto_mpg": data.auto_mpg,
    "weather": data.weather_table,
}
TARGETS = {"iris": "species", "wine": "cultivator", "breast_cancer": "diagnosis"}


@pytest.mark.parametrize("name", TARGETS)
def test_classes_and_numbers_are_those_of_scikit_learn(name):
    table, bunch = LOADERS[name](), getattr(datasets, f"load_{name}")()
    features = table.without(TARGETS[name])
    np.testing.assert_array_equal(np.stack([features[column] for column in features.names], axis=1), bunch.data)
    assert table[TARGETS[name]].tolist() == bunch.target_names[bunch.target].tolist()
    assert set(features.kinds.values()) == {"number"}
    assert table.source == name


def test_columns_stand_in_the_order_of_scikit_learn_under_its_names():
    def plain(name):
        return name.removesuffix(" (cm)").replace(" ", "_").replace("/", "_")

    assert list(data.iris().names[:-1]) == [plain(name) for name in datasets.load_iris().feature_names]
    assert list(data.wine().names[:-1]) == [plain(name) for name in datasets.load_wine().feature_names]
    ours = [
        name.replace("error_", "") + "_error" if name.startswith("error_") else name
        for name in data.breast_cancer().names
    ]
    assert ours[:-1] == [plain(name) for name in datasets.load_breast_cancer().feature_names]
    assert list(data.diabetes().names[:-1]) == datasets.load_diabetes().feature_names


def test_diabetes_is_in_raw_units():
    table, bunch = data.diabetes(), datasets.load_diabetes(scaled=False)
    np.testing.assert_array_equal(np.stack([table[name] for name in table.names[:-1]], axis=1), bunch.data)
    np.testing.assert_array_equal(table["progression"], bunch.target)
    assert (table["progression"].min(), table["progression"].max()) == (25, 346)


def test_auto_mpg_is_that_of_mlxtend_with_names():
    table = data.auto_mpg()
    x, y = autompg_data()
    numbers = ("cylinders", "displacement", "horsepower", "weight", "acceleration", "model_year")
    np.testing.assert_array_equal(np.stack([table[name] for name in numbers], axis=1), x[:, :6])
    np.testing.assert_array_equal(table["mpg"], y)
    assert [["usa", "europe", "japan"].index(origin) + 1 for origin in table["origin"]] == x[:, 6].tolist()
    cars = dict(zip(table["car_name"], table["origin"], strict=True))
    assert len(cars) == 301
    assert (cars["ford torino"], cars["bmw 2002"], cars["toyota corona"]) == ("usa", "europe", "japan")
    assert table.names[-1] == "mpg"


def test_the_weather_of_today_stands_beside_the_temperature_of_tomorrow():
    table, days = data.weather_table(), data.weather()
    assert len(table) == len(days) - 1 == 1460
    assert (str(table["date"][0]), str(table["date"][-1])) == ("2012-01-01T00:00:00", "2015-12-30T00:00:00")
    np.testing.assert_array_equal(table["temp_max_tomorrow"], days.temp_max[1:])
    for name in ("precipitation", "temp_max", "temp_min", "wind"):
        np.testing.assert_array_equal(table[name], getattr(days, name)[:-1])
    assert table["weather"].tolist() == [days.kinds[kind] for kind in days.kind[:-1]]
    assert table.kinds["date"] == "date"


@pytest.mark.parametrize("name", LOADERS)
def test_no_cell_is_missing(name):
    table = LOADERS[name]()
    assert not any(table.missing(column).any() for column in table.names)


@pytest.mark.parametrize("name", LOADERS)
def test_the_packages_are_not_imported(monkeypatch, name):
    heavy, real = {"sklearn", "mlxtend", "vega_datasets", "pandas", "scipy"}, builtins.__import__

    def importing(module, *rest):
        assert module.partition(".")[0] not in heavy
        return real(module, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    LOADERS[name]()


@pytest.mark.parametrize(
    ("load", "package"),
    [
        (data.iris, "scikit-learn"),
        (data.diabetes, "scikit-learn"),
        (data.auto_mpg, "mlxtend"),
        (data.weather_table, "vega_datasets"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, load, package):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    expected = rf'this data set is carried by {package}, which is not installed: pip install "chainrule\[data\]"$'
    with pytest.raises(ModuleNotFoundError, match=expected):
        load()


def test_what_python_may_leave_out_is_not_to_be_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="carried by pydoc_data of Python's own library, which some"):
        find_file("Python", "pydoc_data", "topics.py")


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"^scikit-learn holds no datasets/data/iris.csv: looked for /"):
        data.iris()


def install(monkeypatch, folder):
    spec = SimpleNamespace(submodule_search_locations=[str(folder)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


def folder_of(package, file):
    return Path(importlib.util.find_spec(package).submodule_search_locations[0]) / file


PLACES = {
    "iris": ("sklearn", "datasets/data/iris.csv"),
    "wine": ("sklearn", "datasets/data/wine_data.csv"),
    "diabetes": ("sklearn", "datasets/data/diabetes_data_raw.csv.gz"),
    "auto_mpg": ("mlxtend", "data/data/autompg.csv.gz"),
}


@pytest.fixture
def damaged(monkeypatch, tmp_path):
    """Load a data set whose file was changed: ``damaged("iris", old, new)``, or with new bytes as a whole."""

    def load(name, old, new):
        package, file = PLACES[name]
        path = tmp_path / file
        path.parent.mkdir(parents=True)
        source = folder_of(package, file)
        for other in source.parent.glob("diabetes*"):
            shutil.copy(other, path.parent)
        if isinstance(old, str):
            whole = gzip.decompress(source.read_bytes()) if file.endswith(".gz") else source.read_bytes()
            assert old.encode() in whole
            content = whole.replace(old.encode(), new.encode(), 1)
            path.write_bytes(gzip.compress(content, mtime=0) if file.endswith(".gz") else content)
        else:
            path.write_bytes(old)
        install(monkeypatch, tmp_path)
        with pytest.raises(ValueError) as caught:  # noqa: PT011, the caller looks at the message
            LOADERS[name]()
        message = str(caught.value)
        assert message.startswith(str(path))
        assert "\n" not in message
        return message.removeprefix(str(path))

    return load


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "iris",
            "150,4",
            "149,4",
            ": expected the header 150,4,setosa,versicolor,virginica, got 149,4,setosa,versicolor,virginica",
        ),
        ("iris", b"", None, ": expected the header 150,4,setosa,versicolor,virginica, got none"),
        ("iris", "4.9,3.0,1.4,0.2,0\n", "", ": expected 150 rows, got 149"),
        ("iris", "4.9,3.0,1.4,0.2,0", "4.9,3.0,1.4,0", ", line 3: expected 5 cells, got 4: 4.9,3.0,1.4,0"),
        ("iris", "4.9,3.0,1.4", "4.9,x,1.4", ", line 3: expected numbers, but could not convert string to float: 'x'"),
        ("iris", "4.9,3.0,1.4", "4.9,nan,1.4", ", line 3: expected finite numbers of 0 or more, got 4.9,nan,1.4,0.2,0"),
        (
            "iris",
            "4.9,3.0,1.4",
            "4.9,-3.0,1.4",
            ", line 3: expected finite numbers of 0 or more, got 4.9,-3.0,1.4,0.2,0",
        ),
        ("iris", "4.9,3.0,1.4,0.2,0", "4.9,3.0,1.4,0.2,3", ", line 3: expected a class from 0 to 2, got 3"),
        (
            "iris",
            "4.9,3.0,1.4,0.2,0",
            "4.9,3.0,1.4,0.2,1",
            ": expected 50, 50, 50 examples of the classes, got (49, 51, 50)",
        ),
        ("iris", "4.9,3.0", "4.é,3", ": expected rows of plain text, but 'ascii' codec"),
        ("wine", "178,13", "178,14", ": expected the header 178,13,class_0,class_1,class_2, got 178,14"),
        ("diabetes", "48 1 ", "48 3 ", ", line 2: expected a sex of 1 or 2, got 3"),
        ("diabetes", b"no gzip", None, ": expected a complete gzip file, but it is damaged"),
        (
            "diabetes",
            gzip.compress(b"1" * 100, mtime=0)[:-9],
            None,
            ": expected a complete gzip file, but it is damaged",
        ),
        ("auto_mpg", ",1,buick skylark 320", ",4,buick skylark 320", ", line 2: expected an origin of 1, 2 or 3"),
        (
            "auto_mpg",
            ",1,buick skylark 320",
            ",1, ",
            ", line 2: expected an origin of 1, 2 or 3 and a car's name, got 1, ",
        ),
        ("auto_mpg", "buick skylark 320,15.0", "buick skylark 320,", ", line 2: expected numbers, but could not"),
    ],
)
def test_a_damaged_file_is_named(damaged, name, old, new, message):
    assert damaged(name, old, new).startswith(message)
