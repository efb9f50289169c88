"""Every row is there, and whatever it names exists: functions, tests, figures and errata."""

from __future__ import annotations

import ast
import functools
import importlib
from pathlib import Path

import pytest

from chainrule.course.errata import ERRATA
from chainrule.course.syllabus import ROWS

ROOT = Path(__file__).resolve().parents[2]
IDS = [f"{part}{number}" for part, count in (("A", 13), ("B", 9), ("C", 7), ("D", 5)) for number in range(1, count + 1)]
DRAWN = {
    *("A1", "A4", "A6", "A7", "A10", "A11", "A13"),
    *("B2", "B6", "B7", "B8"),
    *("C2", "C4"),
    *("D1", "D5"),
}
"""The rows whose matter is to be seen."""

each_row = pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])


def named(path):
    """What a dotted name stands for, attribute by attribute; modules are imported where they are no attribute yet."""
    root, *parts = path.split(".")
    found, walked = importlib.import_module(root), root
    for part in parts:
        walked = f"{walked}.{part}"
        found = getattr(found, part) if hasattr(found, part) else importlib.import_module(walked)
    return found


@functools.cache
def named_tests(path):
    """The names of the tests of a file: functions, and methods as Class::method."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return {name for name in names if name.rpartition("::")[2].startswith("test_")}


def test_every_row_is_there_once_and_in_order():
    assert [row.id for row in ROWS] == IDS


def test_rows_that_are_to_be_seen_have_a_figure():
    assert {row.id for row in ROWS if row.figures} >= DRAWN


@each_row
def test_no_row_is_empty(row):
    assert row.title.strip()
    assert row.functions
    assert row.tests
    for names in (row.functions, row.tests, row.figures, row.errata):
        assert isinstance(names, tuple)
        assert len(set(names)) == len(names)


@each_row
def test_functions_exist(row):
    for name in row.functions:
        assert name.startswith(("chainrule.", "jax.")), name
        found = named(name)
        assert callable(found), name
        assert (found.__doc__ or "").strip(), f"{name} has no docstring"


@each_row
def test_tests_exist(row):
    for name in row.tests:
        path, _, test = name.partition("::")
        assert path.startswith("tests/"), name
        assert (ROOT / path).is_file(), name
        assert test.partition("[")[0] in named_tests(path), name


@each_row
def test_figures_exist(row):
    for name in row.figures:
        assert name.count(".") == 1, name
        found = named(f"chainrule.course.figures.{name}")
        assert callable(found), name
        assert (found.__doc__ or "").strip(), f"{name} has no docstring"


@each_row
def test_errata_exist_and_belong_to_the_row(row):
    for id in row.errata:
        assert id in [erratum.id for erratum in ERRATA], id
        assert id.startswith(f"{row.id}-")


def test_each_erratum_is_named_by_a_row():
    assert sorted(id for row in ROWS for id in row.errata) == sorted(erratum.id for erratum in ERRATA)
