import datetime
import os
import warnings

import numpy as np
import pytest

from chainrule.data.tables import Table, read_table

from .malformed import CASES, Malformed


def kind_and_values(cells):
    """The kind of column that these cells are, and the cells as that column gives them."""
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, datetime.date) for cell in known):
        return "date", [None if cell is None else np.datetime64(cell.isoformat(), "s") for cell in cells]
    if known and all(isinstance(cell, str) for cell in known):
        return "category", cells
    return "number", cells


def assert_gives(table: Table, expected: dict) -> None:
    assert list(table.names) == list(expected)
    kinds = table.kinds
    for name, cells in expected.items():
        kind, values = kind_and_values(cells)
        assert kinds[name] == kind, name
        missing = table.missing(name)
        assert missing.tolist() == [value is None for value in values]
        found = [None if gone else value for value, gone in zip(table[name], missing, strict=True)]
        assert found == values, name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name[:60])
def test_a_file_says_what_is_wrong_or_gives_its_table(case: Malformed, tmp_path):
    if not case.for_root and os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    path = case.write(tmp_path)
    if case.error is None:
        assert case.table is not None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = read_table(path, **case.options)
        assert_gives(table, case.table)
        assert table.notes == case.notes
        assert table.source == path.name
        return
    with pytest.raises((ValueError, OSError), match=case.error) as caught:
        read_table(path, **case.options)
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, UnicodeError)
    named = str(path) in str(caught.value) or str(caught.value).startswith(
        ("delimiter", "encoding", "missing", "kinds", "rest")
    )
    assert named, str(caught.value)


def test_there_are_enough_cases_and_their_names_differ():
    assert len(CASES) >= 140
    assert sum(case.error is not None for case in CASES) >= 100
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert all((case.error is None) != (case.table is None) for case in CASES)


def test_a_table_that_is_not_as_expected_fails(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n2\n")
    for wrong in ({"a": [1.0, 3.0]}, {"a": ["1", "2"]}, {"b": [1.0, 2.0]}, {"a": [1.0, None]}):
        with pytest.raises(AssertionError):
            assert_gives(read_table(path), wrong)


def test_pickles_are_never_loaded(tmp_path, monkeypatch):
    import pickle

    monkeypatch.setattr(pickle, "load", lambda *_: pytest.fail("a pickle was loaded"))
    monkeypatch.setattr(pickle, "loads", lambda *_: pytest.fail("a pickle was loaded"))
    path = tmp_path / "x.csv"
    path.write_bytes(pickle.dumps({"a": np.arange(3)}))
    with pytest.raises(ValueError, match="NUL bytes"):
        read_table(path)
