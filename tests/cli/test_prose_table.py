from __future__ import annotations

import io
import sys

import click
import pytest

from chainrule.cli.prose_table import prose_table

NUMBER = "1.7724538509055159"
ROWS = [["B7", "words " * 12, NUMBER], ["C3", "one\ntwo", "148.3"]]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def printed(monkeypatch):
    def call(width=None):
        out = io.StringIO() if width is None else Terminal()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setenv("COLUMNS", str(width or 80))
        monkeypatch.setenv("TERM", "xterm")
        prose_table(["row", "what", "number"], ROWS)
        return [line.rstrip() for line in click.unstyle(out.getvalue()).splitlines()]

    return call


def test_nothing_is_wrapped_where_there_is_no_terminal(printed):
    lines = printed()
    assert lines[0].split() == ["row", "what", "number"]
    assert lines[2].split() == ["B7", *["words"] * 12, NUMBER]
    assert [line.split() for line in lines[3:]] == [["C3", "one", "148.3"], ["two"]]


@pytest.mark.parametrize("width", [50, 60])
def test_words_are_wrapped_and_numbers_are_not(printed, width):
    lines = printed(width)
    assert max(map(len, lines)) <= width
    assert lines[2].endswith(f" {NUMBER}")
    assert " ".join(lines).split().count("words") == 12


def test_in_a_narrow_terminal_a_number_is_broken_but_not_cut(printed):
    lines = printed(24)
    assert max(map(len, lines)) <= 24
    column = "".join(line[line.rindex(" ") + 1 :] for line in lines[2:] if any(digit in line for digit in "0123456789"))
    assert NUMBER in column
