from __future__ import annotations

import json
import shutil

import jax
import numpy as np
import pytest
from safetensors.numpy import load, save

from chainrule import plot
from chainrule.recipes import run_folder
from chainrule.recipes.result import Result
from chainrule.recipes.run_folder import SUMS, new_folder, read_run, require_new, write_run

FILES = ("config.json", "metrics.jsonl", "params.safetensors", "curves.png", "confusion.png", "mistakes.png")


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "run")


def sign_again(folder):
    """Make the checksums fit, as a deliberate change would: what is behind them must hold by itself."""
    sums = "".join(f"{run_folder._sha256(folder / name)}  {name}\n" for name in FILES)
    (folder / SUMS).write_text(sums, encoding="ascii")


def test_the_folder_holds_what_it_says_and_nothing_else(written):
    assert sorted(path.name for path in written.iterdir()) == sorted([*FILES, SUMS])
    assert [path.name for path in written.parent.iterdir()] == ["digits"]
    for picture in ("curves.png", "confusion.png", "mistakes.png"):
        assert (written / picture).read_bytes().startswith(b"\x89PNG")


def test_what_is_read_is_what_was_written(result, written):
    saved = read_run(written)
    x, _ = result.dataset.test
    np.testing.assert_array_equal(saved.probabilities(x), result.test_probabilities)
    assert saved.config == result.config
    assert saved.model == result.run.model
    assert saved.class_names == result.dataset.class_names
    assert saved.history == result.run.history
    assert jax.tree.structure(saved.params) == jax.tree.structure(result.run.params)
    for a, b in zip(jax.tree.leaves(saved.params), jax.tree.leaves(result.run.params), strict=True):
        np.testing.assert_array_equal(a, b)


def test_parameters_are_named_by_their_places(written):
    arrays = load((written / "params.safetensors").read_bytes())
    assert {name: array.shape for name, array in arrays.items()} == {
        "1.weight": (64, 64),
        "1.bias": (64,),
        "3.weight": (64, 10),
        "3.bias": (10,),
    }


def test_config_holds_what_remakes_the_run(result, written):
    record = json.loads((written / "config.json").read_text(encoding="utf-8"))
    assert record["config"]["seed"] == 0
    assert record["model"]["parameters"] == 4810
    assert record["results"]["test_accuracy"] == result.test_accuracy
    assert record["versions"]["jax"] == jax.__version__
    assert set(record["versions"]) == {"chainrule", "jax", "numpy", "python"}
    assert record["device"] == run_folder.describe_device()


def test_metrics_are_a_line_an_epoch(result, written):
    rows = [json.loads(line) for line in (written / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["validation_accuracy"] == result.run.history["validation_accuracy"][-1]


@pytest.mark.parametrize("name", [*FILES, SUMS])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"lacks {name}"):
        read_run(copy)


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_noticed_in_every_file(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) * 3 // 4] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: damaged or changed"):
        read_run(copy)


def test_one_flipped_bit_anywhere_in_the_parameters_is_noticed(copy):
    good = (copy / "params.safetensors").read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(good), 50):
        bad = bytearray(good)
        bad[position] ^= 1 << int(rng.integers(8))
        (copy / "params.safetensors").write_bytes(bad)
        with pytest.raises(ValueError, match=r"params\.safetensors: damaged"):
            read_run(copy)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"0" * 64 + b"  config.json\n"])
def test_damaged_checksums_are_noticed(copy, content):
    (copy / SUMS).write_bytes(content)
    with pytest.raises(ValueError, match=r"SHA256SUMS|damaged"):
        read_run(copy)


def test_no_folder_another_folder_and_a_file_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no run folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="is not the folder of a run"):
        read_run(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file: give the folder of a run"):
        read_run(tmp_path / "file")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: {**a, "1.weight": a["1.weight"].T[:32]},
            r"1.weight must be float32\[64, 64\].*got float32\[32, 64\]",
        ),
        (lambda a: {**a, "1.bias": a["1.bias"].astype(np.float16)}, r"1.bias must be float32\[64\].*got float16"),
        (lambda a: {name: a[name] for name in ("1.weight", "1.bias")}, "expected the arrays .*3.weight.*, got"),
        (lambda a: {**a, "5.bias": a["1.bias"]}, "expected the arrays .*, got .*5.bias"),
        (lambda a: {**a, "3.bias": a["3.bias"] * np.float32(np.nan)}, "3.bias must be finite"),
    ],
    ids=["shape", "dtype", "too few", "too many", "nan"],
)
def test_parameters_of_another_model_are_refused(copy, change, message):
    path = copy / "params.safetensors"
    arrays = change(load(path.read_bytes()))
    path.write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
    sign_again(copy)
    with pytest.raises(ValueError, match=message):
        read_run(copy)


def change_config(folder, **changes):
    record = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for place, value in changes.items():
        part, _, name = place.partition("__")
        if name:
            record[part][name] = value
        else:
            record[part] = value
    (folder / "config.json").write_text(json.dumps(record), encoding="utf-8")
    sign_again(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config__hidden": [32]}, r"1.bias must be float32\[32\] for the model in config.json, got float32\[64\]"),
        ({"data__in_shape": [9, 9, 1]}, r"1.weight must be float32\[81, 64\]"),
        ({"config__colour": "red"}, "config.json: not the settings of a run"),
        ({"config__epochs": 0}, "config.json: not the settings of a run: epochs must be"),
        ({"config__epochs": 7}, "metrics.jsonl: expected the epochs 1 to 7, got 6 lines"),
        ({"data": {}}, "config.json: not the settings of a run"),
        ({"format": "chainrule run 99"}, "config.json: expected the format 'chainrule run 2'"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(copy, changes, message):
    change_config(copy, **changes)
    with pytest.raises(ValueError, match=message):
        read_run(copy)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b"{", "config.json: not JSON"),
        ("config.json", b"[]", "config.json: expected the format"),
        ("config.json", b"\xff", "config.json: not JSON"),
        ("metrics.jsonl", b"", "metrics.jsonl: expected a line of JSON an epoch"),
        ("metrics.jsonl", b"{}\n", "metrics.jsonl: expected a line of JSON an epoch"),
        ("metrics.jsonl", b"nonsense", "metrics.jsonl: expected a line of JSON an epoch"),
        ("params.safetensors", b"nonsense", "params.safetensors: not a safetensors file"),
        ("params.safetensors", b"", "params.safetensors: not a safetensors file"),
    ],
)
def test_a_file_of_nonsense_is_named(copy, name, content, message):
    (copy / name).write_bytes(content)
    sign_again(copy)
    with pytest.raises(ValueError, match=message):
        read_run(copy)


def test_images_of_another_shape_are_refused(written):
    with pytest.raises(ValueError, match=r"images must be \[n, 8, 8, 1\], got \[2, 28, 28, 1\]"):
        read_run(written).probabilities(np.zeros((2, 28, 28, 1), np.float32))


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError("disk full")])
def test_a_write_that_is_cut_off_leaves_nothing(result, tmp_path, monkeypatch, failure):
    def fail(*_):
        raise failure

    monkeypatch.setattr(plot, "confusion", fail)
    with pytest.raises(failure if isinstance(failure, type) else OSError):
        write_run(result, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_write_leaves_no_half_folder_under_the_name(result, tmp_path, monkeypatch):
    monkeypatch.setattr(plot, "mistakes", lambda *_: exec("raise SystemExit"))
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # a killed process tidies nothing up
    with pytest.raises(SystemExit):
        write_run(result, tmp_path / "run")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".run.")
    with pytest.raises(FileNotFoundError, match="there is no run folder"):
        read_run(tmp_path / "run")
    monkeypatch.undo()
    read_run(write_run(result, tmp_path / "run"))  # and the next one is not in its way


def test_nothing_is_overwritten(result, written, tmp_path):
    before = {path.name: path.read_bytes() for path in written.iterdir()}
    with pytest.raises(FileExistsError, match="exists already, and nothing is overwritten"):
        write_run(result, written)
    assert {path.name: path.read_bytes() for path in written.iterdir()} == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="exists already"):
        require_new(tmp_path / "file")
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        require_new(tmp_path / "file" / "run")


def test_an_empty_folder_is_filled_and_folders_above_are_made(result, tmp_path):
    (tmp_path / "empty").mkdir()
    assert read_run(write_run(result, tmp_path / "empty")).config == result.config
    assert require_new(tmp_path / "a" / "b" / "c") == tmp_path / "a" / "b" / "c"
    assert not (tmp_path / "a").exists()


def test_a_taken_name_gets_a_number(tmp_path):
    assert new_folder(tmp_path, "run") == tmp_path / "run"
    (tmp_path / "run").mkdir()
    (tmp_path / "run-2").write_text("")
    assert new_folder(tmp_path, "run") == tmp_path / "run-3"


def test_a_run_of_another_kind_is_refused(written):
    assert read_run(written, kind="images").config.kind == "images"
    with pytest.raises(ValueError, match="is a run of images, and one of text is needed"):
        read_run(written, kind="text")


def test_checksums_name_no_file_outside_of_the_folder(copy):
    with (copy / SUMS).open("a", encoding="ascii") as file:
        file.write("0" * 64 + "  ../secret\n")
    with pytest.raises(ValueError, match=r"'\.\./secret' is no name of a file in this folder"):
        read_run(copy)


def test_a_state_is_written_and_read_back(result, tmp_path):
    """Running statistics, as those of a batch norm: to the bit, and refused when they are not finite."""
    from chainrule import chain, layers, ops

    model = chain(ops.flatten, layers.BatchNorm(), layers.Dense(10))
    _, state = model.init(jax.random.key(0), (8, 8, 1))
    state = jax.tree.map(lambda leaf: leaf + np.float32(0.25), state)
    path = tmp_path / "state.safetensors"
    run_folder._write_arrays(path, state)
    found = run_folder._read_arrays(path, jax.eval_shape(lambda: state))
    jax.tree.map(np.testing.assert_array_equal, found, state)
    run_folder._write_arrays(path, jax.tree.map(lambda other: other * np.float32(np.nan), state))
    with pytest.raises(ValueError, match=r"state\.safetensors: .* must be finite, got NaN or infinity") as caught:
        run_folder._read_arrays(path, jax.eval_shape(lambda: state))
    assert "\n" not in str(caught.value)


def test_a_result_that_does_not_say_all_is_none(result):
    with pytest.raises(TypeError, match="abstract"):
        Result(config=result.config, run=result.run)
