from __future__ import annotations

import dataclasses
import json
import os
import re

import numpy as np
import pytest
from PIL import Image

from chainrule import data
from chainrule.recipes import RECIPES, images, read_run
from chainrule.recipes.run_folder import SUMS
from tests.recipes import tiny

FILES = ("config.json", "metrics.jsonl", "params.safetensors", "curves.png", "confusion.png", "mistakes.png")

QUICK = ("train", "digits", "--epochs", "6")  # always 6: one compiled program serves all


def test_a_run_prints_what_it_does_and_writes_its_folder(run, tmp_path):
    code, out, err = run(*QUICK, "--seed", "3")
    assert (code, err) == (0, "")
    for name in ("device", "data", "model", "parameters", "gradients", "test", "compiling", "training", "run folder"):
        assert re.search(rf"^{name}  ", out, re.MULTILINE), name
    assert "derived by hand" in out
    assert "4,810" in out
    folder = os.path.join("runs", "digits-seed3")
    assert out.rstrip().endswith(folder)
    assert sorted(os.listdir(tmp_path / folder)) == sorted([*FILES, SUMS])


def test_options_reach_the_run(run, monkeypatch):
    seen = []

    def stop(config, _):
        seen.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(images, "run", stop)
    options = ["--batch-size", "32", "--learning-rate", "0.02", "--optimizer", "momentum", "--seed", "5"]
    code, out, _ = run("train", "mnist", "--epochs", "2", *options, "--gradients", "autodiff", "--out", "here")
    assert code == 130
    assert "by autodiff" in out
    assert "2 epochs in batches of 32, momentum at 0.02" in out
    assert seen == [
        RECIPES["mnist"]["mlp"].changed(
            epochs=2, batch_size=32, learning_rate=0.02, optimizer="momentum", seed=5, gradients="autodiff"
        )
    ]


def test_large_blocks_are_kept_before_anything_is_loaded(run, monkeypatch):
    order = []
    monkeypatch.setattr("chainrule.cli.memory.keep_large_blocks", lambda: order.append("memory"))
    monkeypatch.setattr(data, "digits", lambda: order.append("data") or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(*QUICK)
    assert order == ["memory", "data"]


def test_runs_do_not_overwrite_each_other_and_the_same_seed_gives_the_same_bytes(run, tmp_path):
    assert run(*QUICK)[0] == 0
    assert run(*QUICK)[0] == 0
    first, second = (tmp_path / "runs" / name / "params.safetensors" for name in ("digits-seed0", "digits-seed0-2"))
    assert first.read_bytes() == second.read_bytes()


def test_a_folder_given_that_exists_is_refused_before_training(fails, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "thesis.tex").write_text("mine")
    monkeypatch.setattr(data, "digits", lambda: pytest.fail("it has begun"))
    code, err = fails(*QUICK, "--out", "here")
    assert code == 1
    assert "here exists already, and nothing is overwritten" in err
    assert (tmp_path / "here" / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--learning-rate", "-1"], "learning_rate must be at least 0 and finite, got -1"),
        (["--learning-rate", "nan"], "learning_rate must be a finite number, got nan"),
        (["--optimizer", "adamm"], "name must be one of sgd"),
        (["--batch-size", "1438"], "batch_size must be at most the number of examples, 1437, got 1438"),
        (["--batch-size", "0"], "batch_size must be a positive integer, got 0"),
        (["--epochs", "0"], "epochs must be a positive integer, got 0"),
        (["--seed", "-1"], "seed must be a whole number"),
        (["--learning-rate", "1e30"], "not finite from epoch 1 on: try a smaller learning rate"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(fails, tmp_path, options, words):
    code, err = fails(*QUICK, *options)
    assert code == 1
    assert words in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda x, y: (x[:, :4], y), "must have examples of shape"),
        (lambda x, y: (x[:-1], y), "x and y must have as many examples"),
        (lambda x, y: ((x * 16).astype(np.int32), y), "x must be of floating-point numbers"),
        (lambda x, y: (x, y + 1), "y must be of labels from 0 to 9"),
        (lambda x, y: (x[:0], y[:0]), "must have at least one example"),
        (lambda x, y: (np.where(x == 1, np.nan, x).astype(np.float32), y), "x must be finite"),
    ],
    ids=["shape", "lengths", "integers", "labels", "empty", "nan"],
)
def test_bad_data_are_one_line_and_leave_nothing(fails, tmp_path, monkeypatch, damage, words):
    good = data.digits()
    monkeypatch.setattr(data, "digits", lambda: dataclasses.replace(good, train=damage(*good.train)))
    code, err = fails(*QUICK)
    assert code == 1
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_a_data_package_that_is_not_installed_is_named(fails, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, err = fails(*QUICK)
    assert code == 1
    assert 'scikit-learn, which is not installed: pip install "chainrule[data]"' in err


def test_ctrl_c_leaves_nothing(run, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.train.fit", interrupt)
    code, _, err = run(*QUICK)
    assert (code, err) == (130, "chainrule: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_what_a_run_says_is_what_its_folder_holds(run, tmp_path):
    _, out, _ = run(*QUICK, "--out", "here")
    accuracy = float(re.search(r"^test\s+([\d.]+)", out, re.MULTILINE).group(1))
    saved = read_run(tmp_path / "here")
    x, y = data.digits().test
    assert (saved.probabilities(x).argmax(axis=1) == y).mean() == pytest.approx(accuracy, abs=5e-5)


@pytest.fixture
def tiny_recipes(monkeypatch):
    """Recipes whose networks and data are tiny."""
    monkeypatch.setattr(data, "digits", tiny.few_digits)
    for recipe, config in (("mnist", tiny.LENET), ("digits", tiny.RESNET), ("autoencoder", tiny.AUTOENCODER)):
        monkeypatch.setitem(RECIPES[recipe], config.model, config)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "model", "words", "more"),
    [
        ("mnist", "lenet", ["turned up to 5 degrees", "Dropout(0.2)", "512"], set()),
        ("digits", "resnet", ["BatchNorm"], {"state.safetensors"}),
    ],
)
def test_convolutional_networks_train_by_their_names_and_predict(
    run, tmp_path, tiny_recipes, recipe, model, words, more
):
    code, out, err = run("train", recipe, "--model", model)
    assert (code, err) == (0, "")
    for word in words:
        assert word in out
    folder = tmp_path / "runs" / f"{recipe}-{model}-seed0"
    assert set(os.listdir(folder)) == {*FILES, SUMS} | more
    saved = read_run(folder)
    assert saved.config.model == model

    pixels = np.round(tiny.few_digits().test[0][3, ..., 0] * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "digit.png")
    code, out, err = run("predict", folder, "digit.png", "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["image"].endswith("used as it is")
    expected = saved.probabilities((pixels[None, ..., None] / 255).astype(np.float32))[0]
    np.testing.assert_allclose(list(answer["probabilities"].values()), expected, rtol=1e-5)
    assert answer["class"] == str(expected.argmax())


@pytest.mark.slow
def test_an_autoencoder_says_its_errors_and_draws_its_pictures(run, fails, tmp_path, tiny_recipes):
    code, out, err = run("train", "autoencoder", "--out", "here")
    assert (code, err) == (0, "")
    for name in ("encoder", "decoder", "PCA, 2 components", "mean image"):
        assert re.search(rf"^{name}  ", out, re.MULTILINE), name
    pictures = {"curves.png", "latent.png", "reconstructions.png"}
    assert set(os.listdir(tmp_path / "here")) == {*FILES[:3], *pictures, SUMS}
    code, err = fails("predict", "here", "here/latent.png")
    assert code == 1
    assert "here is a run of autoencoder, and one of images is needed" in err


@pytest.mark.slow
def test_the_weather_is_a_comparison_of_solvers_and_says_how_thin_the_margin_is(run, tmp_path, quick_compilation):
    code, out, err = run("train", "weather", "--epochs", "2")
    assert (code, err) == (0, "")
    rmse = dict(re.findall(r"^([\w ]+?)  +(\d\.\d{3}) \[\d\.\d\d, \d\.\d\d\]  ", out, re.MULTILINE))
    solvers = ("normal equation", "QR", "SVD", "gradient descent")
    assert {name: rmse[name] for name in solvers} == dict.fromkeys(solvers, "2.929")
    assert rmse["persistence"] == "3.062"
    assert rmse.keys() == {*solvers, "persistence", "climatology", "ridge", "MLP"}
    assert "The gain is 0.13 degC, with a 95 % interval from" in out
    assert re.search(r"^plain inverse +\d", out, re.MULTILINE)
    assert re.search(r"^QR +refused: the columns are dependent", out, re.MULTILINE)
    folder = tmp_path / "runs" / "weather-seed0"
    pictures = {"curves.png", "forecast.png", "residuals.png", "descent.png"}
    assert set(os.listdir(folder)) == {*FILES[:3], *pictures, "comparison.txt", "dependent.txt", SUMS}
    _, temperatures = read_run(folder, "weather_comparison").forecast(data.weather())
    truth = data.weather().temp_max[-292:]
    assert np.sqrt(np.mean((temperatures[-293:-1] - truth) ** 2)) == pytest.approx(2.9286, abs=1e-4)


@pytest.mark.slow
def test_the_lstm_of_the_weather_is_trained_by_its_name(run, tmp_path, monkeypatch, quick_compilation):
    lstm = RECIPES["weather"]["lstm"]
    monkeypatch.setitem(
        RECIPES["weather"], "lstm", lstm.changed(window=3, hidden=4)
    )  # as tests/recipes/test_weather.py
    code, out, err = run("train", "weather", "--model", "lstm", "--epochs", "2")
    assert (code, err) == (0, "")
    for name in ("persistence", "linear, max, min and rain", "linear, all six", "LSTM"):
        assert re.search(rf"^{name}  ", out, re.MULTILINE), name
    assert read_run(tmp_path / "runs" / "weather-lstm-seed0", "weather").config.model == "lstm"


def test_a_model_that_a_recipe_lacks_is_one_line(fails):
    code, err = fails("train", "digits", "--model", "lenet")
    assert code == 2
    assert "--model of digits must be one of mlp, resnet, got 'lenet'" in err
