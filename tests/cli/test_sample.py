from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys

import pytest

from chainrule.recipes import RECIPES, write_run
from chainrule.recipes.run_folder import SUMS
from tests.recipes.tiny_text import LINE, TEXT, TINY, tiny_result

pytestmark = pytest.mark.slow  # a whole training before the first of them


@pytest.fixture(scope="module")
def text_run(tmp_path_factory):
    """The folder of a tiny GPT that has learned one line."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "own.txt").write_text(TEXT, encoding="utf-8")
    return write_run(tiny_result("gpt", str(folder / "own.txt")), folder / "run")


@pytest.fixture
def tiny(monkeypatch, tmp_path, quick_compilation):
    """The recipe of text, with a tiny network, and a file of one's own."""
    monkeypatch.setitem(RECIPES, "text", TINY)
    (tmp_path / "own.txt").write_text(TEXT, encoding="utf-8")


@pytest.mark.slow
def test_training_on_a_file_of_ones_own(run, tmp_path, tiny):
    code, out, err = run("train", "text", "--file", "own.txt", "--out", "here")
    assert (code, err) == (0, "")
    assert re.search(r"^data +own: 1,498 training and 167 held-out characters, 12 distinct$", out, re.MULTILINE)
    assert re.search(r"^windows +212 of 16 characters, one every 7$", out, re.MULTILINE)
    for name in ("gpt", "5-gram, Kneser-Ney", "5-gram, Witten-Bell"):
        assert re.search(rf"^{name} +\d\.\d{{4}} +\d\.\d{{4}}$", out, re.MULTILINE), name
    sample = (tmp_path / "here" / "sample.txt").read_text(encoding="utf-8")
    assert f"sample.txt:\n\n{sample}" in out
    for name in ("surprise.png", "curves.png", SUMS):
        assert (tmp_path / "here" / name).is_file()
    # The folder is all that is needed afterwards.
    (tmp_path / "own.txt").unlink()
    assert run("sample", "here", "--prompt", "the", "--length", "12", "--temperature", "0")[1] == LINE + "\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "own.txt', which does not exist"),
        (b"", "'own.txt' must have at least 20 characters, got 0"),
        (
            "caf\u00e9 au lait, s'il vous pla\u00eet".encode("latin-1"),
            "must be text in UTF-8, got the byte 0xe9 at byte 3",
        ),
        ("the cat sings".encode("utf-16"), "must be text in UTF-8, got a NUL byte"),
        (
            LINE.encode() * 10,
            "'own.txt' is too short for windows of 16 characters: a tenth of it is held out, 15 characters",
        ),
    ],
    ids=["missing", "empty", "latin-1", "utf-16", "short"],
)
def test_a_bad_file_is_one_line_and_leaves_nothing(fails, tmp_path, tiny, content, words):
    (tmp_path / "own.txt").unlink()
    if content is not None:
        (tmp_path / "own.txt").write_bytes(content)
    code, err = fails("train", "text", "--file", "own.txt")
    assert code == 1
    assert words in err
    assert not (tmp_path / "runs").exists()


def test_a_folder_is_no_text(fails, tiny):
    assert "must be a text file, got the folder '.'" in fails("train", "text", "--file", ".")[1]


def test_a_file_is_for_the_recipe_text(fails, tiny):
    code, err = fails("train", "digits", "--file", "own.txt")
    assert code == 2
    assert "--file is for the recipe text" in err


def test_it_writes_on(run, text_run):
    code, out, err = run("sample", text_run, "--prompt", "the cat", "--length", "68", "--temperature", "0")
    assert (code, err) == (0, "")
    assert out == LINE * 5 + "\n"
    # Without a prompt it begins after the end of a line; a prompt may be longer than the window.
    assert run("sample", text_run, "--length", "3", "--temperature", "0")[1] == "the\n"
    long = LINE * 2 + "the cat"
    assert run("sample", text_run, "--prompt", long, "--length", "7", "--temperature", "0")[1] == LINE * 3


def test_the_same_seed_writes_the_same(run, text_run):
    options = ["sample", text_run, "--length", "80", "--temperature", "4", "--seed"]
    first, again, other = (run(*options, seed)[1] for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 81
    assert run(*options, 1, "--top-k", "1")[1] != first


def test_a_terminal_is_written_to_character_by_character(run, text_run, monkeypatch):
    options = ("sample", text_run, "--prompt", "the", "--length", "40")
    whole = run(*options)[1]
    echoed = []
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.echo", lambda message="", **_: echoed.append(message))
    run(*options)
    assert len(echoed) == 42
    assert "".join(echoed) + "\n" == whole


def test_json_holds_the_text_and_the_settings(run, text_run):
    code, out, _ = run("sample", text_run, "--prompt", "the", "--length", "5", "--temperature", "0", "--json")
    assert code == 0
    assert json.loads(out) == {
        "prompt": "the",
        "text": " cat ",
        "length": 5,
        "temperature": 0,
        "top_k": None,
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--prompt", "the dog, thé"], "has no 'd', 'o', ',', 'é': leave them out of the prompt"),
        (["--temperature", "-1"], "temperature must be at least 0 and finite, got -1.0"),
        (["--temperature", "nan"], "temperature must be at least 0 and finite, got nan"),
        (["--length", "0"], "length must be a positive number of characters, got 0"),
        (["--top-k", "0"], "top_k must be a positive number of characters, got 0"),
        (["--seed", "-1"], "seed must be a whole number from 0, got -1"),
    ],
)
def test_bad_options_are_one_line(fails, text_run, options, words):
    code, err = fails("sample", text_run, *options)
    assert code == 1
    assert words in err


def test_runs_of_another_kind_are_refused(fails, text_run, tmp_path):
    code, err = fails("predict", text_run, "seven.png")
    assert code == 1
    assert "is a run of text, and one of images is needed" in err
    code, err = fails("predict", text_run, "rows.csv")
    assert code == 1
    assert "is a run of text, and one of images or table is needed" in err
    shutil.copytree(text_run, tmp_path / "other")
    config = tmp_path / "other" / "config.json"
    config.write_text(
        config.read_text(encoding="utf-8").replace('"kind": "text"', '"kind": "images"'), encoding="utf-8"
    )
    sums = (tmp_path / "other" / SUMS).read_text().splitlines(keepends=True)
    digest = hashlib.sha256(config.read_bytes()).hexdigest()
    sums = [f"{digest}  config.json\n" if line.endswith("  config.json\n") else line for line in sums]
    (tmp_path / "other" / SUMS).write_text("".join(sums))
    code, err = fails("sample", "other")
    assert (code, err) == (1, "chainrule: error: other is a run of images, and one of text is needed\n")


def test_a_damaged_folder_is_one_line(fails, text_run, tmp_path):
    shutil.copytree(text_run, tmp_path / "run")
    (tmp_path / "run" / "sample.txt").write_text("mine")
    code, err = fails("sample", "run")
    assert code == 1
    assert "sample.txt: damaged or changed" in err
