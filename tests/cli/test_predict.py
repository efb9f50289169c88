from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from chainrule import data
from chainrule.recipes.run_folder import SUMS

FILES = ("config.json", "metrics.jsonl", "params.safetensors", "curves.png", "confusion.png", "mistakes.png")


@pytest.fixture
def picture(tmp_path):
    """A held-out digit on a dark page, and which it is."""
    x, y = data.digits().test
    image = Image.fromarray((x[0, ..., 0] * 255).astype(np.uint8)).resize((80, 80), Image.Resampling.BICUBIC)
    page = Image.new("L", (120, 130))
    page.paste(image, (20, 25))
    page.save(tmp_path / "digit.png")
    return tmp_path / "digit.png", str(y[0])


def test_it_prints_the_class_and_the_likeliest(run, digits_run, picture):
    path, truth = picture
    code, out, err = run("predict", digits_run, path)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"{path}: 120x130 pixels, light on dark, ink scaled to ")
    assert lines[1] == f"a {truth}"
    rows = [line.split() for line in lines[-3:]]
    assert rows[0][0] == truth
    values = [float(value) for _, value in rows]
    assert values == sorted(values, reverse=True)


def test_json_holds_every_probability(run, digits_run, picture):
    path, truth = picture
    code, out, _ = run("predict", digits_run, path, "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["class"] == truth
    assert list(answer["probabilities"]) == list("0123456789")
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


def test_an_image_that_cannot_be_read_is_one_line(fails, digits_run, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG and no more")
    for name, words in (("bad.png", "not an image that can be read"), ("none.png", "there is no file none.png")):
        code, err = fails("predict", digits_run, name)
        assert code == 1
        assert words in err


@pytest.mark.parametrize("name", [*FILES, SUMS])
def test_a_run_folder_that_lacks_a_file_is_one_line(fails, digits_run, picture, tmp_path, name):
    shutil.copytree(digits_run, tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    assert fails("predict", "run", picture[0]) == (1, f"chainrule: error: the run folder run lacks {name}\n")


def test_a_flipped_byte_in_the_parameters_is_one_line(fails, digits_run, picture, tmp_path):
    shutil.copytree(digits_run, tmp_path / "run")
    content = bytearray((tmp_path / "run" / "params.safetensors").read_bytes())
    content[5000] ^= 0xFF
    (tmp_path / "run" / "params.safetensors").write_bytes(content)
    code, err = fails("predict", "run", picture[0])
    assert code == 1
    assert "params.safetensors: damaged or changed: its SHA-256 is not the one in SHA256SUMS" in err


def test_what_is_no_run_folder_is_one_line(fails, picture, tmp_path):
    assert "there is no run folder nowhere" in fails("predict", "nowhere", picture[0])[1]
    assert "is not the folder of a run" in fails("predict", tmp_path, picture[0])[1]
    assert "is a file: give the folder of a run" in fails("predict", picture[0], picture[0])[1]


@pytest.mark.parametrize("option", [("--out", "x.csv"), ("--delimiter", ";"), ("--encoding", "cp1252")])
def test_what_is_for_tables_is_refused_for_images(fails, digits_run, picture, option):
    code, err = fails("predict", digits_run, picture[0], *option)
    assert code == 2
    assert f"{option[0]}: for tables, and {digits_run} is a run of images." in err
