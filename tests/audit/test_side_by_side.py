"""In threads or in processes: the same results, in the order of the arguments."""

import os

import pytest

from chainrule import audit
from chainrule.audit import side_by_side
from chainrule.audit.side_by_side import in_processes, in_threads


def place_of(number):
    if number < 0:
        raise ValueError(f"no number below 0, got {number}")
    return number, os.getpid()


def test_threads_keep_the_order():
    assert [number for number, _ in in_threads(place_of, list(range(20)))] == list(range(20))


def test_nothing_to_do():
    assert list(in_threads(place_of, [])) == list(in_processes(place_of, [])) == []


def test_one_argument_needs_no_further_process():
    assert list(in_processes(place_of, [3])) == [(3, os.getpid())]


def test_processes_keep_the_order_and_this_one_takes_part(monkeypatch):
    monkeypatch.setattr(side_by_side.os, "cpu_count", lambda: 2)
    found = list(in_processes(place_of, list(range(200)), begin=os.getpid))
    assert [number for number, _ in found] == list(range(200))
    assert os.getpid() in {process for _, process in found}
    assert len({process for _, process in found}) <= 2


@pytest.mark.slow
def test_what_a_call_raises_is_raised_here(monkeypatch):
    monkeypatch.setattr(side_by_side.os, "cpu_count", lambda: 2)
    with pytest.raises(ValueError, match="no number below 0, got -1"):
        list(in_processes(place_of, [1, -1]))


@pytest.mark.slow
def test_reports_of_processes_are_those_of_this_one(monkeypatch):
    monkeypatch.setattr(side_by_side.os, "cpu_count", lambda: 2)
    chosen = [entry for name in ("tanh", "flatten", "affine") for entry in audit.entries(name)]
    alone = [audit.check_entry(entry) for entry in chosen]
    assert list(audit.check_all(chosen, processes=True)) == alone
